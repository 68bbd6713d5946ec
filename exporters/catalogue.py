"""Every metric Calgate exports, as data: the only place where a metric or a label value is named.

The code takes its counters from here, `docs/metrics.md` its table, rules and dashboards their names. A label
value that is not listed here cannot be bound, so cardinality is known before a program runs. Units are base
units, times are Unix seconds, counters end in `_total`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]
Source = Literal["worker", "store", "monitor"]

PREFIX = "calgate_"

OPEN: tuple[str, ...] = ()
"""Marks a label whose values are facts read at run time from a short list (versions, expected indexes, clients)."""

ROUTES = (
    "slots",
    "slots_legacy",
    "alternatives",
    "bookings_read",
    "bookings_write",
    "event_types",
    "schedules",
    "other_read",
    "other_write",
    "gateway",
    "invalid",
)
OUTCOMES = ("hit", "stale", "miss", "coalesced", "pass", "refused", "error")
CODE_CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx", "none")
CACHED_ROUTES = ("slots", "slots_legacy", "alternatives", "event_types", "schedules", "other_read")
"""Routes whose answers may be kept, or made of what is."""
ALTERNATIVES_RESULTS = ("exact", "others", "nothing", "partial")
SCOPES = ("slots", "reads")
LOOKUP_RESULTS = ("hit", "stale_hit", "negative_hit", "miss", "bypass")
COALESCED_OUTCOMES = ("shared", "timed_out", "leader_failed")
COMPARISON_OUTCOMES = ("agreed", "differed", "undecided")
FILL_REASONS = ("miss", "refresh", "warm", "probe")
FILL_OUTCOMES = ("stored", "fenced", "uncacheable", "error")
SPARED_REASONS = ("invalid", "slot_taken", "replayed")
LOST_OUTCOMES = ("found", "unknown")
TRIGGERS = ("webhook", "write", "job", "manual", "reconcile")
INVALIDATION_OUTCOMES = ("applied", "failed")
UPSTREAM_ENDPOINTS = ("slots", "bookings", "event_types", "schedules", "calendars", "other")
PURPOSES = ("booking", "interactive", "revalidate", "learn", "warm", "audit")
UPSTREAM_OUTCOMES = ("ok", "client_error", "server_error", "timeout", "connect_error", "cancelled")
RETRY_OUTCOMES = ("answered", "failed", "denied")
CREDENTIALS = ("c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "anonymous", "other")
SHEDDING = ("refused", "evicted")
ADMISSIONS = ("missing", "unknown")
BREAKER_ENDPOINTS = ("reads", "slots", "writes")
BREAKER_STATES = ("closed", "open", "half_open")
QUEUES = ("jobs",)
JOB_OUTCOMES = ("ok", "retried", "dead")
COLLECTORS = ("slots", "budget", "cache", "jobs", "breaker", "clients", "database")
RESTART_REASONS = ("planned", "crashed")

# Every criterion of the report (1.5, 4, 8 s …) is an edge, so a share "under 4 s" is exact, not interpolated.
REQUEST_BUCKETS = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 30.0)
AGE_BUCKETS = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
BUDGET_WAIT_BUCKETS = (0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
JOB_BUCKETS = (0.01, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0)
JOB_WAIT_BUCKETS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 30.0, 60.0, 300.0, 3600.0)
LAG_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


@dataclass(frozen=True)
class Metric:
    """One metric family.

    `labels` maps each label to its closed list of values (`OPEN` for facts the monitor reads). `only` narrows
    the product of the labels to a union of smaller products, where the whole would hold series that can never
    happen. `source` says who knows the value: each `worker` counts and the exporter merges; the `store` is
    read by a collector; the `monitor` speaks of itself.
    """

    name: str
    kind: Kind
    help: str
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    buckets: tuple[float, ...] = ()
    unit: str = ""
    source: Source = "worker"
    only: tuple[Mapping[str, tuple[str, ...]], ...] = ()

    def series(self) -> tuple[tuple[str, ...], ...]:
        """Every allowed row of label values, in the order of `labels`; one empty row without labels."""
        parts = self.only or (self.labels,)
        return tuple(dict.fromkeys(row for part in parts for row in product(*(part[k] for k in self.labels))))


def _metric(
    name: str,
    kind: Kind,
    help: str,  # noqa: A002  # the exposition format's own word
    unit: str,
    labels: Mapping[str, tuple[str, ...]] | None = None,
    *,
    buckets: tuple[float, ...] = (),
    source: Source = "worker",
    only: tuple[Mapping[str, tuple[str, ...]], ...] = (),
) -> Metric:
    return Metric(PREFIX + name, kind, help, labels or {}, buckets, unit, source, only)


_SERVING = (
    _metric(
        "http_requests_total",
        "counter",
        "Requests answered by the gateway.",
        "requests",
        {"route": ROUTES, "code_class": CODE_CLASSES},
    ),
    _metric(
        "http_request_duration_seconds",
        "histogram",
        "Time from first byte in to last byte out.",
        "seconds",
        {"route": ROUTES, "outcome": OUTCOMES},
        buckets=REQUEST_BUCKETS,
        # What is never cached can neither hit nor miss nor share.
        only=(
            {"route": CACHED_ROUTES, "outcome": OUTCOMES},
            {
                "route": ("bookings_read", "bookings_write", "other_write", "gateway"),
                "outcome": ("pass", "refused", "error"),
            },
            {"route": ("invalid",), "outcome": ("refused", "error")},
        ),
    ),
    _metric("http_requests_in_flight", "gauge", "Requests being handled now.", "requests", {"route": ROUTES}),
    _metric(
        "alternatives_answers_total",
        "counter",
        "Answers to a wish: it was free, others were, nothing was, or not all event types could be looked at.",
        "answers",
        {"result": ALTERNATIVES_RESULTS},
    ),
)

_CACHE = (
    _metric(
        "cache_lookups_total",
        "counter",
        "Lookups; result = hit, stale_hit, negative_hit, miss, bypass (partition, sums to all lookups).",
        "lookups",
        {"scope": SCOPES, "result": LOOKUP_RESULTS},
    ),
    _metric(
        "cache_coalesced_requests_total",
        "counter",
        "Requests that waited for another one's fetch; outcome = shared, timed_out, leader_failed.",
        "requests",
        {"scope": SCOPES, "outcome": COALESCED_OUTCOMES},
    ),
    _metric(
        "cache_fills_total",
        "counter",
        "Upstream fetches that could have filled the cache; reason = miss, refresh, warm, probe.",
        "fills",
        {"scope": SCOPES, "reason": FILL_REASONS, "outcome": FILL_OUTCOMES},
    ),
    _metric(
        "cache_fill_duration_seconds",
        "histogram",
        "Time to fetch and store one entry.",
        "seconds",
        {"scope": SCOPES},
        buckets=REQUEST_BUCKETS,
    ),
    _metric(
        "cache_range_answers_total",
        "counter",
        "Looks answered out of longer windows that others share.",
        "answers",
    ),
    _metric(
        "cache_range_comparisons_total",
        "counter",
        "Comparisons of such an answer with Cal.com's own; differed twice turns sharing off for the event type.",
        "comparisons",
        {"outcome": COMPARISON_OUTCOMES},
    ),
    _metric(
        "cache_keys",
        "gauge",
        "Live keys, from counters kept at write time, never from a scan.",
        "keys",
        {"scope": SCOPES},
        source="store",
    ),
    _metric(
        "cache_invalidations_total",
        "counter",
        "Invalidations; trigger = webhook, write, job, manual, reconcile.",
        "invalidations",
        {"trigger": TRIGGERS, "outcome": INVALIDATION_OUTCOMES},
    ),
    _metric(
        "cache_invalidated_keys_total",
        "counter",
        "Keys removed or bumped by them.",
        "keys",
        {"trigger": TRIGGERS},
    ),
)

_BOOKINGS = (
    _metric(
        "bookings_spared_total",
        "counter",
        "Writes answered without a call: invalid and slot_taken as Cal.com would refuse them, replayed by their key.",
        "requests",
        {"reason": SPARED_REASONS},
    ),
    _metric(
        "bookings_lost_total",
        "counter",
        "Writes whose answer from Cal.com was lost, and whether a look found what they did.",
        "requests",
        {"outcome": LOST_OUTCOMES},
    ),
)

_FRESHNESS = (
    _metric(
        "freshness_served_age_seconds",
        "histogram",
        "Age of the payload at the moment it was served.",
        "seconds",
        {"scope": SCOPES, "result": ("hit", "stale_hit", "negative_hit")},
        buckets=AGE_BUCKETS,
    ),
    _metric(
        "freshness_pending_invalidations",
        "gauge",
        "Changes known but not yet applied.",
        "changes",
        source="store",
    ),
    _metric(
        "freshness_oldest_pending_timestamp_seconds",
        "gauge",
        "Unix time of the oldest change not yet applied; 0 when none.",
        "seconds",
        source="store",
    ),
)

_UPSTREAM = (
    _metric(
        "upstream_requests_total",
        "counter",
        "Calls that left for Cal.com; purpose = booking, interactive, revalidate, learn, warm, audit.",
        "requests",
        {"endpoint": UPSTREAM_ENDPOINTS, "purpose": PURPOSES, "code_class": CODE_CLASSES},
        only=(
            {"endpoint": UPSTREAM_ENDPOINTS, "purpose": ("interactive",), "code_class": CODE_CLASSES},
            {"endpoint": ("bookings", "slots"), "purpose": ("booking", "audit"), "code_class": CODE_CLASSES},
            {"endpoint": ("slots",), "purpose": ("revalidate", "warm"), "code_class": CODE_CLASSES},
            {
                "endpoint": ("event_types", "schedules", "other"),
                "purpose": ("learn",),
                "code_class": CODE_CLASSES,
            },
        ),
    ),
    _metric(
        "upstream_request_duration_seconds",
        "histogram",
        "Duration of one attempt.",
        "seconds",
        {"endpoint": UPSTREAM_ENDPOINTS, "outcome": UPSTREAM_OUTCOMES},
        buckets=REQUEST_BUCKETS,
    ),
    _metric(
        "upstream_calls_in_hand",
        "gauge",
        "Calls that wait for their turn or for Cal.com's answer now.",
        "calls",
    ),
    _metric(
        "upstream_shed_total",
        "counter",
        "Calls given up for want of a place; how = refused, evicted (for a more important one).",
        "calls",
        {"purpose": PURPOSES, "how": SHEDDING},
    ),
    _metric(
        "upstream_rate_limited_total",
        "counter",
        "429 answers. Target 0.",
        "responses",
        {"endpoint": UPSTREAM_ENDPOINTS},
    ),
    _metric(
        "upstream_retries_total",
        "counter",
        "Reads that failed quickly: tried again and answered or failed, or denied a second try.",
        "calls",
        {"outcome": RETRY_OUTCOMES},
    ),
)

_BUDGET = (
    _metric(
        "budget_limit_requests",
        "gauge",
        "Allowed calls per window, as last told by upstream or set by hand.",
        "requests",
        {"credential": CREDENTIALS},
        source="store",
    ),
    _metric(
        "budget_window_used_requests",
        "gauge",
        "Calls counted in the current window (own count).",
        "requests",
        {"credential": CREDENTIALS},
        source="store",
    ),
    _metric(
        "budget_window_used_peak_requests",
        "gauge",
        "Highest use of any window that closed since the last two scrapes (so a scrape cannot miss a peak).",
        "requests",
        {"credential": CREDENTIALS},
        source="store",
    ),
    _metric(
        "budget_upstream_remaining_requests",
        "gauge",
        "What is left of Cal.com's window by its own last word, less the calls since; the limit when that is over.",
        "requests",
        {"credential": CREDENTIALS},
        source="store",
    ),
    _metric(
        "budget_foreign_requests",
        "gauge",
        "Calls per window that others make with the same key, by Cal.com's headers.",
        "requests",
        {"credential": CREDENTIALS},
        source="store",
    ),
    _metric(
        "budget_waiting_requests",
        "gauge",
        "Calls that wait for their turn now.",
        "requests",
        {"credential": CREDENTIALS},
        source="store",
    ),
    _metric(
        "budget_window_seconds",
        "gauge",
        "Length of the window.",
        "seconds",
        {"credential": CREDENTIALS},
        source="store",
    ),
    _metric(
        "budget_blocked_until_timestamp_seconds",
        "gauge",
        "Unix time until which no call may leave; 0 when free.",
        "seconds",
        {"credential": CREDENTIALS},
        source="store",
    ),
    _metric(
        "budget_denied_total",
        "counter",
        "Calls not sent for want of budget.",
        "calls",
        {"credential": CREDENTIALS, "purpose": PURPOSES},
    ),
    _metric(
        "budget_let_go_total",
        "counter",
        "Calls that left although they should have been held, because shadow mode is on.",
        "calls",
        {"purpose": PURPOSES},
    ),
    _metric(
        "budget_shadow",
        "gauge",
        "1 while some process is in shadow mode, and lets calls go that should be held.",
        "bool",
        source="store",
    ),
    _metric(
        "budget_set_aside_ratio",
        "gauge",
        "Part of all calls that is set aside for processes that Redis does not hear from.",
        "ratio",
        source="store",
    ),
    _metric(
        "budget_wait_duration_seconds",
        "histogram",
        "Time a call waited for budget.",
        "seconds",
        {"purpose": PURPOSES},
        buckets=BUDGET_WAIT_BUCKETS,
    ),
)

_CLIENTS = (
    _metric(
        "client_requests_total",
        "counter",
        "Requests by client; all of these are handed over once a second, and but for that second outlive any death.",
        "requests",
        {"client": OPEN, "outcome": OUTCOMES},
        source="store",
    ),
    _metric(
        "client_calls_total",
        "counter",
        "Calls to Cal.com that a client's requests led to.",
        "calls",
        {"client": OPEN},
        source="store",
    ),
    _metric(
        "client_denied_total",
        "counter",
        "Calls not sent because the client's share was spent.",
        "calls",
        {"client": OPEN},
        source="store",
    ),
    _metric(
        "client_share_requests",
        "gauge",
        "Calls per window that are the client's share, of the limit as configured.",
        "requests",
        {"client": OPEN},
        source="store",
    ),
    _metric(
        "client_window_used_requests",
        "gauge",
        "Calls of the client in the window now, for those with a share of less than the whole.",
        "requests",
        {"client": OPEN},
        source="store",
    ),
    _metric(
        "client_unauthorized_total",
        "counter",
        "Requests turned away for want of a token of this gateway.",
        "requests",
        {"why": ADMISSIONS},
    ),
)

_BREAKER = (
    _metric(
        "breaker_state",
        "gauge",
        "1 for the current state, 0 for the others; state = closed, open, half_open.",
        "bool",
        {"endpoint": BREAKER_ENDPOINTS, "state": BREAKER_STATES},
        source="store",
    ),
    _metric(
        "breaker_transitions_total",
        "counter",
        "State changes.",
        "changes",
        {"endpoint": BREAKER_ENDPOINTS, "to_state": BREAKER_STATES},
    ),
    _metric(
        "breaker_rejected_total",
        "counter",
        "Calls refused while open.",
        "calls",
        {"endpoint": BREAKER_ENDPOINTS},
    ),
)

_JOBS = (
    _metric("jobs_enqueued_total", "counter", "Jobs accepted.", "jobs", {"queue": QUEUES}),
    _metric(
        "jobs_finished_total",
        "counter",
        "Jobs done; outcome = ok, retried, dead.",
        "jobs",
        {"queue": QUEUES, "outcome": JOB_OUTCOMES},
    ),
    _metric("jobs_pending", "gauge", "Jobs waiting.", "jobs", {"queue": QUEUES}, source="store"),
    _metric(
        "jobs_oldest_pending_timestamp_seconds",
        "gauge",
        "Unix time the oldest waiting job was enqueued; 0 when empty.",
        "seconds",
        {"queue": QUEUES},
        source="store",
    ),
    _metric("jobs_dead", "gauge", "Jobs given up and kept.", "jobs", {"queue": QUEUES}, source="store"),
    _metric(
        "job_duration_seconds",
        "histogram",
        "Run time of one job.",
        "seconds",
        {"queue": QUEUES},
        buckets=JOB_BUCKETS,
    ),
    _metric(
        "job_wait_duration_seconds",
        "histogram",
        "Time between enqueue and start.",
        "seconds",
        {"queue": QUEUES},
        buckets=JOB_WAIT_BUCKETS,
    ),
    _metric(
        "job_workers_alive",
        "gauge",
        "Workers whose lease is current.",
        "workers",
        {"queue": QUEUES},
        source="store",
    ),
)

_DATABASE = (
    _metric(
        "db_up", "gauge", "1 if the last collection reached it.", "bool", {"db": ("main",)}, source="monitor"
    ),
    _metric(
        "db_index_present",
        "gauge",
        "1 if the expected index exists, 0 if not (always exported for every expected index).",
        "bool",
        {"db": ("main",), "relation": OPEN, "index": OPEN},
        source="monitor",
    ),
    _metric(
        "db_index_valid",
        "gauge",
        "1 if the planner may use it.",
        "bool",
        {"db": ("main",), "relation": OPEN, "index": OPEN},
        source="monitor",
    ),
)

_MONITOR = (
    _metric(
        "up",
        "gauge",
        "1 if the monitor could read the shared state for this scrape.",
        "bool",
        source="monitor",
    ),
    _metric(
        "build_info",
        "gauge",
        "Always 1.",
        "info",
        {"version": OPEN, "revision": OPEN, "python": OPEN},
        source="monitor",
    ),
    _metric(
        "monitor_collector_duration_seconds",
        "gauge",
        "Time the last run of this collector took.",
        "seconds",
        {"collector": COLLECTORS},
        source="monitor",
    ),
    _metric(
        "monitor_collector_success",
        "gauge",
        "1 if it succeeded.",
        "bool",
        {"collector": COLLECTORS},
        source="monitor",
    ),
    _metric(
        "monitor_collector_last_success_timestamp_seconds",
        "gauge",
        "Unix time of its last success.",
        "seconds",
        {"collector": COLLECTORS},
        source="monitor",
    ),
    _metric("monitor_series", "gauge", "Series exposed in the last scrape.", "series", source="monitor"),
    _metric(
        "monitor_label_overflow_total",
        "counter",
        'Samples folded into the label value "other" because a cap was reached. Target 0.',
        "samples",
        {"metric": (PREFIX + "budget_denied_total",)},
    ),
    _metric(
        "workers_alive",
        "gauge",
        "Gateway workers with a fresh lease.",
        "workers",
        source="monitor",
    ),
    _metric(
        "worker_restarts_total",
        "counter",
        "Workers started again.",
        "restarts",
        {"why": RESTART_REASONS},
    ),
    _metric(
        "worker_event_loop_lag_seconds",
        "histogram",
        "Delay of a timer in the worker loop.",
        "seconds",
        buckets=LAG_BUCKETS,
    ),
)

CATALOGUE: tuple[Metric, ...] = (
    *_SERVING,
    *_CACHE,
    *_BOOKINGS,
    *_FRESHNESS,
    *_UPSTREAM,
    *_BUDGET,
    *_CLIENTS,
    *_BREAKER,
    *_JOBS,
    *_DATABASE,
    *_MONITOR,
)

BY_NAME: Mapping[str, Metric] = {metric.name: metric for metric in CATALOGUE}
