"""Cutting and joining of answers, byte for byte."""

from __future__ import annotations

import pytest

from calcom.ranges import slice_answer, split
from tests.calcom.ranges.test_looks import looked


def body(*days: str) -> bytes:
    return ('{"status":"success","data":{' + ",".join(days) + "}}").encode()


def day(date: str, *times: str) -> str:
    return f'"{date}":[' + ",".join('{"start":"%sT%s:00.000Z"}' % (date, one) for one in times) + "]"  # noqa: UP031


WHOLE = body(
    day("2026-03-04", "09:00", "09:30"),
    day("2026-03-05", "09:00", "23:30", "23:45"),
    day("2026-03-07", "10:00"),
)


def cut(start: str, end: str, *bodies: bytes, **params: str) -> bytes | None:
    look = looked(start, end, **params)
    assert look is not None
    return slice_answer(look, bodies or (WHOLE,))


def test_days_outside_are_left_out_and_those_inside_copied() -> None:
    assert cut("2026-03-04", "2026-03-04") == body(day("2026-03-04", "09:00", "09:30"))
    assert cut("2026-03-06", "2026-03-20") == body(day("2026-03-07", "10:00"))


def test_a_slot_that_runs_over_the_end_is_left_out() -> None:
    assert cut("2026-03-05", "2026-03-05") == body(day("2026-03-05", "09:00", "23:30"))
    assert cut("2026-03-05", "2026-03-05T09:29:58Z") is None
    assert cut("2026-03-05", "2026-03-05T09:29:59Z") == body(day("2026-03-05", "09:00"))


def test_a_slot_over_midnight_is_left_out_when_the_range_ends_soon_after() -> None:
    assert cut("2026-03-05", "2026-03-06T00:10:00Z") == body(day("2026-03-05", "09:00", "23:30"))
    assert cut("2026-03-05", "2026-03-06T00:15:00Z") == body(day("2026-03-05", "09:00", "23:30", "23:45"))


def test_a_range_that_begins_in_a_day_shows_the_rest_of_it() -> None:
    assert cut("2026-03-04T09:30:00Z", "2026-03-04") == body(day("2026-03-04", "09:30"))
    assert cut("2026-03-04T10:00:00Z", "2026-03-05") == body(day("2026-03-05", "09:00", "23:30"))


def test_a_range_that_begins_in_the_minute_of_a_slot_is_asked() -> None:
    assert cut("2026-03-04T09:00:30Z", "2026-03-04") is None
    assert (
        cut(
            "2026-03-07T10:00:30Z", "2026-03-08", body(day("2026-03-07", "10:00"), day("2026-03-08", "10:00"))
        )
        is None
    )
    assert cut("2026-03-04T09:01:30Z", "2026-03-04") == body(day("2026-03-04", "09:30"))


def test_nothing_left_is_asked_for() -> None:
    assert cut("2026-03-06", "2026-03-06") is None
    assert cut("2026-03-06", "2026-03-06", body()) is None


def test_two_windows_are_joined_without_repeating_a_day() -> None:
    late = day("2026-04-10", "09:00")
    both = day("2026-04-12", "09:00")
    next_day = day("2026-04-13", "09:00")
    made = cut("2026-03-07", "2026-04-20", body(late, both, next_day), body(late, both, next_day))
    assert made == body(late, both, next_day)


def test_fields_of_a_seat_are_copied_as_they_are() -> None:
    seats = '"seatsBooked":1,"seatsRemaining":4,"seatsTotal":5,"bookingUid":"aB-1_"'
    slots = [
        '{"start":"2026-03-04T%s:00.000Z","end":"2026-03-04T10:00:00.000Z",%s}' % (one, seats)  # noqa: UP031
        for one in ("09:00", "09:30")
    ]
    whole = body(f'"2026-03-04":[{slots[0]},{slots[1]}]')
    assert cut("2026-03-04", "2026-03-05", whole) == whole
    assert cut("2026-03-04T09:15:00Z", "2026-03-05", whole) == body(f'"2026-03-04":[{slots[1]}]')


@pytest.mark.parametrize(
    "odd",
    [
        b"",
        b"<html>",
        b'{"status":"error"}',
        b'{"data":{},"status":"success"}',
        b'{"status":"success","data":{},"message":"none"}',
        b'{"status":"success","data":{"2026-03-04":[]}}',
        b'{"status":"success","data":{"slots":{"2026-03-04":[{"start":"2026-03-04T09:00:00.000Z"}]}}}',
        b'{"status":"success","data":{"2026-03-04":[{"start":"2026-03-04T09:00:00.000Z","away":true}]}}',
        b'{"status":"success","data":{"2026-03-04":[{"start":]}}',
        b'{"status": "success", "data": {}}',
        body(day("2026-03-04", "09:00")) + b"\n",
        body(day("2026-03-05", "09:00"), day("2026-03-04", "09:00")),
        body(day("2026-03-04", "09:00"), day("2026-03-04", "10:00")),
        body('"2026-03-04":[1]'),
    ],
)
def test_what_is_not_understood_is_not_split(odd: bytes) -> None:
    assert split(odd) is None
    assert cut("2026-03-04", "2026-03-04", odd) is None


@pytest.mark.parametrize(
    "slots",
    [
        '{"end":"2026-03-04T09:30:00.000Z"}',
        '{"start":"soon"}',
        '{"start":1}',
        '{"start":"2026-03-04T09:30:00"}',
        '{"start":"2026-03-04T09:30:00.000Z"},{"start":"2026-03-04T09:00:00.000Z"}',
    ],
)
def test_slots_at_an_edge_that_are_not_understood_are_not_cut(slots: str) -> None:
    assert cut("2026-03-04T09:15:00Z", "2026-03-09", body(f'"2026-03-04":[{slots}]')) is None


def test_as_many_answers_are_needed_as_there_are_windows() -> None:
    assert cut("2026-03-04", "2026-03-04", WHOLE, WHOLE) is None
