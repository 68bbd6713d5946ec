import json

from redis.asyncio import Redis

from exporters.collectors import jobs
from exporters.collectors.jobs import JobFacts, parse
from exporters.collectors.store import StoreKeys

KEYS = StoreKeys("jobs-test")
AT = 1_700_000_000_000


def test_nothing_waiting_is_all_zero() -> None:
    assert parse(0, [], [], 0, 0) == JobFacts()


def test_a_job_is_as_old_as_the_change_it_carries() -> None:
    entry = (b"1700000005000-0", {b"kind": b"clean", b"at": b"%d" % AT})
    assert parse(1, [entry], [], 0, 0).oldest == AT / 1000


def test_a_job_without_a_time_is_as_old_as_its_entry() -> None:
    assert parse(1, [(b"1700000005000-3", {b"kind": b"clean"})], [], 0, 0).oldest == 1_700_000_005.0


def test_a_job_put_off_keeps_its_age() -> None:
    member = json.dumps({"kind": "clean", "gen": "5", "at": str(AT), "try": 2}).encode()
    facts = parse(0, [], [(member, AT + 90_000.0)], 1, 0)
    assert (facts.pending, facts.oldest, facts.oldest_invalidation) == (1, AT / 1000, AT / 1000)


def test_other_kinds_of_job_are_no_pending_invalidations() -> None:
    entries = [
        (b"1700000001000-0", {b"kind": b"refetch"}),
        (b"1700000002000-0", {b"kind": b"clean"}),
    ]
    facts = parse(2, entries, [], 0, 0)
    assert (facts.pending, facts.oldest) == (2, 1_700_000_001.0)
    assert (facts.invalidations_pending, facts.oldest_invalidation) == (1, 1_700_000_002.0)


def test_jobs_beyond_those_looked_at_count_as_pending_invalidations() -> None:
    entries = [(b"1700000001000-0", {b"kind": b"refetch"})]
    assert parse(900, entries, [], 0, 0).invalidations_pending == 899


async def test_the_store_is_read_in_one_go(redis: Redis) -> None:
    assert await jobs.read(redis, KEYS) == JobFacts()
    for i in range(3):
        await redis.xadd(KEYS.jobs, {"kind": "clean", "gen": i, "at": AT + i})
    await redis.zadd(KEYS.jobs_delayed, {"later": AT + 60_000})
    await redis.xadd(KEYS.jobs_dead, {"kind": "clean"})
    facts = await jobs.read(redis, KEYS)
    assert facts == JobFacts(
        pending=4, oldest=AT / 1000, dead=1, invalidations_pending=4, oldest_invalidation=AT / 1000
    )
    values = {s.name: s.value for f in jobs.families(facts) for s in f.samples}
    assert values["calgate_jobs_pending"] == 4
    assert values["calgate_freshness_oldest_pending_timestamp_seconds"] == AT / 1000
