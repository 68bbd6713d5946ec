"""Gates and tables."""

from __future__ import annotations

import pytest

from loadtest.scenarios.report import Gate, Report, Table, at_least, at_most, exactly


@pytest.mark.parametrize(
    ("gate", "passed"),
    [
        (at_least("x", 2, 2), True),
        (at_least("x", 1.9, 2), False),
        (at_most("x", 2, 2), True),
        (at_most("x", 2.1, 2), False),
        (exactly("x", 1, 1), True),
        (exactly("x", 2, 1), False),
    ],
)
def test_a_gate_is_passed_at_its_bound_and_not_beyond(gate: Gate, passed: bool) -> None:
    assert gate.passed is passed


@pytest.mark.parametrize("make", [at_least, at_most, exactly])
def test_what_was_never_seen_passes_no_gate(make: type) -> None:
    assert not make("x", None, 0).passed


def test_a_report_passes_only_with_all_its_gates() -> None:
    gates = [exactly("one", 1, 1), exactly("two", 1, 2)]
    assert not Report("s", 1, 0.0, {}, gates).passed
    assert Report("s", 1, 0.0, {}, gates[:1]).passed


def test_a_report_tells_its_seed_and_every_gate_in_both_forms() -> None:
    report = Report("s", 7, 1.0, {"calls": 3, "words": {"hit": 2}}, [exactly("one", 2, 1)])
    text = "\n".join(report.lines())
    assert "seed 7" in text
    assert "FAILED  one: 2 (wanted: 1)" in text
    assert report.as_json()["gates"] == [{"name": "one", "seen": 2, "wanted": "1", "passed": False}]


def test_columns_are_aligned() -> None:
    table = Table("t", ("name", "n"), [("a", 1), ("bbbbbb", 1000)])
    assert table.lines() == ["t", "name        n", "a           1", "bbbbbb  1,000"]
