"""The scenarios as commands, small: what they show, and that they can fail."""

from __future__ import annotations

import pytest

from tests.acceptance.harness import played

pytestmark = pytest.mark.acceptance


@pytest.mark.timeout(250)
def test_a_crowd_of_identical_misses_is_one_call() -> None:
    _, report = played("coalesce", "--misses", "500", "--trials", "1")
    assert (report["figures"]["calls"], report["figures"]["answered"]) == (1, 500), report


@pytest.mark.timeout(250)
def test_a_booking_leaves_no_untrue_answer_and_most_true_ones() -> None:
    code, report = played("invalidation", "--days", "12", "--writes", "0")
    assert code == 0, report
    dropped = report["figures"]["dropped by a write"]
    assert 0 < dropped["mean"] < report["figures"]["answers cached before a write"]
