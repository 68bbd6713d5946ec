"""What the status page shows, as data: the JSON answer is exactly this, the page and the text are made of it."""

from dataclasses import asdict, dataclass
from typing import Any

from core.urls import mask
from monitor import words
from monitor.facts import Build, Facts, IndexFact
from monitor.history import Traffic
from monitor.verdict import Verdict

_FORGOTTEN_SECONDS = 3600.0


@dataclass(frozen=True)
class Place:
    """Which gateway this is; no secret in it."""

    account: str
    upstream: str


@dataclass(frozen=True)
class BudgetRow:
    """One credential's window, in calls and seconds. `next_free_in` is when the oldest call's place returns."""

    credential: str
    limit: int
    used: int
    peak: int
    window_seconds: float
    blocked_for: float
    next_free_in: float


@dataclass(frozen=True)
class BreakerRow:
    """One endpoint class and for how many seconds it has been in its state (None: always)."""

    endpoint: str
    state: str
    for_seconds: float | None


@dataclass(frozen=True)
class QueueRow:
    """The queue; ages in seconds, 0 when nothing waits."""

    waiting: int
    oldest_age: float
    dead: int
    workers: int
    pending_invalidations: int
    oldest_invalidation_age: float


@dataclass(frozen=True)
class WorkerRow:
    """One slot; `up_for` and `beat_ago` in seconds, None before the first beat."""

    program: str
    slot: int
    pid: int
    alive: bool
    up_for: float | None
    beat_ago: float | None
    restarts: int


@dataclass(frozen=True)
class CollectorRow:
    """One collector; `age` is seconds since its last success, None for never."""

    name: str
    success: bool
    duration: float
    age: float | None
    error: str


@dataclass(frozen=True)
class Status:
    """The whole page. `at` is Unix seconds; what is None is not known, which is not the same as 0."""

    at: float
    place: Place
    build: Build
    verdict: Verdict
    traffic: Traffic | None
    budget: tuple[BudgetRow, ...] | None
    cache_keys: int | None
    breakers: tuple[BreakerRow, ...] | None
    queue: QueueRow | None
    workers: tuple[WorkerRow, ...] | None
    indexes: tuple[IndexFact, ...] | None
    collectors: tuple[CollectorRow, ...]

    def as_json(self) -> dict[str, Any]:
        """Give plain data for a JSON encoder."""
        return asdict(self)


def build(facts: Facts, traffic: Traffic | None, verdict: Verdict, place: Place, this: Build) -> Status:
    """Lay the facts out for a reader; times become ages, because a reader has no clock beside the page."""
    now = facts.now
    budget, jobs, breaker, merged = (
        facts.budget.value,
        facts.jobs.value,
        facts.breaker.value,
        facts.slots.value,
    )
    return Status(
        at=now,
        place=Place(place.account, mask(place.upstream)),
        build=this,
        verdict=verdict,
        traffic=traffic,
        budget=None
        if budget is None
        else tuple(
            BudgetRow(
                b.credential,
                b.limit,
                b.used,
                b.peak,
                b.window_seconds,
                _left(b.blocked_until, now),
                _left(b.oldest_call + b.window_seconds, now) if b.oldest_call else 0.0,
            )
            for b in budget.credentials
        ),
        cache_keys=None if facts.cache.value is None else facts.cache.value.keys,
        breakers=None
        if breaker is None
        else tuple(BreakerRow(b.endpoint, b.state, _age(b.since, now)) for b in breaker.breakers),
        queue=None
        if jobs is None
        else QueueRow(
            jobs.pending,
            _age(jobs.oldest, now) or 0.0,
            jobs.dead,
            jobs.workers,
            jobs.invalidations_pending,
            _age(jobs.oldest_invalidation, now) or 0.0,
        ),
        workers=None
        if merged is None
        else tuple(
            WorkerRow(s.program, s.slot, s.pid, s.alive, _age(s.started, now), _age(s.beat, now), s.restarts)
            for s in merged.slots
            # A slot given up in good order, or long forgotten, says nothing about now.
            if s.alive or (not s.clean and now - s.beat < _FORGOTTEN_SECONDS)
        ),
        indexes=None if facts.database is None else facts.database.value or (),
        collectors=tuple(
            CollectorRow(name, o.success, o.duration, _age(o.last_success, now), o.error)
            for name, o in facts.outcomes().items()
        ),
    )


def as_text(status: Status) -> str:
    """Write a dozen lines for a terminal."""
    lines = [status.verdict.sentence]
    lines += [f"  {f.severity}: {f.text} {f.action}" for f in status.verdict.findings]
    if status.traffic is not None:
        t = status.traffic
        hits = "no lookups" if t.hit_ratio is None else f"{words.percent(t.hit_ratio)} from the cache"
        lines.append(
            f"last {words.duration(t.span_seconds)}: {words.plural(t.requests, 'request')}, {hits}, "
            f"{words.plural(t.calls, 'call')} to Cal.com"
        )
    for b in status.budget or ():
        note = f"blocked for {words.duration(b.blocked_for)}" if b.blocked_for else f"peak {b.peak}"
        lines.append(f"budget {b.credential}: {b.used} of {b.limit} in {b.window_seconds:g} s, {note}")
    lines += [f"breaker {b.endpoint}: {b.state}" for b in status.breakers or ()]
    if status.queue is not None:
        q = status.queue
        lines.append(
            f"queue: {q.waiting} waiting, oldest {words.duration(q.oldest_age)}, {q.dead} given up, "
            f"{words.plural(q.workers, 'worker')}"
        )
    alive = [w for w in status.workers or () if w.alive]
    lines.append(f"processes: {', '.join(f'{w.program}-{w.slot}' for w in alive) or 'none alive'}")
    lines += [f"collector {c.name}: {c.error}" for c in status.collectors if c.error]
    return "\n".join(lines) + "\n"


def _age(then: float, now: float) -> float | None:
    return max(0.0, now - then) if then else None


def _left(until: float, now: float) -> float:
    return max(0.0, until - now) if until else 0.0
