"""The scenarios as commands, small: what they show, and that they can fail."""

from __future__ import annotations

import pytest

from tests.acceptance.harness import IS_SOAK, played

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


@pytest.mark.timeout(250)
def test_alternatives_take_one_call_and_can_be_booked() -> None:
    _, report = played("alternatives", "--wishes", "4", "--warm", "50", "--bookings", "3")
    rows = {row[0]: row for row in report["tables"][0]["rows"]}
    # Calls: the last but one column.
    assert (rows["Calgate, cold"][-2], rows["Calgate, warm"][-2]) == (4, 0), report
    assert rows["days at once"][-2] >= 3 * 4
    figures = report["figures"]
    assert figures["alternatives booked"] >= 1
    gates = {gate["name"]: gate["seen"] for gate in report["gates"]}
    assert gates["alternatives that could not be booked"] == 0
    assert gates["alternatives that the calendar does not have"] == 0


@pytest.mark.timeout(7_200)
def test_a_fleet_that_shares_a_key_makes_calls_and_is_judged() -> None:
    """In full: an hour and a half as in life, ten minutes of it without Redis. The short form is too fast to judge."""
    if IS_SOAK:
        argv = ("--speed", "1", "--windows", "28", "--kill-redis", "600")
        code, report = played("budget", *argv, timeout=7_000)
        failed = [gate["name"] for gate in report["gates"] if not gate["passed"]]
        assert (code, failed) == (0, []), report
        return
    _, report = played("budget", "--speed", "20", "--windows", "1", "--booking-windows", "0")
    assert report["figures"]["alone"]["arrived"] > 0, report
    assert report["figures"]["beside another"]["arrived"] > 0, report
    assert len(report["gates"]) == 8, report
