"""Cal.com and the call budget."""

from alerts.objectives import OBJECTIVES
from alerts.panels import Panel
from dashboards.bands.shared import RECENT, window_use
from dashboards.limits import limits
from dashboards.panels import Band, Query, Tile
from dashboards.queries import per_minute, quantile, series


def upstream() -> Band:
    """Who spends the calls, and what Cal.com does with them."""
    return Band(
        "Cal.com and the call budget",
        (
            Tile(
                Panel.WINDOW_PEAK,
                "graph",
                "Use of the call budget",
                "Highest share of the allowed calls used in any window that closed in the last minute."
                f" {OBJECTIVES['rate_limit_use'].statement} {OBJECTIVES['rate_limit_headroom'].statement}",
                "CalgateRateBudgetExhausting",
                "percentunit",
                (Query(window_use("budget_window_used_peak_requests"), "{{credential}}"),),
                limits("rate_limit_use", "rate_limit_headroom"),
            ),
            Tile(
                Panel.BLOCKED,
                "graph",
                "Blocked for",
                "Seconds until calls may leave again; 0 is free. Each call while blocked would prolong it.",
                "CalgateUpstreamRateLimited",
                "s",
                (
                    Query(
                        "clamp_min(max by (credential)"
                        f" ({series('budget_blocked_until_timestamp_seconds')}) - time(), 0)",
                        "{{credential}}",
                    ),
                ),
                limits("rate_limited"),
            ),
            Tile(
                120,
                "graph",
                "Calls per minute, by purpose",
                "Calls that left for Cal.com: who spends the budget.",
                "CalgateRateBudgetHigh",
                "reqpm",
                (Query(per_minute("upstream_requests_total", "purpose"), "{{purpose}}"),),
                stacked=True,
            ),
            Tile(
                121,
                "graph",
                "Cal.com's time to answer",
                f"P95 of one call over {RECENT}, by endpoint.",
                "CalgateBreakerOpen",
                "s",
                (
                    Query(
                        quantile(0.95, "upstream_request_duration_seconds", RECENT, "endpoint"),
                        "{{endpoint}}",
                    ),
                ),
            ),
            Tile(
                122,
                "graph",
                "Calls refused before they left",
                "Per minute: for want of budget, and because the breaker was open.",
                "CalgateRateBudgetExhausting",
                "reqpm",
                (
                    Query(per_minute("budget_denied_total", "purpose"), "no budget: {{purpose}}"),
                    Query(per_minute("breaker_rejected_total", "endpoint"), "breaker: {{endpoint}}"),
                ),
            ),
            Tile(
                123,
                "graph",
                "Wait for budget",
                f"P95 over {RECENT}, by purpose.",
                "CalgateRateBudgetHigh",
                "s",
                (Query(quantile(0.95, "budget_wait_duration_seconds", RECENT, "purpose"), "{{purpose}}"),),
            ),
        ),
    )
