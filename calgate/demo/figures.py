"""What the demo knows at one moment, as plain data: the screen, the plain lines and the summary read it."""

from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from loadtest.stats import Cached, Outcome, Tally, quantile

_RECENT = 60
# Percentiles on the screen are of so many calls: sorting all of an afternoon eight times a second would cost more
# than serving them.
_LATENCIES = 2_000
# What is compared with what: the window of Cal.com's limiter, in seconds at speed 1.
_WINDOW_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Upstream:
    """What the simulated Cal.com says it saw."""

    calls: int = 0
    refused: int = 0
    """429s. Each one would be a block of the account."""
    most_in_window: int = 0


@dataclass(frozen=True, slots=True)
class Store:
    """The facts that all processes share, read from Redis."""

    used: int = 0
    limit: int = 120
    blocked: bool = False
    breakers: tuple[tuple[str, str], ...] = ()
    jobs_pending: int = 0
    jobs_dead: int = 0
    entries: int = 0


@dataclass(frozen=True, slots=True)
class Truth:
    """How often an answer was held against the truth, and how often it was none; `example` tells of the first such."""

    checked: int = 0
    stale: int = 0
    example: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """One moment. Seconds and rates are real, whatever the speed."""

    seconds: float = 0.0
    requests: int = 0
    per_minute: float = 0.0
    reads: int = 0
    hits: int = 0
    stale: int = 0
    coalesced: int = 0
    misses: int = 0
    created: int = 0
    rescheduled: int = 0
    cancelled: int = 0
    conflicts: int = 0
    refused: int = 0
    failed: int = 0
    replaced: int = 0
    """Calls beyond one each that answered questions for alternatives stand for."""
    median: float | None = None
    p95: float | None = None
    hit_median: float | None = None
    upstream: Upstream = field(default_factory=Upstream)
    store: Store = field(default_factory=Store)
    truth: Truth = field(default_factory=Truth)
    recent: tuple[Outcome, ...] = ()
    trouble: str | None = None
    """What the demo could not find out just now, for the screen's last line."""

    @property
    def saved(self) -> float | None:
        """Calls that the answered requests take without a gateway, per upstream call; None while there are no calls
        to divide by.

        A request that was turned away saved nobody anything.
        """
        return (self.answered + self.replaced) / self.upstream.calls if self.upstream.calls else None

    @property
    def answered(self) -> int:
        """Requests that got what they came for: neither asked to come back later, nor failed."""
        return self.requests - self.refused - self.failed

    def as_json(self) -> dict[str, Any]:
        """JSON-ready, the recent calls left out: they are many and say nothing about the whole."""
        document = asdict(replace(self, recent=()))
        del document["recent"]
        return document


class Board:
    """A sink of the traffic that also remembers the newest calls."""

    def __init__(self) -> None:
        self.tally = Tally()
        self._latencies: deque[float] = deque(maxlen=_LATENCIES)
        self._hit_latencies: deque[float] = deque(maxlen=_LATENCIES)
        self._created = self._rescheduled = self._cancelled = self._conflicts = self._refused = (
            self._failed
        ) = self._replaced = 0
        self._recent: deque[Outcome] = deque(maxlen=_RECENT)
        self._ended: deque[float] = deque()

    def record(self, outcome: Outcome) -> None:
        """One more call."""
        self.tally.record(outcome)
        self._recent.append(outcome)
        self._ended.append(outcome.ended)
        self._latencies.append(outcome.latency)
        if outcome.cached is Cached.HIT:
            self._hit_latencies.append(outcome.latency)
        if outcome.status in (429, 503):
            self._refused += 1
        elif outcome.status == 0 or outcome.status >= 500:
            self._failed += 1
        elif outcome.is_read:
            self._replaced += outcome.replaces - 1
        else:
            self._note_write(outcome)

    def figures(self, *, now: float, seconds: float) -> Figures:
        """The client's side of the picture; `now` is Unix seconds, `seconds` the time since the start."""
        while self._ended and self._ended[0] <= now - _WINDOW_SECONDS:
            self._ended.popleft()
        span = min(max(seconds, 1.0), _WINDOW_SECONDS)
        answers = self.tally.answers
        return Figures(
            seconds=seconds,
            requests=self.tally.requests,
            per_minute=len(self._ended) * 60.0 / span,
            reads=sum(answers.values()),
            hits=answers[Cached.HIT],
            stale=answers[Cached.STALE],
            coalesced=answers[Cached.COALESCED],
            misses=answers[Cached.MISS],
            created=self._created,
            rescheduled=self._rescheduled,
            cancelled=self._cancelled,
            conflicts=self._conflicts,
            refused=self._refused,
            failed=self._failed,
            replaced=self._replaced,
            median=quantile(self._latencies, 0.5),
            p95=quantile(self._latencies, 0.95),
            hit_median=quantile(self._hit_latencies, 0.5),
            recent=tuple(self._recent),
        )

    def _note_write(self, outcome: Outcome) -> None:
        if outcome.status >= 400:
            self._conflicts += 1
        elif outcome.action == "create":
            self._created += 1
        elif outcome.action == "reschedule":
            self._rescheduled += 1
        else:
            self._cancelled += 1


def newest(recent: Sequence[Outcome], count: int) -> list[Outcome]:
    """The newest `count`, newest last: where new lines appear in a terminal."""
    return list(recent[-count:]) if count > 0 else []
