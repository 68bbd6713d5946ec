"""A wish is read by the caller's clock."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from calcom.alternatives import wish_of

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "zone", "shown"),
    [
        ("2026-12-01T10:00", "Europe/Berlin", "2026-12-01T10:00:00+01:00"),
        ("2026-12-01T10:00:00Z", "Europe/Berlin", "2026-12-01T11:00:00+01:00"),
        ("2026-12-01T23:30:00.000Z", "Europe/Berlin", "2026-12-02T00:30:00+01:00"),
        ("2026-12-01T10:00+01:00", "America/New_York", "2026-12-01T04:00:00-05:00"),
        # A plus that nobody escaped.
        ("2026-12-01T10:00:00 01:00", "Europe/Berlin", "2026-12-01T10:00:00+01:00"),
        ("2026-12-01 10:00", "Europe/Berlin", "2026-12-01T10:00:00+01:00"),
        ("2026-12-01T10:00:59.999", "Europe/Berlin", "2026-12-01T10:00:00+01:00"),
        ("2026-12-01T10:00", "Pacific/Chatham", "2026-12-01T10:00:00+13:45"),
        # Skipped by the clocks, and shown twice.
        ("2027-03-28T02:30", "Europe/Berlin", "2027-03-28T03:30:00+02:00"),
        ("2026-10-25T02:30", "Europe/Berlin", "2026-10-25T02:30:00+02:00"),
        ("2026-10-25T02:30+01:00", "Europe/Berlin", "2026-10-25T02:30:00+01:00"),
        ("2026-10-04T02:15", "Australia/Lord_Howe", "2026-10-04T02:45:00+11:00"),
    ],
)
def test_a_moment_is_shown_as_the_callers_clock_shows_it(text: str, zone: str, shown: str) -> None:
    wish = wish_of(text, ZoneInfo(zone))
    assert wish.start.isoformat() == shown
    assert not wish.is_day


def test_a_date_is_the_whole_day_and_begins_with_it() -> None:
    wish = wish_of("2026-12-01", BERLIN)
    assert (wish.is_day, wish.day, wish.instant) == (
        True,
        date(2026, 12, 1),
        datetime(2026, 11, 30, 23, tzinfo=UTC),
    )


def test_a_day_whose_midnight_the_clocks_skip_begins_when_it_does() -> None:
    assert wish_of("2026-04-24", ZoneInfo("Africa/Cairo")).start.isoformat() == "2026-04-24T01:00:00+03:00"


def test_minutes_to_a_moment_are_those_that_pass() -> None:
    before = wish_of("2026-10-25T01:30", BERLIN)
    after = wish_of("2026-10-25T03:30", BERLIN)
    assert before.minutes_to(after.start) == 180
    assert after.minutes_to(before.start) == -180


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "2026-13-01",
        "2026-02-30",
        "2026-12-01T24:00",
        "2026-12-01T10",
        "2026-12-01T10:00+1",
        "2026-12-01T10:00+25:00",
        "2026-12-01T10:00:00.",
        "2026-W49-2",
        "20261201",
        "1764583200",
        "2026-12-01T10:00Zulu",
        "٢٠٢٦-12-01",
        "2026-12-01\n",
        "0000-01-01",
        "0001-01-01T00:00+14:00",
        "9999-12-31T23:59-12:00",
    ],
)
def test_what_is_no_wish_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # whichever: whoever asks says what is wanted
        wish_of(text, BERLIN)
