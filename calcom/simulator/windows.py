"""Booking windows: how far ahead one may book (contract 8, row 7)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from calcom.simulator import zones
from calcom.simulator.intervals import Span
from calcom.simulator.model import BookingWindow

ROLLING_DAYS_CHECKED = 61  # a rolling window looks no further for bookable days
SATURDAY = 5
FAR = 1 << 40  # beyond every instant in question


def fixed_window(window: BookingWindow, zone: str, now: int) -> Span:
    """The bookable span of a window that does not roll, in the event's zone; days count from today."""
    if window.type == "range":
        first = 0 if window.start is None else zones.midnight(zone, window.start.toordinal())
        last = FAR if window.end is None else zones.midnight(zone, window.end.toordinal() + 1)
        return first, last
    last_day = zones.ordinal_at(zone, now)
    for _ in range(window.value):
        last_day += 1
        while window.type == "businessDays" and _is_weekend(last_day):
            last_day += 1
    return 0, zones.midnight(zone, last_day + 1)


def rolling_end(window: BookingWindow, zone: str, now: int, bookable_days: Iterable[int]) -> int:
    """End of a rolling window: after the `value`-th day that has slots, counted in the booker's zone.

    `bookable_days` are day ordinals from today on, ascending, those that still have a slot.
    """
    today = zones.ordinal_at(zone, now)
    counted, last = 0, today - 1
    for day in bookable_days:
        if counted == window.value or day > today + ROLLING_DAYS_CHECKED:
            break
        if day < today or (window.type == "businessDays" and _is_weekend(day)):
            continue
        counted, last = counted + 1, day
    return zones.midnight(zone, last + 1)


def _is_weekend(ordinal: int) -> bool:
    return date.fromordinal(ordinal).weekday() >= SATURDAY
