"""A slots query as a value: which ones may share an answer, and which ones Cal.com mixes up."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import parse_qsl, unquote_plus

PARAMETERS: Final = frozenset(
    {
        "start",
        "end",
        "timeZone",
        "duration",
        "format",
        "bookingUidToReschedule",
        "eventTypeId",
        "eventTypeSlug",
        "username",
        "teamSlug",
        "organizationSlug",
        "usernames",
        "rrHostSubsetIds",
    }
)
"""Every parameter `GET /v2/slots` knows (contract 4.1); any other is a 400."""


@dataclass(frozen=True, slots=True)
class Query:
    """A slots query.

    `key` is equal for two queries only if Cal.com must answer both alike. `span` is equal whenever
    Cal.com's own slot cache might hold one answer for both: it keys on the parsed input, in which
    several selectors can name one event type, so only the bounds are certain to tell two apart.
    """

    key: str
    span: str
    bounds: tuple[datetime, datetime] | None = None
    """The range as Cal.com reads it, in UTC, both ends included; `None` when it is not understood."""
    parameters: tuple[tuple[str, str], ...] = ()


def parse(query_string: str, version: str) -> Query | None:
    """Read a query; `None` when it is not one to keep: unknown or repeated parameters, no bounds, no text.

    Such a query still goes to Cal.com, whose refusal is the client's answer.
    """
    try:
        pairs = parse_qsl(query_string, keep_blank_values=True, strict_parsing=bool(query_string))
    except ValueError:
        return None
    values = dict(pairs)
    if len(values) != len(pairs) or not values.keys() <= PARAMETERS:
        return None
    if not values.get("start") or not values.get("end"):
        return None
    # Escapes that are no UTF-8 all read as one character, and NUL divides the parts of a key.
    if any(odd in value for value in values.values() for odd in ("\x00", "\ufffd")):
        return None
    if "format" in values:
        values["format"] = values["format"].lower()
    key = _digest([version, *(f"{name}={values[name]}" for name in sorted(values))])
    return Query(
        key=key,
        span=span(values["start"], values["end"]),
        bounds=_bounds(values["start"], values["end"]),
        parameters=tuple(sorted(values.items())),
    )


def loosely(query_string: str) -> Query:
    """The span of a query that is not kept: the legacy call names its bounds differently (contract 4.2)."""
    values = dict(parse_qsl(query_string, keep_blank_values=True))
    start = values.get("start") or values.get("startTime") or ""
    end = values.get("end") or values.get("endTime") or ""
    return Query(key="", span=span(start, end))


def parse_legacy(query_string: str, version: str, cookies: str) -> Query | None:
    """Read a query of the older call (contract 4.2); `None` when it is not one to keep.

    Its parameters are many and loosely checked, so two queries are equal only if they say the same, and a
    caller's own reservation, named by a cookie in *cookies*, does not hide its slot from that caller.
    """
    try:
        pairs = parse_qsl(query_string, keep_blank_values=True, strict_parsing=bool(query_string))
    except ValueError:
        return None
    if any(odd in part for pair in pairs for part in pair for odd in ("\x00", "\ufffd")):
        return None
    values = dict(pairs)
    start, end = values.get("startTime"), values.get("endTime")
    if not start or not end:
        return None
    key = _digest(["legacy", version, cookies, *(f"{name}={value}" for name, value in sorted(pairs))])
    return Query(key=key, span=span(start, end), parameters=tuple(sorted(pairs)))


def distinct(target: bytes, number: int) -> bytes | None:
    """The same question asked so that Cal.com's own slot cache has not heard it: *number* from 1 to 998.

    That cache is keyed by the parsed input (contract 4.1), and the end of the range is told apart to the
    millisecond while no slot begins between two whole minutes. `None` where a millisecond might let one in or is
    not understood: at an end on a whole minute, other than the midnight that means the whole day.
    """
    path, _, query = target.partition(b"?")
    parts = query.split(b"&")
    ends = [at for at, part in enumerate(parts) if part.partition(b"=")[0] in (b"end", b"endTime")]
    if len(ends) != 1:
        return None
    name, _, value = parts[ends[0]].partition(b"=")
    # Only of the newer call it is known that a midnight means the end of its day.
    instant = _instant(unquote_plus(value.decode("latin-1")), is_end=name == b"end")
    if not instant:
        return None
    at = datetime.fromisoformat(instant)
    if at.second == 0:
        return None
    moved = f"{at:%Y-%m-%dT%H:%M:%S}.{(at.microsecond // 1000 + number) % 999:03d}Z"
    parts[ends[0]] = name + b"=" + moved.encode()
    return path + b"?" + b"&".join(parts)


def span(start: str, end: str) -> str:
    """A short name for the time range Cal.com will look at, whatever way it is written."""
    return _digest([_instant(start, is_end=False), _instant(end, is_end=True)])


def _bounds(start: str, end: str) -> tuple[datetime, datetime] | None:
    bounds = [_instant(start, is_end=False), _instant(end, is_end=True)]
    if not all(bounds):
        return None
    first, last = (datetime.fromisoformat(bound) for bound in bounds)
    return first, last


def _instant(text: str, *, is_end: bool) -> str:
    """The bound as Cal.com reads it: UTC unless a zone is given, a midnight end meaning the whole day."""
    try:
        at = datetime.fromisoformat(text)
        at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        # Cal.com may read what Python does not; all such bounds count as one, which can only cost a wait.
        return ""
    if is_end and (at.hour, at.minute, at.second, at.microsecond) == (0, 0, 0, 0):
        at += timedelta(hours=23, minutes=59, seconds=59)
    return at.isoformat()


def _digest(parts: Sequence[str]) -> str:
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:32]
