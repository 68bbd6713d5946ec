"""The HTTP/1.1 protocol of the edge: uvicorn's, with bounds on what a client may make it hold.

This is also where a hit will be answered before ASGI is involved at all; nothing above it may come to depend on
seeing every request.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

import httptools
import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from calcom import envelope
from core.clock import Clock, SystemClock
from proxy.telemetry import INVALID, Telemetry


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
    ) -> None:
        self.head_bytes = head_bytes
        self.head_seconds = head_seconds
        self.connections = connections
        self.telemetry = telemetry
        self.clock = clock or SystemClock()


def bounded(bounds: Bounds) -> type[BoundedProtocol]:
    """The protocol class with *bounds* built in."""
    return type("EdgeProtocol", (BoundedProtocol,), {"bounds": bounds})


class BoundedProtocol(HttpToolsProtocol):
    """Answers what is malformed, too large or too slow itself, in Cal.com's envelope, and closes."""

    bounds: ClassVar[Bounds]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = True
        self._head_bytes = 0
        self._field_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._over = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.bounds.connections:
            self._refuse(503, "Calgate - this process has all the connections it can hold.")
            return
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._over:
            return
        if self._in_head:
            if self._head_timer is None:
                self._await_head()
            self._head_bytes += len(data)
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # No upgrade is offered here; the request itself goes its way (RFC 9110, 7.8).
            return
        except httptools.HttpParserError:
            self._refuse(400, "The request is not valid HTTP/1.1.")
            return
        if self._in_head and self._head_bytes > self.bounds.head_bytes:
            self._refuse_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._field_bytes = 0

    def on_url(self, url: bytes) -> None:
        self._field_bytes += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._field_bytes += len(name) + len(value) + 4
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_bytes = 0
        self._stop_head_timer()
        if self._field_bytes > self.bounds.head_bytes:
            self._refuse_head()
            return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._over:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._over:
            super().on_message_complete()
            self._in_head = True

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, msg)

    def is_idle(self) -> bool:
        """Whether closing now loses nothing: no request begun, none being answered."""
        return self._head_bytes == 0 and (self.cycle is None or self.cycle.response_complete)

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self.bounds.head_seconds, self._head_late)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_late(self) -> None:
        self._head_timer = None
        if self._head_bytes == 0:
            # It never said anything, so there is nothing to answer.
            self.transport.close()
            return
        seconds = self.bounds.head_seconds
        self._refuse(408, f"The request's headers did not arrive within {seconds:g} seconds.")

    def _refuse_head(self) -> None:
        self._refuse(431, f"The request line and headers exceed {self.bounds.head_bytes} bytes.")

    def _refuse(self, status: int, message: str) -> None:
        if self._over:
            return
        self._over = True
        self._stop_head_timer()
        self.bounds.telemetry.answered(INVALID, status, "refused", 0.0)
        if self.cycle is not None and not self.cycle.response_complete:
            # An earlier request on this connection is being answered; a second answer in between would be
            # taken for its own.
            self.cycle.keep_alive = False
            return
        body = orjson.dumps(envelope.error(status, message, path="", now=self.bounds.clock.now()))
        head = (
            STATUS_LINE[status]
            + b"content-type: application/json; charset=utf-8\r\nconnection: close\r\ncontent-length: "
            + str(len(body)).encode()
            + b"\r\n\r\n"
        )
        self.transport.write(head + body)
        self.transport.close()


__all__ = ["BoundedProtocol", "Bounds", "bounded"]
