"""Availability: from the cache when it may be, from one shared fetch when it must be."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass, replace

import httpx2
from redis.exceptions import RedisError

from calcom.slots import Query
from core.clock import Clock
from core.tasks import spawn
from proxy.cache.entry import Entry, kept_headers, lifetime
from proxy.cache.flights import Flight, Flights
from proxy.cache.store import Looked, Store
from proxy.edge.headers import RawHeaders, returned
from proxy.refusals import Refused, Settling, StoreUnavailable, UpstreamTimeout
from proxy.telemetry import Telemetry
from proxy.upstream import Call, Upstream
from proxy.writes import Writes

_log = logging.getLogger(__name__)

# A span may stay unsettled while writes keep coming or an older fetch hangs; a voice agent would rather be
# told than kept waiting.
_LONGEST_WAIT_SECONDS = 10.0

# An older fetch under way elsewhere may end at any time, so its announced end is looked at again this often.
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
    fresh: float


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
    ) -> None:
        self._store = store
        self._upstream = upstream
        self._writes = writes
        self._telemetry = telemetry
        self._clock = clock
        self._ttl = ttl
        self._flights: Flights[_Fetched] = Flights()

    async def answer(self, query: Query, call: Call) -> Answer:
        """Answer *query*, asking Cal.com by *call* if need be. Raises Refused."""
        digest = f"{call.credential.bucket}:{query.key}"
        try:
            looked = await self._store.lookup(digest)
        except RedisError as error:
            raise StoreUnavailable(retry_after=1.0) from error
        if looked.entry is not None and self._writes.is_settled:
            return self._hit(looked.entry, looked.now)
        self._telemetry.looked_up("miss")
        fetched, joined = await self._board(digest, query, call, looked)
        if joined:
            self._telemetry.coalesced("shared")
        why = "fwd=stale" if looked.outdated else "fwd=uri-miss"
        stored = "; stored" if fetched.fresh > 0 and not joined else ""
        collapsed = "; collapsed" if joined else ""
        return Answer(
            fetched.status,
            fetched.headers,
            fetched.body,
            "coalesced" if joined else "miss",
            f"calgate; {why}{stored}{collapsed}",
        )

    async def pass_through(self, query: Query, call: Call) -> httpx2.Response:
        """Make a call that offers times but is not kept, waiting out what Cal.com may not know yet."""
        token = uuid.uuid4().hex
        generation = await self._begin(query.span, token, None)
        try:
            return await self._upstream.send(call)
        finally:
            await self._announce_end("", query.span, token, generation, None)

    def _hit(self, entry: Entry, now: float) -> Answer:
        age = max(0.0, now - entry.stored)
        self._telemetry.served_from_cache(age)
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in entry.headers]
        ttl = int(entry.fresh_until - now)
        return Answer(200, headers, entry.body, "hit", f"calgate; hit; ttl={ttl}", age)

    async def _board(self, digest: str, query: Query, call: Call, looked: Looked) -> tuple[_Fetched, bool]:
        try:
            return await self._flights.board(
                digest, looked.generation, lambda flight: self._fetch(flight, digest, query, call)
            )
        except RedisError as error:
            raise StoreUnavailable(retry_after=1.0) from error

    async def _fetch(self, flight: Flight[_Fetched], digest: str, query: Query, call: Call) -> _Fetched:
        started = self._clock.monotonic()
        token = uuid.uuid4().hex
        generation = await self._begin(query.span, token, flight)
        renewal = spawn(self._renew(digest, query.span, token, generation), name="cache.renew")
        outcome, entry, fresh = "error", None, 0.0
        try:
            fetched = await self._read(call)
            if fetched.status == 200:
                outcome = "uncacheable"
                entry = self._entry(fetched)
        finally:
            renewal.cancel()
            fresh = await self._announce_end(digest, query.span, token, generation, entry)
            if entry is not None:
                outcome = "stored" if fresh > 0 else "fenced"
            self._telemetry.filled(outcome, self._clock.monotonic() - started)
        return replace(fetched, fresh=fresh)

    async def _begin(self, span: str, token: str, flight: Flight[_Fetched] | None) -> int:
        """Wait until an answer of Cal.com must know every write so far, and announce the fetch."""
        started = self._clock.monotonic()
        generation = 0
        while True:
            generation, wait = await self._store.fill_begin(span, token, generation)
            if flight is not None:
                flight.good_for = max(flight.good_for, generation)
            if wait <= 0:
                return generation
            if self._clock.monotonic() - started > _LONGEST_WAIT_SECONDS:
                raise Settling(retry_after=wait)
            # The first wait, for the hold-off, is exact; one for another fetch may end sooner.
            await self._clock.sleep(min(wait, max(_LOOK_AGAIN_SECONDS, wait / 4)))

    async def _read(self, call: Call) -> _Fetched:
        response = await self._upstream.send(call)
        try:
            body = await response.aread()
        except httpx2.TransportError as error:
            raise UpstreamTimeout from error
        finally:
            await response.aclose()
        return _Fetched(response.status_code, returned(response.headers.raw, framed=False), body, 0.0)

    def _entry(self, fetched: _Fetched) -> Entry | None:
        now = self._clock.now()
        seconds = lifetime(fetched.body, ttl=self._ttl, now=now)
        if seconds <= 0:
            return None
        headers = kept_headers((n.decode("latin-1"), v.decode("latin-1")) for n, v in fetched.headers)
        return Entry(fetched.body, headers, now, now + seconds)

    async def _renew(self, digest: str, span: str, token: str, generation: int) -> None:
        while True:
            await self._clock.sleep(self._store.timing.lease / 3)
            try:
                await self._store.fill_renew(digest, span, token, generation)
            except RedisError:
                _log.warning("fetch.not_renewed")

    async def _announce_end(
        self, digest: str, span: str, token: str, generation: int, entry: Entry | None
    ) -> float:
        """Store the answer if it may be, and in any case say that the fetch is over."""
        try:
            return await self._store.fill_end(digest, span, token, generation, entry)
        except RedisError:
            # The answer is still good for whoever waited; keeping it is a courtesy to the next.
            _log.warning("fetch.not_stored")
            return 0.0


__all__ = ["Answer", "Refused", "SlotsCache"]
