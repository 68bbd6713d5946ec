"""Availability from the cache: which answers may serve one another, and what may be shown of an old one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import httpx2

from calcom.overlay import loaded, subtract
from calcom.slots import Query
from core.clock import Clock
from proxy.cache.directives import NOTHING, Demand
from proxy.cache.entry import Entry, Life, Lives, lifetime
from proxy.cache.fetch import Ask, Fetcher
from proxy.cache.near import Held, Near
from proxy.cache.ranges import Asking, Ranges
from proxy.cache.serving import Answer, Serving, Show, hit_status
from proxy.cache.stamps import Bounds, read_by
from proxy.cache.store import Looked
from proxy.cache.strays import Strays, is_within
from proxy.edge.headers import encoded
from proxy.refusals import CircuitOpen, UpstreamUnreachable
from proxy.telemetry import Telemetry
from proxy.upstream import Call


class SlotsCache:
    """Answers slots queries. One instance per process."""

    def __init__(
        self,
        serving: Serving,
        fetcher: Fetcher,
        *,
        lives: Lives,
        types_of: Callable[[Query], frozenset[int] | None],
        notice_of: Callable[[int], float] = lambda event_type: 0.0,
        near: Near,
        telemetry: Telemetry,
        clock: Clock,
        ranges: Callable[[Asking], Ranges] | None = None,
    ) -> None:
        """*types_of* tells which event types an answer shows, `None` when that is not certain; *notice_of* how many
        seconds before its start a slot of one is last offered, as far as that is known; *near* holds copies, *ranges*
        makes what shares windows, if anything shall.
        """
        self._near = near
        self._telemetry = telemetry
        self._clock = clock
        self._serving = serving
        self._fetcher = fetcher
        self._ranges = (
            ranges(lambda query, call: self._asking(query, call, types_of(query))) if ranges else None
        )
        if self._ranges is not None:
            near.listen(self._ranges.bumped)
        self._lives = lives
        self._strays = Strays()
        self._types_of = types_of
        self._notice_of = notice_of

    async def answer(self, query: Query, call: Call, demand: Demand = NOTHING) -> Answer:
        """Answer *query*, asking Cal.com by *call* if need be. Raises Refused."""
        digest = f"{call.credential.bucket}:{query.key}"
        began = self._clock.monotonic()
        if demand == NOTHING:
            held = self._near.get(digest, began)
            if held is not None:
                return self._from_near(held, began)
        fence = self._near.fence()
        types = self._types_of(query)
        ask, show = self._asking(query, call, types)
        answer = self._in_the_dark(digest, began, show) if demand == NOTHING else None
        if answer is not None:
            return answer
        # Ranges are of one event type, and it has to be certain which.
        event_type = next(iter(types)) if self._ranges and types and len(types) == 1 else None
        if self._ranges and event_type is not None and demand == NOTHING:
            try:
                answer = await self._ranges.answer(query, call, event_type, ask.fields)
            except (CircuitOpen, UpstreamUnreachable):
                # What the windows lack, a look at just this may have left behind.
                answer = None
        if answer is None:
            answer = await self._serving.answer(ask, show, demand)
            if self._ranges and event_type is not None:
                self._ranges.compare(query, call, event_type)
        if answer.entry is not None and demand == NOTHING:
            self._hold(fence, ask, answer, began)
            answer = replace(answer, digest=digest)
        return answer

    def _asking(self, query: Query, call: Call, types: frozenset[int] | None) -> tuple[Ask, Show]:
        notice = self._notice_of(next(iter(types))) if types and len(types) == 1 else 0.0
        bounds = self._strays.bounds(query) if types is not None else None
        ask = Ask(
            f"{call.credential.bucket}:{query.key}",
            query.span,
            call,
            read_by(types, bounds),
            partial(self._life, query, bounds, notice),
            is_secret=any(name == "bookingUidToReschedule" for name, _ in query.parameters),
        )
        return ask, partial(_shown, types, notice)

    def _life(
        self,
        query: Query,
        bounds: Bounds | None,
        notice: float,
        status: int,
        body: bytes,
        *,
        now: float,
        empties: int,
    ) -> Life | None:
        """As `lifetime`; None also where slots are offered outside of *bounds*, of which nobody would hear."""
        life = lifetime(status, body, now=now, empties=empties, limits=self._lives, notice=notice)
        if life is not None and bounds is not None and not is_within(life, bounds):
            self._strays.found(query)
            return None
        return life

    def _from_near(self, held: Held, now: float) -> Answer:
        age = now - held.stored_at
        entry = held.entry
        self._telemetry.served_from_cache(age, "hit" if entry.status == 200 else "negative_hit")
        status = hit_status(entry.fresh_until - entry.stored - age)
        return Answer(
            entry.status, encoded(entry.headers), entry.body, "hit", status, age, digest=held.digest
        )

    def _in_the_dark(self, digest: str, now: float, show: Show) -> Answer | None:
        """The copy of before Redis was gone, if it may be shown and used that long."""
        held = self._near.dark(digest, now)
        if held is None:
            return None
        entry = held.entry
        # What Redis' clock would say.
        looked = Looked(entry.stored + now - held.stored_at, entry.generation, entry)
        body = show(entry, looked) if looked.now < entry.usable_until else None
        return None if body is None else self._serving.hit(entry, looked, body, detail="stale-if-error-store")

    def _hold(self, fence: int | None, ask: Ask, answer: Answer, began: float) -> None:
        """Keep a copy of what Redis answered with, but not until its very end, when it is time to refresh it."""
        entry = answer.entry
        assert entry is not None
        age = answer.now - entry.stored
        # Redis' clock went on since the asking began, so that this ends no later than the entry.
        until = began + entry.fresh_until - answer.now - self._serving.early(entry.cost)
        if until > began:
            fields = frozenset(ask.fields).union(entry.fields)
            held = Held(ask.digest, entry, entry.generation, fields, began - age, until)
            self._near.put(fence, held)

    async def pass_through(self, query: Query, call: Call) -> httpx2.Response:
        """Make a call that offers times but is not kept; see Fetcher.pass_through."""
        return await self._fetcher.pass_through(query, call)


def _shown(types: frozenset[int] | None, notice: float, entry: Entry, looked: Looked) -> bytes | None:
    """The entry's body without what writes took from it and what has passed since; `None` if that cannot be said."""
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
        # Slots pass without any write (mechanism 20). Of the notice only what the clock took since: where it is not
        # what we think it is, Cal.com's answer is right.
        gone += [(0, int(looked.now) + 1), (int(entry.stored + notice), int(looked.now + notice) + 1)]
    return subtract(entry.body, gone) if gone else entry.body
