"""The worker on a real Redis: tries, dead letters, stops, lost jobs."""

import asyncio
import dataclasses

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from core.keys import Keys
from core.tasks import spawn
from proxy.jobs.handlers import Context
from proxy.jobs.job import Job
from proxy.jobs.stream import GROUP
from tests.proxy.jobs.support import (
    ACCOUNT,
    IMPATIENT,
    QUICK,
    Memory,
    drained,
    make_worker,
    stream,
    until,
    working,
)


async def test_jobs_are_done_once_and_leave_nothing(redis: Redis) -> None:
    done: list[str] = []

    async def note(job: Job, _: Context) -> None:
        done.append(job.fields["n"])

    queue, memory = stream(redis, "enqueuer"), Memory()
    for n in range(200):
        await queue.add("note", {"n": str(n)})
    async with working(make_worker(redis, {"note": note}, memory=memory)):
        await drained(queue)
    assert sorted(done, key=int) == [str(n) for n in range(200)]
    assert memory.outcomes == ["ok"] * 200
    assert len(memory.waited) == memory.tries == 200


async def test_a_poisoned_job_is_tried_three_times_and_kept(redis: Redis) -> None:
    attempts = []

    async def fail(job: Job, _: Context) -> None:
        attempts.append(job.attempt)
        raise RuntimeError("poison")

    queue, memory = stream(redis, "enqueuer"), Memory()
    await queue.add("fail", {"n": "1"})
    async with working(make_worker(redis, {"fail": fail}, memory=memory)):
        await drained(queue)
        await until(lambda: happened(len(memory.outcomes) == 3), "three outcomes")
    assert attempts == [1, 2, 3]
    assert memory.outcomes == ["retried", "retried", "dead"]
    (letter,) = await queue.dead_letters(10)
    assert letter.error == "RuntimeError: poison"
    assert letter.job.fields == {"n": "1"}


async def happened(fact: bool) -> bool:
    return fact


async def test_a_job_nobody_knows_ends_in_the_dead_letters_and_stops_nothing(redis: Redis) -> None:
    done = asyncio.Event()

    async def good(job: Job, _: Context) -> None:
        done.set()

    queue = stream(redis, "enqueuer")
    await queue.add("mystery", {})
    await queue.add("good", {})
    async with working(make_worker(redis, {"good": good})):
        async with asyncio.timeout(30):
            await done.wait()
        await drained(queue)
    (letter,) = await queue.dead_letters(10)
    assert "no handler for jobs of kind 'mystery'" in letter.error


async def test_a_try_that_takes_too_long_is_a_failure(redis: Redis) -> None:
    async def hang(job: Job, _: Context) -> None:
        await asyncio.Event().wait()

    queue = stream(redis, "enqueuer")
    await queue.add("hang", {})
    policy = dataclasses.replace(IMPATIENT, timeout_seconds=0.02)
    async with working(make_worker(redis, {"hang": hang}, policy=policy)):
        await drained(queue)
    (letter,) = await queue.dead_letters(10)
    assert letter.error.startswith("TimeoutError")


async def test_a_job_that_kills_its_workers_ends_in_the_dead_letters(redis: Redis) -> None:
    queue, memory = stream(redis, "victim"), Memory()
    await queue.ensure_group()
    await queue.add("kill", {})
    assert len(await queue.read(1, 10)) == 1
    for attempt in (2, 3):
        (job,) = await queue.reclaim(0, 1)
        assert job.attempt == attempt
    async with working(make_worker(redis, {}, consumer="survivor", memory=memory)):
        await drained(queue)
        await until(lambda: happened(memory.outcomes == ["dead"]), "the outcome")
    (letter,) = await queue.dead_letters(10)
    assert letter.error == "its worker died during every try"
    assert memory.tries == 0


async def test_stopping_lets_a_running_job_finish(redis: Redis) -> None:
    entered, release = asyncio.Event(), asyncio.Event()

    async def slow(job: Job, _: Context) -> None:
        entered.set()
        await release.wait()

    queue, memory = stream(redis, "enqueuer"), Memory()
    await queue.add("slow", {})
    task = spawn(make_worker(redis, {"slow": slow}, memory=memory).run(), name="worker")
    async with asyncio.timeout(30):
        await entered.wait()
        task.cancel()
        release.set()
        await asyncio.wait([task])
    assert task.cancelled()
    assert memory.outcomes == ["ok"]
    assert await queue.depth() == 0
    assert await redis.zcard(queue.workers) == 0
    assert await redis.xinfo_consumers(queue.stream, GROUP) == []


