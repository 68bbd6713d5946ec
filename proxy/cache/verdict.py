"""Whether an entry may be served, and whether it shall be asked for again: one decision, without I/O.

Two reasons for not serving an entry are kept apart. One that *expired* may still be served while it is refreshed,
and for long when Cal.com cannot be asked; one that a write *invalidated* never may (design 4).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from proxy.cache.directives import NOTHING, Demand
from proxy.cache.entry import Entry


@dataclass(frozen=True, slots=True)
class Verdict:
    """`serve` may be served now, `refresh` asks for it again behind that; `fallback` only if asking fails."""

    serve: bool
    refresh: bool = False
    fallback: bool = False


def early(cost: float, *, eagerness: float, luck: float) -> float:
    """Seconds before its end at which an answer that took *cost* seconds to get is refreshed by whoever looks then.

    *luck* is a random number from (0, 1] (XFetch: Vattani, Chierichetti, Lowenstein, VLDB 2015).
    """
    return -eagerness * cost * math.log(luck)


def judge(
    entry: Entry, now: float, *, stale: float, eagerness: float, luck: float, demand: Demand = NOTHING
) -> Verdict:
    """What to do with an *entry* that no write has touched.

    It is served for *stale* seconds after it expired. Before that it is refreshed early, the likelier the longer
    it took to get and the nearer its end: when what is left of it is no more than `early` says.
    """
    left = entry.fresh_until - now
    fallback = now < entry.usable_until and not demand.no_cache
    if demand.no_cache or not _is_content(demand, age=now - entry.stored, left=left):
        return Verdict(serve=False, fallback=fallback and demand.max_age is None)
    if left > 0:
        is_early = eagerness > 0 and early(entry.cost, eagerness=eagerness, luck=luck) >= left
        return Verdict(serve=True, refresh=is_early and entry.status == 200)
    allowed = stale if demand.max_stale is None else demand.max_stale
    if now < entry.usable_until and -left < allowed:
        return Verdict(serve=True, refresh=True)
    return Verdict(serve=False, fallback=fallback)


def _is_content(demand: Demand, *, age: float, left: float) -> bool:
    if demand.max_age is not None and age > demand.max_age:
        return False
    return demand.min_fresh is None or left >= demand.min_fresh
