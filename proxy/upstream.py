"""Calls to Cal.com: breaker, then budget, then the wire. Nothing else in the gateway opens a connection to it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterable
from dataclasses import dataclass
from typing import Final

import httpx2
from redis.exceptions import RedisError

from calcom import ratelimit
from calcom.paths import Breaker as Endpoints
from calcom.paths import Classified
from core.clock import Clock
from core.settings import Settings
from core.tasks import spawn
from proxy.breaker import Breaker, Pass, Refusal
from proxy.breaker_board import BreakerBoard
from proxy.clients.shares import UNSHARED, Shares, Unshared
from proxy.edge.headers import RawHeaders
from proxy.governor.limiter import Grant, Limiter, Limits, Payer, Wait
from proxy.governor.purpose import Purpose, purpose_of
from proxy.governor.turnstile import Turnstile
from proxy.overload import Room
from proxy.refusals import (
    BudgetSpent,
    CircuitOpen,
    Overloaded,
    StoreUnavailable,
    Unsendable,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from proxy.telemetry import Telemetry

# A client that books has nothing to fall back on; whoever looks can be shown something older.
_BOOKINGS_PATIENCE: Final = 5

# Long enough that a booking a few seconds after a look needs no new handshake, shorter than edges keep them.
_IDLE_SECONDS: Final = 20.0

# 408 and 499 mean the upstream gave up on itself; every other 4xx is an answer (contract 5.4).
_FAILED: Final = frozenset({408, 499})


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it shall leave: *target* byte for byte, *headers* complete but for host and framing.

    Without a *purpose* it is a client's, and a booking's where it books. *client* is the alias of whoever it is
    made for, where the gateway tells clients apart.
    """

    method: str
    target: bytes
    headers: RawHeaders
    credential: ratelimit.Credential
    kind: Classified
    body: bytes | AsyncIterable[bytes] | None = None
    purpose: Purpose | None = None
    client: str = ""

    @property
    def paid_as(self) -> Purpose:
        """The class it is paid from."""
        return self.purpose or purpose_of(self.kind)

    @property
    def payer(self) -> Payer:
        """Whose limit it counts against."""
        path = self.target.partition(b"?")[0].decode("latin-1")
        return Payer(self.credential, ratelimit.side_of(self.method, path))


def transport(settings: Settings) -> httpx2.AsyncHTTPTransport:
    """The process's pooled connections to Cal.com, HTTP/2 where it is offered; close with `aclose()`.

    A bare transport, no client: cookies of one caller must not reach another's call, redirects are the
    caller's to follow, and proxies named in the environment are not for us. Certificates are checked
    against the system's authorities, or those of SSL_CERT_FILE or SSL_CERT_DIR.
    """
    return httpx2.AsyncHTTPTransport(
        http2=True,
        limits=httpx2.Limits(
            max_connections=settings.upstream_pool_connections,
            max_keepalive_connections=settings.upstream_pool_connections,
            keepalive_expiry=_IDLE_SECONDS,
        ),
    )


async def read(response: httpx2.Response) -> bytes:
    """The rest of an answer, coded as it came; closes it. Raises UpstreamTimeout when it breaks off."""
    try:
        return b"".join([piece async for piece in response.aiter_raw()])
    except httpx2.TransportError as error:
        raise UpstreamTimeout from error
    finally:
        await response.aclose()


