"""What the scripts decide, on a real Redis."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from core.keys import Keys
from proxy.cache.entry import Entry
from proxy.cache.stamps import ANYTHING, Fields
from proxy.cache.store import Again, Fill, Follow, Hold, Leave, Store, Timing
from tests.proxy.conftest import settled
from tests.proxy.waiting import until

HOLD_OFF = 0.1


@pytest.fixture
def make(redis: Any, keys: Keys) -> Callable[..., Store]:
    def one(**changes: float) -> Store:
        return Store(redis, keys, Timing(**{"hold_off": HOLD_OFF, "overlay": 0.0, **changes}))

    return one


@pytest.fixture
def store(make: Callable[..., Store]) -> Store:
    return make()


def entry(seconds: float = 60.0, body: bytes = b"body", stale: float = 0.0) -> Entry:
    until = 1000.0 + seconds
    return Entry(body, (("content-type", "text/plain"),), 1000.0, until, until + stale, cost=1.5, empties=2)


async def begin(
    store: Store, fields: Fields = ANYTHING, *, span: str = "span", who: str = "t", wanted: int = 0
) -> Leave | Hold:
    """Ask to fetch something that nobody else is asking for."""
    begun = await store.fill_begin(Fill(who, span, who, wanted), fields)
    assert isinstance(begun, (Leave, Hold))
    return begun


async def left(store: Store, fields: Fields = ANYTHING, *, span: str = "span", who: str = "t") -> Fill:
    """A fetch of *span* that may leave at once."""
    begun = await begin(store, fields, span=span, who=who)
    assert isinstance(begun, Leave)
    return Fill(who, span, who, begun.generation)


async def fill(store: Store, digest: str = "d", *, seconds: float = 60.0, stale: float = 0.0) -> float:
    made = replace(await left(store), digest=digest)
    return (await store.fill_end(made, entry(seconds, stale=stale), ANYTHING))[0]


async def gone(store: Store) -> bool:
    return (await store.lookup("d", ANYTHING)).entry is None


async def written(store: Store, *, known: bool = True) -> int:
    write, _ = await store.write_begin()
    return await store.write_end(write, known=known)


async def test_a_stored_entry_is_found_again_as_it_was(store: Store) -> None:
    assert await fill(store) == 60
    looked = await store.lookup("d", ANYTHING)
    assert looked.entry is not None
    assert looked.entry.body == b"body"
    assert looked.entry.headers == (("content-type", "text/plain"),)
    assert looked.entry.fresh_until - looked.entry.stored == pytest.approx(60)
    assert 0 <= looked.now - looked.entry.stored < 10


async def test_an_unknown_entry_is_not_outdated(store: Store) -> None:
    looked = await store.lookup("d", ANYTHING)
    assert looked.entry is None
    assert not looked.outdated


async def test_a_write_makes_every_entry_unservable_and_asks_for_cleaning(
    store: Store, redis: Any, keys: Keys
) -> None:
    await fill(store)
    generation = await written(store)
    looked = await store.lookup("d", ANYTHING)
    assert looked.entry is None
    assert looked.outdated
    assert looked.generation == generation
    (_, job), *rest = await redis.xrange(keys.jobs)
    assert not rest
    assert job[b"kind"] == b"clean"
    assert int(job[b"gen"]) == generation


async def test_a_fill_begun_before_a_write_is_not_stored(store: Store) -> None:
    made = await left(store)
    await written(store)
    assert (await store.fill_end(made, entry(), ANYTHING))[0] == 0
    assert not (await store.lookup("d", ANYTHING)).outdated


async def test_a_fill_for_a_fresh_generation_waits_out_the_hold_off(store: Store) -> None:
    generation = await written(store)
    begun = await begin(store)
    assert isinstance(begun, Hold)
    assert begun.wanted == generation
    assert 0 < begun.seconds <= HOLD_OFF


async def test_a_fill_that_can_be_made_distinct_waits_for_nothing(store: Store) -> None:
    await left(store)
    generation = await written(store)
    begun = await store.fill_begin(Fill("d", "span", "late", 0), ANYTHING, can_be_distinct=True)
    assert isinstance(begun, Leave)
    assert begun.generation == generation
    assert begun.distinct > 0
    after = await written(store)
    later = await store.fill_begin(Fill("d", "span", "later", 0), ANYTHING, can_be_distinct=True)
    assert isinstance(later, Leave)
    assert later.generation == after
    assert later.distinct not in (0, begun.distinct)


async def test_a_fill_is_distinct_only_when_calcom_might_answer_with_the_past(store: Store) -> None:
    assert await store.fill_begin(Fill("d", "span", "t", 0), ANYTHING, can_be_distinct=True) == Leave(0, 0)


async def test_a_fill_for_the_generation_before_need_not_wait(store: Store, redis: Any, keys: Keys) -> None:
    old = await written(store)
    await settled(redis, keys)
    await written(store)
    assert await begin(store, span="span", who="token", wanted=old) == Leave(old)


async def test_a_fill_is_good_for_the_newest_generation_whose_hold_off_is_over(
    store: Store, redis: Any, keys: Keys
) -> None:
    await written(store)
    old = await written(store)
    await settled(redis, keys)
    await written(store)
    # Wanted was the one before last, but the last but one is certain as well.
    assert await begin(store, span="span", who="token", wanted=old - 1) == Leave(old)


async def test_an_older_fetch_under_way_delays_the_newer(store: Store, redis: Any, keys: Keys) -> None:
    early = await left(store, who="early")
    generation = await written(store)
    await settled(redis, keys)
    begun = await begin(store, who="late", wanted=generation)
    assert isinstance(begun, Hold)
    assert begun.wanted == generation
    assert begun.seconds > HOLD_OFF
    await store.fill_end(early, entry(), ANYTHING)
    begun = await begin(store, who="late", wanted=generation)
    assert isinstance(begun, Hold)
    assert 0 < begun.seconds <= HOLD_OFF


async def test_an_older_fetch_of_another_span_delays_nothing(store: Store, redis: Any, keys: Keys) -> None:
    await left(store, span="one", who="early")
    generation = await written(store)
    await settled(redis, keys)
    assert await begin(store, span="other", who="late", wanted=generation) == Leave(generation)


async def test_an_answer_that_may_be_another_fetchs_is_good_only_for_what_that_was(
    store: Store, redis: Any, keys: Keys
) -> None:
    first = await written(store)
    await settled(redis, keys)
    await begin(store, who="early", wanted=first)
    await written(store)
    await settled(redis, keys)
    assert await begin(store, span="span", who="late", wanted=first) == Leave(first)


async def test_a_renewed_fetch_stays_announced(make: Callable[..., Store], redis: Any, keys: Keys) -> None:
    store = make(fetch_lease=0.2)
    early = await left(store, who="early")
    before = await redis.hget(keys.fetches("span"), "early")
    await asyncio.sleep(0.01)
    await store.fill_renew(early)
    after = await redis.hget(keys.fetches("span"), "early")
    assert after.split(b":")[1] > before.split(b":")[1]


async def test_a_fetch_nobody_renews_is_forgotten(make: Callable[..., Store], redis: Any, keys: Keys) -> None:
    store = make(fetch_lease=0.05)
    await left(store, who="dead")
    generation = await written(store)

    async def may_begin() -> bool:
        return isinstance(await begin(store, who="late", wanted=generation), Leave)

    await until(may_begin)


async def test_a_fetch_that_was_never_made_delays_nothing(store: Store, redis: Any, keys: Keys) -> None:
    early = await left(store, who="early")
    await store.fill_fail(early, b"refused", was_sent=False)
    generation = await written(store)
    await settled(redis, keys)
    assert await begin(store, span="span", who="late", wanted=generation) == Leave(generation)


async def test_an_entry_expires_by_redis_clock(store: Store) -> None:
    await fill(store, seconds=0.05)
    await until(lambda: gone(store))


async def test_a_dead_processs_write_counts_as_landed_at_the_next_look(
    make: Callable[..., Store], redis: Any, keys: Keys
) -> None:
    store = make(lease=0.05)
    await fill(store)
    await store.write_begin()
    # Nobody renews it: its process was killed.
    await until(lambda: gone(store))
    assert await redis.get(keys.generation) == b"1"
    assert await redis.zcard(keys.writes) == 0
    assert await redis.exists(keys.doubt)
    assert await redis.xlen(keys.jobs) == 1
    assert (await store.lookup("d", ANYTHING)).generation == 1


async def test_a_renewed_write_is_not_taken_for_dead(
    make: Callable[..., Store], redis: Any, keys: Keys
) -> None:
    write, _ = await make(lease=0.05).write_begin()
    await make(lease=60).write_renew(write)
    await asyncio.sleep(0.06)
    assert (await make().lookup("d", ANYTHING)).generation == 0


async def test_a_resolved_write_does_not_come_back_by_a_late_renewal(
    store: Store, redis: Any, keys: Keys
) -> None:
    write, _ = await store.write_begin()
    await store.write_end(write, known=True)
    await store.write_renew(write)
    assert await redis.zcard(keys.writes) == 0


async def test_while_a_write_is_in_doubt_entries_live_a_moment_only(
    make: Callable[..., Store], redis: Any, keys: Keys
) -> None:
    store = make(doubt=60, doubt_ttl=0.5)
    await written(store, known=False)
    await settled(redis, keys)
    assert await fill(store) == 0.5


async def test_the_lists_stay_bounded_with_every_worker_dead(store: Store, redis: Any, keys: Keys) -> None:
    for n in range(60):
        await fill(store, f"short{n}", seconds=0.001)
        await asyncio.sleep(0.002)
    assert await redis.zcard(keys.expiry) < 10
    assert await redis.zcard(keys.index) == await redis.zcard(keys.expiry)


async def _full(redis: Any) -> int:
    used: int = (await redis.info("memory"))["used_memory"]
    return used


@pytest.fixture
async def cramped(redis: Any, store: Store) -> object:
    """A Redis that holds a few megabytes of answers, and not a byte more."""
    for n in range(40):
        made = replace(await left(store), digest=f"big{n}")
        await store.fill_end(made, entry(body=b"x" * 200_000), ANYTHING)
    await redis.config_set("maxmemory", await _full(redis) - 1_000_000)
    yield
    await redis.config_set("maxmemory", 0)


@pytest.mark.usefixtures("cramped")
async def test_a_full_redis_gives_up_answers_rather_than_an_invalidation(
    store: Store, redis: Any, keys: Keys
) -> None:
    generation = await store.write_end("w", known=True)
    assert generation == 1
    assert await redis.zcard(keys.index) == 0
    assert (await store.lookup("big0", ANYTHING)).entry is None


@pytest.mark.usefixtures("cramped")
async def test_a_full_redis_still_takes_intents_fetches_and_answers(store: Store) -> None:
    assert await store.write_begin()
    assert await fill(store) == 60
    assert (await store.lookup("d", ANYTHING)).entry is not None


SEVEN = ("*", "t7", "7:100", "7:101")
EIGHT = ("*", "t8", "8:100", "8:101")


async def keep(store: Store, digest: str, fields: tuple[str, ...]) -> bool:
    """Store an answer that reads *fields*, waiting for nothing; whether it was kept."""
    made = await left(store, fields, span=digest, who=digest)
    return (await store.fill_end(made, entry(), fields))[0] > 0


async def is_served(store: Store, digest: str, fields: tuple[str, ...]) -> bool:
    return (await store.lookup(digest, fields)).entry is not None


async def test_a_narrow_write_takes_what_reads_one_of_its_fields_and_leaves_the_rest(store: Store) -> None:
    for digest, fields in (("seven", SEVEN), ("eight", EIGHT), ("unknown", ANYTHING)):
        assert await keep(store, digest, fields)
    await store.write_end("w", known=True, fields=("7:101", "?", "T7"))
    assert not await is_served(store, "seven", SEVEN)
    assert not await is_served(store, "unknown", ANYTHING)
    assert await is_served(store, "eight", EIGHT)
    await store.write_end("w", known=True)
    assert not await is_served(store, "eight", EIGHT)


async def test_of_an_entry_only_the_days_that_are_wanted_matter(make: Callable[..., Store]) -> None:
    store = make(overlay=60)
    assert await keep(store, "d", SEVEN)
    await store.write_end("w", known=True, fields=("7:101", "?", "T7"), overlay="taken")

    async def seen(*fields: str) -> tuple[bool, tuple[str, ...]]:
        looked = await store.lookup("d", ("*", "t7", *fields), is_part=True)
        return looked.entry is not None, looked.overlays

    assert await seen("7:100") == (True, ())
    assert await seen("7:101") == (True, ("taken",))
    await store.write_end("w", known=True, fields=("7:101", "?", "T7"))
    assert await seen("7:100") == (True, ())
    assert await seen("7:100", "7:101") == (False, ())
    await store.write_end("w", known=True, fields=("t7", "?", "T7"))
    assert await seen("7:100") == (False, ())


@pytest.mark.parametrize("stored", [ANYTHING, ("*", "t7", "T7")])
async def test_of_an_entry_whose_days_are_not_told_apart_everything_matters(
    store: Store, stored: tuple[str, ...]
) -> None:
    assert await keep(store, "d", stored)
    await store.write_end("w", known=True, fields=("7:101", "?", "T7"))
    assert (await store.lookup("d", ("*", "t7", "7:100"), is_part=True)).outdated


async def test_only_who_is_concerned_waits_for_the_hold_off(store: Store) -> None:
    await store.write_end("w", known=True, fields=("7:101", "?", "T7"))
    assert isinstance(await begin(store, EIGHT, who="one"), Leave)
    assert isinstance(await begin(store, SEVEN, span="other", who="two"), Hold)


async def test_a_fill_that_a_write_overtook_is_kept_if_the_write_was_elsewhere(store: Store) -> None:
    seven = await left(store, SEVEN, span="one", who="seven")
    eight = await left(store, EIGHT, span="two", who="eight")
    await store.write_end("w", known=True, fields=("7:101", "?", "T7"))
    assert (await store.fill_end(seven, entry(), SEVEN))[0] == 0
    assert (await store.fill_end(eight, entry(), EIGHT))[0] > 0


async def test_what_was_stored_as_unknown_is_judged_as_such_also_when_more_is_known(store: Store) -> None:
    """A booking made while the type was unknown named the unknown, not the type."""
    assert await keep(store, "d", ANYTHING)
    await store.write_end("w", known=True, fields=("8:100", "?", "T8"))
    assert not await is_served(store, "d", SEVEN)


async def test_a_write_of_the_whole_account_is_newer_than_all_that_was_remembered(
    store: Store, redis: Any, keys: Keys
) -> None:
    await store.write_end("w", known=True, fields=("7:101", "?", "T7"))
    generation = await store.write_end("w", known=True)
    assert await redis.hgetall(keys.stamps) == {b"*": str(generation).encode()}


NARROW = ("7:101", "?", "T7")


async def test_what_writes_took_comes_with_the_entry_if_that_is_all_they_did(
    make: Callable[..., Store],
) -> None:
    store = make(overlay=60)
    await keep(store, "d", SEVEN)
    await store.write_end("a", known=True, fields=NARROW, overlay="first")
    await store.write_end("b", known=True, fields=("8:100", "?", "T8"))
    await store.write_end("c", known=True, fields=NARROW, overlay="second")
    looked = await store.lookup("d", SEVEN)
    assert looked.entry is not None
    assert looked.overlays == ("first", "second")


async def test_one_write_that_says_nothing_of_what_it_took_is_enough(make: Callable[..., Store]) -> None:
    store = make(overlay=60)
    await keep(store, "d", SEVEN)
    await store.write_end("a", known=True, fields=NARROW, overlay="first")
    await store.write_end("b", known=True, fields=NARROW)
    looked = await store.lookup("d", SEVEN)
    assert looked.entry is None
    assert looked.outdated


async def test_what_a_write_took_is_forgotten_in_time(make: Callable[..., Store]) -> None:
    store = make(overlay=0.05, hold_off=0.0)
    await keep(store, "d", SEVEN)
    await store.write_end("a", known=True, fields=NARROW, overlay="first")

    async def outdated() -> bool:
        await store.write_end("b", known=True, fields=("8:100", "?", "T8"), overlay="other")
        return (await store.lookup("d", SEVEN)).outdated

    await until(outdated)


async def test_an_entry_stays_usable_after_it_was_fresh(store: Store) -> None:
    assert await fill(store, seconds=0.01, stale=60) == 0.01
    await asyncio.sleep(0.02)
    looked = await store.lookup("d", ANYTHING)
    assert looked.entry is not None
    assert looked.entry.fresh_until < looked.now < looked.entry.usable_until


async def test_past_the_most_entries_those_go_that_would_end_next(redis: Any, keys: Keys) -> None:
    store = Store(redis, keys, Timing(hold_off=HOLD_OFF), most_entries=3)
    for n in range(6):
        await fill(store, f"e{n}", seconds=60 + n)
    assert await redis.zcard(keys.index) == await redis.zcard(keys.expiry) == 3
    kept = [n for n in range(6) if await redis.exists(keys.entry(f"e{n}"))]
    assert kept == [3, 4, 5]


class TestFleet:
    """Several processes that want the same."""

    @staticmethod
    def of(store: Store, token: str, wanted: int = 0) -> Any:
        return store.fill_begin(Fill("d", "span", token, wanted), ANYTHING)

    async def test_who_comes_second_follows(self, store: Store) -> None:
        assert await self.of(store, "first") == Leave(0)
        begun = await self.of(store, "second")
        assert isinstance(begun, Follow)
        assert begun.token == "first"
        assert 0 < begun.seconds <= 3

    async def test_who_needs_a_newer_generation_does_not_follow(
        self, store: Store, redis: Any, keys: Keys
    ) -> None:
        await self.of(store, "first")
        generation = await written(store)
        begun = await store.fill_begin(
            Fill("d", "span", "second", generation), ANYTHING, can_be_distinct=True
        )
        assert isinstance(begun, Leave)
        # The first is no longer whom others follow.
        begun = await self.of(store, "third", generation)
        assert isinstance(begun, Follow)
        assert begun.token == "second"

    async def test_what_was_stored_meanwhile_is_not_fetched_again(self, store: Store) -> None:
        await fill(store)
        assert await self.of(store, "late") == Again(0)
        (looked) = await store.lookup("d", ANYTHING)
        assert looked.entry is not None
        seen = await store.fill_begin(Fill("d", "s", "t", 0), ANYTHING, seen=looked.entry.stored)
        assert isinstance(seen, Leave)

    async def test_a_hung_leader_is_replaced_when_its_lease_ends(self, make: Callable[..., Store]) -> None:
        store = make(lead=0.05)
        await self.of(store, "hangs")

        async def leads() -> bool:
            return isinstance(await self.of(store, "next"), Leave)

        await until(leads)

    async def test_a_killed_leader_is_replaced_at_once(self, redis: Any, keys: Keys) -> None:
        store = Store(redis, keys, Timing(), process=lambda: "channel-of-nobody")
        await self.of(store, "killed")
        assert isinstance(await self.of(store, "next"), Leave)

    async def test_a_leader_that_lives_is_followed_by_its_channel(self, redis: Any, keys: Keys) -> None:
        listener = redis.pubsub()
        await listener.subscribe("channel-of-one")
        await listener.get_message(timeout=5)
        store = Store(redis, keys, Timing(), process=lambda: "channel-of-one")
        await self.of(store, "lives")
        assert isinstance(await self.of(store, "next"), Follow)
        await listener.aclose()

    async def test_a_renewed_lead_lasts(self, make: Callable[..., Store]) -> None:
        await self.of(make(lead=0.05), "leads")
        await make(lead=60).fill_renew(Fill("d", "span", "leads", 0))
        begun = await self.of(make(), "second")
        assert isinstance(begun, Follow)
        assert begun.seconds > 1

    async def test_what_is_not_kept_is_passed_to_the_followers(self, store: Store) -> None:
        await self.of(store, "leads")
        await self.of(store, "follows")
        bad = Entry(b"sorry", (("a", "b"),), 0.0, 0.0, 0.0, status=500)
        await store.fill_end(Fill("d", "span", "leads", 0), bad, ANYTHING, keep=False)
        passed = await store.passed("d", "leads")
        assert passed is not None
        assert (passed.status, passed.body, passed.headers, passed.refusal) == (
            500,
            b"sorry",
            (("a", "b"),),
            b"",
        )
        assert await store.passed("d", "another") is None

    async def test_nothing_is_written_for_followers_that_are_not_there(
        self, store: Store, redis: Any, keys: Keys
    ) -> None:
        await self.of(store, "leads")
        bad = Entry(b"sorry", (), 0.0, 0.0, 0.0, status=500)
        await store.fill_end(Fill("d", "span", "leads", 0), bad, ANYTHING, keep=False)
        assert not await redis.exists(keys.passing("d"))
        assert not await redis.exists(keys.filling("d"))

    async def test_followers_are_told_when_the_fetch_ends(self, store: Store, redis: Any, keys: Keys) -> None:
        listener = redis.pubsub(ignore_subscribe_messages=True)
        await listener.subscribe(keys.told)
        await self.of(store, "leads")
        await self.of(store, "follows")
        await store.fill_end(Fill("d", "span", "leads", 0), entry(), ANYTHING)

        async def told() -> bool:
            message = await listener.get_message(timeout=1)
            return message is not None and message["data"] == b"f d"

        await until(told)
        await listener.aclose()


async def test_a_write_is_told_to_everybody_from_its_beginning_to_its_end(
    store: Store, redis: Any, keys: Keys
) -> None:
    listener = redis.pubsub(ignore_subscribe_messages=True)
    await listener.subscribe(keys.told)
    heard: list[bytes] = []
    write, others = await store.write_begin()
    assert not others
    await store.write_end(write, known=True, fields=NARROW)
    await redis.set(keys.near, 1)
    refused, others = await store.write_begin(NARROW)
    assert others
    await store.write_refused(refused)

    async def all_heard() -> bool:
        message = await listener.get_message(timeout=1)
        heard.extend([message["data"]] if message else [])
        return len(heard) == 4

    await until(all_heard)
    named = ",".join(NARROW)
    words = [f"w {write} *", f"b 1 {named} {write}", f"w {refused} {named}", f"e {refused}"]
    assert heard == [word.encode() for word in words]
    await listener.aclose()


async def test_where_the_counter_is_gone_the_next_generation_is_newer_than_all_before(
    store: Store, redis: Any, keys: Keys
) -> None:
    """Somebody emptied the Redis that goes on running: no connection broke, so nothing else tells."""
    before = await store.write_end("a", known=True)
    await redis.flushall()
    assert await store.write_end("b", known=True) > before + 1_000_000
