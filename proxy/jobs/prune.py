"""Forgets when event types, days and hours were last written that no cached answer is older than.

Each write names some fields of days and hours (cache/stamps.py), and time brings new ones for ever. The newest
generation of a field matters only to answers that are good for an earlier one.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from redis.asyncio import Redis

from core.clock import Clock
from core.keys import Keys
from proxy.jobs.handlers import BATCH
from proxy.scripts import lua

SETTLED_SECONDS: Final = 900.0
"""So long after it began no fetch is under way any more that knows an earlier generation."""

FEW: Final = 1_000
"""So many fields are worth no look."""

_PRUNE = lua("proxy.jobs", "prune")


class Pruner:
    """Remembers which generation there was when. One per worker."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque()
        self._settled: int | None = None

    async def prune(self, redis: Redis, keys: Keys) -> int:
        """Forget what can be, and tell how many fields; nothing in a worker's first quarter of an hour.

        Raises RedisError.
        """
        now, generation = self._clock.monotonic(), int(await redis.get(keys.generation) or 0)
        self._seen.append((now, generation))
        while self._seen and self._seen[0][0] <= now - SETTLED_SECONDS:
            self._settled = self._seen.popleft()[1]
        # A store that lost its memory may count from less.
        if self._settled is None or self._settled > generation or await redis.hlen(keys.stamps) <= FEW:
            return 0
        script = redis.register_script(_PRUNE)
        total, cursor = 0, b"0"
        while True:
            cursor, gone = await script(keys=[keys.stamps, keys.index], args=[self._settled, cursor, BATCH])
            total += int(gone)
            if int(cursor) == 0:
                return total
