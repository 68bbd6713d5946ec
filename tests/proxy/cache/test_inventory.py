"""What is cached, as an operator sees it, on a real Redis."""

from typing import Any

from calcom import versions
from calcom.slots import parse
from core.keys import Keys
from proxy.cache.entry import Entry
from proxy.cache.inventory import State, kept, kept_of
from proxy.cache.store import Fill, Leave, Store, Timing

LOOK = "/v2/slots?eventTypeId=7&start=2026-12-01&end=2026-12-02"
FIELDS = ("*", "t7", "7:100")


async def put(store: Store, digest: str, *, fresh: float = 60.0, target: str = LOOK) -> None:
    fill = Fill(digest, "span", "token", 0)
    begun = await store.fill_begin(fill, FIELDS)
    assert isinstance(begun, Leave)
    entry = Entry(b"{}", (), 0.0, fresh, fresh + 600.0)
    stored = await store.fill_end(
        Fill(digest, "span", "token", begun.generation), entry, FIELDS, target=target
    )
    assert stored[0] > 0


async def test_a_fresh_a_stale_and_an_outdated_answer_are_told_apart(redis: Any, keys: Keys) -> None:
    store = Store(redis, keys, Timing(hold_off=0.0))
    await put(store, "fresh")
    await put(store, "stale", fresh=0.001)
    (one, other) = sorted(await kept(redis, keys), key=lambda one: one.digest)
    assert (one.digest, one.target, one.state, one.fields) == ("fresh", LOOK, State.FRESH, FIELDS)
    while other.now < other.fresh_until:
        other = next(again for again in await kept(redis, keys) if again.digest == "stale")
    assert other.state is State.STALE

    generation = await store.write_end("w", known=True, fields=("7:100", "?", "T7"))
    assert {one.state for one in await kept(redis, keys)} == {State.OUTDATED}
    assert {one.outdated_by for one in await kept(redis, keys)} == {(("7:100", generation),)}


async def test_the_answers_to_one_question_are_found_for_each_credential(redis: Any, keys: Keys) -> None:
    store = Store(redis, keys, Timing(hold_off=0.0))
    query = parse(LOOK.partition("?")[2], versions.SLOTS)
    assert query is not None
    await redis.hset(keys.credentials, mapping={"aaaa": "c1", "bbbb": "c2"})
    await put(store, f"aaaa:{query.key}")
    await put(store, "aaaa:another")
    assert [one.digest for one in await kept_of(redis, keys, query)] == [f"aaaa:{query.key}"]


async def test_nothing_cached_is_nothing_found(redis: Any, keys: Keys) -> None:
    assert await kept(redis, keys) == []
