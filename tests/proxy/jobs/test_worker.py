"""`run`: settings in, counts out."""

import asyncio
from pathlib import Path

import pytest
from redis.asyncio import Redis

from core.embedded import EmbeddedRedis
from core.keys import Keys
from core.redis import connect
from core.settings import Settings, load_settings
from core.tasks import spawn
from exporters.slots import SlotError, WorkerSlot, merge
from proxy.jobs import worker
from proxy.jobs.stream import Stream
from tests.proxy.jobs.support import drained


def counts(directory: Path) -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.values()))): sample.value
        for family in merge(directory, 0.0)
        for sample in family.samples
    }


def given(redis_url: str, data_dir: Path) -> Settings:
    overrides = {"redis_url": redis_url, "data_dir": str(data_dir), "account": "acme"}
    return load_settings(overrides=overrides, environ={})


async def test_a_worker_cleans_and_counts(redis: Redis, redis_server: str, tmp_path: Path) -> None:
    settings = given(redis_server, tmp_path)
    keys, queue = Keys("acme"), Stream(redis, "acme", "enqueuer")
    await redis.zadd(keys.index, {keys.entry("dead"): 1, keys.entry("alive"): 2})
    await redis.hset(keys.entry("dead"), "gen", "1")
    await queue.add("clean", {"gen": "2"})
    task = spawn(worker.run(settings, 3), name="worker")
    try:
        await drained(queue)
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert task.cancelled()
    assert await redis.zrange(keys.index, 0, -1) == [keys.entry("alive").encode()]
    assert await redis.exists(keys.entry("dead")) == 0
    seen = counts(tmp_path / "metrics")
    assert seen["calgate_jobs_finished_total", ("jobs", "ok")] == 1
    assert seen["calgate_cache_invalidated_keys_total", ("job",)] == 1
    assert seen["calgate_job_duration_seconds_count", ("jobs",)] == 1
    assert seen["calgate_job_wait_duration_seconds_count", ("jobs",)] == 1


async def test_two_workers_cannot_have_one_slot(redis_server: str, tmp_path: Path) -> None:
    taken = WorkerSlot.open(tmp_path / "metrics", 0, "worker")
    with taken, pytest.raises(SlotError, match="in use by another live process"):
        await worker.run(given(redis_server, tmp_path), 0)


async def test_a_worker_waits_for_a_store_that_is_not_there_yet(server_dir: Path, tmp_path: Path) -> None:
    # Started once for its address, which the next start has again.
    async with EmbeddedRedis(server_dir / "late") as server:
        url = server.url
    task = spawn(worker.run(given(url, tmp_path), 0), name="worker")
    try:
        async with EmbeddedRedis(server_dir / "late") as server:
            assert server.url == url
            redis = connect(url, client_name="tests")
            try:
                queue = Stream(redis, "acme", "enqueuer")
                await queue.add("clean", {"gen": "1"})
                await drained(queue)
            finally:
                await redis.aclose()
        # And now it is gone again: a stop must not wait for it.
    finally:
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=30)
    assert done
    assert task.cancelled()
