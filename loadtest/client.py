"""A lean HTTP/1.1 client for measuring: keep-alive, pooled, raw, honest about what went wrong.

It exists because the load must cost less than what it loads. There are no redirects, cookies, decompression
or encodings of any kind: what the server sent is what you get. One request at a time per connection, no
pipelining.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Any, NamedTuple, Self, cast
from urllib.parse import urlsplit

import httptools
import orjson

from core.clock import Clock, SystemClock

_DEFAULT_PORTS = {"http": 80, "https": 443}
# RFC 9110 9.2.1: repeating these cannot do anything twice.
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# RFC 9110 8.6: these say a length even when there is no body.
_METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})

# Status, headers as sent, body.
_Answer = tuple[int, list[tuple[bytes, bytes]], bytes]


class ClientError(Exception):
    """No complete answer came back. The subclass says how far it got."""


class ConnectFailed(ClientError):
    """No connection could be opened: nothing was sent."""


class TimedOut(ClientError):
    """No complete answer within the time allowed. The server may have acted all the same."""


class ConnectionLost(ClientError):
    """The connection ended before the answer was complete. `answered` tells if any byte of it had come."""

    def __init__(self, message: str, *, answered: bool) -> None:
        super().__init__(message)
        self.answered = answered


class BadResponse(ClientError):
    """What came back is not HTTP/1.x."""


class Response(NamedTuple):
    """One complete answer. `started` and `ended` are Unix seconds around the whole exchange, pool wait
    included.
    """

    status: int
    raw_headers: list[tuple[bytes, bytes]]
    body: bytes
    started: float
    ended: float

    @property
    def seconds(self) -> float:
        """How long the exchange took; measured on the monotonic clock, so it is never negative."""
        return self.ended - self.started

    def header(self, name: str) -> str | None:
        """The header's value, several joined by ", " (RFC 9110 5.3); None when it was not sent."""
        wanted = name.lower().encode("latin-1")
        values = [value for key, value in self.raw_headers if key.lower() == wanted]
        return b", ".join(values).decode("latin-1") if values else None

    def json(self) -> Any:
        """The body parsed as JSON. Raises ValueError (orjson.JSONDecodeError) when it is not JSON."""
        return orjson.loads(self.body)


