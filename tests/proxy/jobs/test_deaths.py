"""No job is lost, whatever dies: a worker killed outright, the store killed and started again."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError

from core.embedded import EmbeddedRedis
from core.redis import connect
from proxy.jobs.handlers import Context
from proxy.jobs.job import Job
from proxy.jobs.loop import Timing
from tests.proxy.jobs.support import Memory, drained, make_worker, stream, until, working
from tests.proxy.jobs.victim import DONE, TAKEN

ROOT = Path(__file__).parents[3]


async def start(url: str, does: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.proxy.jobs.victim", url, does, cwd=ROOT
    )


async def test_a_job_whose_worker_is_killed_is_finished_by_another(redis: Redis, redis_server: str) -> None:
    done: list[Job] = []

    async def finish(job: Job, _: Context) -> None:
        done.append(job)

    queue = stream(redis, "enqueuer")
    added = await queue.add("work", {"n": "1"})
    victim = await start(redis_server, "stall")
    try:

        async def taken() -> bool:
            return await redis.get(TAKEN) == added.encode()

        await until(taken, "the victim taking the job")
    finally:
        victim.kill()
        assert await victim.wait() == -signal.SIGKILL
    assert await queue.depth() == 1
    memory = Memory()
    async with working(make_worker(redis, {"work": finish}, consumer="heir", memory=memory)):
        await drained(queue)
    assert [(job.origin, job.attempt) for job in done] == [(added, 2)]
    assert memory.outcomes == ["ok"]


async def test_no_job_is_lost_among_workers_that_keep_being_killed(redis: Redis, redis_server: str) -> None:
    jobs, kills = 4000, 8
    queue = stream(redis, "enqueuer")
    await queue.ensure_group()
    workers = [await start(redis_server, "count") for _ in range(2)]
    try:
        async with redis.pipeline(transaction=False) as pipe:
            for n in range(jobs):
                pipe.xadd(queue.stream, {"kind": "work", "n": str(n)})
            await pipe.execute()
        for kill in range(kills):
            enough = jobs * (kill + 1) // (kills + 2)

            async def so_many_done(enough: int = enough) -> bool:
                return int(await redis.scard(DONE)) >= enough

            await until(so_many_done, f"{enough} jobs done")
            workers[kill % 2].kill()
            await workers[kill % 2].wait()
            workers[kill % 2] = await start(redis_server, "count")
        await drained(queue)
    finally:
        for worker in workers:
            worker.kill()
            await worker.wait()
    assert int(await redis.scard(DONE)) == jobs
    assert await queue.dead_letters(1) == []


def test_a_dead_workers_job_is_resumed_within_fifteen_seconds() -> None:
    timing = Timing()
    # The last heartbeat came at most at the moment of death; the claim follows the idle time by one round,
    # whose own call may take as long as a read is allowed to.
    assert timing.claim_idle_seconds + timing.reclaim_every_seconds + 2.0 <= 15
    assert timing.claim_idle_seconds >= 4 * timing.heartbeat_every_seconds, "a pause is not a death"


async def test_no_job_is_lost_when_the_store_is_killed_and_started_again(server_dir: Path) -> None:
    done: set[str] = set()

    async def note(job: Job, _: Context) -> None:
        done.add(job.fields["n"])

    async with EmbeddedRedis(server_dir / "killed") as server:
        redis = connect(server.url, client_name="tests")
        try:
            queue = stream(redis, "enqueuer")
            # What is acknowledged here is on disk: appendfsync everysec may owe the last second otherwise.
            await redis.config_set("appendfsync", "always")
            for n in range(300):
                await queue.add("note", {"n": str(n)})

            async def some() -> bool:
                return len(done) >= 50

            async with working(make_worker(redis, {"note": note}, concurrency=2)):
                await until(some, "the first fifty jobs")
                assert server.pid is not None
                os.kill(server.pid, signal.SIGKILL)

                async def empty() -> bool:
                    try:
                        return await queue.depth() == 0
                    except RedisError:  # away, or loading what it had
                        return False

                await until(empty, "an empty queue")
            assert await queue.dead_letters(1) == []
            assert done == {str(n) for n in range(300)}
        finally:
            await redis.aclose()
