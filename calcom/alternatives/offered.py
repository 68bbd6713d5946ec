"""The times that Cal.com offers of one event type, by days (contract 4.1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

import orjson


class Time(NamedTuple):
    """An offered time: aware, and as Cal.com wrote it."""

    start: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Offered:
    """Offered times by the days of the booker's zone, both ascending; days without any are missing."""

    days: Mapping[date, Sequence[Time]]

    def on(self, day: date) -> Sequence[Time]:
        """The times of a day."""
        return self.days.get(day, ())

    def since(self, day: date) -> Iterator[date]:
        """The days with times, from a day on."""
        return (one for one in self.days if one >= day)


def offered_in(body: bytes, *, first: date, last: date, after: datetime) -> Offered | None:
    """What an answer of `GET /v2/slots` (2024-09-04) offers on the days from *first* to *last* and after a moment;
    `None` when it is not such an answer.
    """
    days: dict[date, list[Time]] = {}
    try:
        document = orjson.loads(body)
        if document["status"] != "success":
            return None
        for name, slots in document["data"].items():
            day = date.fromisoformat(name)
            if first <= day <= last:
                # By its moment, since one that is listed twice is still one. A time of no zone cannot be compared.
                texts = {datetime.fromisoformat(slot["start"]): slot["start"] for slot in slots}
                if left := sorted(Time(*time) for time in texts.items() if time[0] > after):
                    days[day] = left
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return Offered(dict(sorted(days.items())))
