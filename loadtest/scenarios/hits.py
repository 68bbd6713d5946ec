"""What the scenarios about hits share: a Cal.com whose waits do not count, and counts of how looks were answered."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from loadtest.scenarios.stage import Needs

TTL_SECONDS = 60.0
"""How long an answer is fresh."""


@dataclass
class Hits:
    """What came back, by how it was answered: for all looks, and for those at days from four days ahead on."""

    all: Counter[str] = field(default_factory=Counter)
    far: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)

    def share(self, of: Counter[str]) -> float | None:
        """Percent that nobody waited for Cal.com for."""
        total = of.total()
        return 100 * of["hit"] / total if total else None


def needs(seed: int, processes: int, **settings: object) -> Needs:
    """Cal.com as fast as it can be, and a proof of ranges that takes seconds; *settings* of the gateway besides."""
    return Needs(
        simulator=("--latency", "none", "--rate-limit", "10000000", "--seed", str(seed)),
        settings={
            "workers": processes,
            "slots_ttl_seconds": TTL_SECONDS,
            "slots_share_gap_seconds": 1.0,
            "upstream_read_timeout_seconds": 1,
            "upstream_connect_timeout_seconds": 1,
            **settings,
        },
        parts=("proxy", "worker"),
    )
