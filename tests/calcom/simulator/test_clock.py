"""The scaled clock."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from calcom.simulator.clock import SimClock

START = datetime(2026, 3, 2, 8, tzinfo=UTC)


def frozen(speed: float = 1.0) -> SimClock:
    clock = SimClock(START, speed)
    clock.freeze()
    return clock


def test_a_frozen_clock_stands_until_it_is_advanced() -> None:
    clock = frozen()
    stood = clock.now()
    assert clock.now() == stood
    clock.advance(90)
    assert clock.now() == stood + timedelta(seconds=90)


def test_it_goes_on_from_where_it_stood() -> None:
    clock = frozen(speed=0.001)
    stood = clock.now()
    clock.unfreeze()
    assert stood <= clock.now() < stood + timedelta(seconds=60)


def test_skew_replaces_the_former_skew_and_may_be_negative() -> None:
    clock = frozen()
    stood = clock.now()
    clock.skew(30)
    clock.skew(-5)
    assert clock.now() == stood - timedelta(seconds=5)


def test_speed_scales_real_seconds() -> None:
    assert SimClock(START, 60).real_seconds(120) == 2


async def test_a_sleeper_wakes_when_the_clock_is_advanced_past_it() -> None:
    clock = frozen()
    sleeper = asyncio.ensure_future(clock.sleep(3600))
    await asyncio.sleep(0)
    assert not sleeper.done()
    clock.advance(3600)
    await asyncio.wait_for(sleeper, 10)


async def test_a_sleeper_of_a_thawed_clock_goes_on_waiting() -> None:
    clock = frozen(speed=10_000)
    sleeper = asyncio.ensure_future(clock.sleep(60))
    await asyncio.sleep(0)
    clock.unfreeze()
    await asyncio.wait_for(sleeper, 10)
    assert clock.now() >= START + timedelta(seconds=60)


async def test_a_sleeper_survives_a_clock_set_back() -> None:
    clock = frozen()
    sleeper = asyncio.ensure_future(clock.sleep(60))
    await asyncio.sleep(0)
    clock.skew(-3600)
    await asyncio.sleep(0)
    clock.advance(60)
    await asyncio.sleep(0)
    assert not sleeper.done()
    clock.advance(3600)
    await asyncio.wait_for(sleeper, 10)


async def test_a_cancelled_sleeper_leaves_nothing_behind() -> None:
    clock = frozen()
    sleeper = asyncio.ensure_future(clock.sleep(60))
    await asyncio.sleep(0)
    sleeper.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeper
    assert clock._sleepers == set()


async def test_a_fast_clock_sleeps_little_real_time() -> None:
    clock = SimClock(START, speed=1_000_000)
    before = clock.now()
    await asyncio.wait_for(clock.sleep(3600), 10)
    assert clock.now() - before >= timedelta(hours=1)


def test_without_a_start_it_begins_at_the_present() -> None:
    assert SimClock().now().tzinfo is UTC


@pytest.mark.parametrize("speed", [0, -1])
def test_a_speed_that_stops_time_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        SimClock(START, speed)


def test_a_naive_start_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        SimClock(datetime(2026, 3, 2))  # noqa: DTZ001 - the very thing refused


def test_time_given_out_never_returns() -> None:
    with pytest.raises(ValueError, match="skew"):
        frozen().advance(-1)
