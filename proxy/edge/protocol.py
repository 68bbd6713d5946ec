"""The HTTP/1.1 protocol of the edge: uvicorn's, with bounds on what a client may make it hold.

This is also where hits are answered before ASGI is involved at all (shortcut.py); nothing above it may come to depend
on seeing every request.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, ClassVar, Final

import httptools
import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from calcom import envelope
from core.clock import Clock, SystemClock
from proxy.edge.headers import http_date
from proxy.edge.shortcut import Shortcut, is_one_head
from proxy.telemetry import INVALID, Telemetry

# After a refusal the connection is read on for so long: closing on unread bytes sends a reset, which can take the
# answer from under the client's eyes (RFC 9112, 9.6).
_LINGER_SECONDS: Final = 2.0
_CHECK_SECONDS: Final = 0.05

# A client that has taken nothing of what it was sent for so long will not: it must not hold memory, a connection
# here, or one to Cal.com, whose answer is being passed on.
_STUCK_SECONDS: Final = 60.0

# What is read at once may hold thousands of tiny requests, and each takes a hundred times its bytes once parsed.
# So it is parsed in slices, and not further than to so many requests that wait for their turn.
_SLICE_BYTES: Final = 2_048
_MOST_QUEUED: Final = 32


class Bounds:
    """What one process accepts from clients, and whom it tells when they overstep.

    Bytes, seconds and connections. Bound once per process: uvicorn makes the protocols, so there is no
    constructor to pass these to.
    """

    def __init__(
        self,
        *,
        head_bytes: int,
        head_seconds: float,
        connections: int,
        telemetry: Telemetry,
        clock: Clock | None = None,
        shortcut: Shortcut | None = None,
    ) -> None:
        self.head_bytes = head_bytes
        self.head_seconds = head_seconds
        self.connections = connections
        self.telemetry = telemetry
        self.clock = clock or SystemClock()
        self.shortcut = shortcut


def bounded(bounds: Bounds) -> type[BoundedProtocol]:
    """The protocol class with *bounds* built in."""
    return type("EdgeProtocol", (BoundedProtocol,), {"bounds": bounds})


class BoundedProtocol(HttpToolsProtocol):
    """Answers what is malformed, too large or too slow itself, in Cal.com's envelope, and closes."""

    bounds: ClassVar[Bounds]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._begun = False  # a message has begun that is not complete
        self._in_head = True
        self._head_bytes = 0
        self._field_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._running: RequestResponseCycle | None = None
        self._over = False  # nothing that still arrives is looked at
        self._last_words: bytes | None = None
        self._head: bytes | None = None  # all that arrived last, if it is one head
        self._used_at = 0.0
        self._behind: bytearray | None = None  # what came while the head before it is being checked
        self._unparsed: bytes = b""  # what waits until fewer requests do
        self._bare_bytes = 0  # since the last piece of a body: sizes of chunks, their extensions, trailers
        self._stuck: asyncio.TimerHandle | None = None
        self._unsent = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > 2 * self.bounds.connections:
            # Those that are told so stay for a moment too; there is no end of them otherwise.
            self._over = True
            transport.abort()
            return
        # A client may leave before its request has ended; that still counts, or there would be no end of them.
        if max(len(self.connections), len(self.tasks)) > self.bounds.connections:
            self._refuse(503, "Calgate - this process has all the connections it can hold.")
            return
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._stop_stuck()
        if self._running is not None and self._is_answering():
            # uvicorn tells the request that was read last; this one may be another.
            self._running.disconnected = True
            self._running.message_event.set()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.transport.is_closing():
            self._stop_stuck()

    def _watch_reader(self) -> None:
        """Break the connection off when nothing more of what is to be sent is taken."""
        self._stop_stuck()
        if self.parser is None:
            # It is gone already.
            return
        self._unsent = self.transport.get_write_buffer_size()
        self._stuck = self.loop.call_later(_STUCK_SECONDS, self._look_at_reader)

    def _look_at_reader(self) -> None:
        if self.transport.get_write_buffer_size() < self._unsent:
            self._watch_reader()
        else:
            self.transport.abort()

    def _stop_stuck(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def _close(self) -> None:
        """Close once everything is sent, or nothing more is taken of it."""
        self.transport.close()
        self._watch_reader()

    def data_received(self, data: bytes) -> None:
        if self._over:
            return
        if self._behind is not None:
            self._behind += data
            return
        if self._unparsed:
            self._unparsed += data
            self.flow.pause_reading()
            return
        shortcut = self.bounds.shortcut
        if shortcut is not None:
            self._head = None
            # As `is_idle`, and nothing waits to be taken; written out, since a call shows in what a hit costs.
            if (
                not (self._begun or self._head_bytes or self.flow.write_paused)
                and ((running := self._running) is None or running.response_complete)
                and not self.transport.is_closing()
            ):
                ready = shortcut.answer(data)
                if ready is not None:
                    self._answer_at_once(ready)
                    return
                if shortcut.check(data, lambda found: self._checked(data, found)):
                    self._behind = bytearray()
                    self.flow.pause_reading()
                    return
                self._head = data if is_one_head(data) else None
        self._take(data)

    def _checked(self, head: bytes, ready: bytes | None) -> None:
        """The check of *head* is over: answer it, or let it go its ordinary way, and what came after it too."""
        behind, self._behind = bytes(self._behind or b""), None
        if self.transport.is_closing() or self.parser is None:
            return
        self.flow.resume_reading()
        if ready is not None:
            self._answer_at_once(ready)
        else:
            self._head = head if is_one_head(head) else None
            self._take(head)
        if behind:
            self.data_received(behind)

    def _take(self, data: bytes) -> None:
        for at in range(0, len(data), _SLICE_BYTES):
            if self._unparsed or len(self.pipeline) >= _MOST_QUEUED:
                # Behind what waits already: a head that offered an upgrade is taken a second time within a slice.
                self._unparsed += data[at:]
                self.flow.pause_reading()
                return
            self._parse(data[at : at + _SLICE_BYTES])
            if self._over:
                return

    def _parse(self, data: bytes) -> None:
        if self._in_head:
            self._head_bytes += len(data)
        else:
            self._bare_bytes += len(data)
        if not self._is_answered_early():
            self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            if not self._over:
                self._take(self._without_offer() + data[offer.args[0] :])
            return
        except httptools.HttpParserError:
            self._refuse(400, "The request is not valid HTTP/1.1.")
        if not self._over:
            self._look_at_rest()

    def _without_offer(self) -> bytes:
        """The head just read without its offer to upgrade, for a new parser.

        No upgrade is taken here, so it is a request like any other (RFC 9110, 7.8): Java's client offers one with each
        first request. The old parser would take for another protocol what follows the head, a body too.
        """
        version = self.parser.get_http_version().encode()
        line = b"%b %b HTTP/%b\r\n" % (self.parser.get_method(), self.url, version)
        fields = [b"%b: %b\r\n" % field for field in self.headers if field[0] != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._begun = False
        self._head_bytes = self._field_bytes = 0
        return b"".join((line, *fields, b"\r\n"))

    def _look_at_rest(self) -> None:
        """What has been read leaves the connection somewhere: it may not stay there for long, nor with much."""
        if not self._in_head:
            if self._bare_bytes > self.bounds.head_bytes:
                limit = self.bounds.head_bytes
                self._refuse(400, f"The extensions of a chunk, or the trailers, exceed {limit} bytes.")
        elif self._head_bytes > self.bounds.head_bytes:
            self._refuse_head()
        elif self._begun or self._head_bytes:
            if self._timer is None:
                self._await_head()
        elif not self._is_answering() and self.timeout_keep_alive_task is None:
            # The rest of a body whose request was answered before.
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _is_answered_early(self) -> bool:
        """Whether what arrives is the rest of a body nobody waits for; it gets no more time than an idle client."""
        return self._begun and not self._in_head and self.cycle.response_complete

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._unset_keepalive_if_required()
        self._begun = self._in_head = True

    def on_url(self, url: bytes) -> None:
        self._field_bytes += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:
            # A trailer. None is known to be safe among the headers (RFC 9110, 6.5.1), and Cal.com reads none.
            return
        self._field_bytes += len(name) + len(value) + 4
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._over:
            return
        self._stop_timer()
        if self._field_bytes > self.bounds.head_bytes:
            self._refuse_head()
            return
        version = self.parser.get_http_version()
        wrong = _what_is_wrong(version, self.url, self.headers)
        if wrong:
            self._refuse(400, wrong)
            return
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":
                self._refuse(400, "No tunnels are made here.")
            return
        if version == "1.0":
            # It would not know what a 100 is (RFC 9110, 10.1.1).
            self.expect_100_continue = False
        if self.url.startswith(b"/"):
            self.scope["calgate.target"] = self.url  # type: ignore[typeddict-unknown-key]
        super().on_headers_complete()
        if self._head is not None:
            self.scope["calgate.head"] = self._head  # type: ignore[typeddict-unknown-key]
        self._in_head = False
        self._head_bytes = self._field_bytes = self._bare_bytes = 0

    def on_body(self, body: bytes) -> None:
        self._bare_bytes = 0
        if not self._over:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._over and not self.parser.should_upgrade():
            super().on_message_complete()
            self._begun, self._in_head = False, True
            if not self.parser.should_keep_alive():
                # A trailer may have said so. The parser takes nothing more, so nothing more shall be sent to it.
                self.cycle.keep_alive = False
                if self.cycle.response_complete:
                    self._close()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._unparsed and not self.transport.is_closing():
            data, self._unparsed = self._unparsed, b""
            self._take(data)
        if self.transport.is_closing():
            self._watch_reader()
        if self._last_words is not None and not self.transport.is_closing() and not self._is_answering():
            self._unset_keepalive_if_required()
            self._say(self._last_words)

    def timeout_keep_alive_handler(self) -> None:
        left = self._used_at + self.timeout_keep_alive - self.loop.time()
        if left <= 0:
            self._close()
            return
        # It was used meanwhile; a timer for each hit would cost as much as the hit.
        self.timeout_keep_alive_task = self.loop.call_later(left, self.timeout_keep_alive_handler)

    def _answer_at_once(self, ready: bytes) -> None:
        if self._timer is not None:
            self._stop_timer()
        self.server_state.total_requests += 1
        self._used_at = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
        self.transport.write(ready)

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, msg)

    def is_idle(self) -> bool:
        """Whether closing now loses nothing: no request begun, none being answered."""
        is_between = not self._begun and self._head_bytes == 0
        return is_between and self._behind is None and not self._is_answering()

    def shutdown(self) -> None:
        if self._behind is None:
            super().shutdown()
        else:
            # Its answer is a round trip away; without a next one it would be cut off.
            self.loop.call_later(_CHECK_SECONDS, self.shutdown)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _is_answering(self) -> bool:
        return self._running is not None and not self._running.response_complete

    def _await_head(self) -> None:
        self._timer = self.loop.call_later(self.bounds.head_seconds, self._head_late)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _head_late(self) -> None:
        self._timer = None
        if self._unparsed:
            # The rest of it is here: it is we who do not read on.
            self._await_head()
            return
        if not self._begun and self._head_bytes == 0:
            # It never said anything, so there is nothing to answer.
            self.transport.close()
            return
        seconds = self.bounds.head_seconds
        self._refuse(408, f"The request's headers did not arrive within {seconds:g} seconds.")

    def _refuse_head(self) -> None:
        self._refuse(431, f"The request line and headers exceed {self.bounds.head_bytes} bytes.")

    def _refuse(self, status: int, message: str) -> None:
        """Answer the message now arriving, once those before it are answered, and close."""
        if self._over:
            return
        self._over = True
        self._stop_timer()
        self.bounds.telemetry.answered(INVALID, status, "refused", 0.0)
        words = self._words(status, message)
        if self._begun and not self._in_head:
            # It broke off in its body, which the application waits for or, queued, would wait for: to it, the
            # client has gone, and will be told so.
            broken = self.cycle
            broken.disconnected = True
            broken.message_event.set()
            self.pipeline = deque(queued for queued in self.pipeline if queued[0] is not broken)
            if broken is self._running:
                if broken.response_started:
                    self.transport.close()
                else:
                    self._say(words)
                return
        if self._is_answering():
            # A second answer in between would be taken for the first's.
            self._last_words = words
        else:
            self._say(words)

    def _words(self, status: int, message: str) -> bytes:
        now = self.bounds.clock.now()
        body = orjson.dumps(envelope.error(status, message, path="", now=now))
        lines = [
            b"content-type: application/json; charset=utf-8",
            b"content-length: %d" % len(body),
            b"date: " + http_date(now),
            b"connection: close",
        ]
        if status == 503:
            lines.append(b"retry-after: 1")
        return STATUS_LINE[status] + b"\r\n".join(lines) + b"\r\n\r\n" + body

    def _say(self, words: bytes) -> None:
        self.transport.write(words)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()
        self._timer = self.loop.call_later(_LINGER_SECONDS, self._close)


def _what_is_wrong(version: str, url: bytes, headers: list[tuple[bytes, bytes]]) -> str | None:
    """What the parser lets pass and RFC 9112 does not; names in lower case."""
    if version not in ("1.0", "1.1"):
        return f"HTTP/{version} is not spoken here."
    if b"#" in url:
        # 3.2: it would be cut off here, and who knows where elsewhere.
        return "A fragment is no part of a request's target."
    hosts = 0
    for name, value in headers:
        if name == b"host":
            hosts += 1
        elif name == b"transfer-encoding" and (version == "1.0" or value.strip().lower() != b"chunked"):
            # 6.1: a length nobody can be sure of.
            return "The only transfer coding taken is chunked, and only with HTTP/1.1."
    if hosts > 1 or (hosts == 0 and version == "1.1"):
        return "A request needs exactly one Host header."
    return None


__all__ = ["BoundedProtocol", "Bounds", "bounded"]
