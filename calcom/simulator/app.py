"""The simulated api.cal.com as an ASGI application: guards, faults, latency, and the handlers behind them.

Raw ASGI: a call is a few microseconds of work besides its handler, so that the simulator is never what a
measurement measures.
"""

import asyncio
import logging
import socket
import struct
from base64 import b64encode
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from hashlib import sha1
from typing import Any, Final, NoReturn
from urllib.parse import unquote
from uuid import UUID

from calcom.simulator import envelope, routes, versions
from calcom.simulator.auth import Caller
from calcom.simulator.faults import SOFT, Fault
from calcom.simulator.journal import Entry
from calcom.simulator.latency import EDGE_CUT_SECONDS
from calcom.simulator.refusals import Refused
from calcom.simulator.routing import Call, Endpoint, Reply, Router, Work, rewrite
from calcom.simulator.simulation import Simulation

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_BODY_BYTES: Final = 10 * 1024 * 1024

#: Contract 1: no exposed headers, so browsers cannot read the limits.
_CORS: Final = (
    (b"Access-Control-Allow-Origin", b"*"),
    (b"Access-Control-Allow-Methods", b"GET,HEAD,PUT,PATCH,POST,DELETE"),
    (
        b"Access-Control-Allow-Headers",
        b"x-cal-client-id,x-cal-secret-key,x-cal-platform-embed,cal-api-version,"
        + b"Accept,Authorization,Content-Type,Origin",
    ),
    (b"Access-Control-Max-Age", b"86400"),
)
_HTML: Final = b"text/html; charset=UTF-8"
#: Where the server's protocol leaves the connection, for faults below HTTP.
TRANSPORT: Final = "calcom.simulator.transport"


class _Gone(Exception):
    """The caller left, or the fault left the caller: nothing more is to be sent."""


