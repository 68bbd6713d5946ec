"""The queue on a real Redis."""

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from proxy.jobs.stream import GROUP, Stream
from tests.proxy.jobs.support import stream, until


async def test_the_group_sees_jobs_older_than_itself(redis: Redis) -> None:
    queue = stream(redis)
    await queue.add("clean", {"gen": "1"})
    await queue.ensure_group()
    await queue.ensure_group()
    assert [job.fields["gen"] for job in await queue.read(10, 10)] == ["1"]


async def test_every_job_goes_to_one_worker_only(redis: Redis) -> None:
    a, b = stream(redis, "a"), stream(redis, "b")
    await a.ensure_group()
    added = [await a.add("clean", {"gen": str(n)}) for n in range(6)]
    seen = [job.id for queue in (a, b) for job in await queue.read(3, 10)]
    assert seen == added


async def test_depth_counts_waiting_running_and_delayed_and_nothing_done(redis: Redis) -> None:
    queue = stream(redis)
    await queue.ensure_group()
    for n in range(3):
        await queue.add("clean", {"gen": str(n)})
    running, failed = await queue.read(2, 10)
    assert await queue.delay(failed, 60)
    assert await queue.depth() == 3
    assert await queue.ack(running)
    assert await queue.depth() == 2
    assert await redis.xlen(queue.stream) == 1, "a done job must be deleted, not only acknowledged"


async def test_the_oldest_job_stays_the_oldest_through_its_retries(redis: Redis) -> None:
    queue = stream(redis)
    await queue.ensure_group()
    assert await queue.oldest_ms() is None
    await queue.add("clean", {"at": "1000"})
    await queue.add("clean", {"at": "2000"})
    old = (await queue.read(1, 10))[0]
    await queue.delay(old, 0)
    assert await queue.oldest_ms() == 1000
    await until_promoted(queue, 1)
    assert await queue.oldest_ms() == 1000
    young, old = await queue.read(2, 10)
    assert (young.enqueued_ms, old.attempt) == (2000, 2)
    await queue.ack(young)
    await queue.ack(old)
    assert await queue.oldest_ms() is None


async def until_promoted(queue: Stream, count: int) -> None:
    moved = 0

    async def enough() -> bool:
        nonlocal moved
        moved += await queue.promote_due()
        return moved >= count

    await until(enough, f"{count} due jobs put back")


async def test_a_delayed_job_waits_for_its_time(redis: Redis) -> None:
    queue = stream(redis)
    await queue.ensure_group()
    await queue.add("clean", {"gen": "1"})
    await queue.delay((await queue.read(1, 10))[0], 60)
    assert await queue.promote_due() == 0
    assert await queue.read(1, 10) == []


async def test_a_due_job_comes_back_once_though_two_workers_saw_it(redis: Redis) -> None:
    a, b = stream(redis, "a"), stream(redis, "b")
    await a.ensure_group()
    await a.add("clean", {"gen": "1"})
    job = (await a.read(1, 10))[0]
    await a.delay(job, 0)
    await until_promoted(a, 1)
    again = await b._promote(keys=[b.stream, b.delayed], args=[job.to_member(), "kind", "clean"])
    assert again == 0
    assert await redis.xlen(a.stream) == 1


async def test_a_worker_that_lost_its_job_can_neither_delay_nor_bury_nor_return_it(redis: Redis) -> None:
    slow, quick = stream(redis, "slow"), stream(redis, "quick")
    await slow.ensure_group()
    await slow.add("clean", {"gen": "1"})
    job = (await slow.read(1, 10))[0]
    (taken,) = await quick.reclaim(0, 10)
    assert taken.attempt == 2
    assert await slow.heartbeat([job.id], 1000) == {job.id}
    assert not await slow.delay(job, 0)
    assert not await slow.dead_letter(job, "late")
    assert not await slow.hand_back(job)
    assert await quick.depth() == 1
    assert await quick.heartbeat([taken.id], 1000) == set()


async def test_work_done_by_a_worker_that_lost_its_job_is_done(redis: Redis) -> None:
    slow, quick = stream(redis, "slow"), stream(redis, "quick")
    await slow.ensure_group()
    await slow.add("clean", {"gen": "1"})
    job = (await slow.read(1, 10))[0]
    (taken,) = await quick.reclaim(0, 10)
    assert await slow.ack(job)
    assert not await quick.ack(taken)
    assert await quick.depth() == 0


async def test_a_heartbeat_keeps_a_job_from_being_reclaimed_and_is_no_delivery(redis: Redis) -> None:
    a, b = stream(redis, "a"), stream(redis, "b")
    await a.ensure_group()
    await a.add("clean", {"gen": "1"})
    job = (await a.read(1, 10))[0]

    async def idle() -> bool:
        return bool(await redis.xpending_range(a.stream, GROUP, "-", "+", 1, idle=50))

    await until(idle, "50 ms without a heartbeat")
    for _ in range(5):
        await a.heartbeat([job.id], 1000)
    assert await b.reclaim(50, 10) == []
    assert (await b.reclaim(0, 10))[0].attempt == 2, "five heartbeats must not look like five deliveries"


async def test_a_job_handed_back_has_lost_no_try(redis: Redis) -> None:
    a, b = stream(redis, "a"), stream(redis, "b")
    await a.ensure_group()
    await a.add("clean", {"gen": "1"})
    job = (await a.read(1, 10))[0]
    assert await a.hand_back(job)
    (again,) = await b.read(1, 10)
    assert (again.attempt, again.origin, again.enqueued_ms) == (1, job.id, job.enqueued_ms)
    assert await b.depth() == 1


async def test_a_dead_letter_says_why_and_can_be_added_again(redis: Redis) -> None:
    queue = stream(redis)
    await queue.ensure_group()
    await queue.add("clean", {"gen": "9"})
    job = (await queue.read(1, 10))[0]
    assert await queue.dead_letter(job, "ValueError: no")
    (letter,) = await queue.dead_letters(10)
    assert letter.error == "ValueError: no"
    assert (letter.job.kind, letter.job.fields, letter.job.attempt) == ("clean", {"gen": "9"}, 1)
    assert await queue.depth() == 0
    assert await queue.oldest_ms() is None


async def test_leaving_keeps_a_consumer_that_still_owns_jobs(redis: Redis) -> None:
    queue, heir = stream(redis, "leaver"), stream(redis, "heir")
    await queue.ensure_group()
    await queue.heartbeat([], 0)
    await queue.add("clean", {"gen": "1"})
    await queue.read(1, 10)
    await queue.leave()
    assert len(await heir.reclaim(0, 10)) == 1, "deleting the consumer would have deleted its job"
    await heir.forget_dead_workers(0)
    assert [c["name"] for c in await redis.xinfo_consumers(queue.stream, GROUP)] == [b"heir"]
    assert await redis.zcard(queue.workers) == 0


async def test_a_store_without_the_group_says_so(redis: Redis) -> None:
    # The loop relies on this word to create the group.
    with pytest.raises(ResponseError, match="NOGROUP"):
        await stream(redis).read(1, 10)
