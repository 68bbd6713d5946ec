"""Zone arithmetic."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from calcom.simulator import zones
from calcom.simulator.model import Period


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def test_a_zone_is_found_in_any_casing() -> None:
    assert zones.zone("europe/BERLIN").key == "Europe/Berlin"


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc", "Europe"])
def test_an_unknown_zone_is_named_in_the_error(name: str) -> None:
    with pytest.raises(ValueError, match="is no IANA time zone"):
        zones.zone(name)


def test_a_day_of_the_change_to_summer_time_has_23_hours() -> None:
    ordinal = date(2026, 3, 29).toordinal()
    day = zones.midnight("Europe/Berlin", ordinal + 1) - zones.midnight("Europe/Berlin", ordinal)
    assert day == 23 * 3600


def test_a_skipped_wall_time_reads_as_after_the_skip() -> None:
    ordinal = date(2026, 3, 29).toordinal()
    assert zones.local_time("Europe/Berlin", ordinal, 150) == at("2026-03-29T01:30")
    assert zones.local_time("Europe/Berlin", ordinal, 1440) == at("2026-03-29T22:00")


def test_offsets_of_odd_zones() -> None:
    assert zones.offset_at("Asia/Kolkata", at("2026-03-03T00:00")) == 19_800
    assert zones.offset_at("Pacific/Chatham", at("2026-03-03T00:00")) == 13 * 3600 + 2700


def test_an_instant_falls_on_the_local_day() -> None:
    assert zones.ordinal_at("Pacific/Chatham", at("2026-03-03T12:00")) == date(2026, 3, 4).toordinal()


@pytest.mark.parametrize(
    ("period", "start", "end"),
    [
        ("day", "2026-03-04T00:00", "2026-03-05T00:00"),
        ("week", "2026-03-01T00:00", "2026-03-08T00:00"),
        ("month", "2026-03-01T00:00", "2026-04-01T00:00"),
        ("year", "2026-01-01T00:00", "2027-01-01T00:00"),
    ],
)
def test_periods_contain_their_day_and_weeks_begin_on_sunday(period: Period, start: str, end: str) -> None:
    first, last, following = zones.period_at("UTC", period, date(2026, 3, 4).toordinal())
    assert (first, last) == (at(start), at(end))
    assert zones.midnight("UTC", following) == last


def test_a_sunday_begins_its_own_week() -> None:
    first, _, _ = zones.period_at("UTC", "week", date(2026, 3, 8).toordinal())
    assert first == at("2026-03-08T00:00")
