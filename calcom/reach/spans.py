"""Days that a change touches and days that a cached answer depends on: both UTC, both inclusive.

A change is reported as the UTC days on which a slot may begin, appear or vanish. An answer groups its slots
by days of the booker's zone (contract 8, row 4), and Cal.com may look a little beyond the asked range, so an
entry's days are wider than its range: `entry_days` alone decides them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

ZONE_MARGIN: Final = timedelta(hours=14)
"""No zone is further from UTC than this, on either side."""

DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """UTC days from `first` to `last`, both included."""

    first: date
    last: date

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}..{self.last}"

    def meets(self, other: Span) -> bool:
        """Whether they share a day."""
        return self.first <= other.last and other.first <= self.last


EVERYWHERE: Final = None
"""The span of a touch on all days there are."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Instants from `start` to `end`, aware."""

    start: datetime
    end: datetime

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

    def meets(self, start: datetime, end: datetime) -> bool:
        """Whether it shares an instant with [start, end]."""
        return self.start <= end and start <= self.end


def entry_days(start: datetime, end: datetime, margin: timedelta = ZONE_MARGIN) -> Span:
    """The days a cached answer depends on: the UTC days of [start - margin, end + margin] of its range as
    Cal.com reads it, a midnight end being the end of that day (contract 4.1).

    No margin would do if answers never held a slot outside their range; Cal.com has given some
    (contract 9), so 14 hours are the rule. Raises OverflowError that near to either end of the calendar.
    """
    return Span((start - margin).astimezone(UTC).date(), (end + margin).astimezone(UTC).date())


def period_around(period: str, stretch: Stretch) -> Stretch | None:
    """The day, week, month or year around a stretch, wherever on Earth its days are counted.

    A week may begin on Sunday or on Monday, so it is all of both. None is everywhere.
    """
    local = stretch.grown(ZONE_MARGIN, ZONE_MARGIN)
    if local is None:
        return None
    try:
        first, last = _period(period, local.start.date(), local.end.date())
        whole = Stretch(
            datetime(first.year, first.month, first.day, tzinfo=UTC),
            datetime(last.year, last.month, last.day, tzinfo=UTC) + DAY,
        )
    except (OverflowError, ValueError):
        return None
    return whole.grown(ZONE_MARGIN, ZONE_MARGIN)


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
