"""What is cut out of windows is what Cal.com answers: held against the simulator, byte for byte."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from urllib.parse import urlencode

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calcom.ranges import Verdict, is_additive, look_of
from calcom.ranges.additive import DAY_MARGIN, WEEK_MARGIN
from calcom.ranges.looks import WINDOW_DAYS
from calcom.simulator.model import Booking, EventType, Limits, Rule
from calcom.simulator.persistent import PersistentMap
from calcom.simulator.world import World
from calcom.slots import parse
from tests.calcom.ranges.scenes import (
    additive_type,
    body_of,
    derived,
    params_of,
    planned,
    scene,
    short_sighted,
)
from tests.calcom.ranges.test_looks import VERSION

SLOW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SLOW
@given(st.randoms(use_true_random=False))
def test_what_is_cut_out_of_windows_is_the_answer(chance: Random) -> None:
    types = tuple(additive_type(chance, 700 + at) for at in range(4))
    desk = scene(chance, types)
    for one in types:
        assert is_additive(desk.account, one.id), is_additive(desk.account, one.id).why
        for _ in range(6):
            params = params_of(chance, one, desk.now)
            look = planned(desk, params)
            if look is None:
                continue
            made = derived(desk, look)
            assert made is None or made == body_of(desk, params), params


@SLOW
@given(st.randoms(use_true_random=False))
def test_even_a_short_sighted_calcom_is_seen_whole_through_a_window(chance: Random) -> None:
    types = tuple(additive_type(chance, 700 + at) for at in range(4))
    desk = scene(chance, types)
    for one in types:
        for _ in range(4):
            params = params_of(chance, one, desk.now)
            look = planned(desk, params)
            if look is None:
                continue
            made = derived(desk, look, short_sighted)
            assert made is None or made == body_of(desk, params), params


def test_a_window_of_a_limited_type_sees_the_bookings_that_fill_its_last_week() -> None:
    weekly = EventType(700, "weekly", "T", 30, owner_id=1, limits_count=Limits(week=1))
    desk = scene(Random(3), (weekly,))
    monday = desk.now.date() - timedelta(days=desk.now.weekday())
    sunday = monday + timedelta(days=WINDOW_DAYS - 1)
    state = desk.world.state
    always = replace(state.schedules[301], availability=(Rule(tuple(range(7)), 540, 1020),), overrides=())
    wednesday = datetime(sunday.year, sunday.month, sunday.day, 12, tzinfo=UTC) + timedelta(days=3)
    booking = Booking(
        1, "b", "accepted", wednesday, wednesday, 700, 1, (1,), (), created_at=desk.now, updated_at=desk.now
    )
    state = replace(state, schedules=state.schedules.set(301, always), bookings=PersistentMap())
    desk.sim.world = World(replace(state, agenda=PersistentMap()).with_booking(booking), desk.now)
    params = {"eventTypeId": "700", "start": str(sunday - timedelta(days=1)), "end": str(sunday)}

    def cut_out(margin: int) -> bytes | None:
        query = parse(urlencode(params), VERSION)
        assert query is not None
        look = look_of(desk.account, query, VERSION, desk.now, Verdict(margin=margin))
        return None if look is None else derived(desk, look, short_sighted)

    # Cal.com's weeks begin on Sunday, so the booking fills that of the window's last day.
    assert f'"{sunday}"'.encode() not in body_of(desk, params)
    assert cut_out(WEEK_MARGIN) == body_of(desk, params)
    assert f'"{sunday}"'.encode() in (cut_out(DAY_MARGIN) or b"")
