"""What may be kept of an answer, and for how long: decisions without I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

MAX_BODY_BYTES: Final = 1_048_576
"""A larger answer is passed on but not kept: a month of slots is a few tens of kilobytes."""

EMPTY_SECONDS: Final = 3.0
"""The first empty answer lives no longer: a broken calendar looks like no slots (contract 4.1)."""

NEGATIVE_SECONDS: Final = 3.0
"""How long "there is no such event type" is repeated (contract 4.1); what is made meanwhile may be looked for."""

# An answer's headers that belong to that one exchange, not to the slots. `date` is kept: it tells, with `age`,
# when Cal.com said so.
_NOT_KEPT: Final = frozenset(
    {"age", "cf-cache-status", "cf-ray", "content-encoding", "content-length", "etag", "server"}
    | {"set-cookie", "via", "x-request-id", "x-response-time"}
)

# What a kept answer may say that it varies by, because every caller of one entry has the same (RFC 9111, 4.1):
# the credential and version are in its key, and it is asked for in one coding.
_SAME_FOR_ALL: Final = frozenset({"authorization", "cal-api-version", "accept-encoding", "origin", "cookie"})


@dataclass(frozen=True, slots=True)
class Entry:
    """A cached answer. `stored`, `fresh_until` and `usable_until` are Unix seconds on Redis' clock.

    It is good for `generation` of the `fields` it was stored with; it took `cost` seconds to get; `empties` empty
    answers came in a row up to it.
    """

    body: bytes
    headers: tuple[tuple[str, str], ...]
    stored: float
    fresh_until: float
    usable_until: float
    status: int = 200
    generation: int = 0
    cost: float = 0.0
    empties: int = 0
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lives:
    """Seconds. `ttl`: fresh, `stale`: served after that while a refresh runs, `stale_if_error`: when none can."""

    ttl: float = 60.0
    stale: float = 30.0
    stale_if_error: float = 86_400.0


@dataclass(frozen=True, slots=True)
class Life:
    """How long an answer is fresh, and how long it may be used at all; seconds. `empties` as in `Entry`.

    `first` and `last` are when the first and the last slot begins that it offers; None where it offers none.
    """

    fresh: float
    usable: float
    empties: int = 0
    first: datetime | None = None
    last: datetime | None = None


def kept_headers(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The headers a hit repeats; names in lower case."""
    return tuple(
        (name, value)
        for name, value in headers
        if name not in _NOT_KEPT and not name.startswith("x-ratelimit-")
    )


def varies(headers: Iterable[tuple[str, str]]) -> bool:
    """Whether the answer says that it would differ for a request that shares this one's entry."""
    named = [part.strip().lower() for name, value in headers if name == "vary" for part in value.split(",")]
    return any(part not in _SAME_FOR_ALL for part in named if part)


def lifetime(
    status: int, body: bytes, *, now: float, empties: int = 0, limits: Lives, notice: float = 0.0
) -> Life | None:
    """How long an answer about availability may be served; `None` when it must not be kept.

    It is no longer fresh when the next slot offered begins (mechanism 20: slots pass without any write), or *notice*
    seconds before, and soon when nothing is offered at all: each further empty answer is believed twice as long as
    the one before, of which *empties* came. *now* is Unix seconds.
    """
    if len(body) > MAX_BODY_BYTES:
        return None
    if status == 404:
        return Life(NEGATIVE_SECONDS, NEGATIVE_SECONDS)
    if status != 200:
        return None
    try:
        offered = list(_starts(orjson.loads(body)))
        starts = [at.timestamp() for at in offered]
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    if not starts:
        fresh = min(limits.ttl, EMPTY_SECONDS * 2 ** min(empties, 16))
        # Never in the place of a good answer while Cal.com cannot be asked.
        return Life(fresh, fresh, empties + 1)
    # A slot that has passed already cannot get any older; then only the others, or the ordinary limit, hold.
    fresh = min([limits.ttl, *(start - notice - now for start in starts if start - notice > now)])
    usable = fresh + max(limits.stale, limits.stale_if_error)
    return Life(fresh, usable, first=min(offered), last=max(offered))


def _starts(document: Any) -> Iterator[datetime]:
    """When each slot begins, of an answer of either version (contract 4.1, 4.2). Raises on any other."""
    if document["status"] != "success":
        raise ValueError("no success")
    days = document["data"]
    name = "start"
    if days.keys() == {"slots"} and isinstance(days["slots"], dict):
        days, name = days["slots"], "time"
    for slots in days.values():
        for slot in slots:
            yield datetime.fromisoformat(slot[name] if name in slot else slot["startTime"])