class Application:
    """`simulation` may be reset under it; nothing of a world is kept here."""

    def __init__(self, simulation: Simulation) -> None:
        self._sim = simulation
        self._router = Router(routes.ENDPOINTS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Lifespan is the server's business, and there are no web sockets."""
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        stats = self._sim.stats
        stats.in_flight += 1
        stats.max_in_flight = max(stats.max_in_flight, stats.in_flight)
        try:
            await _Exchange(self._sim, self._router, scope, receive, send).run()
        except _Gone:
            pass
        finally:
            stats.in_flight -= 1


class _Exchange:
    """One request from its arrival to its answer."""

    def __init__(self, sim: Simulation, router: Router, scope: Scope, receive: Receive, send: Send) -> None:
        self._sim = sim
        self._router = router
        self._scope = scope
        self._receive = receive
        self._send = send
        self._method: str = "GET" if scope["method"] == "HEAD" else scope["method"]
        raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
        query: bytes = scope["query_string"]
        self._raw_path = raw_path.decode("latin-1")
        self._target = self._raw_path + ("?" + query.decode("latin-1") if query else "")
        self._headers: dict[bytes, bytes] = dict(scope["headers"])
        self._extra: tuple[tuple[bytes, bytes], ...] = ()
        self._entry: Entry | None = None
        self._answered = False

    async def run(self) -> None:
        """Answer, whatever happens; a bug here answers as an unhandled exception upstream would."""
        try:
            await self._route()
        except (_Gone, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("simulator.bug", extra={"target": self._target})
            if not self._answered:
                await self._respond(Reply(500, envelope.UNHANDLED))
        finally:
            self._finish_entry()

    async def _route(self) -> None:
        sim = self._sim
        if self._method == "OPTIONS" and b"origin" in self._headers:
            await self._respond(Reply(204, b"", _CORS[1:]))
            return
        version = versions.resolve(self._headers.get(versions.HEADER))
        path = rewrite(self._raw_path)
        match = self._router.match(self._method, path, version)
        if match is None:
            sim.stats.requests["unknown"] += 1
            self._entry = self._begin("unknown", version, "uncounted", sim.clock.now())
            message = f"Cannot {self._method} {self._target}"
            await self._respond(self._error(404, message))
            return
        endpoint, raw_params = match
        params = {name: unquote(value) for name, value in raw_params.items()}
        await self._guarded(endpoint, params, version)

    async def _guarded(self, endpoint: Endpoint, params: dict[str, str], version: str) -> None:
        """The throttler first, then authentication, then the handler (contract 2)."""
        sim = self._sim
        now = sim.clock.now()
        caller = sim.keyring.identify(self._headers, self._peer())
        bucket, limits = sim.limits_of(caller, endpoint.side_limit)
        sim.stats.requests[f"{endpoint.endpoint_class}:{self._method}"] += 1
        self._entry = self._begin(endpoint.endpoint_class, version, bucket, now)
        if caller.throttler_refusal is not None:
            await self._respond(self._error(401, caller.throttler_refusal))
            return
        verdict = sim.limiter.hit(bucket, limits, now.timestamp())
        self._extra = verdict.headers
        if not verdict.allowed:
            await self._respond(Reply(429, envelope.throttled(self._target, now)))
            return
        fault = sim.faults.take(endpoint.endpoint_class, self._method, now.timestamp())
        if fault is not None:
            self._entry.fault = fault.kind
            if fault.when == "before" and fault.kind not in SOFT:
                await self._suffer(fault)
                return
        body = await self._body()
        refusal = _guard_refusal(endpoint, caller)
        if refusal is not None:
            await self._respond(self._error(401, refusal))
            return
        call = Call(
            sim=sim,
            method=self._method,
            target=self._target,
            version=version,
            params=params,
            query_string=self._scope["query_string"],
            headers=self._headers,
            body=body,
            caller=caller,
            arrived=now,
            calendar_broken=fault is not None and fault.kind == "empty",
            racy=fault is not None and fault.kind == "race",
            blind=fault is not None and fault.kind == "blind",
        )
        await self._work(endpoint, call, fault)

    def _begin(self, endpoint_class: str, version: str, bucket: str, now: datetime) -> Entry:
        return Entry(
            seq=self._sim.journal.next_seq(),
            method=self._method,
            target=self._target,
            endpoint_class=endpoint_class,
            api_version=version,
            bucket=bucket,
            arrived=now.timestamp(),
            arrived_real=asyncio.get_running_loop().time(),
            request_id=self._headers.get(b"x-request-id", b"").decode("latin-1"),
        )

    async def _work(self, endpoint: Endpoint, call: Call, fault: Fault | None) -> None:
        """Read or write the state at a point within the call's latency, and answer at its end."""
        sim = self._sim
        try:
            work = endpoint.handler(call)
        except Refused as refusal:
            await self._wait(sim.latency.draw("other", sim.latency_random))
            await self._respond(self._refusal(refusal))
            return
        if call.cache_key is not None and not call.calendar_broken:
            cached = sim.slot_cache.get(call.cache_key, call.arrived.timestamp())
            if cached is not None:
                sim.stats.slots_from_cache += 1
                assert self._entry is not None
                self._entry.cached = True
                await self._wait(sim.latency.draw("slots_cached", sim.latency_random))
                await self._respond(Reply(200, cached))
                return
        total = sim.latency.draw(endpoint.latency, sim.latency_random)
        point = total * self._point(endpoint)
        cut = EDGE_CUT_SECONDS
        if total > cut:
            # The edge gives up; what it gave up on goes on.
            if point <= cut:
                await self._wait(point)
                self._run_work(endpoint, work)
                await self._wait(cut - point)
            else:
                await self._wait(cut)
            await self._respond(Reply(524, envelope.EDGE_TIMEOUT_PAGE, content_type=_HTML))
            if point > cut:
                await self._wait(point - cut)
                self._run_work(endpoint, work)
            return
        await self._wait(point)
        reply = self._run_work(endpoint, work)
        await self._wait(total - point)
        if call.cache_key is not None and reply.status == 200:
            sim.slot_cache.put(call.cache_key, reply.body, sim.clock.now().timestamp())
        if fault is not None and fault.when == "after" and fault.kind not in SOFT:
            await self._suffer(fault)
            return
        await self._respond(reply)

    def _point(self, endpoint: Endpoint) -> float:
        """Where within the latency the state is touched, as a share. Writes always at random (contract 5.4)."""
        if not endpoint.writes:
            match self._sim.options.state_read:
                case "start":
                    return 0.0
                case "end":
                    return 1.0
        return self._sim.state_random.random()

    def _run_work(self, endpoint: Endpoint, work: Work) -> Reply:
        sim = self._sim
        try:
            reply = work()
        except Refused as refusal:
            reply = self._refusal(refusal)
        entry = self._entry
        assert entry is not None
        entry.state_at = sim.clock.now().timestamp()
        entry.state_version = sim.world.version
        if endpoint.writes:
            entry.wrote = reply.status < 400
            sim.committed()
            version = b"%d" % sim.world.version
            reply = Reply(
                reply.status, reply.body, (*reply.headers, (b"X-Sim-Version", version)), reply.content_type
            )
        return reply

    async def _wait(self, seconds: float) -> None:
        if seconds > 0:
            await self._sim.clock.sleep(seconds)

    async def _body(self) -> bytes:
        if self._method == "GET":
            return b""
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise _Gone
            chunk: bytes = message.get("body", b"")
            size += len(chunk)
            if size <= MAX_BODY_BYTES:
                chunks.append(chunk)
            if not message.get("more_body"):
                break
        if size > MAX_BODY_BYTES:
            await self._respond(self._error(413, "request entity too large"))
            raise _Gone
        return b"".join(chunks)

    async def _suffer(self, fault: Fault) -> None:
        """What the caller gets instead of an answer."""
        match fault.kind:
            case "error":
                await self._respond(Reply(500, envelope.internal(self._target, self._sim.clock.now())))
            case "unhandled":
                await self._respond(Reply(500, envelope.UNHANDLED))
            case "bad_gateway":
                await self._respond(Reply(502, envelope.EDGE_PAGE, content_type=_HTML))
            case "hang":
                await self._caller_left()
            case "reset":
                _reset_connection(self._scope[TRANSPORT])
                # Returning before the server noticed would make it answer after all.
                await self._caller_left()

    async def _caller_left(self) -> NoReturn:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        raise _Gone

    def _peer(self) -> str:
        client = self._scope.get("client")
        return client[0] if client else "unknown"

    def _error(self, status: int, message: str) -> Reply:
        body = envelope.error(status, message, path=self._target, now=self._sim.clock.now())
        return Reply(status, body)

    def _refusal(self, refusal: Refused) -> Reply:
        body = envelope.error(
            refusal.status,
            refusal.message,
            path=self._target,
            now=self._sim.clock.now(),
            code=refusal.code,
            details=refusal.details,
        )
        return Reply(refusal.status, body)

    async def _respond(self, reply: Reply) -> None:
        sim = self._sim
        now = sim.clock.now()
        body = reply.body
        headers = [
            (b"Date", _http_date(int(now.timestamp()))),
            (b"Content-Type", reply.content_type),
            (b"Content-Length", b"%d" % len(body)),
            (b"X-Request-Id", str(UUID(int=sim.id_random.getrandbits(128), version=4)).encode()),
            _CORS[0],
            *self._extra,
            *reply.headers,
        ]
        if reply.status == 200 and self._method == "GET":
            # Contract 4.1, as seen in June 2025; conditional requests are answered in full.
            headers += (
                (b"Cache-Control", b"public, max-age=0, must-revalidate"),
                (
                    b"ETag",
                    b'W/"%x-%s"' % (len(body), b64encode(sha1(body, usedforsecurity=False).digest())[:27]),
                ),
            )
        sim.stats.statuses[str(reply.status)] += 1
        self._answered = True
        if self._entry is not None:
            self._entry.status = reply.status
            self._entry.completed = now.timestamp()
            self._entry.completed_real = asyncio.get_running_loop().time()
        await self._send({"type": "http.response.start", "status": reply.status, "headers": headers})
        if self._scope["method"] == "HEAD":
            body = b""
        await self._send({"type": "http.response.body", "body": body})

    def _finish_entry(self) -> None:
        entry = self._entry
        if entry is None:
            return
        if not entry.completed:
            entry.completed = self._sim.clock.now().timestamp()
            entry.completed_real = asyncio.get_running_loop().time()
        self._sim.journal.finish(entry)


def _guard_refusal(endpoint: Endpoint, caller: Caller) -> str | None:
    """Why authentication says no. Optional guards accept callers without a credential, not those with a bad one."""
    match endpoint.guard:
        case "none":
            return None
        case "optional":
            return None if caller.kind == "anonymous" else caller.refusal
        case "required":
            return caller.refusal


def _reset_connection(transport: Any) -> None:
    """Close so that the peer sees a TCP reset: zero linger drops what is unsent."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


@lru_cache(maxsize=8)
def _http_date(second: int) -> bytes:
    return format_datetime(datetime.fromtimestamp(second, UTC), usegmt=True).encode()
