"""Zones as they are shown, held against the time zone database itself."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from random import Random
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import given, settings
from hypothesis import strategies as st

from calcom.ranges.zones import begins_alike, is_plain, told

NAMES = sorted(available_timezones() - {"localtime"})
CHANGES = {
    # Zones and days of UTC on which their clocks change, in the oddest ways there are.
    "Europe/Berlin": date(2026, 3, 29),
    "Asia/Beirut": date(2026, 10, 24),
    "America/Nuuk": date(2026, 10, 25),
    "America/Havana": date(2026, 11, 1),
    "Pacific/Chatham": date(2026, 4, 4),
    "Australia/Lord_Howe": date(2026, 4, 4),
    "Africa/Casablanca": date(2026, 2, 15),
    "Antarctica/Troll": date(2026, 3, 29),
    "Asia/Kathmandu": date(1985, 12, 31),
    "Pacific/Apia": date(2011, 12, 30),
}


def shown(day: date, zone: ZoneInfo) -> None:
    """Every minute of a day of UTC is shown as Python's own arithmetic has it."""
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    moments = [begin + timedelta(minutes=minute) for minute in range(1440)]
    text = '"%s":[%s]' % (  # noqa: UP031
        day,
        ",".join('{"start":"%s:00.000Z"}' % one.strftime("%Y-%m-%dT%H:%M") for one in moments),  # noqa: UP031
    )
    found = [one.astimezone(zone) for one in moments]
    slots = [(str(one.date()), '{"start":"%s"}' % one.isoformat(timespec="milliseconds")) for one in found]  # noqa: UP031
    wanted = tuple(
        (date.encode(), ",".join(slot for _, slot in group).encode())
        for date, group in groupby(slots, lambda one: one[0])
    )
    assert told(text.encode(), zone) == wanted


def test_days_on_which_clocks_change_are_shown_minute_by_minute() -> None:
    for name, day in CHANGES.items():
        for at in (-1, 0, 1):
            shown(day + timedelta(days=at), ZoneInfo(name))


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(NAMES), st.dates(date(1990, 1, 1), date(2037, 12, 31)))
def test_any_day_of_any_zone_is_shown_minute_by_minute(name: str, day: date) -> None:
    shown(day, ZoneInfo(name))


def test_a_zone_begins_alike_only_where_every_offset_fits_the_step() -> None:
    chance = Random(1)
    for name in chance.sample(NAMES, 60):
        zone, first = ZoneInfo(name), date(2026, 1, 1) + timedelta(days=chance.randrange(365))
        last = first + timedelta(days=44)
        begin = datetime(first.year, first.month, first.day, tzinfo=UTC) - timedelta(days=1)
        offsets = {(begin + timedelta(hours=hour)).astimezone(zone).utcoffset() for hour in range(24 * 47)}
        for minutes in (5, 10, 15, 20, 30, 60):
            fits = all(one is not None and one.total_seconds() % (60 * minutes) == 0 for one in offsets)
            assert begins_alike(zone, timedelta(minutes=minutes), first, last) == fits, name


def test_a_change_on_the_last_day_counts() -> None:
    lord_howe = ZoneInfo("Australia/Lord_Howe")  # +11:00, and +10:30 from 4 April 2026, 15:00 UTC
    half, hour = timedelta(minutes=30), timedelta(hours=1)
    assert begins_alike(lord_howe, hour, date(2026, 3, 1), date(2026, 4, 2))
    assert not begins_alike(lord_howe, hour, date(2026, 3, 1), date(2026, 4, 3))
    assert begins_alike(lord_howe, half, date(2026, 3, 1), date(2026, 4, 20))


def test_only_utc_and_gmt_are_written_without_an_offset() -> None:
    assert [name for name in ("", "UTC", "utc", "GMT", "Etc/UTC", "Europe/London") if is_plain(name)] == [
        "",
        "UTC",
        "utc",
        "GMT",
    ]
