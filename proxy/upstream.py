"""Calls to Cal.com: breaker, then budget, then the wire. Nothing else in the gateway opens a connection to it."""

from __future__ import annotations

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
from proxy.breaker import Breaker, Pass, Refusal
from proxy.breaker_board import BreakerBoard
from proxy.edge.headers import RawHeaders
from proxy.governor.limiter import Limiter, Wait
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

# Long enough that a booking a few seconds after a look needs no new handshake, shorter than edges keep them.
_IDLE_SECONDS: Final = 20.0

# 408 and 499 mean the upstream gave up on itself; every other 4xx is an answer (contract 5.4).
_FAILED: Final = frozenset({408, 499})


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it shall leave: *target* byte for byte, *headers* complete but for host and framing."""

    method: str
    target: bytes
    headers: RawHeaders
    credential: ratelimit.Credential
    kind: Classified
    body: bytes | AsyncIterable[bytes] | None = None
    purpose: str = "user"


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
    ) -> None:
        self._http = http
        self._limiter = limiter
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

        Raises NotSent when certainly nothing left (breaker, budget, no Redis, no connection, unsendable),
        UpstreamTimeout when the answer did not come or broke off; what reading a streamed body raises
        passes through.
        """
        endpoints = call.kind.breaker
        permit = self._enter(endpoints)
        try:
            await self._leave(call)
            return await self._attempt(call, self._breakers[endpoints], permit)
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

    async def _leave(self, call: Call) -> None:
        """Wait for budget, at most the configured time; a grant that came too late is spent, and not used."""
        started = self._clock.monotonic()
        while True:
            try:
                answer = await self._limiter.ask(call.credential)
            except RedisError as error:
                raise StoreUnavailable(retry_after=1.0) from error
            waited = self._clock.monotonic() - started
            wait = 0.0
            if isinstance(answer, Wait):
                wait = answer.seconds
            elif self._limiter.is_current(answer):
                self._telemetry.waited_for_budget(waited)
                return
            if waited + wait > self._max_wait:
                self._telemetry.denied(answer.alias)
                blocked = isinstance(answer, Wait) and answer.reason == "blocked"
                raise BudgetSpent(limit=answer.limit, retry_after=wait, blocked=blocked)
            await self._clock.sleep(wait)

    async def _attempt(self, call: Call, breaker: Breaker, permit: Pass) -> httpx2.Response:
        request = httpx2.Request(
            call.method,
            self._base,
            headers=call.headers,
            content=call.body,
            # The path as the client wrote it: a library's idea of a tidy URL is not the same bytes.
            extensions={"target": call.target, "timeout": self._timeouts},
        )
        started = self._clock.monotonic()
        status, outcome = 0, "cancelled"
        try:
            response = await self._http.handle_async_request(request)
            status = response.status_code
            outcome = _outcome(status)
        except httpx2.PoolTimeout as error:
            raise Overloaded(retry_after=1.0) from error
        except httpx2.LocalProtocolError as error:
            raise Unsendable from error
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            outcome = "connect_error"
            raise UpstreamUnreachable from error
        except httpx2.TransportError as error:
            outcome = "timeout" if isinstance(error, httpx2.TimeoutException) else "server_error"
            raise UpstreamTimeout from error
        finally:
            now = self._clock.monotonic()
            self._telemetry.called(call.kind.endpoint, call.purpose, status, outcome, now - started)
            if outcome not in ("cancelled", "client_error"):
                breaker.record(permit, ok=outcome == "ok", now=now)
        if status == 429:
            try:
                await self._blocked(call, response)
            except BaseException:
                await response.aclose()
                raise
        return response

    async def _blocked(self, call: Call, response: httpx2.Response) -> None:
        """Keep quiet after a 429, if it was the credential's own bucket that ran over (contract 2)."""
        told = ratelimit.told(response.headers, self._clock.now())
        if told is None and any(name.startswith("x-ratelimit-") for name in response.headers):
            # A bucket of one endpoint, which is no other call's business.
            return
        try:
            await self._limiter.blocked(call.credential, told)
        except RedisError:
            # The answer is the client's all the same; without Redis no other call leaves anyway.
            return


def _outcome(status: int) -> str:
    if status >= 500 or status in _FAILED:
        return "server_error"
    return "client_error" if status >= 400 else "ok"
