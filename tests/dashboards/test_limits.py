import pytest

from alerts.objectives import OBJECTIVES
from dashboards.limits import GREEN, ORANGE, RED, Step, limits


def test_a_bound_from_above_turns_red_at_the_threshold() -> None:
    assert limits("pending_invalidation") == (
        Step(GREEN, None),
        Step(RED, OBJECTIVES["pending_invalidation"].threshold),
    )


def test_a_bound_from_below_is_red_until_the_threshold() -> None:
    assert limits("hit_ratio") == (Step(RED, None), Step(GREEN, OBJECTIVES["hit_ratio"].threshold))


def test_two_bounds_warn_before_they_alarm() -> None:
    assert [step.colour for step in limits("rate_limit_use", "rate_limit_headroom")] == [GREEN, ORANGE, RED]


def test_none_at_all_is_still_green_at_zero() -> None:
    zero, red = limits("rate_limited")
    assert zero.colour == GREEN
    assert red.value is not None
    assert 0 < red.value < 1


def test_a_share_is_the_bound_when_asked_for() -> None:
    assert limits("latency_normal", share=True)[1].value == OBJECTIVES["latency_normal"].share


def test_an_objective_without_a_share_has_none_to_ask_for() -> None:
    with pytest.raises(ValueError, match="hit_ratio"):
        limits("hit_ratio", share=True)
