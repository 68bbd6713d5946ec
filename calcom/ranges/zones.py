"""An answer asked for in UTC, told in another zone: what lets looks in several zones share one window.

Cal.com offers the same instants to everybody. The booker's zone decides how they are written, which days they are
listed under, and where the hour begins from which slots are counted (contract 4.1; `schedules/lib/slots.ts`). So
one answer can be told from the other where clocks differ by a multiple of what lies between two slots.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

SHARED: Final = "UTC"
"""The zone that shared windows are asked for in."""

_PLAIN: Final = frozenset({"", "utc", "gmt"})
"""Zones whose times Cal.com ends with `Z`; all others name their offset, +00:00 too."""

_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86_400

# A slot as UTC has it. What follows the times is copied; a field that could be another time is not understood.
_SLOT: Final = re.compile(
    rb'\{"start":"(\d{4}-\d\d-\d\d)T(\d\d:\d\d):00\.000Z"'
    rb'(?:,"end":"(\d{4}-\d\d-\d\d)T(\d\d:\d\d):00\.000Z")?'
    rb'((?:,"(?!start"|end")\w+":(?:\d+|"[^"\\]*"))*)\}',
    re.ASCII,
)
_AROUND: Final = len(b'"2026-03-03":[]')
_TIMES: Final = [b"%02d:%02d" % divmod(minute, 60) for minute in range(1440)]
_MINUTES: Final = {text: minute for minute, text in enumerate(_TIMES)}


def is_plain(name: str) -> bool:
    """Whether an answer in the zone of this name reads as in UTC; '' is the zone of a query that names none."""
    return name.lower() in _PLAIN


@lru_cache(maxsize=4096)
def begins_alike(zone: ZoneInfo, step: timedelta, first: date, last: date) -> bool:
    """Whether slots a *step* apart begin at the same instants in a zone as in UTC, on all days of both that touch
    those from *first* to *last*."""
    days = (first + timedelta(days=at) for at in range(-1, (last - first).days + 2))
    return all(
        timedelta(seconds=offset) % step == timedelta()
        for day in days
        for offset in _clock(zone, day).offsets
    )


@lru_cache(maxsize=2048)
def told(text: bytes, zone: ZoneInfo) -> tuple[tuple[bytes, bytes], ...] | None:
    """One day of an answer in UTC, as each of its days in the zone and the slots of that, with commas between; None
    when *text*, `"2026-03-03":[{"start":…}]` and JSON, is not understood.

    Remembered, since when a window is asked for again most of its days read as before.
    """
    slots = list(_SLOT.finditer(text))
    if sum(slot.end() - slot.start() for slot in slots) + len(slots) - 1 + _AROUND != len(text):
        return None
    listed_under = text[1:11]
    clocks: dict[bytes, _Clock] = {}

    def local(day: bytes, time: bytes) -> tuple[bytes, bytes]:
        clock = clocks.get(day)
        if clock is None:
            clock = clocks[day] = _clock(zone, date.fromisoformat(day.decode()))
        return clock.show(time)

    found: dict[bytes, list[bytes]] = {}
    try:
        for slot in slots:
            start_day, start_time, end_day, end_time, rest = slot.groups()
            if start_day != listed_under:
                return None
            day, start = local(start_day, start_time)
            end = b"" if end_day is None else b',"end":"%b"' % local(end_day, end_time)[1]
            found.setdefault(day, []).append(b'{"start":"%b"%b%b}' % (start, end, rest))
    except (KeyError, ValueError):
        return None
    return tuple((day, b",".join(texts)) for day, texts in found.items())


@dataclass(frozen=True, slots=True)
class _Clock:
    """What a zone's clocks show during one day of UTC. `changes` are the minutes of that day from which each of
    `offsets` (seconds east) holds, the first of them 0."""

    changes: tuple[int, ...]
    offsets: tuple[int, ...]
    days: tuple[bytes, bytes, bytes]
    """The day before, the day itself, the day after."""
    tails: tuple[bytes, ...]
    """What ends a time under each of the offsets."""

    def show(self, time: bytes) -> tuple[bytes, bytes]:
        """(day, time) there of an hour and minute of UTC. Raises KeyError for what is none."""
        minute = _MINUTES[time]
        at = bisect_right(self.changes, minute) - 1 if len(self.changes) > 1 else 0
        shift, minute = divmod(minute + self.offsets[at] // _MINUTE, 1440)
        day = self.days[shift + 1]
        return day, b"%bT%b%b" % (day, _TIMES[minute], self.tails[at])


@lru_cache(maxsize=16_384)
def _clock(zone: ZoneInfo, day: date) -> _Clock:
    begin = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    changes, offsets = [0], [_offset(zone, begin)]
    for hour in range(begin, begin + _DAY, _HOUR):
        # Clocks change at most once in an hour, but not always on the hour.
        if _offset(zone, hour + _HOUR - _MINUTE) != offsets[-1]:
            change = next(at for at in range(hour, hour + _HOUR, _MINUTE) if _offset(zone, at) != offsets[-1])
            changes.append((change - begin) // _MINUTE)
            offsets.append(_offset(zone, change))
    around = [str(day + timedelta(days=at)).encode() for at in (-1, 0, 1)]
    return _Clock(
        tuple(changes),
        tuple(offsets),
        (around[0], around[1], around[2]),
        tuple(_tail(offset) for offset in offsets),
    )


def _tail(offset: int) -> bytes:
    sign = b"-" if offset < 0 else b"+"
    return b":00.000%b%b" % (sign, _TIMES[abs(offset) // _MINUTE])


def _offset(zone: ZoneInfo, seconds: int) -> int:
    offset = datetime.fromtimestamp(seconds, zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())
