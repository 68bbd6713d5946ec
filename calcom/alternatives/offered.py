"""The times that Cal.com offers of one event type, by days (contract 4.1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import NamedTuple

import orjson

Days = Mapping[date, Sequence["Time"]]


class Time(NamedTuple):
    """An offered time: aware, and as Cal.com wrote it."""

    start: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Offered:
    """Offered times by the days of the booker's zone, both ascending: of the days from `first` to `last`, those that
    begin after a moment.
    """

    days: Days
    first: date
    last: date
    after: datetime

    def on(self, day: date) -> list[Time]:
        """The times of a day."""
        if not self.first <= day <= self.last:
            return []
        return [time for time in self.days.get(day, ()) if time.start > self.after]

    def since(self, day: date) -> Iterator[date]:
        """The days that may have times, from a day on."""
        return (one for one in self.days if day <= one <= self.last)


def offered_in(body: bytes, *, first: date, last: date, after: datetime) -> Offered | None:
    """What an answer of `GET /v2/slots` (2024-09-04) offers on the days from *first* to *last* after a moment;
    `None` when it is not such an answer.
    """
    days = _days(body)
    return None if days is None else Offered(days, first, last, after)


# One answer serves many wishes, and taking it apart costs more than all that is done with it.
@lru_cache(maxsize=64)
def _days(body: bytes) -> Days | None:
    days: dict[date, list[Time]] = {}
    try:
        document = orjson.loads(body)
        if document["status"] != "success":
            return None
        for name, slots in document["data"].items():
            # By its moment, since one that is listed twice is still one.
            texts = {datetime.fromisoformat(slot["start"]): slot["start"] for slot in slots}
            if any(start.tzinfo is None for start in texts):
                return None
            days[date.fromisoformat(name)] = sorted(Time(*time) for time in texts.items())
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return dict(sorted(days.items()))
