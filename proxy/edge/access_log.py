"""One JSON line a request, without anything secret: no query, no ids, no headers.

A booking's uid is enough to cancel it, so ids are left out of the path too.
"""

from __future__ import annotations

import re
import sys
from typing import Any, BinaryIO, Final

import orjson

from calcom.paths import normalise
from core.log import timestamp

# Cal.com's own path words are lower-case words joined by dashes; what has a digit, a capital or great length is an id.
_WORD: Final = re.compile(r"v2|[a-z]+(-[a-z]+){0,4}")
_LONGEST_WORD: Final = 32
_SLUGGED: Final = frozenset({"calendars", "conferencing", "bookings", "reservations", "by-seat"})


def template(path: str) -> str:
    """The path with every id replaced by `{}`; unknown shapes shrink to their first two words."""
    parts = normalise(path).split("/")[1:]
    shown: list[str] = []
    for index, part in enumerate(parts[:8]):
        is_word = _WORD.fullmatch(part) is not None and len(part) <= _LONGEST_WORD
        # What follows a collection of things is the name of one of them, even if it looks like a word.
        is_name = index > 1 and parts[index - 1] in _SLUGGED and part not in _SLUGGED
        shown.append(part if is_word and not is_name else "{}")
    return "/" + "/".join(shown)


class AccessLog:
    """Writes lines to a binary stream, standard output unless told otherwise."""

    def __init__(self, stream: BinaryIO | None = None, *, enabled: bool = True) -> None:
        self._stream = sys.stdout.buffer if stream is None else stream
        self._enabled = enabled

    def write(
        self,
        *,
        now: float,
        request_id: str,
        method: str,
        path: str,
        route: str,
        status: int,
        outcome: str,
        seconds: float,
        extra: dict[str, Any],
    ) -> None:
        """Log one finished request; *extra* holds facts only, never text a client sent."""
        if not self._enabled:
            return
        line = {
            "ts": timestamp(now),
            "event": "request",
            "request_id": request_id,
            "method": method,
            "path": template(path),
            "route": route,
            "status": status,
            "outcome": outcome,
            "ms": round(seconds * 1000, 2),
            **extra,
        }
        try:
            self._stream.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
            self._stream.flush()
        except (OSError, ValueError):
            # A log reader that went away must not take the gateway with it.
            self._enabled = False
