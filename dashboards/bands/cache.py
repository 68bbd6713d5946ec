"""The cache, and whether what it holds is still true."""

from alerts.objectives import OBJECTIVES
from alerts.panels import Panel
from dashboards.bands.shared import PENDING_AGE, RECENT, hit_ratio
from dashboards.limits import limits
from dashboards.panels import Band, Query, Tile
from dashboards.queries import increase, per_minute, quantile, series


def cache() -> Band:
    """What lookups find and what fills cost."""
    return Band(
        "Cache",
        (
            Tile(
                Panel.HIT_RATIO,
                "graph",
                "Hit ratio",
                f"Hits of all lookups but those that bypass the cache. {OBJECTIVES['hit_ratio'].statement}",
                "CalgateHitRatioLow",
                "percentunit",
                (Query(hit_ratio(RECENT), RECENT), Query(hit_ratio("6h"), "6h")),
                limits("hit_ratio"),
                ceiling=1,
            ),
            Tile(
                130,
                "graph",
                "Lookups per minute",
                "What lookups found.",
                "CalgateHitRatioLow",
                "cpm",
                (Query(per_minute("cache_lookups_total", "result"), "{{result}}"),),
                stacked=True,
            ),
            Tile(
                131,
                "graph",
                "Duplicate calls saved",
                f"Of requests that missed in {RECENT}, the share that another one's call answered."
                f" Only a burst"
                f" has duplicates to save: under load, {OBJECTIVES['coalescing'].statement[0].lower()}"
                f"{OBJECTIVES['coalescing'].statement[1:]}",
                "CalgateHitRatioLow",
                "percentunit",
                (
                    Query(
                        f"sum({increase('cache_coalesced_requests_total', RECENT, outcome='shared')}) / ("
                        f"sum({increase('cache_coalesced_requests_total', RECENT)}) + "
                        f"sum({increase('cache_fills_total', RECENT, reason='miss')}) > 0)",
                        "saved",
                    ),
                ),
                ceiling=1,
            ),
            Tile(
                132,
                "graph",
                "Fills per minute",
                "Fetches that could fill the cache; fenced ones were overtaken by a change and thrown away.",
                "CalgateHitRatioLow",
                "cpm",
                (Query(per_minute("cache_fills_total", "outcome"), "{{outcome}}"),),
                stacked=True,
            ),
            Tile(
                133,
                "graph",
                "Changes and keys they touched",
                "Per minute: invalidations by what caused them, and keys they reached.",
                "CalgateInvalidationStalled",
                "cpm",
                (
                    Query(per_minute("cache_invalidations_total", "trigger"), "changes: {{trigger}}"),
                    Query(per_minute("cache_invalidated_keys_total", "trigger"), "keys: {{trigger}}"),
                ),
            ),
            Tile(
                134,
                "graph",
                "Live keys",
                "Entries in the cache.",
                "CalgateHitRatioLow",
                "short",
                (Query(f"max by (scope) ({series('cache_keys')})", "{{scope}}"),),
            ),
        ),
    )


def freshness() -> Band:
    """Whether known changes reach the cache."""
    return Band(
        "Freshness",
        (
            Tile(
                Panel.OLDEST_PENDING,
                "graph",
                "Oldest change not applied",
                f"Its age. {OBJECTIVES['pending_invalidation'].statement}",
                "CalgateInvalidationStalled",
                "s",
                (Query(PENDING_AGE, "age"),),
                limits("pending_invalidation"),
            ),
            Tile(
                140,
                "graph",
                "Changes not applied",
                "Known, waiting for their clean-up.",
                "CalgateInvalidationStalled",
                "short",
                (Query(f"max({series('freshness_pending_invalidations')})", "pending"),),
            ),
            Tile(
                141,
                "graph",
                "Age of what was served",
                f"Age of cached answers when they were given, over {RECENT}.",
                "CalgateInvalidationStalled",
                "s",
                (
                    Query(quantile(0.5, "freshness_served_age_seconds", RECENT), "P50"),
                    Query(quantile(0.95, "freshness_served_age_seconds", RECENT), "P95"),
                ),
            ),
        ),
    )
