"""What a caller would like best: a moment, or a day."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

# In a query a plus that was not escaped arrives as a space, so that one stands for an offset's sign too.
_WISH: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)(?:(Z)|([-+ ])(\d\d:\d\d))?)?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Wish:
    """A wish as the caller's clock shows it.

    `start` is aware, in the caller's zone and on a whole minute. A wish for a day, at whatever time, begins with it
    and has `is_day`.
    """

    start: datetime
    is_day: bool = False

    @property
    def day(self) -> date:
        """The day in the caller's zone."""
        return self.start.date()

    @property
    def instant(self) -> datetime:
        """The same moment in UTC: two moments of one zone are compared by what their clock shows, which is not
        the time between them where clocks change."""
        return self.start.astimezone(UTC)

    def local(self, start: datetime) -> datetime:
        """An aware moment as the caller's clock shows it."""
        return start.astimezone(self.start.tzinfo)

    def minutes_to(self, start: datetime) -> int:
        """Minutes that pass between the wish and a moment, below 0 for one before it."""
        return int((start - self.instant).total_seconds() // 60)


def wish_of(text: str, zone: ZoneInfo) -> Wish:
    """Read a date, or a date and time of day; without an offset by the clocks of *zone*. Raises ValueError.

    A time that clocks skip is that much later, one that they show twice is the first (RFC 5545, 3.3.5). Seconds do
    not count: nobody speaks them.
    """
    found = _WISH.fullmatch(text)
    if found is None:
        raise ValueError(text)
    day, clock, zulu, sign, offset = found.groups()
    if clock is None:
        return Wish(_tidy(datetime.fromisoformat(day).replace(tzinfo=zone), zone), is_day=True)
    said = "+00:00" if zulu else f"{sign.replace(' ', '+')}{offset}" if sign else ""
    at = datetime.fromisoformat(f"{day}T{clock}{said}").replace(second=0, microsecond=0)
    return Wish(_tidy(at if said else at.replace(tzinfo=zone), zone))


def _tidy(at: datetime, zone: ZoneInfo) -> datetime:
    """As the clocks of *zone* really show it."""
    try:
        return at.astimezone(UTC).astimezone(zone)
    except OverflowError as error:
        # The first and the last day of the calendar, which some zones cannot have.
        raise ValueError(str(at)) from error
