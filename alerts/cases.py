"""What each alert must do, as playbooks for promtool: series over time, and what fires at an instant.

Every alert has the kinds of `KINDS`, and each case sits close enough to its threshold that moving the
threshold, the floor or the delay by a fifth makes one of them fail (`tests/alerts/test_mutations.py` proves
it). Series use promtool's notation: `1+2x3` is 1, 3, 5, 7, one value per `step` seconds. Decisive samples
never lie on the left edge of a range, so that the cases hold on Prometheus 2 and 3 alike.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["fires", "waits", "below", "missing", "keeps", "clears", "floor"]


@dataclass(frozen=True, slots=True)
class Firing:
    """One expected alert: its labels beyond severity and incident, and its texts as rendered."""

    labels: dict[str, str]
    summary: str
    description: str


@dataclass(frozen=True, slots=True)
class Case:
    """At `at` seconds into `series` exactly `firing` is there."""

    kind: Kind
    claim: str
    series: dict[str, str]
    at: int
    firing: tuple[Firing, ...] = ()


@dataclass(frozen=True, slots=True)
class Playbook:
    """The cases of one alert; samples and evaluations are `step` seconds apart."""

    alert: str
    step: int
    cases: tuple[Case, ...]


def _blocked(left: str) -> Firing:
    return Firing(
        {"credential": "c1"},
        "Cal.com has blocked us",
        f"Credential c1 is blocked for another {left}."
        " Until then no call leaves, bookings are refused and reads come from the cache.",
    )


_BLOCKED = 'calgate_budget_blocked_until_timestamp_seconds{instance="a", credential="c1"}'
_LIMITED = 'calgate_upstream_rate_limited_total{instance="a", endpoint="slots"}'

_RATE_LIMITED = Playbook(
    "CalgateUpstreamRateLimited",
    15,
    (
        Case(
            "fires",
            "at once while a block is known",
            {_BLOCKED: "0 0 900+0x60", _LIMITED: "0+0x60"},
            300,
            (_blocked("10m 0s"),),
        ),
        Case(
            "fires",
            "on a single 429",
            {_BLOCKED: "0+0x60", _LIMITED: "0+0x10 1+0x50"},
            300,
            (
                Firing(
                    {"credential": "any"},
                    "Cal.com has blocked us",
                    "Cal.com answered 429 1 time(s) in 5 minutes."
                    " Each further call while blocked prolongs the block.",
                ),
            ),
        ),
        Case(
            "below", "for a block that is over and old 429s", {_BLOCKED: "30+0x90", _LIMITED: "7+0x90"}, 1200
        ),
        Case("missing", "without any series", {}, 300),
        Case("keeps", "for 15 minutes after", {_BLOCKED: "60+0x100"}, 840, (_blocked("15s"),)),
        Case("clears", "15 minutes after the block", {_BLOCKED: "60+0x100"}, 990),
    ),
)


def _exhausting(used: str) -> Firing:
    return Firing(
        {"credential": "c1"},
        "The call budget of c1 is nearly used up",
        f"The fullest recent window used {used} of the calls Cal.com allows (limit for this page: 90 %)."
        " Callers are about to wait or be refused.",
    )


_PEAK = 'calgate_budget_window_used_peak_requests{instance="a", credential="c1"}'
_LIMIT = 'calgate_budget_limit_requests{instance="a", credential="c1"}'

_EXHAUSTING = Playbook(
    "CalgateRateBudgetExhausting",
    5,
    (
        Case("fires", "at 112 of 120", {_PEAK: "112+0x60", _LIMIT: "120+0x60"}, 65, (_exhausting("93.33%"),)),
        Case("waits", "a minute first", {_PEAK: "112+0x60", _LIMIT: "120+0x60"}, 55),
        Case("below", "at 106 of 120", {_PEAK: "106+0x60", _LIMIT: "120+0x60"}, 200),
        Case("missing", "without a known limit", {_PEAK: "112+0x60"}, 200),
        Case(
            "keeps",
            "for 5 minutes after",
            {_PEAK: "112+0x24 60+0x100", _LIMIT: "120+0x130"},
            380,
            (_exhausting("93.33%"),),
        ),
        Case("clears", "5 minutes after", {_PEAK: "112+0x24 60+0x100", _LIMIT: "120+0x130"}, 450),
    ),
)


def _high(used: str) -> Firing:
    return Firing(
        {"credential": "c1"},
        "The call budget of c1 is used more than planned",
        f"Over 15 minutes the windows' peaks averaged {used} of the calls Cal.com allows; the plan is"
        f" under 70 %."
        " There is little room left for a burst.",
    )


_HIGH = Playbook(
    "CalgateRateBudgetHigh",
    60,
    (
        Case("fires", "at 90 of 120", {_PEAK: "90+0x60", _LIMIT: "120+0x60"}, 660, (_high("75%"),)),
        Case("waits", "10 minutes first", {_PEAK: "90+0x60", _LIMIT: "120+0x60"}, 540),
        Case("below", "at 80 of 120", {_PEAK: "80+0x60", _LIMIT: "120+0x60"}, 1800),
        Case("missing", "without any series", {}, 1800),
        Case(
            "keeps",
            "for 10 minutes after",
            {_PEAK: "90+0x60", _LIMIT: "120+0x20 1200+0x40"},
            1740,
            (_high("75%"),),
        ),
        Case("clears", "10 minutes after", {_PEAK: "90+0x60", _LIMIT: "120+0x20 1200+0x40"}, 1920),
    ),
)

_OPEN = 'calgate_breaker_state{instance="a", endpoint="slots", state="open"}'
_CLOSED = 'calgate_breaker_state{instance="a", endpoint="slots", state="closed"}'
_HALF_OPEN = 'calgate_breaker_state{instance="a", endpoint="slots", state="half_open"}'
_IS_OPEN = Firing(
    {"endpoint": "slots"},
    "The breaker for slots stays open",
    "For over 60 s calls of class slots have been refused here because Cal.com failed them."
    " Reads are answered from the cache where it can, the rest is refused.",
)

_BREAKER = Playbook(
    "CalgateBreakerOpen",
    5,
    (
        Case("fires", "open for over a minute", {_OPEN: "1+0x60", _CLOSED: "0+0x60"}, 65, (_IS_OPEN,)),
        Case("waits", "a minute first", {_OPEN: "1+0x60", _CLOSED: "0+0x60"}, 55),
        Case(
            "fires",
            "also when long probes take turns with it",
            {_OPEN: "1 1 0 0 1 1 0 0 1 1 0 0 1 1 0 0", _HALF_OPEN: "0 0 1 1 0 0 1 1 0 0 1 1 0 0 1 1"},
            65,
            (_IS_OPEN,),
        ),
        Case("below", "while closed", {_OPEN: "0+0x60", _CLOSED: "1+0x60"}, 200),
        Case("missing", "without any series", {}, 200),
        Case("keeps", "for 5 minutes after", {_OPEN: "1+0x20 0+0x100"}, 380, (_IS_OPEN,)),
        Case("clears", "5 minutes after", {_OPEN: "1+0x20 0+0x100"}, 430),
    ),
)


def _stalled(age: str) -> Firing:
    return Firing(
        {},
        "Stale cache detected: known changes are not being applied",
        f"The oldest change that is known but not applied is {age} old (limit 10 s)."
        " Clean-up and refetch stand still; outer caches may show slots that are taken.",
    )


_PENDING = 'calgate_freshness_oldest_pending_timestamp_seconds{instance="a"}'

_STALLED = Playbook(
    "CalgateInvalidationStalled",
    1,
    (
        Case("fires", "16 s after the change", {_PENDING: "0+0x29 30+0x600"}, 46, (_stalled("16s"),)),
        Case("waits", "5 s first", {_PENDING: "0+0x29 30+0x600"}, 45),
        Case("below", "when each change waits 10 s", {_PENDING: "-10+1x600"}, 300),
        Case("missing", "without any series", {}, 300),
        Case("keeps", "for 5 minutes after", {_PENDING: "0+0x29 30+0x29 0+0x600"}, 340, (_stalled("29s"),)),
        Case("clears", "5 minutes after", {_PENDING: "0+0x29 30+0x29 0+0x600"}, 370),
    ),
)

_OLDEST = 'calgate_jobs_oldest_pending_timestamp_seconds{instance="a", queue="jobs"}'

_BACKLOG = Playbook(
    "CalgateQueueBacklog",
    5,
    (
        Case(
            "fires",
            "after two minutes behind",
            {_OLDEST: "0+0x11 60+0x100"},
            215,
            (
                Firing(
                    {"queue": "jobs"},
                    "Jobs wait too long in jobs",
                    "The oldest job in jobs has waited 2m 35s; the queue should recover within 30 s.",
                ),
            ),
        ),
        Case("waits", "two minutes first", {_OLDEST: "0+0x11 60+0x100"}, 210),
        Case("below", "when each job waits 30 s", {_OLDEST: "-30+5x200"}, 600),
        Case("missing", "without any series", {}, 600),
        Case("clears", "when the queue is empty", {_OLDEST: "0+0x11 60+0x60 0+0x60"}, 400),
    ),
)


def _dead(count: int) -> Firing:
    return Firing(
        {"queue": "jobs"},
        "Jobs in jobs were given up",
        f"{count} job(s) in jobs failed on every try and are kept for inspection.",
    )


_DEAD_JOBS = 'calgate_jobs_dead{instance="a", queue="jobs"}'

_DEAD = Playbook(
    "CalgateDeadJobs",
    60,
    (
        Case("fires", "on the first one", {_DEAD_JOBS: "0 1+0x100"}, 60, (_dead(1),)),
        Case("below", "with none", {_DEAD_JOBS: "0+0x100"}, 300),
        Case("missing", "without any series", {}, 300),
        Case("keeps", "for an hour after", {_DEAD_JOBS: "2+0x10 0+0x100"}, 3600, (_dead(2),)),
        Case("clears", "an hour after", {_DEAD_JOBS: "2+0x10 0+0x100"}, 4500),
    ),
)


def _lookups(result: str) -> str:
    return f'calgate_cache_lookups_total{{instance="a", scope="slots", result="{result}"}}'


_RATIO_LOW = Firing(
    {},
    "Too few lookups are answered from the cache",
    "Over 6 hours 50% of lookups were hits; the objective is over 55 %."
    " Every miss spends a call of the budget and makes its caller wait.",
)

_HIT_RATIO = Playbook(
    "CalgateHitRatioLow",
    60,
    (
        Case(
            "fires",
            "at 50 % of 330 lookups",
            {_lookups("hit"): "0+0x60 165+0x600", _lookups("miss"): "0+0x60 165+0x600"},
            72 * 60,
            (_RATIO_LOW,),
        ),
        Case(
            "waits",
            "10 minutes first",
            {_lookups("hit"): "0+0x60 165+0x600", _lookups("miss"): "0+0x60 165+0x600"},
            70 * 60,
        ),
        Case(
            "below",
            "at 60 % of 500, whatever was bypassed",
            {
                _lookups("hit"): "0+0x60 200+0x600",
                _lookups("stale_hit"): "0+0x60 50+0x600",
                _lookups("negative_hit"): "0+0x60 50+0x600",
                _lookups("miss"): "0+0x60 200+0x600",
                _lookups("bypass"): "0+0x60 900+0x600",
            },
            120 * 60,
        ),
        Case("missing", "without any series", {}, 120 * 60),
        Case(
            "missing",
            "when nobody asks",
            {_lookups("hit"): "9+0x600", _lookups("miss"): "9+0x600"},
            400 * 60,
        ),
        Case(
            "clears",
            "when hits return",
            {_lookups("hit"): "0+0x60 165+0x30 900+0x600", _lookups("miss"): "0+0x60 165+0x600"},
            100 * 60,
        ),
        Case(
            "floor",
            "at 50 % of only 280 lookups",
            {_lookups("hit"): "0+0x60 140+0x600", _lookups("miss"): "0+0x60 140+0x600"},
            120 * 60,
        ),
    ),
)

_SCRAPED = 'up{job="calgate", instance="a"}'
_STORE = 'calgate_up{instance="a"}'
_WORKERS = 'calgate_workers_alive{instance="a"}'
_NO_MONITOR = Firing(
    {"part": "monitor"},
    "Calgate is down: monitor",
    "No monitor is answering, so nobody is watching the gateway.",
)

_DOWN = Playbook(
    "CalgateDown",
    2,
    (
        Case("fires", "when the monitor does not answer", {_SCRAPED: "0+0x60"}, 32, (_NO_MONITOR,)),
        Case(
            "fires",
            "when the store cannot be read",
            {_SCRAPED: "1+0x60", _STORE: "0+0x60", _WORKERS: "2+0x60"},
            32,
            (
                Firing(
                    {"part": "store"},
                    "Calgate is down: store",
                    "The monitor cannot read the shared store, so the gateway cannot either:"
                    " no cache and no call budget.",
                ),
            ),
        ),
        Case(
            "fires",
            "when no gateway process is alive",
            {_SCRAPED: "1+0x60", _STORE: "1+0x60", _WORKERS: "0+0x60"},
            32,
            (
                Firing(
                    {"part": "gateway"},
                    "Calgate is down: gateway",
                    "No gateway process is alive: every caller is failed.",
                ),
            ),
        ),
        Case("waits", "half a minute first", {_SCRAPED: "0+0x60"}, 28),
        Case(
            "below",
            "while one monitor and one process are left",
            {
                _SCRAPED: "1+0x60",
                'up{job="calgate", instance="b"}': "0+0x60",
                _STORE: "1+0x60",
                _WORKERS: "1+0x60",
            },
            100,
        ),
        Case("missing", "only of the target itself: that is the fault", {}, 100, (_NO_MONITOR,)),
        Case("missing", "of the other series", {_SCRAPED: "1+0x60"}, 100),
        Case("keeps", "for 5 minutes after", {_SCRAPED: "0+0x30 1+0x200"}, 340, (_NO_MONITOR,)),
        Case("clears", "5 minutes after", {_SCRAPED: "0+0x30 1+0x200"}, 390),
    ),
)

_WATCHDOG = Playbook(
    "CalgateWatchdog",
    15,
    (
        Case(
            "fires",
            "always, also without any series",
            {},
            0,
            (
                Firing(
                    {},
                    "Alerting works",
                    "Always firing. When the outside receiver stops hearing it, alerting itself has failed.",
                ),
            ),
        ),
    ),
)

_INDEX = '{instance="a", db="main", relation="appointments", index="i1"}'
_PRESENT = f"calgate_db_index_present{_INDEX}"
_VALID = f"calgate_db_index_valid{_INDEX}"
_NO_INDEX = Firing(
    {"db": "main", "relation": "appointments", "index": "i1"},
    "Index i1 on appointments is missing or invalid",
    "Database main answers the queries this index was built for by reading all of appointments.",
)

_INDEXES = Playbook(
    "CalgateIndexMissing",
    15,
    (
        Case("fires", "when it is not there", {_PRESENT: "0+0x60"}, 315, (_NO_INDEX,)),
        Case("fires", "when it is invalid", {_PRESENT: "1+0x60", _VALID: "0+0x60"}, 315, (_NO_INDEX,)),
        Case("waits", "5 minutes first", {_PRESENT: "0+0x60"}, 285),
        Case("below", "while it is there and valid", {_PRESENT: "1+0x60", _VALID: "1+0x60"}, 600),
        Case("missing", "when no database is configured", {}, 600),
        Case("clears", "when it is built", {_PRESENT: "0+0x30 1+0x60", _VALID: "1+0x90"}, 600),
    ),
)

_SUCCESS = 'calgate_monitor_collector_success{instance="a", collector="jobs"}'

_COLLECTOR = Playbook(
    "CalgateCollectorFailing",
    60,
    (
        Case(
            "fires",
            "after 10 minutes of failure",
            {_SUCCESS: "0+0x60"},
            660,
            (
                Firing(
                    {"collector": "jobs"},
                    "The collector jobs fails",
                    "Its figures have stopped moving; alerts that read them are blind until it"
                    " succeeds again.",
                ),
            ),
        ),
        Case("waits", "10 minutes first", {_SUCCESS: "0+0x60"}, 540),
        Case("below", "while it succeeds", {_SUCCESS: "1+0x60"}, 1800),
        Case("missing", "without any series", {}, 1800),
        Case("clears", "when it succeeds again", {_SUCCESS: "0+0x20 1+0x60"}, 1500),
    ),
)

PLAYBOOKS: tuple[Playbook, ...] = (
    _RATE_LIMITED,
    _EXHAUSTING,
    _HIGH,
    _BREAKER,
    _STALLED,
    _BACKLOG,
    _DEAD,
    _HIT_RATIO,
    _DOWN,
    _WATCHDOG,
    _INDEXES,
    _COLLECTOR,
)
"""One playbook per alert."""
