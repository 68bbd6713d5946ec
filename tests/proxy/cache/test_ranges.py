"""Looks answered out of shared windows, before the simulator's own calculations; on a real Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest_asyncio
from redis.asyncio import Redis

from calcom.overlay import Overlay, dumped
from calcom.ranges import trust
from core.keys import Keys
from proxy.cache.shapes import REFRESH_SECONDS
from proxy.cache.warm import GAP
from tests.proxy.cache.process import TYPE, Process, process
from tests.proxy.waiting import until


@pytest_asyncio.fixture
async def one(redis: Redis, redis_server: str, keys: Keys, tmp_path: Path) -> AsyncIterator[Process]:
    async with process(redis, redis_server, keys, tmp_path) as built:
        yield built


async def test_looks_in_two_zones_are_answered_out_of_one_fetch(one: Process) -> None:
    await one.settle("Europe/Berlin")
    await one.settle("America/New_York")
    before = len(one.calcom.asked)
    for _ in range(10):
        for zone in ("Europe/Berlin", "America/New_York"):
            assert await one.is_shared(zone)
    assert len(one.calcom.asked) == before
    assert one.calcom.windows == {"UTC"}


async def test_a_zone_is_not_told_from_anothers_windows_before_one_of_its_looks_agreed(one: Process) -> None:
    await one.settle("UTC")
    exact = one.calcom.exact
    assert not await one.is_shared("Europe/Berlin")
    assert one.calcom.exact == exact + 1
    await one.settle("Europe/Berlin")
    assert not await one.is_shared(None)


async def test_a_zone_whose_answers_differ_gets_windows_of_its_own_and_the_others_go_on(
    one: Process, redis: Redis, keys: Keys
) -> None:
    await one.settle("UTC")
    one.calcom.odd = {"Asia/Tokyo"}

    async def is_set_apart() -> bool:
        assert not await one.is_shared("Asia/Tokyo")
        await one.pass_by(trust.REPEAT_AFTER, redis, keys)
        return not one.shapes.may_borrow(TYPE, "Asia/Tokyo")

    await until(is_set_apart)
    await one.settle("UTC")
    await one.settle("Europe/Berlin")
    await one.settle("Asia/Tokyo")
    assert one.calcom.windows == {"UTC", "Asia/Tokyo"}


async def test_what_is_shared_all_the_time_is_still_compared_in_time(
    one: Process, redis: Redis, keys: Keys
) -> None:
    await one.settle("Europe/Berlin")
    one.calcom.asked.clear()
    assert await one.is_shared("Europe/Berlin")
    await one.pass_by(trust.RECHECK, redis, keys)
    assert await one.is_shared("Europe/Berlin")
    await until(lambda: one.calcom.exact == 1)


async def test_a_difference_that_came_later_is_found_and_stops_sharing(
    one: Process, redis: Redis, keys: Keys
) -> None:
    await one.settle("Europe/Berlin")
    one.calcom.odd = {"Europe/Berlin"}
    await one.pass_by(trust.RECHECK, redis, keys)
    await one.ask("Europe/Berlin")

    async def has_stopped() -> bool:
        await one.clock.advance(REFRESH_SECONDS)
        return not await one.shapes.may_share(TYPE)

    await until(has_stopped)
    assert not await one.is_shared("Europe/Berlin")


async def test_a_day_with_nothing_left_is_shared_once_it_is_known_how_calcom_says_so(one: Process) -> None:
    await one.settle("Europe/Berlin")
    one.calcom.message = "None."
    today = one.calcom.desk.now.date()
    saturdays = [today + timedelta(days=at) for at in range(2, 30) if (today.weekday() + at) % 7 == 5]
    exact = one.calcom.exact
    assert not await one.is_shared("Europe/Berlin", saturdays[0], saturdays[0])
    assert one.calcom.exact == exact + 1
    await until(lambda: one.is_shared("Europe/Berlin", saturdays[0], saturdays[0]))
    before = len(one.calcom.asked)
    for day in saturdays[1:]:
        assert await one.is_shared("Europe/Berlin", day, day)
    assert len(one.calcom.asked) == before


async def test_a_window_without_any_slot_is_not_believed(one: Process, redis: Redis) -> None:
    await one.settle("Europe/Berlin")
    today = one.calcom.desk.now.date()
    sunday = today + timedelta(days=13 - today.weekday())
    await until(lambda: one.is_shared("Europe/Berlin", sunday, sunday))
    one.calcom.is_broken = True
    # As if their time were over.
    for name in await redis.keys("*:e:*"):
        await redis.delete(name)
    assert not await one.is_shared("Europe/Berlin", sunday, sunday)
    assert not await one.is_shared("Europe/Berlin")


async def test_what_is_written_to_one_day_leaves_the_looks_at_others(one: Process) -> None:
    await one.settle("Europe/Berlin")
    today = one.calcom.desk.now.date()
    booked = today + timedelta(days=10)
    await one.write(booked)
    one.calcom.asked.clear()
    for first, last in ((2, 8), (12, 15), (12, 26)):
        assert await one.is_shared(
            "Europe/Berlin", today + timedelta(days=first), today + timedelta(days=last)
        )
    assert not one.calcom.asked
    answer, is_right = await one.ask("Europe/Berlin", booked, booked + timedelta(days=6))
    assert is_right
    assert "fwd=stale" in answer.cache_status
    assert one.calcom.windows == {"UTC"}
    assert await one.is_shared("Europe/Berlin", booked, booked + timedelta(days=5))


async def test_an_answer_less_what_was_taken_says_so_and_is_not_empty(one: Process) -> None:
    await one.settle("Europe/Berlin")
    today = one.calcom.desk.now.date()
    saturday = today + timedelta(days=12 - today.weekday())
    await until(lambda: one.is_shared("Europe/Berlin", saturday, saturday))
    booked = saturday + timedelta(days=2)
    begin = int(datetime(booked.year, booked.month, booked.day, tzinfo=UTC).timestamp())
    await one.write(booked, dumped(Overlay({TYPE: ((begin, begin + 86_400),)})))
    lacking, _ = await one.ask("Europe/Berlin", booked, booked + timedelta(days=6))
    assert "detail=overlay" in lacking.cache_status
    assert str(booked).encode() not in lacking.body
    # What is refreshed behind it may be here by now, and is whole; nothing else may be said of that day alone.
    answer, is_right = await one.ask("Europe/Berlin", booked, booked)
    assert is_right
    assert str(booked).encode() in answer.body


async def test_a_window_that_is_looked_at_is_there_again_before_anybody_waits_for_it(one: Process) -> None:
    await one.settle("Europe/Berlin")
    today = one.calcom.desk.now.date()
    booked = today + timedelta(days=10)
    assert await one.is_shared("Europe/Berlin", booked, booked + timedelta(days=6))
    one.calcom.asked.clear()
    await one.write(booked, is_heard=True)
    await until(lambda: one.calcom.windows == {"UTC"})
    answer, is_right = await one.ask("Europe/Berlin", booked, booked + timedelta(days=5))
    assert is_right
    # It may still be on its way from Cal.com, but nobody asks once more.
    assert "hit" in answer.cache_status or "collapsed" in answer.cache_status
    assert len(one.calcom.asked) == 1


async def test_what_can_be_shown_less_what_was_taken_is_not_asked_for_before_somebody_looks(
    one: Process,
) -> None:
    await one.settle("Europe/Berlin")
    booked = one.calcom.desk.now.date() + timedelta(days=10)
    assert await one.is_shared("Europe/Berlin", booked, booked + timedelta(days=6))
    one.calcom.asked.clear()
    await one.write(booked, dumped(Overlay({TYPE: ()})), is_heard=True)
    await one.clock.advance(2 * GAP)
    assert not one.calcom.asked
    assert (
        "detail=overlay"
        in (await one.ask("Europe/Berlin", booked, booked + timedelta(days=5)))[0].cache_status
    )

    async def is_asked_for() -> bool:
        # It waits until Cal.com's own cache cannot answer with the past, so that bookings in a row cost one call.
        await one.clock.advance(0.1)
        return len(one.calcom.asked) == 1

    await until(is_asked_for)


async def test_a_look_out_of_two_windows_needs_only_the_one_again_that_has_the_day(one: Process) -> None:
    await one.settle("Europe/Berlin")
    today = one.calcom.desk.now.date()
    first, last = today + timedelta(days=10), today + timedelta(days=55)
    await one.ask("Europe/Berlin", first, last)
    one.calcom.asked.clear()
    await one.write(today + timedelta(days=12))
    _, is_right = await one.ask("Europe/Berlin", first, last - timedelta(days=1))
    assert is_right
    assert len(one.calcom.asked) == 1
