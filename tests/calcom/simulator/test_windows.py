"""Booking windows."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from calcom.simulator.model import BookingWindow
from calcom.simulator.windows import ROLLING_DAYS_CHECKED, fixed_window, rolling_end

NOW = int(datetime(2026, 3, 6, 8, tzinfo=UTC).timestamp())  # a Friday
TODAY = date(2026, 3, 6).toordinal()


def text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M")


@pytest.mark.parametrize(
    ("window", "zone", "end"),
    [
        (BookingWindow("calendarDays", 0), "UTC", "2026-03-07T00:00"),
        (BookingWindow("calendarDays", 3), "UTC", "2026-03-10T00:00"),
        (BookingWindow("businessDays", 1), "UTC", "2026-03-10T00:00"),
        (BookingWindow("businessDays", 6), "UTC", "2026-03-17T00:00"),
        (BookingWindow("calendarDays", 3), "Asia/Kolkata", "2026-03-09T18:30"),
        (BookingWindow("range", end=date(2026, 3, 20)), "UTC", "2026-03-21T00:00"),
    ],
)
def test_a_fixed_window_ends_with_its_last_day_in_the_events_zone(
    window: BookingWindow, zone: str, end: str
) -> None:
    assert text(fixed_window(window, zone, NOW)[1]) == end


def test_a_range_also_begins() -> None:
    first, _ = fixed_window(BookingWindow("range", start=date(2026, 3, 9)), "UTC", NOW)
    assert text(first) == "2026-03-09T00:00"


def test_a_rolling_window_counts_only_bookable_days() -> None:
    window = BookingWindow("calendarDays", 2, rolling=True)
    assert text(rolling_end(window, "UTC", NOW, [TODAY, TODAY + 4, TODAY + 5])) == "2026-03-11T00:00"


def test_a_rolling_window_of_business_days_counts_no_weekends() -> None:
    window = BookingWindow("businessDays", 2, rolling=True)
    days = [TODAY, TODAY + 1, TODAY + 2, TODAY + 3, TODAY + 4]
    assert text(rolling_end(window, "UTC", NOW, days)) == "2026-03-10T00:00"


def test_a_rolling_window_with_nothing_bookable_is_over_before_today() -> None:
    assert (
        text(rolling_end(BookingWindow("calendarDays", 2, rolling=True), "UTC", NOW, []))
        == "2026-03-06T00:00"
    )


def test_a_rolling_window_stops_looking_after_61_days() -> None:
    window = BookingWindow("calendarDays", 2, rolling=True)
    days = [TODAY, TODAY + ROLLING_DAYS_CHECKED + 1]
    assert text(rolling_end(window, "UTC", NOW, days)) == "2026-03-07T00:00"
