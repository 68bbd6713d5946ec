"""Availability: from the cache when it may be, from one shared fetch when it must be."""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import httpx2
from redis.exceptions import RedisError

from calcom.overlay import loaded, subtract
from calcom.slots import Query
from core.clock import Clock
from core.tasks import spawn
from proxy.cache.directives import NOTHING, Demand
from proxy.cache.entry import Entry, Lives
from proxy.cache.fetch import Ask, Fetched, Fetcher
from proxy.cache.flights import Flights
from proxy.cache.stamps import read_by
from proxy.cache.store import Looked, Store
from proxy.cache.verdict import Verdict, judge
from proxy.edge.headers import RawHeaders
from proxy.governor.purpose import Purpose
from proxy.refusals import NotCached, Refused, StoreUnavailable
from proxy.telemetry import Telemetry
from proxy.upstream import Call
from proxy.writes import Writes

_log = logging.getLogger(__name__)

# What Cal.com, or the edge before it, says when it cannot answer; an answer of yesterday is better.
_UNABLE: Final = frozenset({408, 429, 499, 500, 502, 503, 504, 520, 521, 522, 523, 524, 525, 526})

# A refresh that failed is not tried with every look.
_NOT_REFRESHED_SECONDS: Final = 2.0
_MOST_REFRESHES: Final = 1_000


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer about availability. `outcome`: hit, stale, miss or coalesced."""

    status: int
    headers: RawHeaders
    body: bytes
    outcome: str
    cache_status: str
    age: float | None = None
    digest: str = ""


class SlotsCache:
    """Answers slots queries. One instance per process."""

    def __init__(
        self,
        store: Store,
        fetcher: Fetcher,
        writes: Writes,
        telemetry: Telemetry,
        clock: Clock,
        *,
        limits: Lives,
        eagerness: float = 1.0,
        types_of: Callable[[Query], frozenset[int] | None],
        luck: Callable[[], float] = lambda: 1.0 - random.random(),
    ) -> None:
        """*types_of* tells which event types an answer shows, `None` when that is not certain; *eagerness* how early
        answers are refreshed (verdict.py), 0 for not before they expire."""
        self._store = store
        self._fetcher = fetcher
        self._writes = writes
        self._telemetry = telemetry
        self._clock = clock
        self._limits = limits
        self._eagerness = eagerness
        self._types_of = types_of
        self._luck = luck
        self._flights: Flights[Fetched] = Flights()
        self._refreshing: dict[str, float] = {}

    async def answer(self, query: Query, call: Call, demand: Demand = NOTHING) -> Answer:
        """Answer *query*, asking Cal.com by *call* if need be. Raises Refused."""
        digest = f"{call.credential.bucket}:{query.key}"
        types = self._types_of(query)
        fields = read_by(types, query.days)
        try:
            looked = await self._store.lookup(digest, fields)
        except RedisError as error:
            raise StoreUnavailable(retry_after=1.0) from error
        verdict = self._judge(looked, demand)
        ask = Ask(
            digest,
            query,
            call,
            fields,
            seen=looked.now if demand.no_cache else looked.entry.stored if looked.entry else 0.0,
            empties=looked.entry.empties if looked.entry else 0,
            keep=not demand.no_store,
            is_shared=not (demand.no_store or demand.no_cache),
        )
        if looked.entry is not None and verdict.serve:
            body = self._shown(looked.entry, looked, types)
            if body is not None:
                if verdict.refresh:
                    self._refresh(ask, looked.generation)
                return self._hit(looked.entry, looked, body, digest)
        if demand.only_if_cached:
            self._telemetry.looked_up("miss")
            raise NotCached
        return await self._miss(ask, looked, verdict, types)

    async def pass_through(self, query: Query, call: Call) -> httpx2.Response:
        """Make a call that offers times but is not kept; see Fetcher.pass_through."""
        return await self._fetcher.pass_through(query, call)

    def _judge(self, looked: Looked, demand: Demand) -> Verdict:
        if looked.entry is None or not self._writes.is_settled:
            return Verdict(serve=False)
        verdict = judge(
            looked.entry,
            looked.now,
            stale=self._limits.stale,
            eagerness=self._eagerness,
            luck=self._luck(),
            demand=demand,
        )
        if looked.overlays:
            # What is left of it is true, but may be less than there is: only until Cal.com has said.
            return Verdict(serve=verdict.serve and looked.entry.status == 200, refresh=True)
        return verdict

    def _shown(self, entry: Entry, looked: Looked, types: frozenset[int] | None) -> bytes | None:
        """The entry's body without what writes took from it and what has begun since; `None` if that cannot be said."""
        gone: list[tuple[int, int]] = []
        if looked.overlays:
            if types is None or len(types) != 1:
                return None
            (event_type,) = types
            for text in looked.overlays:
                taken = loaded(text).gone.get(event_type)
                if taken is None:
                    return None
                gone += taken
        if looked.now >= entry.fresh_until and entry.status == 200:
            # Slots pass without any write (mechanism 20).
            gone.append((0, int(looked.now)))
        return subtract(entry.body, gone) if gone else entry.body

    async def _miss(self, ask: Ask, looked: Looked, verdict: Verdict, types: frozenset[int] | None) -> Answer:
        self._telemetry.looked_up("miss")
        try:
            fetched, joined = await self._flights.board(
                # Who wants nothing that was asked for before takes no other's flight.
                ask.digest if ask.is_shared else f"{ask.digest} {id(ask)}",
                looked.generation,
                lambda flight: self._fetcher.fetch(flight, ask),
            )
        except Refused as refusal:
            answer = self._fallback(ask, looked, verdict, types, refusal.reason)
            if answer is None:
                raise
            return answer
        if fetched.status in _UNABLE:
            answer = self._fallback(ask, looked, verdict, types, str(fetched.status))
            if answer is not None:
                return answer
        joined = joined or not fetched.is_ours
        if joined:
            self._telemetry.coalesced("shared")
        why = "fwd=stale" if looked.outdated or looked.entry is not None else "fwd=uri-miss"
        stored = "; stored" if fetched.kept and not joined else ""
        collapsed = "; collapsed" if joined else ""
        return Answer(
            fetched.status,
            fetched.headers,
            fetched.body,
            "coalesced" if joined else "miss",
            f"calgate; {why}{stored}{collapsed}",
            digest=ask.digest,
        )

    def _fallback(
        self, ask: Ask, looked: Looked, verdict: Verdict, types: frozenset[int] | None, why: str
    ) -> Answer | None:
        """The expired answer, when Cal.com cannot be asked: old, and said to be, but invalidated by nothing."""
        if looked.entry is None or not verdict.fallback:
            return None
        body = self._shown(looked.entry, looked, types)
        if body is None:
            return None
        return self._hit(looked.entry, looked, body, ask.digest, detail=f"stale-if-error-{why}")

    def _hit(self, entry: Entry, looked: Looked, body: bytes, digest: str, detail: str = "") -> Answer:
        age = max(0.0, looked.now - entry.stored)
        left = entry.fresh_until - looked.now
        if left <= 0:
            result, outcome = "stale_hit", "stale"
        elif entry.status != 200:
            result, outcome = "negative_hit", "hit"
        else:
            result, outcome = "hit", "hit"
        self._telemetry.served_from_cache(age, result)
        detail = detail or ("overlay" if looked.overlays else "")
        status = f"calgate; hit; ttl={int(left) if left > 0 else -int(-left)}"
        if detail:
            status += f"; detail={detail}"
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in entry.headers]
        return Answer(entry.status, headers, body, outcome, status, age, digest)

    def _refresh(self, ask: Ask, generation: int) -> None:
        """Ask again behind the answer that is being served; once at a time for one entry in the whole fleet."""
        if self._refreshing.get(ask.digest, 0.0) > self._clock.monotonic():
            return
        if len(self._refreshing) >= _MOST_REFRESHES:
            now = self._clock.monotonic()
            self._refreshing = {digest: end for digest, end in self._refreshing.items() if end > now}
        self._refreshing[ask.digest] = math.inf
        spawn(self._refreshed(ask, generation), name="cache.refresh")

    async def _refreshed(self, ask: Ask, generation: int) -> None:
        behind = replace(ask, call=replace(ask.call, purpose=Purpose.REVALIDATE), reason="refresh")
        fetch = self._fetcher.fetch
        is_done = False
        try:
            fetched, _ = await self._flights.board(
                ask.digest, generation, lambda flight: fetch(flight, behind)
            )
            is_done = fetched.kept
        except Refused as refusal:
            # What is served stays what it was, and says how old it is.
            _log.info("cache.not_refreshed", extra={"reason": refusal.reason})
        finally:
            if is_done:
                self._refreshing.pop(ask.digest, None)
            else:
                self._refreshing[ask.digest] = self._clock.monotonic() + _NOT_REFRESHED_SECONDS
