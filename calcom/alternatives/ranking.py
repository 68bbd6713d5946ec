"""Which of the offered times are the best alternatives to a wish.

Each strategy puts the times it is about in an order of its own, the nearest first. They then take turns, in the order
they were asked for: the best of each, then the second best of each, and so on, so that the two or three that can be
said on the phone differ. The wish itself, where it is free, comes before all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from calcom.alternatives.offered import Offered, Time
from calcom.alternatives.wish import Wish

NEAR_MINUTES: Final = 120
"""On another workday, what begins so near to the wished time of day is at the same time, give or take a little."""

_SATURDAY: Final = 5
_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)


class Strategy(StrEnum):
    """A way to look for alternatives."""

    SAME_DAY = "same_day"
    """The wish's day, the nearest first."""
    NEXT_WORKDAY = "next_workday"
    """Workdays after it, Monday to Friday, at about the wished time."""
    NEXT_WEEK = "next_week"
    """The same weekday a week later, what is nearest to the wished time first."""
    NEXT_FREE = "next_free"
    """Whatever comes first from the wish on."""


EXACT: Final = "exact"
"""The strategy, and the reason, of the wish itself."""


class Alternative(NamedTuple):
    """An offered time and why it is one. Those of one strategy compare by how well they suit.

    `kind` is the place of its event type among those that were asked for. `days` counts by the calendar, `minutes` by
    the time that passes; a wish for a whole day has none.
    """

    closeness: tuple[int, int]
    start: datetime
    kind: int
    text: str
    strategy: str
    reason: str
    days: int
    minutes: int | None


def rank(
    wish: Wish, offered: Sequence[Offered], strategies: Sequence[Strategy], count: int
) -> list[Alternative]:
    """The best alternatives, at most *count*, none twice; *offered* has one entry for each event type.

    The same arguments give the same list, and a smaller *count* its beginning.
    """
    found = list(_exact(wish, offered))
    taken = {(one.kind, one.start) for one in found}
    turns = [
        [_candidates(strategy, wish, kind, one) for kind, one in enumerate(offered)]
        for strategy in strategies
    ]
    while len(found) < count:
        rows = [_next_of(sources) for sources in turns]
        if not any(rows):
            break
        # Whoever comes too late for a time has had its turn: the time is on the list all the same.
        for one in (one for row in rows for one in row):
            if (one.kind, one.start) not in taken:
                taken.add((one.kind, one.start))
                found.append(one)
    return found[:count]


def is_free(wish: Wish, offered: Sequence[Offered]) -> bool:
    """Whether the wish can be had as it is, of any of the event types."""
    if wish.is_day:
        return any(one.on(wish.day) for one in offered)
    return any(True for _ in _exact(wish, offered))


def _next_of(sources: Sequence[Iterator[Alternative]]) -> list[Alternative]:
    """The next best of each event type, the nearest first."""
    return sorted(one for source in sources if (one := next(source, None)) is not None)


def _exact(wish: Wish, offered: Sequence[Offered]) -> Iterator[Alternative]:
    if wish.is_day:
        return
    for kind, one in enumerate(offered):
        for time in one.on(wish.day):
            if time.start == wish.instant:
                yield Alternative((0, 0), time.start, kind, time.text, EXACT, EXACT, 0, 0)


def _candidates(strategy: Strategy, wish: Wish, kind: int, offered: Offered) -> Iterator[Alternative]:
    """The times a strategy is about, of one event type, the nearest first; made as they are asked for."""
    match strategy:
        case Strategy.SAME_DAY:
            yield from sorted(_same_day(wish, kind, offered.on(wish.day)))
        case Strategy.NEXT_WORKDAY:
            for day in offered.since(wish.day + _DAY):
                if day.weekday() < _SATURDAY:
                    yield from sorted(_workday(wish, kind, day, offered.on(day)))
        case Strategy.NEXT_WEEK:
            yield from sorted(_next_week(wish, kind, offered.on(wish.day + _WEEK)))
        case Strategy.NEXT_FREE:
            for day in offered.since(wish.day):
                yield from _free(wish, kind, day, offered.on(day))


def _same_day(wish: Wish, kind: int, times: Sequence[Time]) -> Iterator[Alternative]:
    for time in times:
        minutes = wish.minutes_to(time.start)
        if wish.is_day:
            yield _made(Strategy.SAME_DAY, "same_day", 0, wish, kind, wish.day, time)
        elif minutes:
            side = "later" if minutes > 0 else "earlier"
            yield _made(Strategy.SAME_DAY, f"same_day_{side}", abs(minutes), wish, kind, wish.day, time)


def _workday(wish: Wish, kind: int, day: date, times: Sequence[Time]) -> Iterator[Alternative]:
    name = "next_workday" if day == workday_after(wish.day) else "later_workday"
    for time in times:
        off = _off(wish, time)
        if abs(off) <= NEAR_MINUTES:
            yield _made(Strategy.NEXT_WORKDAY, _named(name, wish, off), abs(off), wish, kind, day, time)


def _next_week(wish: Wish, kind: int, times: Sequence[Time]) -> Iterator[Alternative]:
    for time in times:
        off = _off(wish, time)
        reason = _named("next_week", wish, off)
        yield _made(Strategy.NEXT_WEEK, reason, abs(off), wish, kind, wish.day + _WEEK, time)


def _free(wish: Wish, kind: int, day: date, times: Sequence[Time]) -> Iterator[Alternative]:
    for time in times:
        if time.start >= wish.instant:
            yield _made(Strategy.NEXT_FREE, "next_free", 0, wish, kind, day, time)


def _made(
    strategy: Strategy, reason: str, distance: int, wish: Wish, kind: int, day: date, time: Time
) -> Alternative:
    days = (day - wish.day).days
    minutes = None if wish.is_day else wish.minutes_to(time.start)
    return Alternative((days, distance), time.start, kind, time.text, strategy, reason, days, minutes)


def _off(wish: Wish, time: Time) -> int:
    """Minutes between the wished time of day and that of an offered time, by the caller's clock on both days."""
    if wish.is_day:
        return 0
    local = wish.local(time.start)
    return (local.hour - wish.start.hour) * 60 + local.minute - wish.start.minute


def _named(name: str, wish: Wish, off: int) -> str:
    if wish.is_day:
        return name
    return f"{name}_{'later' if off > 0 else 'earlier' if off else 'same_time'}"


def workday_after(day: date) -> date:
    """The first day after it from Monday to Friday."""
    day += _DAY
    while day.weekday() >= _SATURDAY:
        day += _DAY
    return day
