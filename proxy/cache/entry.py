"""What may be kept of an answer, and for how long: decisions without I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import orjson

MAX_BODY_BYTES: Final = 1_048_576
"""A larger answer is passed on but not kept: a month of slots is a few tens of kilobytes."""

EMPTY_SECONDS: Final = 3.0
"""An empty answer lives no longer: a broken calendar looks like no slots (contract 4.1)."""

# An answer's headers that belong to that one exchange, not to the slots. `date` is kept: it tells, with `age`,
# when Cal.com said so.
_NOT_KEPT: Final = frozenset(
    {"age", "cf-cache-status", "cf-ray", "content-encoding", "content-length", "etag", "server"}
    | {"set-cookie", "via", "x-request-id", "x-response-time"}
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A cached answer. `stored` and `fresh_until` are Unix seconds on Redis' clock."""

    body: bytes
    headers: tuple[tuple[str, str], ...]
    stored: float
    fresh_until: float


def kept_headers(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The headers a hit repeats; names in lower case."""
    return tuple(
        (name, value)
        for name, value in headers
        if name not in _NOT_KEPT and not name.startswith("x-ratelimit-")
    )


def lifetime(body: bytes, *, ttl: float, now: float) -> float:
    """Seconds an answer may be served; 0 when it must not be kept.

    It ends when the next slot offered begins (mechanism 20: slots pass without any write), and
    soon when nothing is offered at all. *now* is Unix seconds.
    """
    if len(body) > MAX_BODY_BYTES:
        return 0.0
    try:
        document = orjson.loads(body)
        days = document["data"]
        if document["status"] != "success" or not isinstance(days, dict):
            return 0.0
        starts = [datetime.fromisoformat(slot["start"]) for slots in days.values() for slot in slots]
        if not starts:
            return min(ttl, EMPTY_SECONDS)
        # A slot that has begun already cannot get any older; then only the others, or the ordinary limit, hold.
        return min([ttl, *(left for start in starts if (left := start.timestamp() - now) > 0)])
    except (KeyError, TypeError, ValueError):
        return 0.0
