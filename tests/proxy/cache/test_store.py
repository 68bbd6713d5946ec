"""What the scripts decide, on a real Redis."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from core.keys import Keys
from proxy.cache.entry import Entry
from proxy.cache.stamps import ANYTHING
from proxy.cache.store import Store, Timing
from tests.proxy.conftest import settled
from tests.proxy.waiting import until

HOLD_OFF = 0.1


@pytest.fixture
def make(redis: Any, keys: Keys) -> Callable[..., Store]:
    def one(**changes: float) -> Store:
        return Store(redis, keys, Timing(**{"hold_off": HOLD_OFF, **changes}))

    return one


@pytest.fixture
def store(make: Callable[..., Store]) -> Store:
    return make()


def entry(seconds: float = 60.0, body: bytes = b"body") -> Entry:
    return Entry(body, (("content-type", "text/plain"),), 1000.0, 1000.0 + seconds)


async def fill(store: Store, digest: str = "d", *, seconds: float = 60.0) -> float:
    generation, wait = await store.fill_begin("span", "token", 0, ANYTHING)
    assert wait == 0
    return await store.fill_end(digest, "span", "token", generation, entry(seconds), ANYTHING)


async def gone(store: Store) -> bool:
    return (await store.lookup("d", ANYTHING)).entry is None


async def written(store: Store, *, known: bool = True) -> int:
    return await store.write_end(await store.write_begin(), known=known)


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
    generation, _ = await store.fill_begin("span", "token", 0, ANYTHING)
    await written(store)
    assert await store.fill_end("d", "span", "token", generation, entry(), ANYTHING) == 0
    assert not (await store.lookup("d", ANYTHING)).outdated


async def test_a_fill_for_a_fresh_generation_waits_out_the_hold_off(store: Store) -> None:
    generation = await written(store)
    wanted, wait = await store.fill_begin("span", "token", 0, ANYTHING)
    assert wanted == generation
    assert 0 < wait <= HOLD_OFF


async def test_a_fill_for_the_generation_before_need_not_wait(store: Store, redis: Any, keys: Keys) -> None:
    old = await written(store)
    await settled(redis, keys)
    await written(store)
    assert await store.fill_begin("span", "token", old, ANYTHING) == (old, 0)


async def test_a_fill_is_good_for_the_newest_generation_whose_hold_off_is_over(
    store: Store, redis: Any, keys: Keys
) -> None:
    await written(store)
    old = await written(store)
    await settled(redis, keys)
    await written(store)
    # Wanted was the one before last, but the last but one is certain as well.
    assert await store.fill_begin("span", "token", old - 1, ANYTHING) == (old, 0)


async def test_an_older_fetch_under_way_delays_the_newer(store: Store, redis: Any, keys: Keys) -> None:
    early, _ = await store.fill_begin("span", "early", 0, ANYTHING)
    generation = await written(store)
    await settled(redis, keys)
    wanted, wait = await store.fill_begin("span", "late", generation, ANYTHING)
    assert wanted == generation
    assert wait > HOLD_OFF
    await store.fill_end("d", "span", "early", early, None, ANYTHING)
    _, wait = await store.fill_begin("span", "late", generation, ANYTHING)
    assert 0 < wait <= HOLD_OFF


async def test_an_older_fetch_of_another_span_delays_nothing(store: Store, redis: Any, keys: Keys) -> None:
    await store.fill_begin("one", "early", 0, ANYTHING)
    generation = await written(store)
    await settled(redis, keys)
    assert await store.fill_begin("other", "late", generation, ANYTHING) == (generation, 0)


async def test_an_answer_that_may_be_another_fetchs_is_good_only_for_what_that_was(
    store: Store, redis: Any, keys: Keys
) -> None:
    first = await written(store)
    await settled(redis, keys)
    await store.fill_begin("span", "early", first, ANYTHING)
    await written(store)
    await settled(redis, keys)
    assert await store.fill_begin("span", "late", first, ANYTHING) == (first, 0)


async def test_a_renewed_fetch_stays_announced(make: Callable[..., Store], redis: Any, keys: Keys) -> None:
    store = make(fetch_lease=0.2)
    early, _ = await store.fill_begin("span", "early", 0, ANYTHING)
    before = await redis.hget(keys.fetches("span"), "early")
    await asyncio.sleep(0.01)
    await store.fill_renew("span", "early", early)
    after = await redis.hget(keys.fetches("span"), "early")
    assert after.split(b":")[1] > before.split(b":")[1]


async def test_a_fetch_nobody_renews_is_forgotten(make: Callable[..., Store], redis: Any, keys: Keys) -> None:
    store = make(fetch_lease=0.05)
    await store.fill_begin("span", "dead", 0, ANYTHING)
    generation = await written(store)

    async def may_begin() -> bool:
        return (await store.fill_begin("span", "late", generation, ANYTHING))[1] == 0

    await until(may_begin)


async def test_a_fetch_that_was_never_made_delays_nothing(store: Store, redis: Any, keys: Keys) -> None:
    early, _ = await store.fill_begin("span", "early", 0, ANYTHING)
    await store.fill_drop("span", "early", early)
    generation = await written(store)
    await settled(redis, keys)
    assert await store.fill_begin("span", "late", generation, ANYTHING) == (generation, 0)


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
    write = await make(lease=0.05).write_begin()
    await make(lease=60).write_renew(write)
    await asyncio.sleep(0.06)
    assert (await make().lookup("d", ANYTHING)).generation == 0


async def test_a_resolved_write_does_not_come_back_by_a_late_renewal(
    store: Store, redis: Any, keys: Keys
) -> None:
    write = await store.write_begin()
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
        generation, _ = await store.fill_begin("span", "token", 0, ANYTHING)
        await store.fill_end(f"big{n}", "span", "token", generation, entry(body=b"x" * 200_000), ANYTHING)
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
    generation, wait = await store.fill_begin(digest, "token", 0, fields)
    assert wait == 0
    return await store.fill_end(digest, digest, "token", generation, entry(), fields) > 0


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


async def test_only_who_is_concerned_waits_for_the_hold_off(store: Store) -> None:
    await store.write_end("w", known=True, fields=("7:101", "?", "T7"))
    assert (await store.fill_begin("span", "one", 0, EIGHT))[1] == 0
    assert (await store.fill_begin("other", "two", 0, SEVEN))[1] > 0


async def test_a_fill_that_a_write_overtook_is_kept_if_the_write_was_elsewhere(store: Store) -> None:
    seven, _ = await store.fill_begin("one", "seven", 0, SEVEN)
    eight, _ = await store.fill_begin("two", "eight", 0, EIGHT)
    await store.write_end("w", known=True, fields=("7:101", "?", "T7"))
    assert await store.fill_end("seven", "one", "seven", seven, entry(), SEVEN) == 0
    assert await store.fill_end("eight", "two", "eight", eight, entry(), EIGHT) > 0


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
