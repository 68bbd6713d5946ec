"""Calls to Cal.com: breaker, then budget, then the wire. Nothing else in the gateway opens a connection to it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterable, AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Final

import httpx2
from redis.exceptions import RedisError

from calcom import ratelimit
from calcom.paths import Breaker as Endpoints
from calcom.paths import Classified, classify
from core.clock import Clock
from core.settings import Settings
from core.tasks import spawn
from proxy.breaker.board import BreakerBoard
from proxy.breaker.machine import PROBE_OUT_SECONDS, Knock, Pass, State
from proxy.clients.shares import UNSHARED, Shares, Unshared
from proxy.edge.headers import RawHeaders
from proxy.governor.limiter import Grant, Limiter, Limits, Payer, Wait
from proxy.governor.purpose import Purpose, purpose_of
from proxy.governor.turnstile import Turnstile
from proxy.overload import Room
from proxy.refusals import (
    BudgetSpent,
    CircuitOpen,
    DeadlineTooShort,
    NotSent,
    Overloaded,
    Refused,
    StoreUnavailable,
    Unsendable,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from proxy.retries import PASSING, QUICK_SECONDS, RetryBudget, is_broken
from proxy.telemetry import Telemetry

_log = logging.getLogger(__name__)

# A client that books has nothing to fall back on; whoever looks can be shown something older.
_BOOKINGS_PATIENCE: Final = 5

# Who asks, and how: what a call in a client's name cannot go without.
_IDENTITY: Final = frozenset(
    {b"authorization", b"x-cal-client-id", b"x-cal-secret-key", b"cal-api-version", b"via", b"x-request-id"}
    | {b"accept-encoding"}
)

# A refusal before the request was looked at tells nothing of what would have been done (contract 5.4).
_NOT_LOOKED_AT: Final = frozenset({401, 403, 429})

# 408 and 499 mean the upstream gave up on itself; every other 4xx is an answer (contract 5.4).
_FAILED: Final = frozenset({408, 499})


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it shall leave: *target* byte for byte, *headers* complete but for host and framing.

    Without a *purpose* it is a client's, and a booking's where it books. *client* is the alias of whoever it is
    made for, where the gateway tells clients apart. Until the *deadline* (monotonic) its client waits: a read is
    given up then, a write only as long as it has not left.
    """

    method: str
    target: bytes
    headers: RawHeaders
    credential: ratelimit.Credential
    kind: Classified
    body: bytes | AsyncIterable[bytes] | None = None
    purpose: Purpose | None = None
    client: str = ""
    deadline: float | None = None

    @property
    def may_be_repeated(self) -> bool:
        """Whether making it twice changes nothing, and somebody waits for it."""
        is_read = self.method in ("GET", "HEAD") and not self.kind.is_write
        return is_read and self.body in (None, b"") and self.paid_as is Purpose.INTERACTIVE

    @property
    def paid_as(self) -> Purpose:
        """The class it is paid from."""
        return self.purpose or purpose_of(self.kind)

    @property
    def payer(self) -> Payer:
        """Whose limit it counts against."""
        path = self.target.partition(b"?")[0].decode("latin-1")
        return Payer(self.credential, ratelimit.side_of(self.method, path))


async def read(response: httpx2.Response) -> bytes:
    """The rest of an answer, coded as it came; closes it. Raises UpstreamTimeout when it breaks off."""
    try:
        return b"".join([piece async for piece in response.aiter_raw()])
    except httpx2.TransportError as error:
        raise UpstreamTimeout from error
    finally:
        await response.aclose()


