"""How many calls to Cal.com ranges save: the figures of docs/ranges.md.

`python -m tests.calcom.ranges.measuring` prints them. Looks at one event type come at random; each answer is
kept for `TTL` seconds, and for a look until a booking on one of the days that it shows. Counted are the calls: once
with every look asked as it is, once with windows, in several layouts of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Final
from unittest.mock import patch
from urllib.parse import urlencode

from calcom.ranges import look_of, looks
from calcom.slots import Query, parse
from tests.calcom.ranges.test_additive import PLAIN, account
from tests.calcom.ranges.test_looks import VERSION

TTL: Final = 60.0
FIRST_DAY: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DAYS: Final = 28
MINUTES: Final = 30

STARTS: Final[Mapping[str, str]] = {
    "today": "from today",
    "pages": "from today, or one to four weeks on",
    "month": "from any of the next 30 days",
    "now": "from now on, to the minute",
}
LAYOUTS: Final = ((42, 28), (28, 28), (35, 21), (56, 28), (42, 7))
"""Days of a window, and days from the begin of one to the next; the first is what is done."""


@dataclass
class Count:
    """Sums over a trace."""

    looks: int = 0
    calls: int = 0
    days: int = 0
    waits: int = 0

    def __str__(self) -> str:
        return (
            f"{self.calls / self.looks:.3f} calls a look, {self.days / self.calls:4.1f} days a call, "
            f"{self.waits / self.looks:.3f} looks wait"
        )


def trace(chance: Random, starts: str, rate: float, zones: int) -> Iterator[tuple[datetime, dict[str, str]]]:
    """(time, parameters) of looks at 7, 14 and 30 days, at *rate* a minute for half an hour each day."""
    anywhere = Random(3)
    for day in range(DAYS):
        now = FIRST_DAY + timedelta(days=day)
        until = now + timedelta(minutes=MINUTES)
        while (now := now + timedelta(minutes=chance.expovariate(rate))) < until:
            ahead = {"pages": 7 * chance.randrange(5), "month": chance.randrange(30)}.get(starts, 0)
            first = now + timedelta(days=ahead)
            last = first + timedelta(days=chance.choice((7, 14, 30)) - 1)
            begin = f"{first:%Y-%m-%dT%H:%M:00Z}" if starts == "now" else str(first.date())
            zone = ("UTC", "Europe/Berlin", "America/New_York")[anywhere.randrange(zones)]
            yield now, {"eventTypeId": "7", "start": begin, "end": str(last.date()), "timeZone": zone}


def count(starts: str, rate: float, bookings: float, zones: int, *, shared: bool) -> Count:
    """A trace in so many zones with *bookings* a minute, each on one of the next 30 days."""
    chance, booked = Random(1), Random(2)
    known, counted = account(PLAIN), Count()
    kept: dict[str, tuple[datetime, list[date]]] = {}
    last_booking = FIRST_DAY
    for now, params in trace(chance, starts, rate, zones):
        while bookings and (at := last_booking + timedelta(minutes=booked.expovariate(bookings))) <= now:
            last_booking = at
            day = (at + timedelta(days=booked.randrange(30))).date()
            for _, outdated in kept.values():
                outdated.append(day)
        query = parse(urlencode(params), VERSION)
        assert query is not None
        assert query.bounds is not None
        first, last = (bound.date() for bound in query.bounds)
        look = look_of(known, query, VERSION, now) if shared else None
        asked = [query] if look is None else [one.query for one in look.windows]
        missing = [
            one
            for one in asked
            if one.key not in kept
            or kept[one.key][0] < now
            or any(first <= day <= last for day in kept[one.key][1])
        ]
        for one in missing:
            kept[one.key] = (now + timedelta(seconds=TTL), [])
            counted.days += _length(one)
        counted.looks += 1
        counted.calls += len(missing)
        counted.waits += bool(missing)
    return counted


def _length(query: Query) -> int:
    values = dict(query.parameters)
    return (date.fromisoformat(values["end"][:10]) - date.fromisoformat(values["start"][:10])).days + 1


def main() -> None:
    """Print the figures."""
    for starts, words in STARTS.items():
        for rate, bookings, zones in (
            *((2.0, 0.0, 1), (10.0, 0.0, 1), (60.0, 0.0, 1), (10.0, 1.0, 1)),
            *((10.0, 0.0, 3), (10.0, 1.0, 3)),
        ):
            print(f"looks {words}, {rate:g} a minute, {bookings:g} bookings a minute, {zones} zones")
            print(f"  as they are    {count(starts, rate, bookings, zones, shared=False)}")
            for days, step in LAYOUTS:
                with patch.multiple(looks, WINDOW_DAYS=days, WINDOW_STEP=step):
                    looks._asked.cache_clear()
                    print(f"  {days} every {step:2}    {count(starts, rate, bookings, zones, shared=True)}")
            looks._asked.cache_clear()


if __name__ == "__main__":
    main()
