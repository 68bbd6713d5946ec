"""Is it all right?"""

from alerts.objectives import OBJECTIVES
from alerts.panels import Panel
from dashboards.bands.shared import NORMAL, PENDING_AGE, RECENT, hit_ratio, in_time, window_use
from dashboards.limits import ON_OFF, limits
from dashboards.panels import Band, Query, Tile
from dashboards.queries import increase, series


def verdict() -> Band:
    """One glance: eight panels, each green or not."""
    breaker = " + ".join(
        f"{weight} * max by (endpoint) ({series('breaker_state', state=state)})"
        for weight, state in ((2, "open"), (1, "half_open"))
    )
    return Band(
        "Is it all right?",
        (
            Tile(
                100,
                "stat",
                "Gateway",
                "Gateway processes with a fresh sign of life.",
                "CalgateDown",
                "short",
                (Query(f"max({series('workers_alive')})"),),
                ON_OFF,
                width=4,
                height=4,
            ),
            Tile(
                101,
                "stat",
                f"Answered in under {NORMAL.threshold:g} s",
                f"Share of all requests in {RECENT}, from exact bucket counts. {NORMAL.statement}",
                "SlowAnswers",
                "percentunit",
                (Query(in_time(RECENT)),),
                limits("latency_normal", share=True),
                width=4,
                height=4,
            ),
            Tile(
                102,
                "stat",
                "Hit ratio, 6 hours",
                OBJECTIVES["hit_ratio"].statement,
                "CalgateHitRatioLow",
                "percentunit",
                (Query(hit_ratio("6h")),),
                limits("hit_ratio"),
                width=4,
                height=4,
            ),
            Tile(
                103,
                "stat",
                "Fullest call window",
                "Of the calls Cal.com allows per window, the highest share used in a window that closed in"
                f" the last minute. {OBJECTIVES['rate_limit_use'].statement}",
                "CalgateRateBudgetHigh",
                "percentunit",
                (Query(f"max({window_use('budget_window_used_peak_requests')})"),),
                limits("rate_limit_use", "rate_limit_headroom"),
                width=4,
                height=4,
            ),
            Tile(
                104,
                "stat",
                "Oldest change not applied",
                OBJECTIVES["pending_invalidation"].statement,
                "CalgateInvalidationStalled",
                "s",
                (Query(PENDING_AGE),),
                limits("pending_invalidation"),
                width=4,
                height=4,
            ),
            Tile(
                105,
                "stat",
                "429 answers, 1 hour",
                OBJECTIVES["rate_limited"].statement,
                "CalgateUpstreamRateLimited",
                "short",
                (Query(f"sum({increase('upstream_rate_limited_total', '1h')})"),),
                limits("rate_limited"),
                width=4,
                height=4,
            ),
            Tile(
                Panel.BREAKER,
                "timeline",
                "Circuit breaker",
                "State per class of calls, the worst of all processes."
                f" {OBJECTIVES['breaker_opens'].statement} {OBJECTIVES['breaker_open_time'].statement}",
                "CalgateBreakerOpen",
                "short",
                (Query(breaker, "{{endpoint}}"),),
                states=((0, "closed", "green"), (1, "half open", "orange"), (2, "open", "red")),
                width=12,
                height=6,
            ),
            Tile(
                Panel.GATEWAY_UP,
                "timeline",
                "What is up",
                "Whether a monitor answers, can read the shared store, and sees a gateway process.",
                "CalgateDown",
                "short",
                (
                    Query('max(up{job=~"$job", instance=~"$instance"})', "monitor"),
                    Query(f"max({series('up')})", "store"),
                    Query(f"max({series('workers_alive')}) > bool 0", "gateway"),
                ),
                states=((0, "down", "red"), (1, "up", "green")),
                width=12,
                height=6,
            ),
        ),
    )
