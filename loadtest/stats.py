"""What the load saw: one record per request, and the tally of many."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil
from typing import Protocol


class Cached(StrEnum):
    """What an answer's `Cache-Status` says (RFC 9211), in five words; NONE when it carried none of ours."""

    HIT = "hit"
    STALE = "stale"
    COALESCED = "coalesced"
    MISS = "miss"
    BYPASS = "bypass"
    NONE = "none"


_UNCACHED_FORWARDS = frozenset({"bypass", "method", "request"})


def cached(cache_status: str | None) -> Cached:
    """Reads the nearest cache's entry of a `Cache-Status` header, which is the last one listed.

    A hit past its life (`ttl` below zero) or served because the upstream failed is stale; `collapsed` means
    one fetch answered several requests.
    """
    if not cache_status:
        return Cached.NONE
    parameters: dict[str, str] = {}
    for part in cache_status.rsplit(",", 1)[-1].split(";")[1:]:
        name, _, value = part.strip().partition("=")
        parameters[name] = value
    if "hit" in parameters:
        return Cached.STALE if parameters.get("ttl", "").startswith("-") else Cached.HIT
    if parameters.get("collapsed", "?0") in ("", "?1"):
        return Cached.COALESCED
    if "fwd" not in parameters:
        return Cached.NONE
    return Cached.BYPASS if parameters["fwd"] in _UNCACHED_FORWARDS else Cached.MISS


@dataclass(frozen=True, slots=True)
class Outcome:
    """One request and what came of it. Times are Unix seconds; `status` is 0 when no answer came and
    `error` says why.

    `scheduled` is when the request was due: a stall of the server, or of the load itself, counts against
    the server instead of hiding (no coordinated omission).
    """

    action: str
    """slots, alternatives, create, reschedule or cancel."""
    kind: str
    """The step of the conversation it belongs to: availability, alternatives or booking."""
    method: str
    target: str
    status: int
    cached: Cached
    scheduled: float
    started: float
    ended: float
    error: str | None = None
    event_type: int = 0
    slot: str | None = None
    """The start that a write asks for, in UTC."""
    replaces: int = 1
    """Calls that it takes without a gateway: several where alternatives are found day by day."""

    @property
    def is_read(self) -> bool:
        """Whether it asked what is free."""
        return self.action in ("slots", "alternatives")

    @property
    def latency(self) -> float:
        """Seconds from when it was due to its last byte."""
        return self.ended - self.scheduled

    @property
    def service(self) -> float:
        """Seconds from when it was sent to its last byte."""
        return self.ended - self.started


class Sink(Protocol):
    """Whoever listens to the traffic. Called on the event loop for every request: must not block, must not
    raise.
    """

    def record(self, outcome: Outcome) -> None: ...


@dataclass(slots=True)
class Tally:
    """A sink that adds up. Latencies are kept raw (8 bytes each), so that percentiles are exact."""

    statuses: Counter[int] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    answers: Counter[Cached] = field(default_factory=Counter)
    """Of reads that came back with a status below 400 only: errors have no cache outcome worth
    counting.
    """
    errors: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)

    def record(self, outcome: Outcome) -> None:
        self.statuses[outcome.status] += 1
        self.actions[outcome.action] += 1
        self.kinds[outcome.kind] += 1
        self.latencies.append(outcome.latency)
        if outcome.is_read and 200 <= outcome.status < 400:
            self.answers[outcome.cached] += 1
        if outcome.error is not None:
            self.errors[outcome.error] += 1

    @property
    def requests(self) -> int:
        return sum(self.statuses.values())

    @property
    def unanswered(self) -> int:
        return self.statuses[0]

    @property
    def served_without_a_call(self) -> int:
        """Slots answers that cost no call of their own: hits, stale ones, and those that shared a fetch."""
        return self.answers[Cached.HIT] + self.answers[Cached.STALE] + self.answers[Cached.COALESCED]

    @property
    def hit_ratio(self) -> float | None:
        """Share of slots answers from the cache, stale ones included; None before the first answer."""
        total = sum(self.answers.values())
        return (self.answers[Cached.HIT] + self.answers[Cached.STALE]) / total if total else None

    def quantile(self, share: float) -> float | None:
        """The latency that `share` of the requests did not exceed, in seconds; None before the first."""
        return quantile(self.latencies, share)


def quantile(values: Collection[float], share: float) -> float | None:
    """Nearest rank: an observed value, never an interpolation. None of nothing. Raises ValueError outside
    (0, 1].
    """
    if not 0 < share <= 1:
        raise ValueError(f"A quantile lies above 0 and at most at 1, not at {share:g}")
    if not values:
        return None
    return sorted(values)[ceil(share * len(values)) - 1]
