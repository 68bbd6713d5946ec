"""core/clock.py"""

import asyncio

import pytest

from core.clock import Clock, FakeClock, SystemClock


async def test_sleepers_wake_in_the_order_of_their_deadlines_at_their_own_instants() -> None:
    clock = FakeClock(100.0)
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.now()))

    async with asyncio.TaskGroup() as group:
        for name, seconds in (("late", 3.0), ("early", 1.0), ("first of two", 2.0), ("second of two", 2.0)):
            group.create_task(sleeper(name, seconds))
        await clock.advance(10.0)
    assert woken == [("early", 101.0), ("first of two", 102.0), ("second of two", 102.0), ("late", 103.0)]
    assert clock.now() == 110.0


async def test_a_woken_task_that_sleeps_again_is_woken_again_in_the_same_advance() -> None:
    clock = FakeClock(0.0)
    ticks: list[float] = []

    async def ticker() -> None:
        while True:
            await clock.sleep(1.0)
            ticks.append(clock.now())

    task = asyncio.ensure_future(ticker())
    await clock.advance(3.5)
    task.cancel()
    assert ticks == [1.0, 2.0, 3.0]


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    clock = FakeClock()
    task = asyncio.ensure_future(clock.sleep(1.0))
    await clock.settle()
    assert clock.sleepers == 1
    task.cancel()
    await clock.settle()
    assert clock.sleepers == 0
    await clock.advance(2.0)


async def test_setting_the_wall_clock_wakes_nobody() -> None:
    clock = FakeClock(100.0)
    task = asyncio.ensure_future(clock.sleep(1.0))
    monotonic = clock.monotonic()
    await clock.settle()
    clock.step(-50.0)
    await clock.settle()
    assert (clock.now(), clock.monotonic(), task.done()) == (50.0, monotonic, False)
    await clock.advance(1.0)
    await task


async def test_a_clock_cannot_be_advanced_backwards() -> None:
    with pytest.raises(ValueError, match="step"):
        await FakeClock().advance(-1.0)


@pytest.mark.parametrize("clock", [SystemClock(), FakeClock()])
async def test_sleeping_for_no_time_still_lets_others_run(clock: Clock) -> None:
    ran = asyncio.Event()
    asyncio.get_running_loop().call_soon(ran.set)
    await clock.sleep(-1.0)
    assert ran.is_set()


async def test_the_system_clock_goes_forward() -> None:
    clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0.001)
    assert clock.monotonic() > before
    assert clock.now() > 1_700_000_000
