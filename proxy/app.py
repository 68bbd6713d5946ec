"""The gateway as a raw ASGI application: what is ours, what is cached, what changes things, what passes."""

from __future__ import annotations

import logging
import traceback
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import httpx2
import orjson

from calcom import ratelimit, versions
from calcom.paths import Classified, Route, classify, climbs
from calcom.slots import Query, loosely, parse, parse_legacy
from core.clock import Clock
from proxy.account.account import Account, Stranger
from proxy.alternatives import PATH as ALTERNATIVES_PATH
from proxy.alternatives import Alternatives
from proxy.booking.path import BookingPath
from proxy.cache.directives import demanded
from proxy.cache.reads import ReadsCache
from proxy.cache.serve import SlotsCache
from proxy.cache.serving import Answer
from proxy.clients.door import Door
from proxy.deadline import patience_of
from proxy.edge.access_log import AccessLog
from proxy.edge.headers import as_text, forwarded, has, returned
from proxy.edge.request import JSON, Receive, Request, Scope, Send
from proxy.edge.shortcut import Shortcut, plain
from proxy.outlive import outlive
from proxy.refusals import (
    BadPath,
    Broken,
    ClientGone,
    NotServed,
    Refused,
    StoreUnavailable,
    UpstreamTimeout,
)
from proxy.telemetry import ALTERNATIVES, GATEWAY, INVALID, Telemetry
from proxy.upstream import Call, Upstream, read

_log = logging.getLogger(__name__)

# A body up to this size is read before a call is asked for: leave to call must be used at once, and a client
# may take its time. Bookings are far below; what is larger streams.
_READ_AHEAD_BYTES: Final = 65_536

# Slots are kept by their query, so only for paths that certainly are the one resource: Cal.com's router takes the
# other spellings of them as we do, or does not know them (contract 1).
_KEPT_SPELLINGS: Final = {
    Route.SLOTS: frozenset({"/v2/slots", "/api/v2/slots"}),
    Route.SLOTS_LEGACY: frozenset({"/v2/slots/available", "/api/v2/slots/available"}),
}

SHADOW: Final = "rate_shadow is on: calls that should be held are let go, and Cal.com may block the key"


