"""A client's request and the ways to answer it, over ASGI."""

from __future__ import annotations

import asyncio
import contextlib
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any, Final

import orjson

from calcom import envelope
from core.clock import Clock
from core.tasks import spawn
from proxy.edge.headers import RawHeaders, content_length, crossing, has, http_date
from proxy.refusals import BodyTooLarge, ClientGone, Refused, TooSlow

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

JSON: Final = (b"content-type", b"application/json; charset=utf-8")

_USABLE_ID: Final = re.compile(rb"[A-Za-z0-9._-]{8,64}")

# Answers without a body, whatever length they speak of (RFC 9110, 8.6).
_BODILESS: Final = frozenset({204, 304})

# A client that is still sending when it is refused must be let finish, or the reset that follows takes our answer
# from under its eyes (RFC 9112, 9.6). At most so long between two pieces and in all.
_SWALLOW_PIECE_SECONDS: Final = 5.0
_SWALLOW_SECONDS: Final = 30.0

# A body that keeps coming, but more slowly than this on the whole, is held back by its sender. Bytes a second.
_SLOWEST: Final = 1_024

# A client that has not taken a piece of its answer for so long will not; it must not hold a connection to Cal.com.
_SEND_SECONDS: Final = 60.0


class Request:
    """One request. What it was answered with is noted here for the log and the counters.

    *is_last* is asked when the answer begins: whether the connection shall close after it.
    """

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, clock: Clock, is_last: Callable[[], bool]
    ) -> None:
        self.method: str = scope["method"]
        self.version: str = scope["http_version"]
        self.raw_path: bytes = scope["raw_path"]
        self.path = self.raw_path.decode("latin-1")
        self.query: bytes = scope["query_string"]
        self.received: RawHeaders = scope["headers"]
        """All headers, also those that were for this one connection only."""
        self.headers: RawHeaders = crossing(self.received)
        self._target: bytes | None = scope.get("calgate.target")
        self.head: bytes | None = scope.get("calgate.head")
        """The bytes it was asked with, if they came in one piece and are all of it."""
        self.client = ""
        """The alias of the client, where the gateway tells clients apart."""
        self.id = self._own_id()
        self.status = 0
        self.outcome = "pass"
        self.facts: dict[str, Any] = {}
        self._receive = receive
        self._send = send
        self._clock = clock
        self._is_last = is_last
        self._closing = False
        self._body_left = True
        self._body_bytes = 0
        self._complete = False

    def __repr__(self) -> str:
        return f"Request({self.id}, {self.method}, {self.status or 'unanswered'})"

    def _own_id(self) -> str:
        for name, value in self.headers:
            if name == b"x-request-id" and _USABLE_ID.fullmatch(value):
                return value.decode()
        return str(uuid.uuid4())

    @property
    def target(self) -> bytes:
        """The request target, byte for byte; of an absolute one what follows the authority."""
        if self._target is not None:
            return self._target
        return self.raw_path + b"?" + self.query if self.query else self.raw_path

    @property
    def answered(self) -> bool:
        return self.status != 0

    async def body(self, limit: int, seconds: float) -> AsyncIterator[bytes]:
        """The body in the pieces it comes in.

        Raises BodyTooLarge past *limit* bytes, TooSlow when nothing comes for *seconds*, or when on the whole, after
        as many, fewer than 1024 bytes a second came; ClientGone on a cut.
        """
        announced = content_length(self.received)
        if announced is not None and announced > limit:
            raise BodyTooLarge(
                f"The request body has {announced} bytes; this gateway forwards at most {limit}."
            )
        waited = 0.0
        while self._body_left:
            began = self._clock.monotonic()
            try:
                async with asyncio.timeout(seconds):
                    piece = await self._piece()
            except TimeoutError:
                raise TooSlow(f"Nothing of the request body arrived for {seconds:g} seconds.") from None
            self._body_bytes += len(piece)
            # Only our waiting for the client counts, not its for Cal.com.
            waited += self._clock.monotonic() - began
            if self._body_left and waited > seconds + self._body_bytes / _SLOWEST:
                raise TooSlow(f"The request body comes more slowly than {_SLOWEST} bytes a second.")
            if self._body_bytes > limit:
                raise BodyTooLarge(
                    f"The request body has more than {limit} bytes, the most this gateway forwards."
                )
            if piece:
                yield piece

    async def _piece(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        self._body_left = message.get("more_body", False)
        piece: bytes = message.get("body", b"")
        return piece

    @contextlib.asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Cancel the body of the context when the client closes the connection, and raise ClientGone.

        Only for a request whose body was read.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(None) as patience:

                def left(_: object) -> None:
                    # The end of the answer ends the watch too.
                    if not self._complete and not watch.cancelled():
                        patience.reschedule(loop.time())

                watch = spawn(self._gone(), name="client.gone")
                watch.add_done_callback(left)
                try:
                    yield
                finally:
                    watch.remove_done_callback(left)
                    watch.cancel()
        except TimeoutError:
            if not patience.expired():
                raise
            raise ClientGone from None

    async def _gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def start(self, status: int, headers: RawHeaders) -> None:
        """Send the status line and headers, with those every answer carries."""
        self.status = status
        headers = [*headers, (b"x-request-id", self.id.encode())]
        if status in _BODILESS:
            headers = [(name, value) for name, value in headers if name != b"content-length"]
        if not has(headers, b"date"):
            headers.append((b"date", http_date(self._clock.now())))
        if self._closing or self._is_last() or self._is_untold():
            headers.append((b"connection", b"close"))
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    def _is_untold(self) -> bool:
        """Whether the client may still be waiting to be told to send its body, which it then may leave out."""
        return self._body_left and self._body_bytes == 0 and has(self.received, b"expect")

    async def write(self, body: bytes, *, more: bool) -> None:
        """Send a piece of the answer's body. Raises ClientGone when the client no longer takes any."""
        try:
            async with asyncio.timeout(_SEND_SECONDS):
                await self._send_body(body, more=more)
        except TimeoutError:
            raise ClientGone from None

    async def _send_body(self, body: bytes, *, more: bool) -> None:
        self._complete = not more
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def answer(self, status: int, headers: RawHeaders, body: bytes) -> None:
        """Send a whole answer."""
        await self.start(status, [*headers, (b"content-length", str(len(body)).encode())])
        # It is in memory already and holds nothing else, so there is no hurry to give it up.
        await self._send_body(body, more=False)

    async def refuse(self, refusal: Refused) -> None:
        """Answer with Cal.com's error envelope."""
        self.outcome = "refused"
        self.facts["refused"] = refusal.reason
        document = envelope.error(
            refusal.status,
            refusal.message,
            path=self.target.decode("latin-1"),
            now=self._clock.now(),
            code=refusal.code,
            details=refusal.details,
        )
        headers = [
            JSON,
            (b"cache-control", b"no-store"),
            (b"cache-status", f"calgate; detail={refusal.reason}".encode()),
            *refusal.headers(),
        ]
        body = orjson.dumps(document)
        self._closing = isinstance(refusal, (BodyTooLarge, TooSlow))
        if not isinstance(refusal, BodyTooLarge):
            await self.answer(refusal.status, headers, body)
            return
        await self.start(refusal.status, [*headers, (b"content-length", str(len(body)).encode())])
        await self.write(body, more=True)
        await self._swallow()
        await self.write(b"", more=False)

    async def _swallow(self) -> None:
        with contextlib.suppress(TimeoutError, ClientGone):
            async with asyncio.timeout(_SWALLOW_SECONDS):
                while self._body_left:
                    async with asyncio.timeout(_SWALLOW_PIECE_SECONDS):
                        await self._piece()
