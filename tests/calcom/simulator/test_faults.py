"""Which request suffers which fault."""

from typing import Any

import pytest

from calcom.simulator.faults import Fault, FaultError, Faults, parse


def standing(*bodies: dict[str, Any], now: float = 0.0) -> Faults:
    faults = Faults()
    for body in bodies:
        faults.add(parse(body, now))
    return faults


def kind(fault: Fault | None) -> str | None:
    return None if fault is None else fault.kind


def test_without_more_a_fault_hits_once_whatever_comes() -> None:
    faults = standing({"kind": "error"})
    assert [kind(faults.take(c, "GET", 1.0)) for c in ("people", "slots")] == ["error", None]


def test_without_more_an_empty_answer_is_for_slots() -> None:
    faults = standing({"kind": "empty"})
    assert kind(faults.take("bookings", "GET", 0.0)) is None
    assert kind(faults.take("slots", "GET", 0.0)) == "empty"


def test_a_time_without_a_count_hits_everything_until_then() -> None:
    faults = standing({"kind": "hang", "seconds": 5}, now=10.0)
    assert [kind(faults.take("slots", "GET", t)) for t in (10.0, 14.9, 15.0)] == ["hang", "hang", None]


def test_a_count_and_a_time_end_with_the_first_of_the_two() -> None:
    faults = standing({"kind": "error", "count": 2, "seconds": 5})
    assert [kind(faults.take("slots", "GET", t)) for t in (0, 1, 2)] == ["error", "error", None]
    faults = standing({"kind": "error", "count": 2, "seconds": 5})
    assert [kind(faults.take("slots", "GET", t)) for t in (0, 5)] == ["error", None]


def test_the_oldest_order_that_fits_is_taken_first() -> None:
    faults = standing({"kind": "error", "classes": ["bookings"]}, {"kind": "reset"}, {"kind": "hang"})
    assert [kind(faults.take("slots", "GET", 0)) for _ in range(3)] == ["reset", "hang", None]
    assert [fault["kind"] for fault in faults.list()] == ["error"]


def test_hits_are_counted() -> None:
    faults = standing({"kind": "error", "count": 3})
    faults.take("slots", "GET", 0)
    assert (faults.list()[0]["hits"], faults.list()[0]["left"]) == (1, 2)


def test_clearing_heals() -> None:
    faults = standing({"kind": "error", "seconds": 1000})
    faults.clear()
    assert faults.take("slots", "GET", 0) is None


@pytest.mark.parametrize(
    "body", [{}, {"kind": None}, {"kind": "error", "method": "get"}, {"kind": "error", "classes": []}]
)
def test_nonsense_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(FaultError):
        parse(body, 0.0)
