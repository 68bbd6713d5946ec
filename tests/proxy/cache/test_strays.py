"""Answers that say more than was asked, which are not kept as they were asked for."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis

from calcom.reach.spans import ZONE_MARGIN
from calcom.slots import Query, parse
from core.keys import Keys
from proxy.cache.entry import Life
from proxy.cache.inventory import kept
from proxy.cache.stamps import read_by
from proxy.cache.strays import Strays, is_within
from tests.proxy.cache.process import TYPE, process

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def query(start: str, end: str) -> Query:
    found = parse(f"eventTypeId=1&start={start}&end={end}", "v")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("first", "last", "within"),
    [
        (NOON, NOON + HOUR, True),
        (NOON - timedelta(seconds=1), NOON, False),
        (NOON, NOON + HOUR + timedelta(seconds=1), False),
        (None, None, True),
    ],
)
def test_slots_beyond_either_end_are_outside(
    first: datetime | None, last: datetime | None, *, within: bool
) -> None:
    assert is_within(Life(1, 1, first=first, last=last), (NOON, NOON + HOUR)) is within


def test_a_look_that_was_answered_so_is_taken_to_ask_for_more_and_no_other_is() -> None:
    strays = Strays()
    one, other = query("2027-03-01", "2027-03-02"), query("2027-03-01", "2027-03-03")
    assert strays.bounds(one) == one.bounds
    strays.found(one)
    assert one.bounds is not None
    assert strays.bounds(one) == (one.bounds[0] - ZONE_MARGIN, one.bounds[1] + ZONE_MARGIN)
    assert strays.bounds(other) == other.bounds


def test_where_the_calendar_ends_nothing_is_known() -> None:
    strays = Strays()
    last = query("9999-12-31", "9999-12-31")
    assert strays.bounds(last) is not None
    strays.found(last)
    assert strays.bounds(last) is None


def test_only_so_many_are_remembered() -> None:
    strays = Strays()
    for day in range(1, 20_001):
        strays.found(Query(str(day), ""))
    assert len(strays) == 10_000
    assert strays.bounds(Query("1", "", (NOON, NOON))) == (NOON, NOON)


async def test_an_answer_with_a_slot_outside_is_passed_on_and_kept_only_as_depending_on_that_too(
    redis: Redis, redis_server: str, keys: Keys, tmp_path: Path
) -> None:
    async with process(redis, redis_server, keys, tmp_path) as one:
        day = (one.calcom.desk.now + timedelta(days=7)).date()
        eve = f"{day - timedelta(days=1)}T23:30:00.000Z"
        one.calcom.leaked = eve
        first, is_right = await one.ask(None, day, day)
        assert is_right
        assert eve.encode() in first.body
        assert await kept(redis, keys) == []
        await one.ask(None, day, day)
        (entry,) = await kept(redis, keys)
        bounds = query(str(day), str(day)).bounds
        assert bounds is not None
        assert entry.fields == read_by([TYPE], (bounds[0] - ZONE_MARGIN, bounds[1] + ZONE_MARGIN))
        answer, _ = await one.ask(None, day, day)
        assert answer.outcome == "hit"
