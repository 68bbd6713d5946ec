"""Where no real Redis is to be had the worker works on the imitation, without what that lacks."""

from pathlib import Path

from redis.asyncio import Redis

from core.embedded import EmbeddedRedis
from core.embedded.engines import Engine
from core.keys import Keys
from core.redis import connect
from proxy.jobs.handlers import HANDLERS, Context
from proxy.jobs.job import Job
from tests.proxy.jobs.support import ACCOUNT, Memory, drained, make_worker, stream, until, working

IMITATION = Engine("fakeredis", "imitation", "for trying out only", None)


async def test_jobs_are_cleaned_retried_buried_and_resumed(server_dir: Path) -> None:
    async with EmbeddedRedis(server_dir / "imitation", engine=IMITATION) as server:
        redis = connect(server.url, client_name="tests")
        try:
            await _everything(redis)
        finally:
            await redis.aclose()


async def _everything(redis: Redis) -> None:
    async def fail(job: Job, _: Context) -> None:
        raise RuntimeError("poison")

    keys, dead = Keys(ACCOUNT), stream(redis, "dead")
    await redis.zadd(keys.index, {keys.entry("old"): 1, keys.entry("new"): 2})
    await redis.hset(keys.entry("old"), "gen", "1")
    # One job belongs to a worker that is gone.
    await dead.ensure_group()
    await dead.add("clean", {"gen": "2"})
    assert len(await dead.read(1, 10)) == 1
    await dead.add("fail", {})
    memory = Memory()
    async with working(make_worker(redis, {**HANDLERS, "fail": fail}, memory=memory)):
        await drained(dead)

        async def counted() -> bool:
            return sorted(memory.outcomes) == ["dead", "ok", "retried", "retried"]

        await until(counted, "every outcome")
    assert await redis.zrange(keys.index, 0, -1) == [keys.entry("new").encode()]
    assert await redis.exists(keys.entry("old")) == 0
    assert [letter.error for letter in await dead.dead_letters(5)] == ["RuntimeError: poison"]


async def test_the_imitation_that_does_not_block_is_not_asked_without_pause(server_dir: Path) -> None:
    async with EmbeddedRedis(server_dir / "imitation", engine=IMITATION) as server:
        redis = connect(server.url, client_name="tests")
        reads = 0
        worker = make_worker(redis, {})
        read = worker._stream.read

        async def counting(count: int, block_ms: int) -> list[Job]:
            nonlocal reads
            reads += 1
            return await read(count, block_ms)

        worker._stream.read = counting  # type: ignore[method-assign]

        async def five() -> bool:
            return reads >= 5

        try:
            async with working(worker):
                begun = worker._clock.monotonic()
                await until(five, "five reads")
                took = worker._clock.monotonic() - begun
        finally:
            await redis.aclose()
        assert took >= 4 * worker._timing.block_seconds / 10
