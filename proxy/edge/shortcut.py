"""Hits answered before ASGI: the bytes of a request that was seen before, for the bytes of its answer.

Why this is safe. A request head decides its cache key by itself: path, query, credential and version are all in it.
So the same bytes mean the same key for ever, and only the ordinary path, which has parsed and answered them, teaches
which key that is. What the key's answer is now, and whether this process may say so, is asked of `Near` each time.
Where it may not, Redis is asked first, on the connection that brings the pushes: when the reply is here, everything
that was written before the asking has been heard.
Whatever is not exactly one such head on an idle connection goes the ordinary way; the answer is the ordinary one to
the byte, but for its id and its moment.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from core.clock import Clock
from proxy.cache.near import Held, Near
from proxy.cache.serving import hit_status
from proxy.edge.access_log import AccessLog
from proxy.edge.headers import RawHeaders, encoded, has, http_date
from proxy.telemetry import Telemetry

LONGEST_HEAD: Final = 4_096
"""Bytes; a longer head is parsed each time."""

_MOST_HEADS: Final = 8_192

# A request with one of these may want, or get, something other than what its key says.
_NOT_PLAIN: Final = frozenset(
    {b"cache-control", b"pragma", b"expect", b"upgrade", b"range", b"te", b"trailer", b"x-request-id"}
    | {b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since", b"if-range"}
    | {b"content-length", b"transfer-encoding"}
)


def plain(headers: RawHeaders) -> bool:
    """Whether requests with these headers, names in lower case, are all answered alike."""
    return not any(
        name in _NOT_PLAIN or (name == b"connection" and value.lower() != b"keep-alive")
        for name, value in headers
    )


def is_one_head(data: bytes) -> bool:
    """Whether *data* may be one whole GET head and nothing else."""
    return (
        len(data) <= LONGEST_HEAD
        and data.startswith(b"GET ")
        and data.endswith(b"\r\n\r\n")
        and data.find(b"\r\n\r\n") == len(data) - 4
    )


Checked = Callable[[bytes | None], None]


class Checks(Protocol):
    """Asks Redis; see Pushes.check."""

    def check(self, checked: Callable[[bool], None]) -> bool: ...


@dataclass(slots=True)
class _Ready:
    """An answer as bytes, but for the request's id between the two; good until what it says of time changes."""

    until: float
    before_id: bytes
    after_id: bytes


class Shortcut:
    """The heads seen before, and their answers. One instance per process."""

    def __init__(
        self,
        near: Near,
        checks: Checks,
        is_settled: Callable[[], bool],
        telemetry: Telemetry,
        log: AccessLog,
        clock: Clock,
    ) -> None:
        """*is_settled* is false while this process knows of a write that Redis has not heard the end of."""
        self._near = near
        self._checks = checks
        self._is_settled = is_settled
        self._waiting: list[tuple[str, str, Checked]] = []
        self._telemetry = telemetry
        self._log = log
        self._clock = clock
        self._digests: dict[bytes, tuple[str, str]] = {}
        # Ids are unlike one another and those of other processes; nobody has to be unable to guess them.
        self._id_prefix = str(uuid.uuid4())[:24].encode()
        self._ids = 0
        self.is_on = True

    def __repr__(self) -> str:
        return f"Shortcut({len(self._digests)} heads, {'on' if self.is_on else 'off'})"

    def learn(self, head: bytes, digest: str, client: str = "") -> None:
        """The ordinary path answered *head* with what the cache has under *digest*, as it would answer anyone.

        A head has its *client*'s token in it, so it is that client's for as long as this process knows its clients.
        """
        if len(self._digests) >= _MOST_HEADS:
            self._digests.clear()
        self._digests[head] = digest, client

    def answer(self, head: bytes) -> bytes | None:
        """The whole answer to *head*, if it is known and true now. Counted and logged when given."""
        known = self._digests.get(head)
        if known is None or not self.is_on:
            return None
        began = self._clock.monotonic()
        digest, client = known
        held = self._near.get(digest, began)
        return None if held is None else self._whole(held, began, client)

    def check(self, head: bytes, checked: Checked) -> bool:
        """Have *checked* told the whole answer to *head*, or that there is none, once Redis has been asked.

        False when it is not worth asking: then it is not called. What comes in one turn of the loop is asked once.
        """
        known = self._digests.get(head)
        if known is None or not self.is_on or self._near.copy(known[0], self._clock.monotonic()) is None:
            return False
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._ask)
        self._waiting.append((*known, checked))
        return True

    def _ask(self) -> None:
        waiting, self._waiting = self._waiting, []

        def checked(is_known: bool) -> None:
            now = self._clock.monotonic()
            may_answer = is_known and self._is_settled() and self.is_on
            for digest, client, tell in waiting:
                held = self._near.copy(digest, now) if may_answer else None
                tell(None if held is None else self._whole(held, now, client))

        if not self._checks.check(checked):
            checked(False)

    def _whole(self, held: Held, began: float, client: str) -> bytes | None:
        ready = held.ready
        if not isinstance(ready, _Ready) or began >= ready.until:
            if held.entry.status != 200:
                return None
            held.ready = ready = self._ready(held, began)
        self._ids = number = self._ids + 1
        request_id = b"%b%012x" % (self._id_prefix, number)
        age = began - held.stored_at
        self._telemetry.hit_at_once(age, self._clock.monotonic() - began, client)
        self._log.hit(self._clock, request_id, age, client)
        return b"%b%b%b" % (ready.before_id, request_id, ready.after_id)

    def _ready(self, held: Held, now: float) -> _Ready:
        entry = held.entry
        age = now - held.stored_at
        life = entry.fresh_until - entry.stored
        left = int(life - age)
        wall = self._clock.now()
        second = int(wall)
        # The next moment at which one of the three is another number.
        until = min(held.stored_at + int(age) + 1, held.stored_at + life - left, now + second + 1 - wall)
        headers = [
            *encoded(entry.headers),
            (b"cache-status", hit_status(left).encode()),
            (b"age", str(int(age)).encode()),
            (b"content-length", str(len(entry.body)).encode()),
        ]
        lines = [name + b": " + value + b"\r\n" for name, value in headers]
        date = b"" if has(headers, b"date") else b"date: " + http_date(second) + b"\r\n"
        return _Ready(
            until,
            b"".join((STATUS_LINE[200], *lines, b"x-request-id: ")),
            b"\r\n" + date + b"\r\n" + entry.body,
        )
