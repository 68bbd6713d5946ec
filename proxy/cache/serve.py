"""Availability from the cache: which answers may serve one another, and what may be shown of an old one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import httpx2

from calcom.overlay import loaded, subtract
from calcom.slots import Query
from proxy.cache.directives import NOTHING, Demand
from proxy.cache.entry import Entry, Lives, lifetime
from proxy.cache.fetch import Ask, Fetcher
from proxy.cache.serving import Answer, Serving
from proxy.cache.stamps import read_by
from proxy.cache.store import Looked
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
    ) -> None:
        """*types_of* tells which event types an answer shows, `None` when that is not certain."""
        self._serving = serving
        self._fetcher = fetcher
        self._life = partial(lifetime, limits=lives)
        self._types_of = types_of

    async def answer(self, query: Query, call: Call, demand: Demand = NOTHING) -> Answer:
        """Answer *query*, asking Cal.com by *call* if need be. Raises Refused."""
        types = self._types_of(query)
        ask = Ask(
            f"{call.credential.bucket}:{query.key}",
            query.span,
            call,
            read_by(types, query.days),
            self._life,
            is_secret=any(name == "bookingUidToReschedule" for name, _ in query.parameters),
        )
        return await self._serving.answer(ask, partial(_shown, types), demand)

    async def pass_through(self, query: Query, call: Call) -> httpx2.Response:
        """Make a call that offers times but is not kept; see Fetcher.pass_through."""
        return await self._fetcher.pass_through(query, call)


def _shown(types: frozenset[int] | None, entry: Entry, looked: Looked) -> bytes | None:
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
        gone.append((0, int(looked.now) + 1))
    return subtract(entry.body, gone) if gone else entry.body
