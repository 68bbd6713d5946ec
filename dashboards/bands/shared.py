"""Figures that more than one row shows."""

from alerts.objectives import OBJECTIVES
from dashboards.queries import age, increase, ratio, series

NORMAL = OBJECTIVES["latency_normal"]
HITS = "=~hit|stale_hit|negative_hit"
RECENT = "30m"
"""Window of ratios and quantiles: at five requests a minute it holds 150 of them."""

PENDING_AGE = age(series("freshness_oldest_pending_timestamp_seconds"))
"""Age of the oldest known change that is not applied, in seconds; 0 when there is none."""


def in_time(window: str) -> str:
    """Share of requests answered within the normal limit: exact, the limit is a bucket edge."""
    name = "http_request_duration_seconds"
    return ratio(
        increase(f"{name}_bucket", window, le=str(NORMAL.threshold)), increase(f"{name}_count", window)
    )


def hit_ratio(window: str) -> str:
    return ratio(
        increase("cache_lookups_total", window, result=HITS),
        increase("cache_lookups_total", window, result="!=bypass"),
    )


def window_use(name: str) -> str:
    used = f"max by (credential) ({series(name)})"
    return f"{used} / (max by (credential) ({series('budget_limit_requests')}) > 0)"