class Upstream:
    """The way to Cal.com for one process."""

    def __init__(
        self,
        http: httpx2.AsyncBaseTransport,
        limiter: Limiter,
        breakers: BreakerBoard,
        telemetry: Telemetry,
        clock: Clock,
        settings: Settings,
        shares: Shares | Unshared = UNSHARED,
    ) -> None:
        self._http = http
        self._shares = shares
        self._room = Room(settings.max_calls, Limits.of(settings).reserves, telemetry)
        self._limiter = limiter
        self._turnstile = Turnstile(limiter, clock)
        self._breakers = breakers
        self._telemetry = telemetry
        self._clock = clock
        self._max_wait = settings.budget_max_wait_seconds
        self._base = httpx2.URL(settings.upstream_url)
        self._timeouts = {
            "connect": settings.upstream_connect_timeout_seconds,
            "read": settings.upstream_read_timeout_seconds,
            "write": settings.upstream_read_timeout_seconds,
            "pool": settings.upstream_connect_timeout_seconds,
        }

    async def send(self, call: Call) -> httpx2.Response:
        """Make the call and return its answer with the body still to be read (and to be closed).

        Raises NotSent when certainly nothing left (breaker, overload, share, budget, no Redis, no connection,
        unsendable), UpstreamTimeout when the answer did not come or broke off; what reading a streamed body
        raises passes through.
        """
        endpoints = call.kind.breaker
        permit = self._enter(endpoints)
        try:
            with self._room.place(call.paid_as) as place:
                async with self._shares.charged(call.client, call.payer, call.paid_as) as charge:
                    grant = await place.waits(self._leave(call))
                    await self._shares.leaves(charge, grant)
                    return await self._attempt(call, grant, self._breakers[endpoints], permit)
        finally:
            # Without an outcome (refused, cancelled) a probe must not stay out; after one this does nothing.
            self._breakers[endpoints].release(permit)
            self._breakers.publish(endpoints)

    def _enter(self, endpoints: Endpoints) -> Pass:
        permit = self._breakers[endpoints].enter(self._clock.monotonic())
        self._breakers.publish(endpoints)
        if isinstance(permit, Refusal):
            self._telemetry.rejected(endpoints)
            raise CircuitOpen(retry_after=permit.retry_after)
        return permit

    async def _leave(self, call: Call) -> Grant:
        """Wait for budget, at most as long as the class may; what came too late to be used is given back."""
        started = self._clock.monotonic()
        purpose, payer = call.paid_as, call.payer
        patience = self._max_wait * (_BOOKINGS_PATIENCE if purpose is Purpose.BOOKING else 1)
        while True:
            waited = self._clock.monotonic() - started
            try:
                answer = await self._turnstile.enter(
                    payer,
                    purpose,
                    patience=max(0.0, patience - waited),
                    # A write needs more of Redis than its budget, and what nobody waits for can wait for Redis.
                    may_share=purpose is Purpose.INTERACTIVE and not call.kind.is_write,
                )
                if isinstance(answer, Grant):
                    if self._limiter.is_current(answer):
                        self._telemetry.waited_for_budget(purpose, self._clock.monotonic() - started)
                        if answer.let_go:
                            self._telemetry.let_go(answer.alias, purpose)
                        return answer
                    await self._limiter.give_back(answer)
            except RedisError as error:
                raise StoreUnavailable(retry_after=1.0) from error
            if isinstance(answer, Wait) or waited > patience:
                self._telemetry.denied(answer.alias, purpose)
                seconds, reason = (answer.seconds, answer.reason) if isinstance(answer, Wait) else (0.0, "")
                raise BudgetSpent(limit=answer.limit, retry_after=seconds, blocked=reason == "blocked")

    async def _attempt(self, call: Call, grant: Grant, breaker: Breaker, permit: Pass) -> httpx2.Response:
        async def departing(event: str, info: object) -> None:
            nonlocal grant
            if event.endswith("send_request_headers.started"):
                grant = await self._departed(grant)

        request = httpx2.Request(
            call.method,
            self._base,
            headers=call.headers,
            content=call.body,
            # The path as the client wrote it: a library's idea of a tidy URL is not the same bytes.
            extensions={"target": call.target, "timeout": self._timeouts, "trace": departing},
        )
        started = self._clock.monotonic()
        status, outcome, left = 0, "cancelled", True
        try:
            response = await self._http.handle_async_request(request)
            status = response.status_code
            outcome = _outcome(status)
        except httpx2.PoolTimeout as error:
            left = False
            raise Overloaded(retry_after=1.0) from error
        except httpx2.LocalProtocolError as error:
            raise Unsendable from error
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            left, outcome = False, "connect_error"
            raise UpstreamUnreachable from error
        except httpx2.TransportError as error:
            outcome = "timeout" if isinstance(error, httpx2.TimeoutException) else "server_error"
            raise UpstreamTimeout from error
        finally:
            now = self._clock.monotonic()
            self._telemetry.called(call.kind.endpoint, call.paid_as, status, outcome, now - started)
            if outcome not in ("cancelled", "client_error"):
                breaker.record(permit, ok=outcome == "ok", now=now)
            if not left:
                spawn(self._unspent(grant), name="give-back")
        try:
            await self._heard(grant, response)
        except BaseException:
            await response.aclose()
            raise
        return response

    async def _departed(self, grant: Grant) -> Grant:
        """The call leaves now. Late, it must be logged as late; where it cannot be, it must not leave."""
        try:
            return await self._limiter.left(grant)
        except RedisError as error:
            raise StoreUnavailable(retry_after=1.0) from error

    async def _unspent(self, grant: Grant) -> None:
        with contextlib.suppress(RedisError):
            await self._limiter.give_back(grant)

    async def _heard(self, grant: Grant, response: httpx2.Response) -> None:
        """Take to heart what the headers say of the limit that was charged; keep quiet after a 429 of it.

        The answer is the client's all the same; without Redis no other call leaves anyway.
        """
        everything = ratelimit.told(response.headers, self._clock.now())
        told = [one for one in everything if one.is_side == (grant.payer.side is not None)]
        with contextlib.suppress(RedisError):
            if response.status_code != 429:
                await self._limiter.told(grant, told)
            elif told or not everything:
                await self._limiter.blocked(grant.payer, told)


def _outcome(status: int) -> str:
    if status >= 500 or status in _FAILED:
        return "server_error"
    return "client_error" if status >= 400 else "ok"
