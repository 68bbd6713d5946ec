"""Patience with a store that is away."""

from __future__ import annotations

import logging
import random

from redis.exceptions import RedisError

from core.clock import Clock

_log = logging.getLogger(__name__)

_FIRST_SECONDS = 0.05
_LONGEST_SECONDS = 2.0


class Outage:
    """Waits between attempts while the store is away, longer each time, and logs its first and last."""

    def __init__(self, clock: Clock, rng: random.Random) -> None:
        self._clock = clock
        self._rng = rng
        self._failures = 0

    async def wait(self, error: RedisError) -> None:
        """Sleep until the next attempt is due, the last having failed with `error`."""
        if self._failures == 0:
            _log.warning("jobs.store_away", extra={"error": type(error).__name__, "detail": str(error)[:200]})
        # The power is bounded too: an outage of days must not compute a number of thousands of digits.
        longest = min(_LONGEST_SECONDS, _FIRST_SECONDS * 2 ** min(self._failures, 10))
        self._failures += 1
        await self._clock.sleep(longest * self._rng.uniform(0.5, 1.0))

    def over(self) -> None:
        """An attempt succeeded: the next failure begins anew."""
        if self._failures:
            _log.info("jobs.store_back", extra={"failures": self._failures})
        self._failures = 0
