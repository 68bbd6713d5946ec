"""The process's breakers, one per endpoint class, and the word about them that the monitor reads."""

from __future__ import annotations

import logging

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from calcom.paths import Breaker as Endpoints
from core.clock import Clock
from core.keys import Keys
from core.tasks import spawn
from proxy.breaker import Breaker
from proxy.telemetry import Telemetry

_log = logging.getLogger(__name__)


class BreakerBoard:
    """Breakers by endpoint class. Each process judges by its own calls; transitions are counted and published."""

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        telemetry: Telemetry,
        clock: Clock,
        *,
        failures: int,
        open_seconds: float,
    ) -> None:
        self._redis = redis
        self._keys = keys
        self._telemetry = telemetry
        self._clock = clock
        self._breakers = {kind: Breaker(failures=failures, open_seconds=open_seconds) for kind in Endpoints}
        self._published = dict.fromkeys(Endpoints, 0)

    def __getitem__(self, endpoints: Endpoints) -> Breaker:
        return self._breakers[endpoints]

    def publish(self, endpoints: Endpoints) -> None:
        """Tell of a transition, if there was one since the last time. Never waits, never fails."""
        breaker = self._breakers[endpoints]
        if breaker.generation == self._published[endpoints]:
            return
        self._published[endpoints] = breaker.generation
        self._telemetry.breaker_moved(endpoints, breaker.state)
        _log.warning("breaker.moved", extra={"endpoint": endpoints.value, "state": breaker.state.value})
        word = {"state": breaker.state.value, "since": self._clock.now()}
        spawn(self._write(endpoints, orjson.dumps(word)), name="breaker.publish")

    async def _write(self, endpoints: Endpoints, word: bytes) -> None:
        try:
            await self._redis.hset(self._keys.breaker, endpoints.value, word)
        except RedisError:
            _log.warning("breaker.unpublished", extra={"endpoint": endpoints.value})
