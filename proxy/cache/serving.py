"""An answer from the cache when it may be, from one shared fetch when it must be."""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from redis.exceptions import RedisError

from core.clock import Clock
from core.tasks import spawn
from proxy.cache.directives import NOTHING, Demand
from proxy.cache.entry import Entry
from proxy.cache.fetch import Ask, Fetched, Fetcher
from proxy.cache.flights import Flights
from proxy.cache.store import Looked, Store
from proxy.cache.verdict import Verdict, early, judge
from proxy.clients.shares import own_share
from proxy.deadline import until
from proxy.edge.headers import RawHeaders, encoded
from proxy.governor.purpose import Purpose
from proxy.refusals import NotCached, Refused, ShareSpent, StoreUnavailable
from proxy.telemetry import Telemetry
from proxy.writes import Writes

_log = logging.getLogger(__name__)

# What Cal.com, or the edge before it, says when it cannot answer; an answer of yesterday is better.
_UNABLE: Final = frozenset({408, 429, 499, 500, 502, 503, 504, 520, 521, 522, 523, 524, 525, 526})

# A refresh that failed is not tried with every look.
_NOT_REFRESHED_SECONDS: Final = 2.0
_MOST_REFRESHES: Final = 1_000

Show = Callable[[Entry, Looked], bytes | None]
"""What may be shown of an entry: its body, less what has gone from it; `None` if that cannot be said."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer. `outcome`: hit, stale, miss or coalesced.

    `entry` is what it was made of if a copy of that may be held, as of Redis' time `now`; `digest` names that copy.
    """

    status: int
    headers: RawHeaders
    body: bytes
    outcome: str
    cache_status: str
    age: float | None = None
    entry: Entry | None = None
    now: float = 0.0
    digest: str = ""
    left: float = 0.0
    """Seconds for which a cached answer is still fresh; below 0 it no longer is."""
    is_lacking: bool = False
    """Whether it is an older one less what writes took: times that are offered may be missing."""


def hit_status(left: float, detail: str = "") -> str:
    """What Cache-Status says of a hit that is fresh for *left* more seconds (RFC 9211, 2.1 and 2.2)."""
    return f"calgate; hit; ttl={int(left)}" + (f"; detail={detail}" if detail else "")


def whole(entry: Entry, looked: Looked) -> bytes | None:
    """Show an entry that nothing can be taken from: as it is, or not at all."""
    return None if looked.overlays else entry.body


