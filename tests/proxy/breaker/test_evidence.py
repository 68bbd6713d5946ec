import random
from collections.abc import Iterator

import pytest

from proxy.breaker.evidence import Evidence


def needed(evidence: Evidence) -> int:
    """Failures in a row until it is enough."""
    count = 0
    while not evidence.is_enough:
        evidence.failed()
        count += 1
    return count


def lived(outcomes: Iterator[bool], calls: int) -> Evidence:
    evidence = Evidence(failures=5)
    for _ in range(calls):
        if next(outcomes):
            evidence.failed()
        else:
            evidence.passed()
        assert not evidence.is_enough
    while evidence.is_any:
        evidence.passed()
    return evidence


def failing(share: float, again: float, seed: int) -> Iterator[bool]:
    """Whether each call fails: *share* of all, *again* of those that come after a failure."""
    dice, failed = random.Random(seed), False
    first = share * (1 - again) / (1 - share)
    while True:
        failed = dice.random() < (again if failed else first)
        yield failed


@pytest.mark.parametrize("failures", [1, 2, 5, 20])
def test_in_a_quiet_time_so_many_failures_in_a_row_are_enough(failures: int) -> None:
    assert needed(Evidence(failures=failures)) == failures


def test_a_good_hour_does_not_hide_the_outage_after_it() -> None:
    assert needed(lived(iter(lambda: False, None), 10_000)) == 5


def test_where_one_in_twenty_fails_it_takes_two_or_three_more() -> None:
    assert 6 <= needed(lived(failing(0.05, 0.05, seed=1), 20_000)) <= 8


def test_where_failures_come_in_bursts_it_takes_more_than_a_burst() -> None:
    assert needed(lived(failing(0.05, 0.3, seed=1), 20_000)) >= 9


def test_an_outage_is_not_taken_for_usual() -> None:
    evidence = Evidence(failures=5)
    for _ in range(10):
        assert needed(evidence) == 5
        evidence.reset()


def test_most_calls_failing_is_enough_without_a_run() -> None:
    evidence, outcomes = Evidence(failures=5), failing(0.7, 0.7, seed=1)
    calls = 0
    while not evidence.is_enough:
        calls += 1
        if next(outcomes):
            evidence.failed()
        else:
            evidence.passed()
    assert calls <= 50


def test_a_success_speaks_against_it_but_not_for_ever() -> None:
    evidence = Evidence(failures=5)
    for _ in range(4):
        evidence.failed()
    evidence.passed()
    evidence.failed()
    assert not evidence.is_enough
    evidence.failed()
    assert evidence.is_enough


def test_failures_elsewhere_are_never_enough_and_then_one_here_is() -> None:
    evidence = Evidence(failures=5)
    for _ in range(50):
        evidence.failed(elsewhere=True)
    assert not evidence.is_enough
    evidence.failed()
    assert evidence.is_enough


def test_many_successes_at_once_are_as_many_one_by_one() -> None:
    one, other = Evidence(failures=5), Evidence(failures=5)
    for evidence in (one, other):
        for _ in range(4):
            evidence.failed()
    one.passed(3)
    for _ in range(3):
        other.passed()
    assert repr(one) == repr(other)
    assert repr(one).startswith("Evidence(54% of an outage")
