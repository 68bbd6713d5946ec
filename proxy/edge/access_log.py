"""One JSON line a request, without anything secret: no query, no ids, no headers.

A booking's uid is enough to cancel it, so ids are left out of the path too.
"""

from __future__ import annotations

import sys
from typing import Any, BinaryIO, Final

import orjson

from calcom.paths import normalise
from core.log import timestamp

# The words Cal.com's paths are made of (contract 4 to 6). Whatever else stands in a path may be somebody's id.
_WORDS: Final = frozenset(
    """
    v2 slots available reserve selected-slot reservations bookings by-seat recurring instant reschedule
    request-reschedule cancel confirm decline reassign mark-absent mark-no-show guests attendees location
    calendar-links references recordings transcripts conferencing-sessions event-types private-links schedules
    default calendars busy-times check connect save credentials disconnect events event ics-feed
    selected-calendars destination-calendars me ooo teams organizations memberships invite users attributes
    options delegation-credentials routing-forms calculate-slots responses oauth-clients oauth oauth2 auth token
    refresh force-refresh api-keys webhooks workflows conferencing verified-resources stripe roles permissions
    """.split()  # noqa: SIM905  # a page of quotes and commas would hide the words
)
_MOST_PARTS: Final = 12


def template(path: str) -> str:
    """The path with everything that is not a word of the API replaced by `{}`."""
    parts = normalise(path).split("/")[1:]
    return "/" + "/".join(part if part in _WORDS else "{}" for part in parts[:_MOST_PARTS])


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
