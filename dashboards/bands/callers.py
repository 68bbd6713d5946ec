"""Who feels it?"""

from dashboards.bands.shared import NORMAL, RECENT, in_time
from dashboards.limits import limits
from dashboards.panels import Band, Query, Tile
from dashboards.queries import increase, per_minute, quantile, ratio, series


def callers() -> Band:
    """Rate, errors and duration as callers have them."""
    name = "http_request_duration_seconds"
    return Band(
        "What callers see",
        (
            Tile(
                110,
                "graph",
                "Requests per minute",
                "Requests answered, by kind.",
                "CalgateDown",
                "reqpm",
                (Query(per_minute("http_requests_total", "route"), "{{route}}"),),
                stacked=True,
            ),
            Tile(
                111,
                "graph",
                "Failed by us or Cal.com",
                f"Share of requests answered with 5xx in {RECENT}. Refusals for want of budget are 4xx"
                f" and not"
                " among them.",
                "CalgateBreakerOpen",
                "percentunit",
                (
                    Query(
                        ratio(
                            increase("http_requests_total", RECENT, code_class="5xx"),
                            increase("http_requests_total", RECENT),
                        ),
                        "5xx",
                    ),
                ),
            ),
            Tile(
                112,
                "graph",
                "Time to answer",
                f"Estimated from buckets over {RECENT}. {NORMAL.statement}",
                "SlowAnswers",
                "s",
                tuple(
                    Query(quantile(share, name, RECENT), legend)
                    for share, legend in ((0.5, "P50"), (0.95, "P95"), (0.99, "P99"))
                ),
                limits("latency_normal", "latency_burst"),
            ),
            Tile(
                113,
                "graph",
                f"Answered in under {NORMAL.threshold:g} s",
                f"Share of requests in {RECENT}, exact.",
                "SlowAnswers",
                "percentunit",
                (Query(in_time(RECENT), "in time"),),
                limits("latency_normal", share=True),
                floor_zero=False,
                ceiling=1,
                width=12,
            ),
            Tile(
                114,
                "graph",
                "In flight",
                "Requests being handled now.",
                "CalgateDown",
                "short",
                (Query(f"sum by (route) ({series('http_requests_in_flight')})", "{{route}}"),),
                stacked=True,
                width=12,
            ),
        ),
    )
