"""A slots query that can be answered out of longer ones, and which these are.

Windows begin on Mondays: this week's and every fourth from there, six weeks of days each. So nearly all that is
asked for within a month is in the first one, and what is asked beyond is in the one after it. They are asked for in
UTC where the look's zone can be told from that (zones.py), else in the look's own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from calcom.account import AccountMap, resolve
from calcom.ranges.additive import Verdict, is_additive, length_of
from calcom.ranges.zones import SHARED, begins_alike, is_plain
from calcom.slots import Query, parse

WINDOW_DAYS: Final = 42
WINDOW_STEP: Final = 28
MOST_WINDOWS: Final = 2
"""A look that needs more is asked for as it is."""

_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)
_KNOWN: Final = frozenset({"start", "end", "timeZone", "duration", "format", "eventTypeId"})
_BOUND: Final = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Window:
    """A longer query to ask instead. `first` and `last` are the days, in the booker's zone, that a look takes
    from its answer, once that is told in this zone."""

    first: date
    last: date
    query: Query
    query_string: str


@dataclass(frozen=True, slots=True)
class Look:
    """A query as instants: it shows the slots that begin from `earliest` to `latest`, both aware and included.

    `zone` is the booker's. `borrows` is its name as the query has it, '' for none, where the windows are asked for in
    another; None where they are not. `within` is the minute that `earliest` cuts in two, if it does: Cal.com's code
    and its answers are not known to agree about a slot that begins in there.
    """

    event_type: int
    earliest: datetime
    latest: datetime
    zone: ZoneInfo
    windows: tuple[Window, ...]
    borrows: str | None = None

    @property
    def is_told(self) -> bool:
        """Whether the windows' answers read otherwise than the look's own."""
        return self.borrows is not None and not is_plain(self.borrows)

    @property
    def within(self) -> datetime:
        """The begin of the minute of `earliest`."""
        return self.earliest.replace(second=0, microsecond=0)


def look_of(
    account: AccountMap,
    query: Query,
    version: str,
    now: datetime,
    verdict: Verdict | None = None,
    *,
    may_borrow: bool = True,
) -> Look | None:
    """How to answer a query out of windows; None when it must be asked as it is.

    *version* is the `cal-api-version` it was parsed with, *verdict* that on its event type if it is at hand. The
    same windows come out for all queries of one kind (type, length, format) that begin within the same weeks, all
    through the week of *now*, which is aware; unless they *may_borrow* those of UTC, for all of one zone.
    """
    values = dict(query.parameters)
    if not values.keys() <= _KNOWN or len(resolve(account, values) or ()) != 1:
        return None
    event_type = int(values["eventTypeId"])
    if verdict is None:
        verdict = is_additive(account, event_type)
    facts = account.event_types[event_type]
    length = length_of(facts, values.get("duration"))
    bounds = _bounds(values["start"], values["end"])
    name = values.get("timeZone", "")
    # One that is given and empty is not for us to judge.
    zone = _zone(name) if "timeZone" in values else ZoneInfo(SHARED)
    if not verdict or length is None or bounds is None or zone is None:
        return None
    # A slot must end by the end of the range, which counts the second it names.
    earliest, latest = bounds[0], bounds[1] + _SECOND - timedelta(minutes=length)
    first, last = earliest.astimezone(zone).date(), latest.astimezone(zone).date()
    days = _spread(first, last, now.astimezone(UTC).date()) if earliest <= latest else []
    if not 0 < len(days) <= MOST_WINDOWS:
        return None
    step = timedelta(minutes=facts.slot_interval or length)
    borrows = (
        may_borrow
        and name != SHARED
        and begins_alike(zone, step, days[0][0] - verdict.margin * _DAY, days[-1][2] + verdict.margin * _DAY)
    )
    rest = {one: value for one, value in values.items() if one not in ("start", "end")}
    if borrows:
        rest["timeZone"] = SHARED
    kind = tuple(rest.items())
    windows = [
        Window(max(first, taken), min(last, end), *_asked(kind, begin, verdict.margin, version))
        for begin, taken, end in days
    ]
    return Look(event_type, earliest, latest, zone, tuple(windows), name if borrows else None)


def _spread(first: date, last: date, today: date) -> list[tuple[date, date, date]]:
    """(begin of a window, first day to take from it, its last day) for every window of a look."""
    monday = today - timedelta(days=today.weekday())
    step, size = timedelta(days=WINDOW_STEP), timedelta(days=WINDOW_DAYS - 1)
    begin = monday + min(0, (first - monday) // step) * step
    while begin + step <= first and begin + size < last:
        begin += step
    found = [(begin, begin, begin + size)]
    while found[-1][2] < last and len(found) <= MOST_WINDOWS:
        taken = found[-1][2] + _DAY
        begin += (taken - begin) // step * step
        found.append((begin, taken, begin + size))
    return found


@lru_cache(maxsize=1024)
def _asked(
    parameters: tuple[tuple[str, str], ...], begin: date, margin: int, version: str
) -> tuple[Query, str]:
    """The query for a window, and as text: that of a look with other bounds, the default format left unsaid."""
    wide = [(name, value) for name, value in parameters if (name, value) != ("format", "time")]
    wide.append(("start", str(begin - margin * _DAY)))
    wide.append(("end", str(begin + (WINDOW_DAYS - 1 + margin) * _DAY)))
    query_string = urlencode(sorted(wide))
    query = parse(query_string, version)
    assert query is not None
    return query, query_string


def _bounds(start_text: str, end_text: str) -> tuple[datetime, datetime] | None:
    """Both as Cal.com reads them (contract 4.1): UTC unless a zone is given, a midnight end being the whole day."""
    if _BOUND.fullmatch(start_text) is None or _BOUND.fullmatch(end_text) is None:
        return None
    try:
        start, end = (
            (one if one.tzinfo else one.replace(tzinfo=UTC)).astimezone(UTC)
            for one in map(datetime.fromisoformat, (start_text, end_text))
        )
        # Nobody asks for the first and last months of the calendar, where sums of dates fail.
        if not 1970 < start.year <= end.year < 9000:
            return None
    except (ValueError, OverflowError):
        return None
    return start, end.replace(hour=23, minute=59, second=59) if end.time() == time(0) else end


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        return None
