"""Bounds and comparable answers (contract 4.1)."""

from __future__ import annotations

import pytest

from calcom.simulator.query import Slot, SlotsResult, bounds, canonical_of_body
from calcom.simulator.refusals import Refused


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [
        ("2050-09-05", "2050-09-06", "2050-09-05T00:00:00+00:00", "2050-09-06T23:59:59+00:00"),
        ("2050-09-05", "2050-09-05", "2050-09-05T00:00:00+00:00", "2050-09-05T23:59:59+00:00"),
        (
            "2050-09-05T00:00:00Z",
            "2050-09-06T00:00:00.000Z",
            "2050-09-05T00:00:00+00:00",
            "2050-09-06T23:59:59+00:00",
        ),
        (
            "2050-09-05T09:00:00",
            "2050-09-05T10:30:00Z",
            "2050-09-05T09:00:00+00:00",
            "2050-09-05T10:30:00+00:00",
        ),
        (
            "2050-09-05T09:00:00+02:00",
            "2050-09-06T02:00:00+02:00",
            "2050-09-05T07:00:00+00:00",
            "2050-09-06T23:59:59+00:00",
        ),
    ],
)
def test_an_end_at_midnight_includes_its_day_and_any_other_is_as_given(
    start: str, end: str, first: str, last: str
) -> None:
    assert tuple(one.isoformat() for one in bounds(start, end)) == (first, last)


@pytest.mark.parametrize(
    ("start", "end"),
    [("2050-09-06", "2050-09-05"), ("soon", "2050-09-05"), ("2050-09-05", ""), ("2050-13-01", "2051-01-01")],
)
def test_a_range_that_makes_no_sense_is_refused_in_the_contracts_words(start: str, end: str) -> None:
    with pytest.raises(Refused) as refusal:
        bounds(start, end)
    assert refusal.value.status == 400
    assert refusal.value.message == "Invalid time range given - check the 'start' and 'end' query parameters."


def test_an_answer_in_either_format_compares_equal_to_the_result() -> None:
    result = SlotsResult(
        {"2050-09-07": (Slot(2546154000, 2546155800), Slot(2546157600, 2546159400, 1, 5, "u"))}
    )
    body: dict[str, list[dict[str, object]]] = {
        "2050-09-07": [
            {"start": "2050-09-07T11:00:00.000+02:00", "end": "2050-09-07T11:30:00.000+02:00"},
            {
                "start": "2050-09-07T10:00:00.000Z",
                "seatsBooked": 1,
                "seatsRemaining": 4,
                "seatsTotal": 5,
                "bookingUid": "u",
            },
        ]
    }
    assert canonical_of_body(body) == result.canonical()
    assert result.days["2050-09-07"][1].seats_remaining == 4