class Serving:
    """Serves answers of one kind. One instance per process and kind."""

    def __init__(
        self,
        store: Store,
        fetcher: Fetcher,
        writes: Writes,
        telemetry: Telemetry,
        clock: Clock,
        *,
        scope: str,
        stale: float,
        eagerness: float = 1.0,
        luck: Callable[[], float] = lambda: 1.0 - random.random(),
    ) -> None:
        """*stale* seconds an expired answer is served while it is refreshed, *eagerness* as in verdict.py."""
        self._store = store
        self._fetcher = fetcher
        self._writes = writes
        self._telemetry = telemetry
        self._clock = clock
        self._scope = scope
        self._stale = stale
        self._eagerness = eagerness
        self._luck = luck
        self._flights: Flights[Fetched] = Flights()
        self._refreshing: dict[str, float] = {}

    async def answer(self, ask: Ask, show: Show = whole, demand: Demand = NOTHING) -> Answer:
        """Answer *ask*, from the cache if the client's *demand* allows. Raises Refused."""
        try:
            looked = await self._store.lookup(
                ask.digest, ask.part or ask.fields, is_part=ask.part is not None
            )
        except RedisError as error:
            raise StoreUnavailable(retry_after=1.0) from error
        entry = looked.entry
        verdict = self._judge(looked, demand)
        ask = replace(
            ask,
            seen=looked.now if demand.no_cache else entry.stored if entry else 0.0,
            empties=entry.empties if entry else 0,
            keep=not demand.no_store,
            is_shared=not (demand.no_store or demand.no_cache),
        )
        if entry is not None and verdict.serve:
            body = show(entry, looked)
            if body is not None:
                if verdict.refresh:
                    self._refresh(ask, looked.generation)
                return self.hit(entry, looked, body)
        self._telemetry.looked_up("miss", self._scope)
        if demand.only_if_cached:
            raise NotCached
        return await self._miss(ask, looked, verdict, show)

    def early(self, cost: float) -> float:
        """Seconds before an answer's end from which a look shall decide whether to refresh it."""
        return early(cost, eagerness=self._eagerness, luck=self._luck())

    async def again(self, ask: Ask, show: Show, generation: int) -> None:
        """Ask again, behind everybody's back, for whoever will have to see *generation*; not where what is kept can be
        shown to them less what was taken, since then nobody has to wait."""
        behind = replace(ask, call=replace(ask.call, purpose=Purpose.REVALIDATE), reason="warm", part=None)
        fetch = self._fetcher.fetch
        try:
            looked = await self._store.lookup(ask.digest, ask.fields)
            if looked.entry is None or show(looked.entry, looked) is None:
                await self._flights.board(ask.digest, generation, lambda flight: fetch(flight, behind))
        except (Refused, RedisError) as error:
            _log.info("cache.not_refreshed", extra={"reason": getattr(error, "reason", "redis")})

    def _judge(self, looked: Looked, demand: Demand) -> Verdict:
        if looked.entry is None or not self._writes.is_settled:
            return Verdict(serve=False)
        verdict = judge(
            looked.entry,
            looked.now,
            stale=self._stale,
            eagerness=self._eagerness,
            luck=self._luck(),
            demand=demand,
        )
        if looked.overlays:
            # What is left of it is true, but may be less than there is: only until Cal.com has said.
            return Verdict(serve=verdict.serve and looked.entry.status == 200, refresh=True)
        return verdict

    async def _miss(self, ask: Ask, looked: Looked, verdict: Verdict, show: Show) -> Answer:
        # Others may board, and the next look finds what it brings: only the waiting has an end, if a client waits.
        deadline = ask.call.deadline if ask.call.purpose is None else None
        patient = replace(ask, call=replace(ask.call, deadline=None))
        try:
            async with until(deadline, self._clock):
                fetched, joined = await own_share(
                    ask.call.client, lambda: self._board(patient, looked.generation)
                )
        except Refused as refusal:
            answer = self._fallback(looked, verdict, show, refusal.reason)
            if answer is None:
                raise
            return answer
        if fetched.status in _UNABLE:
            answer = self._fallback(looked, verdict, show, str(fetched.status))
            if answer is not None:
                return answer
        joined = joined or not fetched.is_ours
        if joined:
            self._telemetry.coalesced("shared", self._scope)
        why = "fwd=stale" if looked.outdated or looked.entry is not None else "fwd=uri-miss"
        stored = "; stored" if fetched.kept and not joined else ""
        collapsed = "; collapsed" if joined else ""
        return Answer(
            fetched.status,
            fetched.headers,
            fetched.body,
            "coalesced" if joined else "miss",
            f"calgate; {why}{stored}{collapsed}",
        )

    async def _board(self, ask: Ask, generation: int) -> tuple[Fetched, bool]:
        return await self._flights.board(
            # Who wants nothing that was asked for before takes no other's flight.
            ask.digest if ask.is_shared else f"{ask.digest} {id(ask)}",
            generation,
            lambda flight: self._fetcher.fetch(flight, ask),
        )

    def _fallback(self, looked: Looked, verdict: Verdict, show: Show, why: str) -> Answer | None:
        """The expired answer, when Cal.com cannot be asked: old, and said to be, but invalidated by nothing."""
        if looked.entry is None or not verdict.fallback:
            return None
        body = show(looked.entry, looked)
        if body is None:
            return None
        return self.hit(looked.entry, looked, body, detail=f"stale-if-error-{why}")

    def hit(self, entry: Entry, looked: Looked, body: bytes, detail: str = "") -> Answer:
        """*entry*, as it was *looked* up, given as an answer with *body*; counted."""
        age = max(0.0, looked.now - entry.stored)
        left = entry.fresh_until - looked.now
        is_whole = left > 0 and not looked.overlays
        result = "stale_hit" if left <= 0 else "hit" if entry.status == 200 else "negative_hit"
        self._telemetry.served_from_cache(age, result, self._scope)
        detail = detail or ("overlay" if looked.overlays else "")
        return Answer(
            entry.status,
            encoded(entry.headers),
            body,
            "hit" if left > 0 else "stale",
            hit_status(left, detail),
            age,
            entry=entry if is_whole else None,
            now=looked.now,
            left=left,
            is_lacking=bool(looked.overlays),
        )

    def _refresh(self, ask: Ask, generation: int) -> None:
        """Ask again behind the answer that is being served; once at a time for one entry in the whole fleet."""
        now = self._clock.monotonic()
        if max(self._refreshing.get(who, 0.0) for who in (ask.digest, _whose(ask))) > now:
            return
        if len(self._refreshing) >= _MOST_REFRESHES:
            self._refreshing = {digest: end for digest, end in self._refreshing.items() if end > now}
            if len(self._refreshing) >= _MOST_REFRESHES:
                # The next look at it tries again.
                return
        self._refreshing[ask.digest] = math.inf
        spawn(self._refreshed(ask, generation), name="cache.refresh")

    async def _refreshed(self, ask: Ask, generation: int) -> None:
        call = replace(ask.call, purpose=Purpose.REVALIDATE, deadline=None)
        behind = replace(ask, call=call, reason="refresh")
        fetch = self._fetcher.fetch
        is_done, held = False, ask.digest
        try:
            fetched, _ = await self._flights.board(
                ask.digest, generation, lambda flight: fetch(flight, behind)
            )
            is_done = fetched.kept
        except Refused as refusal:
            # What is served stays what it was, and says how old it is.
            _log.info("cache.not_refreshed", extra={"reason": refusal.reason})
            if isinstance(refusal, ShareSpent):
                # Others may.
                held = _whose(ask)
        finally:
            self._refreshing.pop(ask.digest, None)
            if not is_done:
                self._refreshing[held] = self._clock.monotonic() + _NOT_REFRESHED_SECONDS


def _whose(ask: Ask) -> str:
    return f"{ask.digest} {ask.call.client}"
