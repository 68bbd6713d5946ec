"""The alerts of this version, built from the objectives.

Page if and only if the credential is blocked or will be, callers may be given wrong slots, callers are failed
now, or nobody is watching; everything else is a ticket. Aggregations drop `instance`: several monitors read
the same shared facts, and one incident is one alert.
"""

from alerts.model import Alert
from alerts.objectives import OBJECTIVES, Objectives
from alerts.panels import Panel

_MONITOR = "curl -s http://127.0.0.1:9464"


def number(value: float) -> str:
    """A threshold as PromQL and prose write it: 10, 0.55."""
    return f"{value:.12g}"


def percent(value: float) -> str:
    """A ratio as prose writes it: 55 %."""
    return f"{value * 100:.12g} %"


def define(objectives: Objectives = OBJECTIVES) -> tuple[Alert, ...]:
    """All alerts with their thresholds filled in from `objectives`, grouped by incident."""
    return (*_upstream(objectives), *_freshness(objectives), *_serving(objectives), *_platform(objectives))


def _upstream(objectives: Objectives) -> tuple[Alert, ...]:
    limited = objectives["rate_limited"].threshold
    headroom = objectives["rate_limit_headroom"].threshold
    use = objectives["rate_limit_use"].threshold
    open_time = objectives["breaker_open_time"].threshold
    return (
        Alert(
            name="CalgateUpstreamRateLimited",
            severity="page",
            incident="upstream",
            # Two facts on purpose: what we know (blocked until) and what Cal.com answered. The second knows
            # no credential, hence "any". The first carries a time, so a restarted monitor does not forget a
            # block.
            expr=(
                "(max by (credential) (calgate_budget_blocked_until_timestamp_seconds) - time() > 0)"
                " or (sum by (credential) (label_replace("
                'increase(calgate_upstream_rate_limited_total[5m]), "credential", "any", "", ""))'
                f" > {number(limited)})"
            ),
            summary="Cal.com has blocked us",
            description=(
                '{{ if eq $labels.credential "any" }}Cal.com answered 429 {{ printf "%.0f" $value }}'
                " time(s) in"
                " 5 minutes. Each further call while blocked prolongs the block."
                "{{ else }}Credential {{ $labels.credential }} is blocked for another {{"
                " humanizeDuration $value }}."
                " Until then no call leaves, bookings are refused and reads come from the cache.{{ end }}"
            ),
            action=f"{_MONITOR}/metrics | grep -E 'blocked_until|budget_window_used|upstream_requests_total'",
            panel=Panel.BLOCKED,
            keep_seconds=900,
            objectives=("rate_limited",),
        ),
        Alert(
            name="CalgateRateBudgetExhausting",
            severity="page",
            incident="upstream",
            expr=(
                "max by (credential) (calgate_budget_window_used_peak_requests /"
                " calgate_budget_limit_requests)"
                f" > {number(headroom)}"
            ),
            summary="The call budget of {{ $labels.credential }} is nearly used up",
            description=(
                "The fullest recent window used {{ humanizePercentage $value }} of the calls Cal.com allows"
                f" (limit for this page: {percent(headroom)}). Callers are about to wait or be refused."
            ),
            action=f"{_MONITOR}/metrics | grep -E 'upstream_requests_total|budget_denied_total'",
            panel=Panel.WINDOW_PEAK,
            for_seconds=60,
            keep_seconds=300,
            objectives=("rate_limit_headroom",),
        ),
        Alert(
            name="CalgateRateBudgetHigh",
            severity="ticket",
            incident="upstream",
            expr=(
                "avg by (credential) (avg_over_time(calgate_budget_window_used_peak_requests[15m])"
                f" / calgate_budget_limit_requests) > {number(use)}"
            ),
            summary="The call budget of {{ $labels.credential }} is used more than planned",
            description=(
                "Over 15 minutes the windows' peaks averaged {{ humanizePercentage $value }} of the"
                " calls Cal.com"
                f" allows; the plan is under {percent(use)}. There is little room left for a burst."
            ),
            action=f"{_MONITOR}/metrics | grep -E 'upstream_requests_total|cache_lookups_total'",
            panel=Panel.WINDOW_PEAK,
            for_seconds=600,
            keep_seconds=600,
            objectives=("rate_limit_use",),
        ),
        Alert(
            name="CalgateBreakerOpen",
            severity="page",
            incident="upstream",
            # While a probe is out it is not closed either, and a probe may take as long as its time-out.
            expr='max by (endpoint) (calgate_breaker_state{state=~"open|half_open"}) == 1',
            summary="The breaker for {{ $labels.endpoint }} stays open",
            description=(
                f"For over {number(open_time)} s calls of class {{{{ $labels.endpoint }}}} have been"
                f" refused here because"
                " Cal.com failed them. Reads are answered from the cache where it can, the rest is refused."
            ),
            action=f"{_MONITOR}/metrics | grep -E 'breaker_|upstream_requests_total'",
            panel=Panel.BREAKER,
            for_seconds=round(open_time),
            keep_seconds=300,
            objectives=("breaker_open_time",),
        ),
    )


