"""The question for alternatives: its parameters, and the looks at Cal.com that answer it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

from calcom.alternatives.ranking import Strategy
from calcom.alternatives.wish import Wish, wish_of

MOST_TYPES: Final = 5
"""Event types in one question: each may cost a call."""

MOST: Final = 20
DEFAULT_COUNT: Final = 3

MOST_DAYS: Final = 42
DEFAULT_DAYS: Final = 14

FURTHEST_DAYS: Final = 730
"""How far ahead a wish may be. Nobody offers times beyond, and sums of dates must not overflow."""

Selector = tuple[tuple[str, str], ...]
"""The parameters that name one event type, as `GET /v2/slots` takes them (contract 4.1, selectors A to C)."""

_ID: Final = re.compile(r"[1-9]\d{0,9}", re.ASCII)
_NUMBER: Final = re.compile(r"\d{1,4}", re.ASCII)
_SPEAKABLE: Final = re.compile(r"\w{1,40}", re.ASCII)
_LONGEST_NAME: Final = 200
_BY_SLUG: Final = ("eventTypeSlug", "username", "teamSlug", "organizationSlug")
_PARAMETERS: Final = ("eventTypeId", *_BY_SLUG, "wish", "timeZone", "count", "strategy", "duration", "days")
_DAY: Final = timedelta(days=1)


class Unclear(ValueError):
    """A question that cannot be answered as it is. The text names the parameter and what is allowed."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question for alternatives. `first` to `last` are the days they may be on, in the zone of the wish."""

    types: tuple[Selector, ...]
    wish: Wish
    zone: str
    strategies: tuple[Strategy, ...]
    count: int
    first: date
    last: date
    duration: str | None = None

    def look(self, selector: Selector) -> str:
        """The query of one look at an event type that shows all these days.

        It takes whole weeks, as many as the last day of the first one needs, so that all questions about one week are
        answered by one look. Its bounds are moments,
        the begin of a day and the end of one in the zone of the wish: dates alone would be days of UTC, and cut
        those of any other zone.
        """
        begin = self.first - self.first.weekday() * _DAY
        weeks = -(-((self.last - self.first).days + 7) // 7)
        end = begin + (7 * weeks - 1) * _DAY
        parameters = [
            *selector,
            ("start", self._moment(begin, time(0))),
            ("end", self._moment(end, time(23, 59, 59))),
            ("timeZone", self.zone),
        ]
        if self.duration is not None:
            parameters.append(("duration", self.duration))
        return urlencode(sorted(parameters))

    def _moment(self, day: date, at: time) -> str:
        moment = datetime.combine(day, at, self.wish.start.tzinfo).astimezone(UTC)
        return f"{moment:%Y-%m-%dT%H:%M:%S}Z"


def question_of(query_string: str, now: datetime) -> Question:
    """Read a question; *now* is aware. Raises Unclear."""
    values = _values(query_string)
    zone_name = values.get("timeZone", "UTC")
    zone = _zone(zone_name)
    wish = _wish(values, zone, now.astimezone(zone).date())
    days = _whole(values, "days", DEFAULT_DAYS, MOST_DAYS)
    duration = values.get("duration")
    if duration is not None:
        _whole(values, "duration", 1, 9999)
    return Question(
        types=_types(values),
        wish=wish,
        zone=zone_name,
        strategies=_strategies(values.get("strategy")),
        count=_whole(values, "count", DEFAULT_COUNT, MOST),
        first=wish.day,
        last=wish.day + (days - 1) * _DAY,
        duration=duration,
    )


def _values(query_string: str) -> Mapping[str, str]:
    try:
        pairs = parse_qsl(query_string, keep_blank_values=True, strict_parsing=bool(query_string))
    except ValueError:
        raise Unclear("the query is not of the form name=value&name=value") from None
    values = dict(pairs)
    for name in values:
        if name not in _PARAMETERS:
            said = name if _SPEAKABLE.fullmatch(name) else "one of the names"
            raise Unclear(f"{said} is not a parameter; there are {', '.join(_PARAMETERS)}")
    for name in _PARAMETERS:
        if sum(name == one for one, _ in pairs) > 1:
            raise Unclear(f"{name} may be given only once")
    return values


def _types(values: Mapping[str, str]) -> tuple[Selector, ...]:
    named = [name for name in _BY_SLUG if name in values]
    if "eventTypeId" in values:
        if named:
            raise Unclear(f"eventTypeId and {named[0]} exclude each other")
        ids = dict.fromkeys(values["eventTypeId"].split(","))
        if not all(_ID.fullmatch(one) for one in ids):
            raise Unclear("eventTypeId must be a number, or several with commas between")
        if len(ids) > MOST_TYPES:
            raise Unclear(f"eventTypeId names {len(ids)} event types; at most {MOST_TYPES} are allowed")
        return tuple((("eventTypeId", one),) for one in ids)
    if "eventTypeSlug" not in values or ("username" in values) == ("teamSlug" in values):
        raise Unclear(
            "eventTypeId is missing; or name the event type by eventTypeSlug and either username or teamSlug"
        )
    for name in named:
        value = values[name]
        if not 0 < len(value) <= _LONGEST_NAME or any(odd in value for odd in ("\x00", "\ufffd")):
            raise Unclear(f"{name} must be 1 to {_LONGEST_NAME} characters long, in UTF-8")
    return (tuple((name, values[name]) for name in named),)


def _wish(values: Mapping[str, str], zone: ZoneInfo, today: date) -> Wish:
    text = values.get("wish")
    if text is None:
        raise Unclear(
            "wish is missing: the date, or the date and time of day, that the caller would like best"
        )
    try:
        wish = wish_of(text, zone)
    except ValueError:
        raise Unclear(
            "wish must be a date as 2026-12-01, a time in timeZone as 2026-12-01T10:00, "
            "or a moment as 2026-12-01T10:00:00+01:00"
        ) from None
    furthest = today + FURTHEST_DAYS * _DAY
    if not today <= wish.day <= furthest:
        raise Unclear(f"wish must be on a day from {today}, which is today in {zone.key}, to {furthest}")
    return wish


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        raise Unclear("timeZone must be an IANA name such as Europe/Berlin") from None


def _strategies(text: str | None) -> tuple[Strategy, ...]:
    if text is None:
        return tuple(Strategy)
    try:
        return tuple(dict.fromkeys(Strategy(one) for one in text.split(",")))
    except ValueError:
        raise Unclear(
            f"strategy must be one or several, with commas between, of {', '.join(Strategy)}"
        ) from None


def _whole(values: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = values.get(name)
    if text is None:
        return default
    if _NUMBER.fullmatch(text) is None or not 1 <= int(text) <= most:
        raise Unclear(f"{name} must be a whole number from 1 to {most}")
    return int(text)
