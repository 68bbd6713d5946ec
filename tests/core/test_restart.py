"""core/restart.py"""

from hypothesis import given
from hypothesis import strategies as st

from core.restart import RestartPolicy

POLICY = RestartPolicy(second_seconds=0.5, longest_seconds=10.0, forget_seconds=60.0)


def test_the_first_death_is_answered_at_once() -> None:
    assert POLICY.wait([100.0], 100.0) == 0.0


def test_each_further_death_doubles_the_wait_up_to_the_longest() -> None:
    waits = [POLICY.wait([100.0] * deaths, 100.0) for deaths in range(1, 9)]
    assert waits == [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_old_deaths_are_forgotten() -> None:
    assert POLICY.wait([0.0, 1.0, 2.0, 100.0], 100.0) == 0.0
    assert POLICY.wait([40.0, 100.0], 100.0) == 0.5


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=5_000))
def test_the_wait_is_never_longer_than_the_longest(deaths: list[float]) -> None:
    assert 0.0 <= POLICY.wait(sorted(deaths), max(deaths)) <= 10.0
