"""A client's request and the ways to answer it, over ASGI."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any, Final

import orjson

from calcom import envelope
from proxy.edge.headers import RawHeaders, content_length
from proxy.refusals import BodyTooLarge, ClientGone, Refused

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_USABLE_ID: Final = re.compile(rb"[A-Za-z0-9._-]{8,64}")


class Request:
    """One request. What it was answered with is noted here for the log and the counters."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.raw_path: bytes = scope["raw_path"]
        self.path = self.raw_path.decode("latin-1")
        self.query: bytes = scope["query_string"]
        self.headers: RawHeaders = scope["headers"]
        self.id = self._own_id()
        self.status = 0
        self.outcome = "pass"
        self.facts: dict[str, Any] = {}
        self.closing = False
        self._receive = receive
        self._send = send
        self._body_left = True
        self.body_bytes = 0

    def __repr__(self) -> str:
        return f"Request({self.id}, {self.method}, {self.status or 'unanswered'})"

    def _own_id(self) -> str:
        for name, value in self.headers:
            if name == b"x-request-id" and _USABLE_ID.fullmatch(value):
                return value.decode()
        return str(uuid.uuid4())

    @property
    def target(self) -> bytes:
        """The request target, byte for byte."""
        return self.raw_path + b"?" + self.query if self.query else self.raw_path

    @property
    def answered(self) -> bool:
        return self.status != 0

    async def body(self, limit: int) -> AsyncIterator[bytes]:
        """The body in the pieces it comes in. Raises BodyTooLarge past *limit* bytes, ClientGone on a cut."""
        announced = content_length(self.headers)
        if announced is not None and announced > limit:
            raise BodyTooLarge(
                f"The request body has {announced} bytes; this gateway forwards at most {limit}."
            )
        while self._body_left:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            self._body_left = message.get("more_body", False)
            piece: bytes = message.get("body", b"")
            self.body_bytes += len(piece)
            if self.body_bytes > limit:
                raise BodyTooLarge(
                    f"The request body has more than {limit} bytes, the most this gateway forwards."
                )
            if piece:
                yield piece

    async def gone(self) -> None:
        """Return when the client has closed the connection. Only after the body was read."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def start(self, status: int, headers: RawHeaders) -> None:
        """Send the status line and headers, with those every answer carries."""
        self.status = status
        headers = [*headers, (b"x-request-id", self.id.encode())]
        if self.closing:
            headers.append((b"connection", b"close"))
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def write(self, body: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def answer(self, status: int, headers: RawHeaders, body: bytes) -> None:
        """Send a whole answer."""
        await self.start(status, [*headers, (b"content-length", str(len(body)).encode())])
        await self.write(body, more=False)

    async def refuse(self, refusal: Refused, now: float) -> None:
        """Answer with Cal.com's error envelope. *now* is Unix seconds."""
        self.outcome = "refused"
        self.facts["refused"] = refusal.reason
        document = envelope.error(
            refusal.status, refusal.message, path=self.target.decode("latin-1"), now=now, code=refusal.code
        )
        headers = [
            (b"content-type", b"application/json; charset=utf-8"),
            (b"cache-control", b"no-store"),
            (b"cache-status", f"calgate; detail={refusal.reason}".encode()),
            *refusal.headers(),
        ]
        if isinstance(refusal, BodyTooLarge):
            # The rest of the body is still on its way and nobody will read it.
            self.closing = True
        await self.answer(refusal.status, headers, orjson.dumps(document))