@dataclass(slots=True)
class Gateway:
    """One process's gateway. `is_ready` says whether it can serve; `draining` is set when it is told to stop."""

    slots: SlotsCache
    reads: ReadsCache
    upstream: Upstream
    booking: BookingPath
    account: Account | Stranger
    alternatives: Alternatives
    telemetry: Telemetry
    log: AccessLog
    clock: Clock
    is_ready: Callable[[], bool]
    max_body: int
    body_seconds: float
    shortcut: Shortcut | None = None
    door: Door | None = None
    draining: bool = field(default=False)
    is_shadow: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Never raises for what a client or Cal.com did."""
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        request = Request(scope, receive, send, self.clock, lambda: self.draining)
        started = self.clock.monotonic()
        kind = _kind(request)
        route = kind.route.value if kind else _own_route(request.path)
        self.telemetry.began(route)
        try:
            await self._serve(request, kind)
        except ClientGone:
            request.outcome = "error"
            request.facts["client"] = "gone"
        except Refused as refusal:
            await self._refuse(request, refusal)
        except Exception as error:  # noqa: BLE001  # the last door: a bug must not look like an outage
            # Only where it happened: an error's own text may quote what a client sent.
            where = "".join(traceback.format_tb(error.__traceback__))
            problem = {"problem": type(error).__name__, "where": where, "request_id": request.id}
            _log.error("request.failed", extra=problem)
            await self._refuse(request, Broken())
        finally:
            self._note(request, route, self.clock.monotonic() - started)

    async def _serve(self, request: Request, kind: Classified | None) -> None:
        if self.door is not None:
            self.door.admit(request)
        if kind is None:
            await self._own(request)
            return
        if climbs(request.path):
            raise BadPath
        if kind.reads_slots:
            await self._offer(request, kind)
        elif kind.is_write:
            await self._write(request, kind)
        elif self.reads.keeps(request.method, request.path):
            await self._read(request, kind)
        else:
            is_heard = self.account.listens_to(request.method, request.target, kind)
            await self._pass(request, await self._call(request, kind, plain=is_heard), is_heard=is_heard)

    async def _own(self, request: Request) -> None:
        """The gateway's own paths, and everything that is nobody's."""
        if request.path == "/-/healthz":
            await request.answer(200, [JSON], b'{"status":"ok"}')
        elif request.path == "/-/readyz":
            ready = self.is_ready() and not self.draining
            word = "ready" if ready else ("draining" if self.draining else "not ready")
            said = {"status": word} | ({"warning": SHADOW} if self.is_shadow else {})
            await request.answer(200 if ready else 503, [JSON], orjson.dumps(said))
        elif request.path == ALTERNATIVES_PATH:
            await self.alternatives.answer(request)
        else:
            raise NotServed(
                f"Cannot {request.method} {request.path}: this gateway forwards /v2/* and /api/v2/*."
            )

    async def _offer(self, request: Request, kind: Classified) -> None:
        """A read that offers times: cached when it is the kind whose answer is the same for every caller."""
        headers = as_text(request.headers)
        text = request.query.decode("latin-1")
        query = _cacheable(request, kind, headers, text)
        if query is not None:
            call = await self._call(request, kind, shared=True)
            answer = await self.slots.answer(query, call, demanded(headers))
            if answer.digest and kind.route is Route.SLOTS:
                self._remember(request, answer.digest)
            if answer.outcome == "miss":
                self.account.saw(call, answer.status)
            await self._reply(request, answer)
            return
        self.telemetry.looked_up("bypass")
        call = await self._call(request, kind)
        await self._pass(request, call, offered=loosely(text))

    def _remember(self, request: Request, digest: str) -> None:
        """The same bytes will ask for the same again."""
        is_plain = request.version == "1.1" and plain(request.received)
        if self.shortcut is not None and request.head is not None and is_plain:
            self.shortcut.learn(request.head, digest, request.client)

    async def _read(self, request: Request, kind: Classified) -> None:
        """A read of settings or calendars, which the account may learn from when it is not from the cache."""
        is_heard = self.account.listens_to(request.method, request.target, kind)
        fence, began = self.account.fence(), self.clock.now()
        call = await self._call(request, kind, shared=True)
        demand = demanded(as_text(request.headers))
        try:
            answer = await self.reads.answer(request.path, call, demand)
        except StoreUnavailable:
            if demand.only_if_cached:
                raise
            # Nothing is kept without Redis, but this process's share of the calls may be spent on it.
            await self._pass(request, call)
            return
        if is_heard and answer.outcome == "miss":
            # Before the client has it: what it does next may depend on our knowing the same.
            await self.account.heard(call, fence, began, answer.status, answer.body)
        await self._reply(request, answer)

    async def _reply(self, request: Request, answer: Answer) -> None:
        request.outcome = answer.outcome
        headers = [*answer.headers, (b"cache-status", answer.cache_status.encode())]
        if answer.age is not None:
            headers.append((b"age", str(int(answer.age)).encode()))
            request.facts["age"] = round(answer.age, 1)
        await request.answer(answer.status, headers, answer.body)

    async def _call(
        self, request: Request, kind: Classified, *, shared: bool = False, plain: bool = False
    ) -> Call:
        """The call to Cal.com that *request* asks for, its body read as far as it is small."""
        headers = forwarded(request.headers, request_id=request.id.encode(), shared=shared, plain=plain)
        began, patience = self.clock.monotonic(), patience_of(request.headers)
        return Call(
            method=request.method,
            target=request.target,
            headers=headers,
            credential=ratelimit.credential(as_text(request.headers)),
            kind=kind,
            body=await self._body(request),
            client=request.client,
            deadline=None if patience is None else began + patience,
        )

    async def _body(self, request: Request) -> bytes | AsyncIterator[bytes]:
        pieces = request.body(self.max_body, self.body_seconds)
        read = bytearray()
        async for piece in pieces:
            read += piece
            if len(read) > _READ_AHEAD_BYTES:
                return _chain(bytes(read), pieces)
        return bytes(read)

    async def _write(self, request: Request, kind: Classified) -> None:
        """A write: once it has left, neither a client that goes away nor a stop may interrupt it."""
        call = await self._call(request, kind, plain=kind.touches_slots)
        work = self.booking.answer(request, call) if kind.touches_slots else self._stream(request, call, None)
        if isinstance(call.body, bytes):
            await outlive(work, name="write")
        else:
            # A body that is still coming dies with its client, and is then no complete request upstream.
            await work

    async def _pass(
        self, request: Request, call: Call, *, offered: Query | None = None, is_heard: bool = False
    ) -> None:
        """Stream Cal.com's answer through; a client that goes away ends a read, but never a write."""
        if call.kind.is_write:
            await outlive(self._stream(request, call, offered, is_heard=is_heard), name="write")
        elif isinstance(call.body, bytes):
            async with request.watched():
                await self._stream(request, call, offered, is_heard=is_heard)
        else:
            # While its body is coming, the body tells that the client has gone.
            await self._stream(request, call, offered, is_heard=is_heard)

    async def _stream(
        self, request: Request, call: Call, offered: Query | None, *, is_heard: bool = False
    ) -> None:
        """Pass one answer on; one that *is_heard* was asked for uncoded, and is also told to the account."""
        fence, began = self.account.fence(), self.clock.now()
        if offered is None:
            response = await self.upstream.send(call)
        else:
            response = await self.slots.pass_through(offered, call)
        try:
            headers = returned(response.headers.raw, framed=True)
            detail = b"calgate; fwd=method" if call.kind.is_write else b"calgate; fwd=bypass"
            headers.append((b"cache-status", detail))
            if is_heard or (request.version == "1.0" and not has(headers, b"content-length")):
                # A client of HTTP/1.0 knows no chunks, and takes a cut for the end: it gets a length.
                body = await read(response)
                if is_heard:
                    # Before the client has it: what it does next may depend on our knowing the same.
                    await self.account.heard(call, fence, began, response.status_code, body)
                headers = [(name, value) for name, value in headers if name != b"content-length"]
                await request.answer(response.status_code, headers, body)
                return
            await request.start(response.status_code, headers)
            async for piece in response.aiter_raw():
                await request.write(piece, more=True)
            await request.write(b"", more=False)
        except httpx2.TransportError as error:
            raise UpstreamTimeout from error
        finally:
            await response.aclose()

    async def _refuse(self, request: Request, refusal: Refused) -> None:
        if request.answered:
            # The status line is out: all that is left is to break off, so that nobody takes half for whole.
            request.outcome = "error"
            raise ConnectionAbortedError(refusal.reason)
        await request.refuse(refusal)

    def _note(self, request: Request, route: str, seconds: float) -> None:
        if not request.answered:
            # Cut short, by its client or by the end of a drain.
            request.outcome = "error"
        self.telemetry.ended(route, request.status, request.outcome, seconds, request.client)
        if route != GATEWAY:
            self.log.write(
                now=self.clock.now(),
                request_id=request.id,
                method=request.method,
                path=request.path,
                route=route,
                status=request.status,
                outcome=request.outcome,
                seconds=seconds,
                extra=request.facts,
            )


def _kind(request: Request) -> Classified | None:
    """What a forwarded request is about; `None` for what is not forwarded."""
    if request.path.startswith(("/v2/", "/api/v2/")):
        return classify(request.method, request.path)
    return None


def _own_route(path: str) -> str:
    """What a request that is not forwarded is counted under."""
    if path == ALTERNATIVES_PATH:
        return ALTERNATIVES
    return GATEWAY if path.startswith("/-/") else INVALID


def _cacheable(request: Request, kind: Classified, headers: Mapping[str, str], text: str) -> Query | None:
    """What a read that offers times asks for, if it is the kind whose answer is the same for every caller."""
    if request.method != "GET" or request.path not in _KEPT_SPELLINGS.get(kind.route, ()):
        return None
    version = versions.effective(headers.get("cal-api-version"))
    if kind.route is Route.SLOTS and version == versions.SLOTS:
        return parse(text, version)
    if kind.route is Route.SLOTS_LEGACY and version != versions.SLOTS:
        # Where a cookie of that name may be, by anybody's reading, only the same cookies are sure to be read alike.
        cookies = headers.get("cookie", "")
        return parse_legacy(text, version, cookies if "uid" in cookies else "")
    return None


async def _chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece
