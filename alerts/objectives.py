"""What "well" means, once: the success criteria as data.

The rules, the dashboards' thresholds and the load-test gates read these figures; none of them types one
again. Sources: "report" is the performance report the project answers (section and wording given), "design"
our own promises, "operations" a limit we set because the report names the danger without a figure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Unit = Literal["seconds", "ratio", "requests", "jobs", "events"]
Comparison = Literal["<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True)
class Objective:
    """One criterion: the measured value must stand in `comparison` to `threshold` (`unit`; ratios are 0 to
    1).

    `share` (0 to 1) turns the criterion into one about that share of all requests: "P95 < 4 s" is threshold
    4, share 0.95. `min_count` is how many observations a verdict needs; with fewer it is inconclusive,
    neither kept nor broken. `alert_min_count` is the lower floor that is enough to open a ticket.
    """

    name: str
    statement: str
    comparison: Comparison
    threshold: float
    unit: Unit
    source: str
    min_count: int = 1
    alert_min_count: int = 1
    share: float | None = None

    def holds(self, value: float) -> bool:
        """Is the criterion kept by `value`? NaN keeps nothing."""
        match self.comparison:
            case "<":
                return value < self.threshold
            case "<=":
                return value <= self.threshold
            case ">":
                return value > self.threshold
            case ">=":
                return value >= self.threshold


Objectives = Mapping[str, Objective]

_ALL = (
    Objective(
        "latency_normal",
        "Under normal load 95 % of requests are answered in under 4 s.",
        "<",
        4.0,
        "seconds",
        "report 6.1: P95 latency < 4,000ms",
        min_count=600,
        share=0.95,
    ),
    Objective(
        "latency_burst",
        "In a burst 95 % of requests are answered in under 6 s.",
        "<",
        6.0,
        "seconds",
        "report 6.2: P95 latency < 6,000ms",
        min_count=600,
        share=0.95,
    ),
    Objective(
        "hit_ratio",
        "More than 55 % of cache lookups are answered from the cache.",
        ">",
        0.55,
        "ratio",
        "report 6.1: Cache hit rate > 55%",
        min_count=1200,
        alert_min_count=300,
    ),
    Objective(
        "hit_ratio_warm",
        "After a cold start the hit ratio reaches 60 %.",
        ">=",
        0.60,
        "ratio",
        "report 6.3: Cache hit rate climbs: 0% to 60% within 5 minutes",
        min_count=300,
    ),
    Objective(
        "warm_up",
        "A cold cache is warm within 5 minutes.",
        "<=",
        300.0,
        "seconds",
        "report 6.3: Cache hit rate climbs: 0% to 60% within 5 minutes",
    ),
    Objective(
        "rate_limit_use",
        "No window of the rate limit is used beyond 70 % under normal load.",
        "<",
        0.70,
        "ratio",
        "report 6.1: Rate limit usage < 70%",
    ),
    Objective(
        "rate_limit_headroom",
        "No window of the rate limit is used beyond 90 %: the next burst would be refused.",
        "<=",
        0.90,
        "ratio",
        "operations: report 6.2 shows 95 to 100 % as the danger",
    ),
    Objective(
        "rate_limited",
        "Cal.com answers no call with 429.",
        "<=",
        0.0,
        "requests",
        "design promise 2, stricter than report 6.2: violations 0-2 per 10 minutes",
    ),
    Objective(
        "breaker_opens",
        "The circuit breaker stays closed.",
        "<=",
        0.0,
        "events",
        "report 6.1: No circuit breaker opens; 6.2: Circuit breaker stays CLOSED",
    ),
    Objective(
        "breaker_open_time",
        "When the breaker has to open, it closes again within 60 s.",
        "<",
        60.0,
        "seconds",
        "report 6.3: Circuit breaker may open briefly (< 60 seconds)",
    ),
    Objective(
        "coalescing",
        "Waiting for a call already under way saves more than 70 % of duplicate calls.",
        ">",
        0.70,
        "ratio",
        "report 6.3: Request coalescing prevents > 70% duplicate calls",
        min_count=20,
    ),
    Objective(
        "stampedes",
        "Never two upstream calls for one cache key at once.",
        "<=",
        0.0,
        "events",
        "design section 4, stricter than report 6.2: stampede events < 2 per burst",
    ),
    Objective(
        "queue_recovery",
        "No job waits longer than 30 s: the queue recovers from a burst in that time.",
        "<=",
        30.0,
        "seconds",
        "report 6.2: Queue recovery time < 30 seconds",
    ),
    Objective(
        "backlog_drain",
        "A backlog of 80 jobs is worked off in under 5 s.",
        "<",
        5.0,
        "seconds",
        "report 6.4: Queue processes 80 jobs in < 5 seconds",
        min_count=80,
    ),
    Objective(
        "worker_crashes",
        "No worker dies while a backlog is worked off.",
        "<=",
        0.0,
        "events",
        "report 6.4: No queue worker crashes",
    ),
    Objective(
        "dead_jobs",
        "No job is given up.",
        "<=",
        0.0,
        "jobs",
        "operations: report 3 asks for retries, a dead job is one they did not save",
    ),
    Objective(
        "pending_invalidation",
        "A known change is applied to the cache within 10 s.",
        "<=",
        10.0,
        "seconds",
        'operations: report 6.4 asks for the alert "Stale cache detected"',
    ),
    Objective(
        "stale_alert_delivery",
        "The stale-cache page arrives within 45 s of the workers stopping.",
        "<=",
        45.0,
        "seconds",
        'operations: report 6.4 asks for the alert "Stale cache detected"',
    ),
)

OBJECTIVES: Objectives = MappingProxyType({objective.name: objective for objective in _ALL})
"""Every criterion by name, in the report's order."""
