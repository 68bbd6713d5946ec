"""How much of Cal.com's allowance each credential has used, and whether it is blocked."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from prometheus_client.core import Metric as Family
from redis.asyncio import Redis

from core.keys import Keys
from exporters.catalogue import CREDENTIALS
from exporters.collectors import shares
from exporters.collectors.shares import Share
from exporters.families import gauge, gauges

PEAK_SECONDS = 60
"""How far the peak looks back: more than two scrapes at the usual 15 s, so none can miss it."""

MOST_CREDENTIALS = 200
"""Made-up credentials are remembered by the store up to a thousand; a look at this many bounds the cost."""

_BUCKET_MS = 10_000

LATE_MS = 250
"""How much later than its turn a waiting process may come, as `permit.lua` has it."""


@dataclass(frozen=True)
class CredentialBudget:
    """One credential's window. Times are Unix seconds; calls are counts."""

    credential: str
    limit: int
    used: int
    peak: int
    window_seconds: float
    blocked_until: float
    """0 when calls may leave."""
    oldest_call: float
    """When the oldest call in the window was made: a window later its place is free again; 0 with none."""
    remaining: int = 0
    """Left of Cal.com's own window, by its last word less the calls since; the limit when that window is over."""
    foreign: int = 0
    """Calls per window that others make with the same key, by Cal.com's headers."""
    waiting: int = 0
    """Calls that wait for their turn, over all processes."""
    digest: str = ""
    """Which key it is, without being the key."""


@dataclass(frozen=True)
class BudgetFacts:
    """All credentials seen, in the order of the catalogue's aliases."""

    credentials: tuple[CredentialBudget, ...] = field(default=())
    shares: tuple[Share, ...] = field(default=())
    is_shadow: bool = False
    """Some process lets calls go that should be held."""

    @property
    def set_aside(self) -> float:
        """The part of all calls that is kept for processes that Redis does not hear from."""
        return sum(one.ratio for one in self.shares if one.is_away)


def alias_of(text: str) -> str:
    """Fold an alias into the closed list."""
    return text if text in CREDENTIALS else "other"


def parse_credential(
    alias: str,
    used: int,
    oldest: Sequence[tuple[bytes, float]],
    peaks: Mapping[bytes, bytes],
    blocked: bytes | None,
    *,
    now_ms: int,
    limit: int,
    window_seconds: float,
) -> CredentialBudget:
    """Make one credential's facts of the four answers of the store.

    The hash of peaks has ten-second numbers as fields.
    """
    first = (now_ms - PEAK_SECONDS * 1000) // _BUCKET_MS
    recent = [int(use) for bucket, use in peaks.items() if int(bucket) >= first]
    blocked_ms = int(blocked) if blocked else 0
    return CredentialBudget(
        credential=alias,
        limit=limit,
        used=used,
        peak=max([used, *recent]),
        window_seconds=window_seconds,
        blocked_until=blocked_ms / 1000 if blocked_ms > now_ms else 0.0,
        oldest_call=oldest[0][1] / 1000 if oldest else 0.0,
    )


def parse_told(
    told: Mapping[bytes, bytes], since: int, *, now_ms: int, limit: int, window_ms: int
) -> tuple[int, int]:
    """What is left of Cal.com's window, and what others take of each, from the hash that `told.lua` keeps.

    `since` is the number of our calls after the one it speaks of.
    """
    ends = int(told.get(b"ends", b"0"))
    rates = [float(told[b"rate"])] if now_ms < ends + window_ms else []
    if now_ms >= ends:
        return limit, math.ceil(max(rates, default=0.0))
    rates.append(float(told[b"before"]))
    return max(0, int(told[b"left"]) - since), math.ceil(max(rates))


def parse_waiting(lines: Mapping[bytes, bytes], *, now_ms: int) -> int:
    """How many calls wait; a process that did not come when its turn came is gone."""
    parts = [line.split(b":") for line in lines.values()]
    return sum(int(count) for _, comes, count in parts if int(comes) + LATE_MS >= now_ms)


def fold(budgets: Iterable[CredentialBudget]) -> BudgetFacts:
    """Keep one per alias: where several credentials share "other", the one nearest to trouble."""
    worst: dict[str, CredentialBudget] = {}
    for one in budgets:
        known = worst.get(one.credential)
        if known is None or _trouble(one) > _trouble(known):
            worst[one.credential] = one
    return BudgetFacts(tuple(worst[alias] for alias in CREDENTIALS if alias in worst))


