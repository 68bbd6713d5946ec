"""Instants that a change touches and that a cached answer depends on, and the UTC days of either.

A change is reported as the instants at which a slot may begin, appear or vanish, wherever these are known that well.
An answer depends on the instants of its range as Cal.com reads it (contract 4.1); how it groups its slots by days of
the booker's zone (contract 8, row 4) makes no difference to that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

ZONE_MARGIN: Final = timedelta(hours=14)
"""No zone is further from UTC than this, on either side."""

DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Span:
    """UTC days from `first` to `last`, both included."""

    first: date
    last: date

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}..{self.last}"


@dataclass(frozen=True, slots=True, order=True)
class Stretch:
    """Instants from `start` to `end`, both included, aware."""

    start: datetime
    end: datetime

    def __str__(self) -> str:
        """Its UTC days, and the hours too where they are fewer than a day's."""
        if self.end - self.start >= DAY:
            return str(self.days() or "all days")
        start, end = self.start.astimezone(UTC), self.end.astimezone(UTC)
        last = f"{end:%H:%M}" if start.date() == end.date() else f"{end:%Y-%m-%d %H:%M}"
        return f"{start:%Y-%m-%d %H:%M} to {last} UTC"

    def grown(self, before: timedelta, after: timedelta) -> Stretch | None:
        """The same with more on both sides; None when that is beyond the calendar, and so everywhere."""
        try:
            return Stretch(self.start - before, self.end + after)
        except OverflowError:
            return None

    def days(self) -> Span | None:
        """The UTC days it touches; None when that is beyond the calendar."""
        try:
            return Span(self.start.astimezone(UTC).date(), self.end.astimezone(UTC).date())
        except OverflowError:
            return None

    def meets(self, other: Stretch) -> bool:
        """Whether they share an instant."""
        return self.start <= other.end and other.start <= self.end


_CHANGE: Final = timedelta(hours=1)
"""What a day is longer by where clocks are put back."""

_LONGEST: Final = {
    "day": DAY + _CHANGE,
    "week": 7 * DAY + _CHANGE,
    "month": 31 * DAY + _CHANGE,
    "year": 366 * DAY + _CHANGE,
}


def period_around(period: str, stretch: Stretch) -> Stretch | None:
    """The day, week, month or year around a stretch, wherever on Earth its days are counted.

    A week may begin on Sunday or on Monday, so it is all of both. None is everywhere.
    """
    local = stretch.grown(ZONE_MARGIN, ZONE_MARGIN)
    near = stretch.grown(_LONGEST[period], _LONGEST[period])
    if local is None or near is None:
        return None
    try:
        first, last = _period(period, local.start.date(), local.end.date())
        whole = Stretch(
            datetime(first.year, first.month, first.day, tzinfo=UTC),
            datetime(last.year, last.month, last.day, tzinfo=UTC) + DAY,
        )
    except (OverflowError, ValueError):
        return None
    anywhere = whole.grown(ZONE_MARGIN, ZONE_MARGIN)
    # In no zone does the period that an instant is in reach further from it than the period is long.
    return anywhere and Stretch(max(anywhere.start, near.start), min(anywhere.end, near.end))


def _period(period: str, first: date, last: date) -> tuple[date, date]:
    if period == "day":
        return first, last
    if period == "week":
        # A Sunday ends the one week and begins the other.
        back = first.weekday() + 1 if first.weekday() < 6 else 6
        on = 6 - last.weekday() if last.weekday() < 6 else 6
        return first - timedelta(days=back), last + timedelta(days=on)
    if period == "month":
        following = last.replace(day=28) + timedelta(days=4)
        return first.replace(day=1), following - timedelta(days=following.day)
    return date(first.year, 1, 1), date(last.year, 12, 31)
