"""One JSON line a request, without anything secret: no query, no ids, no headers.

A booking's uid is enough to cancel it, so ids are left out of the path too.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any, BinaryIO, Final, Literal

import orjson

from calcom.paths import normalise
from core.clock import Clock
from core.log import timestamp

# The words Cal.com's paths and ours are made of (contract 4 to 6). Whatever else stands in a path may be somebody's id.
_WORDS: Final = frozenset(
    """
    v2 slots available reserve selected-slot reservations bookings by-seat recurring instant reschedule
    request-reschedule cancel confirm decline reassign mark-absent mark-no-show guests attendees location
    calendar-links references recordings transcripts conferencing-sessions event-types private-links schedules
    default calendars busy-times check connect save credentials disconnect events event ics-feed
    selected-calendars destination-calendars me ooo teams organizations memberships invite users attributes
    options delegation-credentials routing-forms calculate-slots responses oauth-clients oauth oauth2 auth token
    refresh force-refresh api-keys webhooks workflows conferencing verified-resources stripe roles permissions
    - alternatives
    """.split()  # noqa: SIM905  # a page of quotes and commas would hide the words
)
_MOST_PARTS: Final = 12

_LINES_WAIT_SECONDS: Final = 0.05

Which = Literal["all", "no-hits", "off"]


def template(path: str) -> str:
    """The path with everything that is not a word of the API replaced by `{}`."""
    parts = normalise(path).split("/")[1:]
    return "/" + "/".join(part if part in _WORDS else "{}" for part in parts[:_MOST_PARTS])


class AccessLog:
    """Writes lines to a binary stream, standard output unless told otherwise.

    *which* requests get one: all, those that no cached answer served, or none.
    """

    def __init__(self, stream: BinaryIO | None = None, *, which: Which = "all") -> None:
        self._stream = sys.stdout.buffer if stream is None else stream
        self._which = which
        self._held: list[bytes] = []

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
        if self._which == "off" or (self._which == "no-hits" and outcome == "hit"):
            return
        line = _line(now, request_id, method, template(path), route, status, outcome, seconds, extra)
        self._put([*self._held, line])

    def hit(self, clock: Clock, request_id: bytes, age: float, client: str = "") -> None:
        """Log a look that was answered at once. Many come together: their lines are written together, shortly."""
        if self._which != "all":
            return
        facts: dict[str, Any] = {"alias": client} if client else {}
        facts["age"] = round(age, 1)
        line = _line(clock.now(), request_id.decode(), "GET", "/v2/slots", "slots", 200, "hit", 0.0, facts)
        if not self._held:
            asyncio.get_running_loop().call_later(_LINES_WAIT_SECONDS, self.flush)
        self._held.append(line)

    def flush(self) -> None:
        """Write the lines that wait."""
        if self._held:
            self._put(self._held)

    def _put(self, lines: list[bytes]) -> None:
        self._held = []
        try:
            self._stream.write(b"".join(lines))
            self._stream.flush()
        except (OSError, ValueError):
            # A log reader that went away must not take the gateway with it.
            self._which = "off"


def _line(
    now: float,
    request_id: str,
    method: str,
    path: str,
    route: str,
    status: int,
    outcome: str,
    seconds: float,
    extra: dict[str, Any],
) -> bytes:
    line = {
        "ts": timestamp(now),
        "event": "request",
        "request_id": request_id,
        "method": method,
        "path": path,
        "route": route,
        "status": status,
        "outcome": outcome,
        "ms": round(seconds * 1000, 2),
        **extra,
    }
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
