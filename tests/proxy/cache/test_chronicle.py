"""The lines that say why, on a real Redis."""

from datetime import UTC, datetime
from typing import Any

from calcom.reach import RULES, Reach, Stretch, Touch
from core.keys import Keys
from proxy.cache import chronicle
from proxy.cache.chronicle import Touched, line_of
from proxy.cache.store import Store, Timing

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


async def test_a_write_leaves_what_it_touched_and_by_which_rules(redis: Any, keys: Keys) -> None:
    store = Store(redis, keys, Timing())
    reach = Reach(
        (Touch(7, Stretch(NOON, NOON), "own-type", "secret uid"), Touch(0, None, "unmapped-types", ""))
    )
    generation = await store.write_end("w", known=True, why=line_of("POST /v2/bookings", 201, reach))
    (line,) = await chronicle.lines(redis, keys)
    assert (line.generation, line.cause, line.status) == (generation, "POST /v2/bookings", 201)
    assert line.touches == (
        Touched(7, "2026-12-01 12:00 to 12:00 UTC", "own-type"),
        Touched(0, "", "unmapped-types"),
    )
    assert line.touches[0].reason == RULES["own-type"].reason
    assert "secret uid" not in str(await redis.lrange(keys.story, 0, -1))


async def test_a_dead_process_and_a_new_server_leave_theirs(redis: Any, keys: Keys) -> None:
    store = Store(redis, keys, Timing(lease=0.001))
    await store.write_begin()
    while not await chronicle.lines(redis, keys):
        await store.lookup("any", ("*",))
    (line,) = await chronicle.lines(redis, keys)
    assert (line.cause, line.touches) == ("a process died while its write was under way", ())


async def test_no_more_than_a_hundred_are_kept_and_a_wide_reach_is_cut(redis: Any, keys: Keys) -> None:
    store = Store(redis, keys, Timing())
    wide = Reach(tuple(Touch(n, None, "team", "") for n in range(1, 100)))
    for _ in range(105):
        await store.write_end("w", known=True, why=line_of("PATCH /v2/teams/{}", 200, wide))
    lines = await chronicle.lines(redis, keys, most=1000)
    assert len(lines) == 100
    assert (len(lines[0].touches), lines[0].more) == (60, 39)
    assert [one.generation for one in lines] == list(range(105, 5, -1))