def _freshness(objectives: Objectives) -> tuple[Alert, ...]:
    pending = objectives["pending_invalidation"].threshold
    recovery = objectives["queue_recovery"].threshold
    dead = objectives["dead_jobs"].threshold
    return (
        Alert(
            name="CalgateInvalidationStalled",
            severity="page",
            incident="freshness",
            expr=(
                f"time() - min(calgate_freshness_oldest_pending_timestamp_seconds > 0) > {number(pending)}"
            ),
            summary="Stale cache detected: known changes are not being applied",
            description=(
                "The oldest change that is known but not applied is {{ humanizeDuration $value }} old (limit"
                f" {number(pending)} s). Clean-up and refetch stand still; outer caches may show slots"
                f" that are taken."
            ),
            action=f"{_MONITOR}/metrics | grep -E 'freshness_|jobs_|workers_alive'",
            panel=Panel.OLDEST_PENDING,
            for_seconds=5,
            keep_seconds=300,
            objectives=("pending_invalidation",),
        ),
        Alert(
            name="CalgateQueueBacklog",
            severity="ticket",
            incident="freshness",
            expr=(
                "time() - min by (queue) (calgate_jobs_oldest_pending_timestamp_seconds > 0)"
                f" > {number(recovery)}"
            ),
            summary="Jobs wait too long in {{ $labels.queue }}",
            description=(
                "The oldest job in {{ $labels.queue }} has waited {{ humanizeDuration $value }}; the"
                " queue should"
                f" recover within {number(recovery)} s."
            ),
            action=f"{_MONITOR}/metrics | grep -E 'jobs_|job_workers_alive'",
            panel=Panel.QUEUE_AGE,
            for_seconds=120,
            objectives=("queue_recovery",),
        ),
        Alert(
            name="CalgateDeadJobs",
            severity="ticket",
            incident="freshness",
            expr=f"max by (queue) (calgate_jobs_dead) > {number(dead)}",
            summary="Jobs in {{ $labels.queue }} were given up",
            description=(
                '{{ printf "%.0f" $value }} job(s) in {{ $labels.queue }} failed on every try and are'
                " kept for"
                " inspection."
            ),
            action=f"{_MONITOR}/metrics | grep -E 'jobs_dead|jobs_finished_total'",
            panel=Panel.DEAD_JOBS,
            keep_seconds=3600,
            objectives=("dead_jobs",),
        ),
    )


def _serving(objectives: Objectives) -> tuple[Alert, ...]:
    ratio = objectives["hit_ratio"]
    looked_up = 'sum(increase(calgate_cache_lookups_total{result!="bypass"}[6h]))'
    found = 'sum(increase(calgate_cache_lookups_total{result=~"hit|stale_hit|negative_hit"}[6h]))'
    return (
        Alert(
            name="CalgateHitRatioLow",
            severity="ticket",
            incident="serving",
            # A ratio of sums over six hours, never a mean of ratios; the floor keeps a quiet night from
            # opening it.
            expr=(
                f"{found} / {looked_up} < {number(ratio.threshold)} and {looked_up} >="
                f" {ratio.alert_min_count}"
            ),
            summary="Too few lookups are answered from the cache",
            description=(
                "Over 6 hours {{ humanizePercentage $value }} of lookups were hits; the objective is over"
                f" {percent(ratio.threshold)}. Every miss spends a call of the budget and makes its"
                f" caller wait."
            ),
            action=f"{_MONITOR}/metrics | grep -E 'cache_lookups_total|cache_invalidat'",
            panel=Panel.HIT_RATIO,
            for_seconds=600,
            objectives=("hit_ratio",),
        ),
    )


def _platform(_objectives: Objectives) -> tuple[Alert, ...]:
    return (
        Alert(
            name="CalgateDown",
            severity="page",
            incident="platform",
            # 1. no monitor answers, or none is scraped at all; 2. the monitor cannot read the shared store;
            # 3. the monitor is well, but no gateway process is. The label says which.
            expr=(
                'label_replace((max(up{job="calgate"}) or vector(0)) < 1, "part", "monitor", "", "")'
                ' or label_replace(max(calgate_up) < 1, "part", "store", "", "")'
                ' or label_replace(max(calgate_workers_alive) < 1, "part", "gateway", "", "")'
            ),
            summary="Calgate is down: {{ $labels.part }}",
            description=(
                '{{ if eq $labels.part "monitor" }}No monitor is answering, so nobody is watching the'
                " gateway."
                '{{ else if eq $labels.part "store" }}The monitor cannot read the shared store, so the'
                " gateway cannot"
                " either: no cache and no call budget."
                "{{ else }}No gateway process is alive: every caller is failed.{{ end }}"
            ),
            action="calgate config",
            panel=Panel.GATEWAY_UP,
            for_seconds=30,
            keep_seconds=300,
        ),
        Alert(
            name="CalgateWatchdog",
            severity="none",
            incident="platform",
            expr="vector(1)",
            summary="Alerting works",
            description=(
                "Always firing. When the outside receiver stops hearing it, alerting itself has failed."
            ),
            action=f"{_MONITOR}/",
            panel=Panel.GATEWAY_UP,
        ),
        Alert(
            name="CalgateIndexMissing",
            severity="ticket",
            incident="database",
            expr=(
                "min by (db, relation, index) (calgate_db_index_present) == 0"
                " or min by (db, relation, index) (calgate_db_index_valid) == 0"
            ),
            summary="Index {{ $labels.index }} on {{ $labels.relation }} is missing or invalid",
            description=(
                "Database {{ $labels.db }} answers the queries this index was built for by reading all of"
                " {{ $labels.relation }}."
            ),
            action="calgate indexes status",
            panel=Panel.INDEXES,
            for_seconds=300,
        ),
        Alert(
            name="CalgateCollectorFailing",
            severity="ticket",
            incident="platform",
            expr="min by (collector) (calgate_monitor_collector_success) == 0",
            summary="The collector {{ $labels.collector }} fails",
            description=(
                "Its figures have stopped moving; alerts that read them are blind until it succeeds again."
            ),
            action=f"{_MONITOR}/metrics | grep calgate_monitor_collector",
            panel=Panel.COLLECTORS,
            for_seconds=600,
        ),
    )
