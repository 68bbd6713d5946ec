"""What is cut out of windows is what Cal.com answers: held against the simulator, byte for byte."""

from __future__ import annotations

from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calcom.ranges import is_additive
from tests.calcom.ranges.scenes import (
    additive_type,
    body_of,
    derived,
    params_of,
    planned,
    scene,
    short_sighted,
)

EMPTY = b'{"status":"success","data":{}}'
SLOW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


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
