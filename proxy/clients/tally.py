"""What each client did, counted in the process and handed to Redis, where all processes' counts come together.

Aliases are the operator's words, so they cannot be cells of the workers' memory maps, whose series are fixed before
a program runs. A process that is killed loses what it counted in its last second.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from core.clock import Clock
from core.keys import Keys

_log = logging.getLogger(__name__)

_HAND_OVER_SECONDS: Final = 1.0

CALLS: Final = "calls"
DENIED: Final = "denied"


class Tally:
    """One per process. Counting is an addition in memory; without clients nothing is ever counted."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def __repr__(self) -> str:
        return f"Tally({len(self._counts)} not handed over)"

    def answered(self, client: str, outcome: str) -> None:
        """A request of *client* was answered."""
        self._counts[client, outcome] += 1

    def called(self, client: str) -> None:
        """A call left for Cal.com on its behalf."""
        self._counts[client, CALLS] += 1

    def denied(self, client: str) -> None:
        """A call did not leave because its share was spent."""
        self._counts[client, DENIED] += 1

    async def hand_over(self, redis: Redis, keys: Keys) -> None:
        """Add what was counted to what Redis has. Raises RedisError; then it is tried again with the next."""
        counts, self._counts = self._counts, Counter()
        if not counts:
            return
        pipeline = redis.pipeline(transaction=False)
        for (client, what), number in counts.items():
            pipeline.hincrby(keys.clients, f"{client}:{what}", number)
        try:
            await pipeline.execute()
        except BaseException:
            self._counts.update(counts)
            raise

    async def run(self, redis: Redis, keys: Keys, clock: Clock) -> None:
        """Hand over once a second, and a last time when cancelled."""
        try:
            while True:
                await clock.sleep(_HAND_OVER_SECONDS)
                await self._try(redis, keys)
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_HAND_OVER_SECONDS):
                    await self._try(redis, keys)

    async def _try(self, redis: Redis, keys: Keys) -> None:
        try:
            await self.hand_over(redis, keys)
        except RedisError:
            _log.warning("clients.not_counted")