@dataclass(frozen=True, slots=True)
class _Try:
    """What one try came to: an answer or a refusal, after so many seconds."""

    response: httpx2.Response | None
    refusal: UpstreamUnreachable | UpstreamTimeout | None
    seconds: float

    @property
    def is_worth_another(self) -> bool:
        """Whether the next may be luckier, and this was quick to fail."""
        if self.seconds > QUICK_SECONDS:
            return False
        if self.response is None:
            return is_broken(self.refusal.__cause__ if self.refusal else None)
        # One that says when to come back means it.
        return self.response.status_code in PASSING and "retry-after" not in self.response.headers

    def given(self) -> httpx2.Response:
        if self.response is None:
            assert self.refusal is not None
            raise self.refusal
        return self.response

    async def dropped(self) -> None:
        if self.response is not None:
            await self.response.aclose()


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
        self.breakers = breakers
        self._http = http
        self._shares = shares
        self._room = Room(settings.max_calls, Limits.of(settings).reserves, telemetry)
        self._limiter = limiter
        self._turnstile = Turnstile(limiter, clock)
        self._telemetry = telemetry
        self._clock = clock
        self._max_wait = settings.budget_max_wait_seconds
        self._base = httpx2.URL(settings.upstream_url)
        self._retries = RetryBudget()
        self._is_sound = False
        self._timeouts = {
            "connect": settings.upstream_connect_timeout_seconds,
            "read": settings.upstream_read_timeout_seconds,
            "write": settings.upstream_read_timeout_seconds,
            "pool": settings.upstream_connect_timeout_seconds,
        }
        self._totals = {
            Endpoints.READS: settings.upstream_reads_total_seconds,
            Endpoints.SLOTS: settings.upstream_slots_total_seconds,
            Endpoints.WRITES: settings.upstream_writes_total_seconds,
        }

    async def send(self, call: Call) -> httpx2.Response:
        """Make the call and return its answer with the body still to be read (and to be closed).

        A client's read that failed quickly is tried once more, out of a small budget and as a call of its own.

        Raises NotSent when certainly nothing left (breaker, overload, share, budget, no Redis, no connection,
        unsendable, too late), UpstreamTimeout when the answer did not come or broke off; what reading a streamed
        body raises passes through.
        """
        if not call.may_be_repeated:
            return await self._once(call)
        self._retries.earn()
        first = await self._try(call)
        if not self._may_repeat(call, first):
            return first.given()
        try:
            again = await self._try(call)
        except NotSent:
            # No leave for a second call: what the first came to stands.
            self._telemetry.retried("denied")
            return first.given()
        except BaseException:
            await first.dropped()
            raise
        await first.dropped()
        is_better = again.response is not None and again.response.status_code not in PASSING
        self._telemetry.retried("answered" if is_better else "failed")
        return again.given()

    async def _try(self, call: Call) -> _Try:
        started = self._clock.monotonic()
        response, refusal = None, None
        try:
            response = await self._once(call)
        except (UpstreamUnreachable, UpstreamTimeout) as error:
            refusal = error
        return _Try(response, refusal, self._clock.monotonic() - started)

    def _may_repeat(self, call: Call, first: _Try) -> bool:
        # A breaker that is not closed has other plans for the next call.
        is_closed = self.breakers[call.kind.breaker].state is State.CLOSED
        is_in_time = call.deadline is None or self._clock.monotonic() < call.deadline
        if not (first.is_worth_another and is_closed and is_in_time):
            return False
        if self._retries.take():
            return True
        self._telemetry.retried("denied")
        return False

    async def _once(self, call: Call) -> httpx2.Response:
        endpoints = call.kind.breaker
        permit = self.breakers.enter(endpoints)
        if isinstance(permit, Knock):
            permit = await self.breakers.probe(endpoints, permit)
        if permit.is_probe and call.kind.is_write and not self._is_sound:
            spawn(self._sound(call, permit), name="breaker.sound")
            raise CircuitOpen(retry_after=PROBE_OUT_SECONDS)
        try:
            if call.deadline is not None and call.deadline <= self._clock.monotonic():
                raise DeadlineTooShort
            with self._room.place(call.paid_as) as place:
                async with self._shares.charged(call.client, call.payer, call.paid_as) as charge:
                    grant = await place.waits(self._leave(call))
                    await self._shares.leaves(charge, grant)
                    return await self._attempt(call, grant, permit)
        finally:
            # Without an outcome (refused, cancelled) a probe must not stay out; after one this does nothing.
            self.breakers.release(endpoints, permit)
            if permit.is_probe and call.kind.is_write:
                self._is_sound = False

    async def _sound(self, call: Call, permit: Pass) -> None:
        """Before a write may be the probe, a read in its client's name has to get through, which nobody waits for.

        A write that fails may have been made all the same: its client is left in doubt, and what it might have
        changed is no longer shown. An outage of half an hour would take sixty of them.
        """
        endpoints = call.kind.breaker
        look = replace(
            call,
            method="GET",
            target=b"/v2/me",
            headers=[one for one in call.headers if one[0] in _IDENTITY],
            kind=classify("GET", "/v2/me"),
            body=b"",
            deadline=None,
        )
        try:
            if await self._gets_through(look):
                self._is_sound = True
            else:
                self.breakers.record(endpoints, permit, ok=False)
        except Refused:
            _log.info("breaker.not_sounded")
        finally:
            self.breakers.release(endpoints, permit)

    async def _gets_through(self, look: Call) -> bool:
        try:
            response = await self._once(look)
        except (UpstreamUnreachable, UpstreamTimeout):
            return False
        await response.aclose()
        return _outcome(response.status_code) != "server_error"

    async def _leave(self, call: Call) -> Grant:
        """Wait for budget, at most as long as the class may; what came too late to be used is given back."""
        started = self._clock.monotonic()
        purpose, payer = call.paid_as, call.payer
        usual = self._max_wait * (_BOOKINGS_PATIENCE if purpose is Purpose.BOOKING else 1)
        patience = usual if call.deadline is None else min(usual, call.deadline - started)
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
                            self._telemetry.let_go(purpose)
                        return answer
                    await self._limiter.give_back(answer)
            except RedisError as error:
                raise StoreUnavailable(retry_after=1.0) from error
            if isinstance(answer, Wait) or waited > patience:
                self._telemetry.denied(answer.alias, purpose)
                seconds, reason = (answer.seconds, answer.reason) if isinstance(answer, Wait) else (0.0, "")
                if patience < usual and seconds <= usual:
                    raise DeadlineTooShort(retry_after=seconds)
                raise BudgetSpent(limit=answer.limit, retry_after=seconds, blocked=reason == "blocked")

    async def _attempt(self, call: Call, grant: Grant, permit: Pass) -> httpx2.Response:
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
        endpoints = call.kind.breaker
        started = self._clock.monotonic()
        total = longest = self._totals[endpoints]
        if call.deadline is not None and not call.kind.is_write:
            longest = min(total, call.deadline - started)
        status, outcome, left = 0, "cancelled", True
        try:
            async with asyncio.timeout(longest):
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
        except TimeoutError as error:
            # A client in a hurry says nothing about Cal.com.
            outcome = "timeout" if longest == total else "cancelled"
            raise UpstreamTimeout from error
        finally:
            seconds = self._clock.monotonic() - started
            self._telemetry.called(call.kind.endpoint, call.paid_as, status, outcome, seconds)
            # Of a probe an answer about the matter is all that is wanted, such as that the time is taken.
            is_back = permit.is_probe and outcome == "client_error" and status not in _NOT_LOOKED_AT
            if is_back or outcome not in ("cancelled", "client_error"):
                self.breakers.record(endpoints, permit, ok=is_back or outcome == "ok", seconds=seconds)
            if not left:
                spawn(self._unspent(grant), name="give-back")
        try:
            await self._heard(grant, response)
        except BaseException:
            await response.aclose()
            raise
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Bounded(
            response.stream,
            self._clock,
            seconds=total - seconds,
            broken=lambda: self.breakers.record(endpoints, permit, ok=False),
        )
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


class _Bounded(httpx2.AsyncByteStream):
    """A body that Cal.com may take *seconds* over; what its reader takes is not Cal.com's fault."""

    def __init__(
        self, stream: httpx2.AsyncByteStream, clock: Clock, *, seconds: float, broken: Callable[[], None]
    ) -> None:
        self._stream = stream
        self._clock = clock
        self._left = seconds
        self._broken = broken

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = aiter(self._stream)
        while True:
            started = self._clock.monotonic()
            try:
                async with asyncio.timeout(self._left):
                    piece = await anext(pieces)
            except StopAsyncIteration:
                return
            except TimeoutError:
                self._broken()
                raise httpx2.ReadTimeout("the answer takes too long") from None
            except httpx2.TransportError:
                self._broken()
                raise
            self._left -= self._clock.monotonic() - started
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()


def _outcome(status: int) -> str:
    if status >= 500 or status in _FAILED:
        return "server_error"
    return "client_error" if status >= 400 else "ok"