def _trouble(one: CredentialBudget) -> tuple[float, float, int]:
    return (one.blocked_until, one.peak / max(one.limit, 1), one.used)


async def read(redis: Redis, keys: Keys, *, limit: int, window_seconds: float) -> BudgetFacts:
    """Ask for every credential seen, in three round trips.

    `limit` is for a credential whose own the gateway has not written down. `window_seconds` is the window the
    gateway counts in, its guard included.
    """
    known = redis.pipeline(transaction=False)
    known.time()
    known.hgetall(keys.credentials)
    known.hgetall(keys.limits)
    known.hgetall(keys.shares)
    known.exists(keys.shadow)
    (seconds, micros), aliases, limits, entries, is_shadow = await known.execute()
    now_ms = seconds * 1000 + micros // 1000
    # Those with an alias of their own first: the cut must never fall on them.
    chosen = sorted(aliases.items(), key=lambda item: (alias_of(item[1].decode()) == "other", item[0]))
    chosen = chosen[:MOST_CREDENTIALS]
    window_ms = round(window_seconds * 1000)
    opened = now_ms - window_ms
    heads = redis.pipeline(transaction=False)
    for digest, _ in chosen:
        heads.hgetall(keys.headers(digest.decode()))
    told: list[Any] = await heads.execute() if chosen else []
    pipeline = redis.pipeline(transaction=False)
    for (digest, _), heard in zip(chosen, told, strict=True):
        name = digest.decode()
        pipeline.zcount(keys.permits(name), f"({opened}", "+inf")
        pipeline.zrangebyscore(keys.permits(name), f"({opened}", "+inf", start=0, num=1, withscores=True)
        pipeline.hgetall(keys.peaks(name))
        pipeline.get(keys.blocked(name))
        pipeline.zcount(keys.permits(name), f"({int(heard.get(b'at', b'0'))}", "+inf")
        pipeline.hgetall(keys.lines(name))
    answers: list[Any] = await pipeline.execute() if chosen else []
    budgets = []
    for i, (digest, alias) in enumerate(chosen):
        used, oldest, peaks, blocked, since, lines = answers[6 * i : 6 * i + 6]
        allowed = int(limits.get(digest, limit))
        one = parse_credential(
            alias_of(alias.decode()),
            *(used, oldest, peaks, blocked),
            now_ms=now_ms,
            limit=allowed,
            window_seconds=window_seconds,
        )
        left, foreign = parse_told(told[i], since, now_ms=now_ms, limit=allowed, window_ms=window_ms)
        waiting = parse_waiting(lines, now_ms=now_ms)
        budgets.append(replace(one, remaining=left, foreign=foreign, waiting=waiting, digest=digest.decode()))
    return replace(fold(budgets), shares=shares.parse(entries, now_ms), is_shadow=bool(is_shadow))


def families(facts: BudgetFacts) -> list[Family]:
    """Turn the facts into families; a credential nobody has used yet has no series."""
    of = [({"credential": one.credential}, one) for one in facts.credentials]
    return [
        gauges("calgate_budget_limit_requests", [(labels, one.limit) for labels, one in of]),
        gauges("calgate_budget_window_used_requests", [(labels, one.used) for labels, one in of]),
        gauges("calgate_budget_window_used_peak_requests", [(labels, one.peak) for labels, one in of]),
        gauges("calgate_budget_upstream_remaining_requests", [(labels, one.remaining) for labels, one in of]),
        gauges("calgate_budget_foreign_requests", [(labels, one.foreign) for labels, one in of]),
        gauges("calgate_budget_waiting_requests", [(labels, one.waiting) for labels, one in of]),
        gauges("calgate_budget_window_seconds", [(labels, one.window_seconds) for labels, one in of]),
        gauges(
            "calgate_budget_blocked_until_timestamp_seconds",
            [(labels, one.blocked_until) for labels, one in of],
        ),
        gauge("calgate_budget_shadow", facts.is_shadow),
        gauge("calgate_budget_set_aside_ratio", facts.set_aside),
    ]
