"""Cutting and joining of answers, byte for byte."""

from __future__ import annotations

from datetime import datetime
from itertools import groupby
from zoneinfo import ZoneInfo

import orjson
import pytest

from calcom.ranges import NONE_LEFT, retold, slice_answer, split
from tests.calcom.ranges.test_looks import looked


def body(*days: str) -> bytes:
    return ('{"status":"success","data":{' + ",".join(days) + "}}").encode()


def day(date: str, *times: str) -> str:
    return f'"{date}":[' + ",".join('{"start":"%sT%s:00.000Z"}' % (date, one) for one in times) + "]"  # noqa: UP031


def body_of_day(date: str, slots: list[str]) -> bytes:
    return body(f'"{date}":[{",".join(slots)}]')


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
    assert cut("2026-03-05", "2026-03-05T09:29:58Z") == NONE_LEFT
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


def test_nothing_left_of_a_window_with_slots_is_an_empty_answer() -> None:
    assert cut("2026-03-06", "2026-03-06") == NONE_LEFT == body()
    assert cut("2026-03-06", "2026-03-06", timeZone="Europe/Berlin") == NONE_LEFT


def test_a_window_without_any_slot_says_nothing() -> None:
    assert cut("2026-03-06", "2026-03-06", body()) is None
    late = body(day("2026-04-20", "09:00"))
    assert cut("2026-03-08", "2026-04-16", WHOLE, body()) is None
    assert cut("2026-03-08", "2026-04-16", WHOLE, late) == NONE_LEFT


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


def told(body: bytes, zone: str) -> bytes | None:
    look = looked("2026-03-04", "2026-03-10", timeZone=zone)
    assert look is not None
    days = split(body)
    found = None if days is None else retold(days, look)
    return None if found is None else b'{"status":"success","data":{%b}}' % b",".join(found.texts.values())


def by_hand(body: bytes, zone: str) -> bytes:
    """The same by way of datetimes."""

    def local(text: str) -> str:
        return datetime.fromisoformat(text).astimezone(ZoneInfo(zone)).isoformat(timespec="milliseconds")

    times = ("start", "end")
    slots = [
        {name: local(value) if name in times else value for name, value in slot.items()}
        for slots in orjson.loads(body)["data"].values()
        for slot in slots
    ]
    days = {day: list(slots) for day, slots in groupby(slots, lambda slot: slot["start"][:10])}
    return orjson.dumps({"status": "success", "data": days})


@pytest.mark.parametrize(
    ("zone", "first"),
    [
        ("Europe/Berlin", "2026-03-04T10:00:00.000+01:00"),
        ("America/Los_Angeles", "2026-03-04T01:00:00.000-08:00"),
        ("Pacific/Kiritimati", "2026-03-04T23:00:00.000+14:00"),
        ("Asia/Kolkata", "2026-03-04T14:30:00.000+05:30"),
        ("Europe/London", "2026-03-04T09:00:00.000+00:00"),
    ],
)
def test_an_answer_in_utc_is_told_in_the_zone_of_the_look(zone: str, first: str) -> None:
    body = told(WHOLE, zone)
    assert body is not None
    assert next(iter(orjson.loads(body)["data"].values()))[0]["start"] == first
    assert body == by_hand(WHOLE, zone)


@pytest.mark.parametrize("zone", ["UTC", "GMT"])
def test_in_utc_it_stays_as_it_is(zone: str) -> None:
    assert told(WHOLE, zone) == WHOLE


def test_ends_and_seats_are_told_too_and_all_else_is_copied() -> None:
    seats = ',"seatsBooked":1,"seatsRemaining":4,"seatsTotal":5,"bookingUid":"T09:00:00.000Z"'
    slots = [
        '{"start":"2026-03-28T%s:00.000Z","end":"2026-03-29T%s:00.000Z"%s}' % (*times, seats)  # noqa: UP031
        for times in (("23:30", "00:30"), ("23:45", "01:45"))
    ]
    body = told(body_of_day("2026-03-28", slots), "Europe/Berlin")
    assert body == by_hand(body_of_day("2026-03-28", slots), "Europe/Berlin")
    assert b'"end":"2026-03-29T03:45:00.000+02:00"' in (body or b""), "clocks went forward meanwhile"


@pytest.mark.parametrize(
    ("zone", "date"),
    [
        ("Europe/Berlin", "2026-10-25"),  # an hour comes twice
        ("Asia/Beirut", "2026-10-24"),  # and the day begins twice
        ("America/Nuuk", "2026-10-25"),
        ("Africa/Casablanca", "2026-02-15"),
        ("Antarctica/Troll", "2026-03-29"),  # by two hours
    ],
)
def test_where_clocks_change_every_slot_has_its_own_offset(zone: str, date: str) -> None:
    times = [f"{hour:02}:{minute:02}" for hour in range(24) for minute in (0, 30)]
    whole = body(day(date, *times))
    assert told(whole, zone) == by_hand(whole, zone)


@pytest.mark.parametrize(
    "slot",
    [
        '{"start":"2026-03-04T09:00:00.000+00:00"}',
        '{"start":"2026-03-04T09:00:30.000Z"}',
        '{"start":"2026-03-04T09:00:00Z"}',
        '{"start":"2026-03-05T09:00:00.000Z"}',
        '{"start":"2026-03-04T24:00:00.000Z"}',
        '{"start":"2026-03-04T09:00:00.000Z","end":"2026-13-04T09:30:00.000Z"}',
        '{"start":"2026-03-04T09:00:00.000Z","end":"soon"}',
        '{"start":"2026-03-04T09:00:00.000Z","seatsTotal":1,"end":"2026-03-04T09:30:00.000Z"}',
        '{"end":"2026-03-04T09:30:00.000Z","start":"2026-03-04T09:00:00.000Z"}',
        '{"start":"2026-03-04T09:00:00.000Z","bookingUid":"a\\"b"}',
        '{"start":"2026-03-04T09:00:00.000Z","bookingUid":null}',
        '{"start":"2026-03-04T09:00:00.000Z"}, {"start":"2026-03-04T09:30:00.000Z"}',
    ],
)
def test_a_slot_that_is_not_as_utc_has_it_is_not_told(slot: str) -> None:
    plain = '{"start":"2026-03-04T08:00:00.000Z"}'
    assert told(body_of_day("2026-03-04", [plain]), "Europe/Berlin") is not None
    assert told(body_of_day("2026-03-04", [plain, slot]), "Europe/Berlin") is None
    assert (
        cut("2026-03-03", "2026-03-09", body_of_day("2026-03-04", [plain, slot]), timeZone="Europe/Berlin")
        is None
    )


def test_as_many_answers_are_needed_as_there_are_windows() -> None:
    assert cut("2026-03-04", "2026-03-04", WHOLE, WHOLE) is None
