"""Days of changes and of answers, in UTC, wide enough for every zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calcom.reach import Span, Stretch
from calcom.reach.spans import period_around
from calcom.simulator import zones

ZONES = ("UTC", "Pacific/Kiritimati", "Etc/GMT+12", "Asia/Kolkata", "America/St_Johns", "Pacific/Chatham")
INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def test_a_stretch_is_told_by_its_days_or_where_it_is_short_by_its_hours() -> None:
    start = datetime(2026, 3, 5, 22, tzinfo=UTC)
    lengths = [timedelta(minutes=30), timedelta(hours=3), timedelta(hours=24)]
    assert [str(Stretch(start, start + one)) for one in lengths] == [
        "2026-03-05 22:00 to 22:30 UTC",
        "2026-03-05 22:00 to 2026-03-06 01:00 UTC",
        "2026-03-05..2026-03-06",
    ]


def test_the_days_of_another_offset_are_reckoned_in_utc() -> None:
    late = datetime(2026, 3, 5, 20, tzinfo=timezone(timedelta(hours=-8)))
    assert Stretch(late, late).days() == Span(date(2026, 3, 6), date(2026, 3, 6))


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


def test_stretches_meet_on_a_shared_instant() -> None:
    noon = datetime(2026, 3, 5, 12, tzinfo=UTC)
    hour = timedelta(hours=1)
    assert Stretch(noon, noon + hour).meets(Stretch(noon + hour, noon + 2 * hour))
    assert not Stretch(noon, noon + hour).meets(Stretch(noon + 2 * hour, noon + 3 * hour))
