"""Availability: from the cache when it may be, from one shared fetch when it must be."""

from __future__ import annotations

import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

import httpx2
from redis.exceptions import RedisError

from calcom.slots import Query
from core.clock import Clock
from core.tasks import spawn
from proxy.cache.entry import Entry, kept_headers, lifetime
from proxy.cache.flights import Flight, Flights
from proxy.cache.stamps import ANYTHING, Fields, read_by
from proxy.cache.store import Store
from proxy.edge.headers import RawHeaders, returned
from proxy.refusals import NotSent, Settling, StoreUnavailable
from proxy.telemetry import Telemetry
from proxy.upstream import Call, Upstream, read
from proxy.writes import Writes

_log = logging.getLogger(__name__)

T = TypeVar("T")

# A span may stay unsettled while writes keep coming or an older fetch hangs; a voice agent would rather be
# told than kept waiting.
_LONGEST_WAIT_SECONDS = 10.0
_LOOK_AGAIN_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer about availability. `status` of the cache: hit, miss or coalesced."""

    status: int
    headers: RawHeaders
    body: bytes
    outcome: str
    cache_status: str
    age: float | None = None


@dataclass(frozen=True, slots=True)
class _Fetched:
    status: int
    headers: RawHeaders
    body: bytes
    kept: bool = False


@dataclass(slots=True)
class _Fetch:
    """A fetch that was announced: the generation its answer is good for, and what becomes of it."""

    generation: int
    entry: Entry | None = None
    kept: bool = False


class SlotsCache:
    """Answers slots queries. One instance per process."""

    def __init__(
        self,
        store: Store,
        upstream: Upstream,
        writes: Writes,
        telemetry: Telemetry,
        clock: Clock,
        *,
        ttl: float,
        types_of: Callable[[Query], frozenset[int] | None] = lambda _: None,
    ) -> None:
        """*types_of* tells which event types an answer shows, `None` when that is not certain."""
        self._store = store
        self._upstream = upstream
        self._writes = writes
        self._telemetry = telemetry
        self._clock = clock
        self._ttl = ttl
        self._types_of = types_of
        self._flights: Flights[_Fetched] = Flights()

    async def answer(self, query: Query, call: Call) -> Answer:
        """Answer *query*, asking Cal.com by *call* if need be. Raises Refused."""
        digest = f"{call.credential.bucket}:{query.key}"
        fields = read_by(self._types_of(query), query.days)
        try:
            looked = await self._store.lookup(digest, fields)
        except RedisError as error:
            raise StoreUnavailable(retry_after=1.0) from error
        if looked.entry is not None and self._writes.is_settled:
            return self._hit(looked.entry, looked.now)
        self._telemetry.looked_up("miss")
        fetched, joined = await self._flights.board(
            digest, looked.generation, lambda flight: self._fetch(flight, digest, query, call, fields)
        )
        if joined:
            self._telemetry.coalesced("shared")
        why = "fwd=stale" if looked.outdated else "fwd=uri-miss"
        stored = "; stored" if fetched.kept and not joined else ""
        collapsed = "; collapsed" if joined else ""
        return Answer(
            fetched.status,
            fetched.headers,
            fetched.body,
            "coalesced" if joined else "miss",
            f"calgate; {why}{stored}{collapsed}",
        )

    async def pass_through(self, query: Query, call: Call) -> httpx2.Response:
        """Make a call that offers times but is not kept, waiting out what Cal.com may not know yet.

        Its answer is still to be read and to be closed. Raises Refused.
        """
        response: httpx2.Response | None = None
        try:
            # Cal.com has remembered what it answers before the first byte of it is here.
            async with self._announced("", query.span, 0, ANYTHING):
                response = await self._upstream.send(call)
        except BaseException:
            if response is not None:
                await response.aclose()
            raise
        return response

    def _hit(self, entry: Entry, now: float) -> Answer:
        age = max(0.0, now - entry.stored)
        self._telemetry.served_from_cache(age)
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in entry.headers]
        ttl = int(entry.fresh_until - now)
        return Answer(200, headers, entry.body, "hit", f"calgate; hit; ttl={ttl}", age)

    async def _fetch(
        self, flight: Flight[_Fetched], digest: str, query: Query, call: Call, fields: Fields
    ) -> _Fetched:
        started = self._clock.monotonic()
        outcome = "error"
        try:
            async with self._announced(digest, query.span, flight.good_for, fields) as fetch:
                flight.start(fetch.generation)
                response = await self._upstream.send(call)
                body = await read(response)
                fetched = _Fetched(response.status_code, returned(response.headers.raw), body)
                fetch.entry = self._entry(fetched)
            outcome = "uncacheable" if fetch.entry is None else "stored" if fetch.kept else "fenced"
        finally:
            self._telemetry.filled(outcome, self._clock.monotonic() - started)
        return replace(fetched, kept=fetch.kept)

    @asynccontextmanager
    async def _announced(self, digest: str, span: str, wanted: int, fields: Fields) -> AsyncIterator[_Fetch]:
        """A fetch, from when it may begin to when its answer is here: announced for as long as the body runs.

        What the body leaves in `entry` is stored if it may be. Raises StoreUnavailable or Settling.
        """
        token = uuid.uuid4().hex
        fetch = _Fetch(await self._begin(span, token, wanted, fields))
        announcement = (span, token, fetch.generation)
        renewal = spawn(self._renew(*announcement), name="cache.renew")
        try:
            try:
                yield fetch
            finally:
                renewal.cancel()
        except NotSent:
            await self._tell(self._store.fill_drop(*announcement))
            raise
        except BaseException:
            # We no longer listen, but Cal.com may go on computing, and then remember the past.
            await self._tell(self._store.fill_renew(*announcement))
            raise
        ending = self._store.fill_end(digest, *announcement, fetch.entry, fields)
        fetch.kept = bool(await self._tell(ending))

    async def _tell(self, told: Awaitable[T]) -> T | None:
        try:
            return await told
        except RedisError:
            # The answer is still good for whoever waited; keeping it is a courtesy to the next.
            _log.warning("fetch.not_stored")
            return None

    async def _begin(self, span: str, token: str, wanted: int, fields: Fields) -> int:
        """Wait until an answer of Cal.com must know generation *wanted* (0: the newest of *fields*), announce it.

        Returns the generation the answer will be good for. Raises StoreUnavailable, or Settling when the
        wait was too long.
        """
        started = self._clock.monotonic()
        while True:
            try:
                wanted, wait = await self._store.fill_begin(span, token, wanted, fields)
            except RedisError as error:
                raise StoreUnavailable(retry_after=1.0) from error
            if wait <= 0:
                return wanted
            if self._clock.monotonic() - started > _LONGEST_WAIT_SECONDS:
                raise Settling(retry_after=wait)
            # A hold-off is exact; a longer wait is for a fetch under way elsewhere, which may end at any time.
            is_exact = wait <= self._store.timing.hold_off
            await self._clock.sleep(wait if is_exact else _LOOK_AGAIN_SECONDS)

    def _entry(self, fetched: _Fetched) -> Entry | None:
        if fetched.status != 200:
            return None
        now = self._clock.now()
        seconds = lifetime(fetched.body, ttl=self._ttl, now=now)
        if seconds <= 0:
            return None
        headers = kept_headers((n.decode("latin-1"), v.decode("latin-1")) for n, v in fetched.headers)
        return Entry(fetched.body, headers, now, now + seconds)

    async def _renew(self, span: str, token: str, generation: int) -> None:
        while True:
            await self._clock.sleep(self._store.timing.fetch_lease / 3)
            try:
                await self._store.fill_renew(span, token, generation)
            except RedisError:
                _log.warning("fetch.not_renewed")
