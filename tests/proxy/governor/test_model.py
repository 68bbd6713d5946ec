"""Whatever a fleet asks for, whenever, and whoever else uses the key: the simulated Cal.com never says no."""

import random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from core.keys import Keys
from proxy.governor.limiter import Grant, Limits, Wait
from proxy.governor.purpose import Purpose
from tests.proxy.governor.world import Fleet

FEW = Limits(api_key=12, window=60.0, guard=1.0, pace=4)

steps = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.0, 0.0, 0.001, 0.2, 1.0, 3.0, 11.0, 59.0, 60.0, 61.0]),
        st.integers(0, 3),
        st.sampled_from(list(Purpose)),
        # A call leaves at most half the guard after it was allowed, or is logged anew.
        st.sampled_from([0.0, 0.05, 0.4]),
        st.sampled_from([0.0, 0.1, 2.0, 20.0]),
        st.booleans(),
    ),
    min_size=20,
    max_size=120,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
async def test_no_interleaving_of_four_processes_makes_calcom_say_no(
    redis: Any, keys: Keys, steps: list[tuple[float, int, Purpose, float, float, bool]]
) -> None:
    await redis.flushall()
    fleet = Fleet(redis, keys, FEW)
    await fleet.move(0)
    for gap, process, purpose, travel, answer, listens in steps:
        await fleet.move(gap)
        await fleet.call(process, purpose, travel=travel, answer=answer, listens=listens, patience=gap)
    await fleet.move(5)
    assert fleet.figures.refused == 0
    assert fleet.figures.max_in_60s <= FEW.api_key


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.floats(0, 0.2), min_size=30, max_size=60))
async def test_no_second_brings_calcom_more_than_the_pace_while_delays_differ_by_less_than_the_guard(
    redis: Any, keys: Keys, delays: list[float]
) -> None:
    await redis.flushall()
    fleet = Fleet(redis, keys, Limits(pace=4))
    await fleet.move(0)
    for number, delay in enumerate(delays):
        verdict = await fleet.call(number % 4, Purpose.BOOKING, travel=delay)
        await fleet.move(verdict.seconds if isinstance(verdict, Wait) else 0.01)
    await fleet.move(5)
    assert fleet.figures.max_in_1s <= 4


async def crowd(fleet: Fleet, seconds: float, purpose: Purpose) -> None:
    """Every process asks again as soon as it may, for so long."""
    dice = random.Random(7)
    until = fleet.clock.seconds + seconds
    due = [fleet.clock.seconds] * fleet.processes
    # A call keeps its deadline for as long as it waits: by it the line is ordered.
    deadlines = [until + 100] * fleet.processes
    while fleet.clock.seconds < until:
        process = min(range(fleet.processes), key=due.__getitem__)
        await fleet.move(max(0.0, due[process] - fleet.clock.seconds))
        if fleet.clock.seconds >= until:
            break
        patience = deadlines[process] - fleet.clock.seconds
        verdict = await fleet.call(
            process,
            purpose,
            travel=dice.uniform(0.02, 0.1),
            answer=dice.uniform(0.05, 0.3),
            patience=patience,
        )
        if isinstance(verdict, Grant):
            deadlines[process] = fleet.clock.seconds + 100 + seconds
        due[process] = fleet.clock.seconds + (verdict.seconds if isinstance(verdict, Wait) else 0.0)
    await fleet.move(5)


async def test_under_demand_98_percent_of_every_window_are_used(redis: Redis, keys: Keys) -> None:
    fleet = Fleet(redis, keys, Limits())
    await fleet.move(0)
    await crowd(fleet, 5 * 61 - 1, Purpose.BOOKING)
    assert fleet.granted[Purpose.BOOKING] == 5 * 120
    assert fleet.figures.refused == 0
    assert 120 / 61 >= 0.98 * 120 / 60


async def test_somebody_with_half_the_key_is_let_live_from_the_first_answer_on(
    redis: Redis, keys: Keys
) -> None:
    """The other calls once a second. It was there before us, and goes when we do not see it any more."""
    fleet = Fleet(redis, keys, Limits())
    await fleet.move(0)
    stop = fleet.clock.seconds + 30 + 4 * 60

    def other() -> None:
        fleet.hit()
        if fleet.clock.seconds < stop:
            fleet.later(1.0, other)

    fleet.later(0.3, other)
    await fleet.move(30)
    await crowd(fleet, 4 * 60, Purpose.BOOKING)
    assert fleet.figures.refused == 0
    assert fleet.granted[Purpose.BOOKING] >= 4 * 55
    await fleet.move(120)
    await crowd(fleet, 50, Purpose.BOOKING)
    assert fleet.figures.refused == 0


async def test_at_ten_times_the_demand_no_booking_is_refused_while_a_lower_class_is_served(
    redis: Redis, keys: Keys
) -> None:
    """Background work asks all the time; bookings come in pairs."""
    fleet = Fleet(redis, keys, Limits())
    await fleet.move(0)
    dice = random.Random(3)
    for second in range(180):
        for _ in range(20):
            await fleet.call(
                dice.randrange(4), dice.choice([Purpose.REVALIDATE, Purpose.WARM, Purpose.AUDIT])
            )
        if second % 2:
            await fleet.call(dice.randrange(4), Purpose.INTERACTIVE)
        for _ in range(2 if second % 6 == 0 else 0):
            assert isinstance(await fleet.call(dice.randrange(4), Purpose.BOOKING), Grant)
        await fleet.move(1)
    assert fleet.refused[Purpose.BOOKING] == 0
    assert fleet.figures.refused == 0
    assert min(fleet.granted[one] for one in Purpose if one is not Purpose.LEARN) > 0