class Client:
    """Keep-alive connections to one origin, at most `connections` of them; further requests wait their turn
    in order.

    Safe to cancel anywhere: a request cancelled mid-flight closes its connection and frees its place. Use
    it as an async context manager, or call `aclose`.
    """

    def __init__(
        self,
        origin: str,
        *,
        connections: int = 64,
        timeout: float | None = 60.0,
        clock: Clock | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`origin` is scheme://host[:port]; `timeout` is in seconds for a whole request, None for no limit.

        Raises ValueError for an origin that is not http or https, or that carries a path.
        """
        parts = urlsplit(origin)
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or parts.path not in ("", "/"):
            raise ValueError(f"Not an origin like http://127.0.0.1:8080: {origin!r}")
        if connections < 1:
            raise ValueError(f"A client needs at least one connection, not {connections}")
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self._host = parts.hostname
        self._port = parts.port or _DEFAULT_PORTS[parts.scheme]
        self._tls = (tls or ssl.create_default_context()) if parts.scheme == "https" else None
        self._authority = parts.netloc
        self._limit = connections
        self._timeout = timeout
        self._clock: Clock = clock or SystemClock()
        self._open = 0
        self._idle: deque[_Connection] = deque()
        self._busy: set[_Connection] = set()
        # A waiter receives an idle connection, or None: leave to open one.
        self._waiters: deque[asyncio.Future[_Connection | None]] = deque()
        self._closed = False

    def __repr__(self) -> str:
        return (
            f"<Client {self.origin} open={self._open}/{self._limit} idle={len(self._idle)} "
            f"waiting={len(self._waiters)}>"
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def get(self, target: str, headers: Mapping[str, str] | None = None) -> Response:
        """`request("GET", …)`."""
        return await self.request("GET", target, headers=headers)

    async def request(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout: float | None = None,
    ) -> Response:
        """Sends one request and returns its complete answer, whatever the status.

        A safe request that meets a kept connection the server has just closed goes out once more on another
        one; any other is sent once and never repeated. Raises a `ClientError`; ValueError for a line break
        in the target or a header.
        """
        head = _head(method, target, self._authority, headers, body)
        started = self._clock.now()
        since = self._clock.monotonic()
        limit = self._timeout if timeout is None else timeout
        try:
            async with asyncio.timeout(limit):
                status, raw_headers, content = await self._exchange(method, head)
        except TimeoutError as error:
            raise TimedOut(f"{method} {target}: no answer within {limit:g} s") from error
        return Response(status, raw_headers, content, started, started + self._clock.monotonic() - since)

    async def aclose(self) -> None:
        """Closes every connection, also those in use, whose requests then end with ConnectionLost."""
        self._closed = True
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(ConnectFailed("The client was closed"))
        self._waiters.clear()
        closing = [*self._idle, *self._busy]
        self._idle.clear()
        for connection in closing:
            connection.close()
        if closing:
            await asyncio.wait([connection.lost for connection in closing])

    async def _exchange(self, method: str, head: bytes) -> _Answer:
        while True:
            connection = await self._acquire()
            reused = connection.exchanges > 0
            try:
                answer = await connection.exchange(head, bodiless=method == "HEAD")
            except ConnectionLost as error:
                self._release(connection)
                if reused and not error.answered and method in _SAFE_METHODS and not self._closed:
                    continue
                raise
            except BaseException:
                connection.close()
                self._release(connection)
                raise
            self._release(connection)
            return answer

    async def _acquire(self) -> "_Connection":
        if self._closed:
            raise ConnectFailed("The client was closed")
        while self._idle:
            # The most recently used is the least likely to have been closed by the server.
            connection = self._idle.pop()
            if connection.usable:
                self._busy.add(connection)
                return connection
            self._open -= 1
        if self._open >= self._limit:
            waiter: asyncio.Future[_Connection | None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                handed = await waiter
            except asyncio.CancelledError:
                # Handed over and cancelled in the same turn of the loop: pass it on, or the place is lost.
                if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                    self._hand_over(waiter.result())
                raise
            if handed is not None:
                return handed
        else:
            self._open += 1
        return await self._connect()

    async def _connect(self) -> "_Connection":
        """Opens a connection for a place already counted in `_open`; gives the place back if that fails."""
        loop = asyncio.get_running_loop()
        try:
            _, connection = await loop.create_connection(
                lambda: _Connection(loop), self._host, self._port, ssl=self._tls
            )
        except OSError as error:
            self._hand_over(None)
            raise ConnectFailed(f"{self.origin}: {error.strerror or error}") from error
        except BaseException:
            self._hand_over(None)
            raise
        self._busy.add(connection)
        if self._closed:
            connection.close()
        return connection

    def _release(self, connection: "_Connection") -> None:
        if connection.usable and not self._closed:
            self._hand_over(connection)
        else:
            self._busy.discard(connection)
            self._hand_over(None)

    def _hand_over(self, place: "_Connection | None") -> None:
        """Gives a place to the first waiter still there, or keeps it: idle, or as room for a new
        connection.
        """
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(place)
                return
        if place is None:
            self._open -= 1
        else:
            self._busy.discard(place)
            self._idle.append(place)


class _Connection(asyncio.Protocol):
    """One connection, one exchange at a time. The parser calls the `on_…` methods."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[_Answer] | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._chunks: list[bytes] = []
        self._headers_complete = False
        self._bytes_came = False
        self._bodiless = False
        self.usable = True
        self.exchanges = 0
        self.lost: asyncio.Future[None] = loop.create_future()

    async def exchange(self, request: bytes, *, bodiless: bool) -> "_Answer":
        """Writes the request and waits for its answer. Raises ConnectionLost or BadResponse; then it is not
        usable.
        """
        if self._transport is None or not self.usable:
            raise ConnectionLost("The server closed the connection", answered=False)
        answer: asyncio.Future[_Answer] = self._loop.create_future()
        self._answer = answer
        self._bytes_came = False
        self._bodiless = bodiless
        self.exchanges += 1
        self._transport.write(request)
        return await answer

    def close(self) -> None:
        """Drops the connection at once, unsent bytes included."""
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.usable = False
        if not self.lost.done():
            self.lost.set_result(None)
        if self._answer is None or self._answer.done():
            return
        if error is None and self._headers_complete and self._ends_with_connection():
            self._finish()
            return
        reason = f"The connection was lost: {error}" if error else "The server closed the connection"
        self._answer.set_exception(ConnectionLost(reason, answered=self._bytes_came))

    def data_received(self, data: bytes) -> None:
        self._bytes_came = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if self._answer is not None and not self._answer.done():
                self._answer.set_exception(BadResponse(f"Not an HTTP answer: {error}"))
            self.close()

    def on_message_begin(self) -> None:
        self._headers = []
        self._chunks = []
        self._headers_complete = False
        if self._answer is None or self._answer.done():
            # Nobody asked: whatever this is, the next exchange must not take it for its answer.
            self.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._headers_complete = True
        if self._bodiless:
            self._finish()
            # This parser now waits for a body that RFC 9110 9.3.2 forbids.
            self._parser = httptools.HttpResponseParser(self)

    def on_body(self, body: bytes) -> None:
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() >= 200:
            self._finish()

    def _finish(self) -> None:
        if self._answer is None or self._answer.done():
            return
        if not self._parser.should_keep_alive():
            self.close()
        chunks = self._chunks
        body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        self._answer.set_result((self._parser.get_status_code(), self._headers, body))

    def _ends_with_connection(self) -> bool:
        """RFC 9112 6.3: with neither length nor chunks, the end of the connection is the end of the body."""
        return not any(name.lower() in (b"content-length", b"transfer-encoding") for name, _ in self._headers)


def _head(method: str, target: str, authority: str, headers: Mapping[str, str] | None, body: bytes) -> bytes:
    lines = [f"{method} {target} HTTP/1.1\r\nHost: {authority}"]
    if headers:
        lines.extend([f"{name}: {value}" for name, value in headers.items()])
    if body or method in _METHODS_WITH_BODY:
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join(lines)
    if head.count("\n") != len(lines) or head.count("\r") != len(lines):
        raise ValueError(f"A line break in the target or a header of {method} {target!r}")
    return head.encode("latin-1") + b"\r\n\r\n" + body
