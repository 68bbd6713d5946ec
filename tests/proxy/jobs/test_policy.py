"""Decisions about failed jobs."""

import random

import pytest

from proxy.jobs.policy import Dead, Retry, RetryPolicy, decide_after_failure, may_start

PATIENT = RetryPolicy(max_tries=4)


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 5), (2, 10), (3, 20)])
def test_the_back_off_doubles_from_five_seconds(attempt: int, seconds: float) -> None:
    rng = random.Random(7)
    delays = []
    for _ in range(500):
        decision = decide_after_failure(attempt, PATIENT, rng)
        assert isinstance(decision, Retry)
        delays.append(decision.delay_seconds)
    assert min(delays) >= 0.8 * seconds
    assert max(delays) <= 1.2 * seconds
    assert max(delays) - min(delays) > 0.3 * seconds, "jobs that fail together would come back together"


def test_the_third_failure_is_the_last() -> None:
    assert isinstance(decide_after_failure(2, RetryPolicy(), random.Random()), Retry)
    assert decide_after_failure(3, RetryPolicy(), random.Random()) == Dead()


def test_a_job_that_killed_three_workers_does_not_get_a_fourth() -> None:
    assert may_start(3, RetryPolicy())
    assert not may_start(4, RetryPolicy())