async def test_stopping_hands_back_a_job_that_will_not_finish(redis: Redis) -> None:
    entered = asyncio.Event()

    async def endless(job: Job, _: Context) -> None:
        entered.set()
        await asyncio.Event().wait()

    queue = stream(redis, "enqueuer")
    added = await queue.add("endless", {})
    timing = dataclasses.replace(QUICK, drain_seconds=0.2)
    async with working(make_worker(redis, {"endless": endless}, timing=timing)):
        async with asyncio.timeout(30):
            await entered.wait()
    (job,) = await queue.read(1, 10)
    assert (job.origin, job.attempt) == (added, 1)


async def test_stopping_while_all_hands_are_full_does_not_hang(redis: Redis) -> None:
    entered = asyncio.Event()

    async def endless(job: Job, _: Context) -> None:
        entered.set()
        await asyncio.Event().wait()

    queue = stream(redis, "enqueuer")
    for _ in range(3):
        await queue.add("endless", {})
    timing = dataclasses.replace(QUICK, drain_seconds=0.2)
    async with asyncio.timeout(30):
        async with working(make_worker(redis, {"endless": endless}, timing=timing, concurrency=1)):
            await entered.wait()
    assert len(await queue.read(10, 10)) == 3


async def test_a_job_taken_over_by_another_is_stopped_here(redis: Redis) -> None:
    entered, stopped = asyncio.Event(), asyncio.Event()

    async def endless(job: Job, _: Context) -> None:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    thief = stream(redis, "thief")
    await thief.add("endless", {})
    async with working(make_worker(redis, {"endless": endless})):
        async with asyncio.timeout(30):
            await entered.wait()
            (job,) = await thief.reclaim(0, 1)
            await stopped.wait()
    assert await thief.ack(job), "the thief's copy must be the only one"
    assert await thief.depth() == 0


async def test_a_store_that_went_away_costs_the_job_no_try(redis: Redis) -> None:
    attempts = []

    async def interrupted(job: Job, _: Context) -> None:
        attempts.append(job.attempt)
        if len(attempts) < 6:
            raise RedisConnectionError("gone")

    queue, memory = stream(redis, "enqueuer"), Memory()
    await queue.add("interrupted", {})
    async with working(make_worker(redis, {"interrupted": interrupted}, memory=memory)):
        await drained(queue)
    assert attempts == [1] * 6
    assert memory.outcomes == ["ok"]


async def test_a_store_that_forgot_everything_is_worked_for_again(redis: Redis) -> None:
    done: list[str] = []

    async def note(job: Job, _: Context) -> None:
        done.append(job.fields["n"])

    queue = stream(redis, "enqueuer")
    async with working(make_worker(redis, {"note": note})):
        await queue.add("note", {"n": "before"})
        await until(lambda: happened(done == ["before"]), "the first job")
        await redis.flushall()
        await queue.add("note", {"n": "after"})
        await until(lambda: happened(done == ["before", "after"]), "the second job")


async def test_expired_entries_are_swept_without_any_job(redis: Redis) -> None:
    keys = Keys(ACCOUNT)
    await redis.zadd(keys.expiry, {keys.entry("old"): 1000})
    await redis.zadd(keys.index, {keys.entry("old"): 1})

    async def swept() -> bool:
        return await redis.zcard(keys.index) == 0

    async with working(make_worker(redis, {})):
        await until(swept, "a sweep")


async def test_a_working_worker_holds_a_lease(redis: Redis) -> None:
    queue = stream(redis, "looker")

    async def leased() -> bool:
        seconds, micros = await redis.time()
        return await redis.zcount(queue.workers, seconds * 1000 + micros // 1000, "+inf") == 1

    async with working(make_worker(redis, {})):
        await until(leased, "a lease")
    assert await redis.zcard(queue.workers) == 0
