"""When the circuit of each endpoint class opens, as the settings have it."""

from __future__ import annotations

from collections.abc import Mapping

from calcom.paths import Breaker as Endpoints
from core.settings import Settings
from proxy.breaker.machine import Terms


def terms_of(settings: Settings) -> Mapping[Endpoints, Terms]:
    """They differ in what a slow answer is: the classes differ most in how long Cal.com takes."""
    slow = {
        Endpoints.READS: settings.breaker_slow_reads_seconds,
        Endpoints.SLOTS: settings.breaker_slow_slots_seconds,
        Endpoints.WRITES: settings.breaker_slow_writes_seconds,
    }
    # Who asks for a longer first opening than the longest means the first.
    longest = max(settings.breaker_open_seconds, settings.breaker_longest_open_seconds)
    return {
        one: Terms(settings.breaker_failures, settings.breaker_open_seconds, longest, slow[one])
        for one in Endpoints
    }
