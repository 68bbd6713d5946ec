"""Days of changes and of answers, in UTC, wide enough for every zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calcom.reach import Span, entry_days
from calcom.reach.spans import Stretch, period_around
from calcom.simulator import zones

ZONES = ("UTC", "Pacific/Kiritimati", "Etc/GMT+12", "Asia/Kolkata", "America/St_Johns", "Pacific/Chatham")
INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def test_an_entry_depends_on_the_days_its_slots_may_fall_on_in_any_zone() -> None:
    start, end = datetime(2026, 3, 5, tzinfo=UTC), datetime(2026, 3, 5, 23, 59, 59, tzinfo=UTC)
    assert entry_days(start, end) == Span(date(2026, 3, 4), date(2026, 3, 6))
    noon = datetime(2026, 3, 5, 10, tzinfo=UTC)
    assert entry_days(noon, noon) == Span(date(2026, 3, 4), date(2026, 3, 6))


def test_an_entry_of_another_offset_is_reckoned_in_utc() -> None:
    late = datetime(2026, 3, 5, 20, tzinfo=timezone(timedelta(hours=-8)))
    assert entry_days(late, late) == Span(date(2026, 3, 5), date(2026, 3, 6))


@given(INSTANTS, st.sampled_from(ZONES), st.sampled_from(("day", "week", "month", "year")))
def test_a_period_holds_that_of_every_zone(instant: datetime, zone: str, period: str) -> None:
    ordinal = instant.astimezone(ZoneInfo(zone)).toordinal()
    begin, end, _ = zones.period_at(zone, period, ordinal)
    around = period_around(period, Stretch(instant, instant))
    assert around is not None
    assert around.start.timestamp() <= begin
    assert around.end.timestamp() >= end


@given(INSTANTS, st.sampled_from(ZONES))
def test_a_week_is_that_from_sunday_and_that_from_monday(instant: datetime, zone: str) -> None:
    day = instant.astimezone(ZoneInfo(zone)).date()
    around = period_around("week", Stretch(instant, instant))
    assert around is not None
    for first in (day - timedelta(days=day.weekday()), day - timedelta(days=(day.weekday() + 1) % 7)):
        begin = datetime(first.year, first.month, first.day, tzinfo=ZoneInfo(zone))
        assert around.start <= begin
        assert around.end >= begin + timedelta(days=7)


@pytest.mark.parametrize("period", ["day", "week", "month", "year"])
@pytest.mark.parametrize("year", [1, 9999])
def test_the_ends_of_the_calendar_are_everywhere(period: str, year: int) -> None:
    edge = datetime(1, 1, 1, tzinfo=UTC) if year == 1 else datetime(9999, 12, 31, 23, tzinfo=UTC)
    assert period_around(period, Stretch(edge, edge)) is None


def test_spans_meet_on_a_shared_day() -> None:
    march = Span(date(2026, 3, 1), date(2026, 3, 31))
    assert march.meets(Span(date(2026, 3, 31), date(2026, 4, 2)))
    assert not march.meets(Span(date(2026, 4, 1), date(2026, 4, 2)))
    assert (str(march), str(Span(date(2026, 3, 1), date(2026, 3, 1)))) == (
        "2026-03-01..2026-03-31",
        "2026-03-01",
    )
