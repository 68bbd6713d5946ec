import json

from redis.asyncio import Redis

from core.keys import Keys
from exporters.collectors import jobs
from exporters.collectors.jobs import JobFacts, parse
from exporters.collectors.store import store_time_ms
from proxy.jobs.job import Job

KEYS = Keys("jobs-test")
AT = 1_700_000_000_000


def facts_of(
    length: int = 0,
    entries: tuple[tuple[bytes, dict[bytes, bytes]], ...] = (),
    delayed: tuple[bytes, ...] = (),
    retried: tuple[tuple[bytes, float], ...] = (),
) -> JobFacts:
    return parse(length, entries, len(delayed), delayed, retried, 0, 0)


def test_nothing_waiting_is_all_zero() -> None:
    assert facts_of() == JobFacts()


def test_a_job_is_as_old_as_the_change_it_carries() -> None:
    entry = (b"1700000005000-0", {b"kind": b"clean", b"at": b"%d" % AT})
    assert facts_of(1, (entry,)).oldest == AT / 1000


def test_a_job_without_a_time_is_as_old_as_its_entry() -> None:
    assert facts_of(1, ((b"1700000005000-3", {b"kind": b"clean"}),)).oldest == 1_700_000_005.0


def test_a_job_put_off_keeps_its_age() -> None:
    member = Job("2-0", "1-0", "clean", 2, AT, {"gen": "5"}).to_member()
    facts = facts_of(delayed=(member,), retried=((b"1-0", float(AT)),))
    assert (facts.pending, facts.oldest, facts.oldest_invalidation) == (1, AT / 1000, AT / 1000)


def test_a_member_nobody_can_read_still_counts_as_a_change_not_applied() -> None:
    for member in (b"", b"[1]", b"{}", json.dumps(["kind", "clean"]).encode()):
        facts = facts_of(delayed=(member,), retried=((b"1-0", float(AT)),))
        assert (facts.pending, facts.invalidations_pending, facts.oldest_invalidation) == (1, 1, AT / 1000)


def test_other_kinds_of_job_are_no_pending_invalidations() -> None:
    entries = (
        (b"1700000001000-0", {b"kind": b"refetch"}),
        (b"1700000002000-0", {b"kind": b"clean"}),
    )
    facts = facts_of(2, entries)
    assert (facts.pending, facts.oldest) == (2, 1_700_000_001.0)
    assert (facts.invalidations_pending, facts.oldest_invalidation) == (1, 1_700_000_002.0)


def test_jobs_beyond_those_looked_at_count_as_pending_invalidations() -> None:
    entries = ((b"1700000001000-0", {b"kind": b"refetch"}),)
    facts = facts_of(900, entries)
    assert (facts.invalidations_pending, facts.oldest_invalidation) == (899, 1_700_000_001.0)


async def test_the_store_is_read_in_one_go(redis: Redis) -> None:
    assert await jobs.read(redis, KEYS) == JobFacts()
    now = await store_time_ms(redis)
    for i in range(3):
        await redis.xadd(KEYS.jobs, {"kind": "clean", "gen": i, "at": AT + i})
    await redis.zadd(KEYS.jobs_delayed, {Job("9-0", "8-0", "clean", 1, AT - 5).to_member(): AT + 60_000})
    await redis.zadd(KEYS.jobs_retried, {"8-0": AT - 5})
    await redis.zadd(KEYS.jobs_workers, {"alive": now + 15_000, "dead": now - 1})
    await redis.xadd(KEYS.jobs_dead, {"kind": "clean"})
    facts = await jobs.read(redis, KEYS)
    oldest = (AT - 5) / 1000
    assert facts == JobFacts(4, oldest, 1, 1, 4, oldest)
    values = {s.name: s.value for f in jobs.families(facts) for s in f.samples}
    assert values["calgate_jobs_pending"] == 4
    assert values["calgate_job_workers_alive"] == 1
    assert values["calgate_freshness_oldest_pending_timestamp_seconds"] == oldest
