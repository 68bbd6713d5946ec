"""Which windows answer which looks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlencode

import pytest

from calcom.ranges import Look, look_of
from calcom.slots import parse
from tests.calcom.ranges.test_additive import PLAIN, account

VERSION = "2024-09-04"
NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)  # a Wednesday
MONDAY = date(2026, 3, 2)


def looked(start: str, end: str, **params: str) -> Look | None:
    several = replace(PLAIN, id=8, lengths=frozenset({15, 30}))
    weekly = replace(PLAIN, id=9, limits_count=(("week", 3),))
    query = parse(urlencode({"eventTypeId": "7", "start": start, "end": end, **params}), VERSION)
    assert query is not None
    return look_of(account(PLAIN, several, weekly), query, VERSION, NOW)


def of_days(ahead: int, days: int, **params: str) -> Look:
    first = NOW.date() + timedelta(days=ahead)
    look = looked(str(first), str(first + timedelta(days=days - 1)), **params)
    assert look is not None
    return look


def asked(look: Look) -> list[tuple[str, str]]:
    found = [dict(one.query.parameters) for one in look.windows]
    return [(one["start"], one["end"]) for one in found]


def test_all_looks_of_a_month_from_today_share_one_window() -> None:
    (first,) = of_days(0, 7).windows
    assert {one.query.key for days in (7, 14, 30) for one in of_days(0, days).windows} == {first.query.key}
    # From the day before this week's Monday to the day after six weeks.
    assert asked(of_days(0, 30)) == [("2026-03-01", "2026-04-13")]


def test_looks_that_begin_within_a_month_share_two_windows() -> None:
    keys = {one.query.key for at in range(30) for days in (7, 14, 30) for one in of_days(at, days).windows}
    assert len(keys) == 2


def test_windows_of_a_type_with_limits_hold_whole_weeks_around_their_days() -> None:
    look = of_days(0, 7, eventTypeId="9")
    assert asked(look) == [("2026-02-22", "2026-04-20")]


def test_a_window_is_a_query_like_any_other() -> None:
    (window,) = of_days(0, 7, timeZone="Asia/Kathmandu", format="Range").windows
    assert window.query == parse(window.query_string, VERSION)
    assert dict(window.query.parameters) == {
        "eventTypeId": "7",
        "start": "2026-03-01",
        "end": "2026-04-13",
        "timeZone": "Asia/Kathmandu",
        "format": "range",
    }


def test_looks_in_all_zones_of_whole_hours_share_the_windows_of_utc() -> None:
    shared = of_days(0, 7, timeZone="UTC")
    assert shared.borrows is None
    for name in ("", "GMT", "Europe/Berlin", "America/Los_Angeles", "Pacific/Auckland"):
        look = of_days(0, 7, **({"timeZone": name} if name else {}))
        assert look.borrows == name
        assert look.is_told == (name not in ("", "GMT"))
        assert [one.query for one in look.windows] == [one.query for one in shared.windows]


@pytest.mark.parametrize(
    ("zone", "minutes", "borrows"),
    [
        ("Asia/Kolkata", 30, True),
        ("Asia/Kolkata", 15, True),
        ("Asia/Kolkata", 60, False),
        ("Asia/Kolkata", 20, False),
        ("Asia/Kathmandu", 15, True),
        ("Asia/Kathmandu", 5, True),
        ("Asia/Kathmandu", 30, False),
        ("Asia/Kathmandu", 10, False),
        ("Pacific/Chatham", 15, True),
        ("Pacific/Chatham", 60, False),
        ("Europe/Berlin", 60, True),
    ],
)
def test_a_zone_borrows_where_its_clock_is_off_by_a_multiple_of_the_step(
    zone: str, minutes: int, borrows: bool
) -> None:
    stepped = replace(PLAIN, lengths=frozenset({90}), slot_interval=minutes)
    query = parse(
        urlencode({"eventTypeId": "7", "start": "2026-03-05", "end": "2026-03-09", "timeZone": zone}), VERSION
    )
    assert query is not None
    look = look_of(account(stepped), query, VERSION, NOW)
    assert look is not None
    assert look.borrows == (zone if borrows else None)
    assert dict(look.windows[0].query.parameters)["timeZone"] == ("UTC" if borrows else zone)


@pytest.mark.parametrize(
    ("first", "minutes", "borrows"),
    [(date(2015, 6, 2), 60, True), (date(2015, 7, 21), 60, False), (date(2015, 7, 21), 30, True)],
)
def test_a_clock_that_is_off_by_half_an_hour_later_in_the_window_counts(
    first: date, minutes: int, borrows: bool
) -> None:
    """On 15 August 2015 the clocks of Pyongyang went back from +09:00 to +08:30."""
    values = {
        "eventTypeId": "7",
        "start": first,
        "end": first + timedelta(days=3),
        "timeZone": "Asia/Pyongyang",
    }
    query = parse(urlencode(values), VERSION)
    assert query is not None
    now = datetime(first.year, first.month, first.day, tzinfo=UTC)
    look = look_of(account(replace(PLAIN, lengths=frozenset({minutes}))), query, VERSION, now)
    assert look is not None
    assert (look.borrows is not None) == borrows


def test_a_zone_that_is_set_apart_has_windows_of_its_own() -> None:
    query = parse("eventTypeId=7&start=2026-03-05&end=2026-03-09&timeZone=Europe/Berlin", VERSION)
    assert query is not None
    look = look_of(account(PLAIN), query, VERSION, NOW, may_borrow=False)
    assert look is not None
    assert look.borrows is None
    assert dict(look.windows[0].query.parameters)["timeZone"] == "Europe/Berlin"


def test_saying_the_default_format_changes_nothing() -> None:
    assert of_days(0, 7, format="time").windows == of_days(0, 7).windows
    assert of_days(0, 7, format="range").windows != of_days(0, 7).windows


def test_a_look_over_the_end_of_a_window_takes_the_rest_from_the_next() -> None:
    look = of_days(3, 45)
    assert [(one.first, one.last) for one in look.windows] == [
        (date(2026, 3, 7), MONDAY + timedelta(days=41)),
        (MONDAY + timedelta(days=42), date(2026, 4, 20)),
    ]


def test_a_look_that_needs_three_windows_is_asked_as_it_is() -> None:
    assert of_days(0, 60)
    assert looked("2026-03-04", "2026-06-30") is None


@pytest.mark.parametrize("ahead", [-400, -30, -3, 0, 3, 27, 28, 29, 40, 41, 42, 300])
@pytest.mark.parametrize("days", [1, 7, 14, 30, 42])
def test_every_day_of_a_look_is_taken_from_one_window_that_has_it(ahead: int, days: int) -> None:
    look = of_days(ahead, days)
    first, last = look.earliest.date(), look.latest.date()
    taken = []
    for one in look.windows:
        values = dict(one.query.parameters)
        assert date.fromisoformat(values["start"]) < one.first <= one.last < date.fromisoformat(values["end"])
        taken += [one.first + timedelta(days=at) for at in range((one.last - one.first).days + 1)]
    assert taken == [first + timedelta(days=at) for at in range((last - first).days + 1)]


def test_a_midnight_end_is_the_whole_day_and_a_slot_must_end_by_it() -> None:
    for end in ("2026-03-05", "2026-03-05T00:00:00Z", "2026-03-05T02:00:00+02:00"):
        look = looked("2026-03-05T10:30:30Z", end)
        assert look is not None
        assert look.earliest == datetime(2026, 3, 5, 10, 30, 30, tzinfo=UTC)
        assert look.latest == datetime(2026, 3, 5, 23, 30, tzinfo=UTC)


def test_days_are_those_of_the_booker() -> None:
    (window,) = of_days(1, 1, timeZone="Pacific/Auckland").windows
    assert (window.first, window.last) == (date(2026, 3, 5), date(2026, 3, 6))
    (window,) = of_days(1, 1, timeZone="America/Los_Angeles").windows
    assert (window.first, window.last) == (date(2026, 3, 4), date(2026, 3, 5))


@pytest.mark.parametrize(
    "params",
    [
        {"bookingUidToReschedule": "uid"},
        {"rrHostSubsetIds": "3"},
        {"eventTypeId": "10"},
        {"eventTypeId": "8"},
        {"duration": "45"},
        {"timeZone": "Australia/Lord_Howe"},
        {"timeZone": "Mars/Olympus"},
        {"timeZone": ""},
        {"timeZone": "../../etc/passwd"},
        {"start": "2026-W10"},
        {"start": "20260305"},
        {"start": "2026-03-05T10:00:00 02:00"},
        {"start": "0001-01-01"},
        {"end": "9999-12-31"},
        {"end": "2026-02-30"},
        {"end": "2026-03-04"},
        {"end": "2026-03-05T00:10:00Z"},
    ],
    ids=str,
)
def test_what_is_not_certain_is_asked_as_it_is(params: dict[str, str]) -> None:
    values = {"start": "2026-03-05", "end": "2026-03-06"} | params
    assert looked(**values) is None


def test_a_duration_that_the_type_offers_is_shared() -> None:
    assert of_days(0, 7, eventTypeId="8", duration="15").windows[0].query.parameters[0] == ("duration", "15")


def test_other_selectors_are_asked_as_they_are() -> None:
    query = parse("eventTypeSlug=intro&username=ada&start=2026-03-05&end=2026-03-06", VERSION)
    assert query is not None
    assert look_of(account(PLAIN), query, VERSION, NOW) is None
