"""What the simulation of the breaker finds, and that it can find something."""

import random
from itertools import islice, pairwise

import pytest

from core.clock import SystemClock
from loadtest.scenarios.breaking import DAYS, Day, closed_path, failing, false_opens, outage
from proxy.breaker.machine import Terms

TERMS = Terms(slow=55)


@pytest.mark.parametrize("day", DAYS, ids=lambda day: day.name)
def test_no_kind_of_day_opens_the_breaker(day: Day) -> None:
    assert false_opens(day, TERMS, 5_000, seed=1) == 0


def test_a_breaker_that_is_easily_frightened_is_found_out() -> None:
    assert false_opens(DAYS[0], Terms(failures=2), 5_000, seed=1) > 0


def test_slow_teams_would_open_one_that_takes_slow_for_bad() -> None:
    assert false_opens(DAYS[-1], Terms(slow=30), 200, seed=1) > 0


@pytest.mark.parametrize("seed", range(10))
def test_an_outage_after_a_quiet_time_is_seen_in_five_calls_and_by_a_fleet_in_one_more(seed: int) -> None:
    assert outage(0.0, 1, TERMS, seed, repeats=False).calls == 5
    assert outage(0.0, 4, TERMS, seed, repeats=False).calls <= 6


def test_bursts_have_the_share_and_the_length_that_was_asked_for() -> None:
    made = list(islice(failing(0.05, 0.25, random.Random(1)), 100_000))
    again = [later for failed, later in pairwise(made) if failed]
    assert sum(made) / len(made) == pytest.approx(0.05, rel=0.1)
    assert sum(again) / len(again) == pytest.approx(0.25, rel=0.1)


async def test_the_closed_path_can_be_timed() -> None:
    assert 0 < closed_path(SystemClock()) < 1_000
