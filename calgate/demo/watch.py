"""Asks the simulator and the gateway's Redis how things stand, for the demo's figures."""

import asyncio
import dataclasses

from redis.asyncio import Redis
from redis.exceptions import RedisError

from calgate.demo.figures import Store, Upstream
from calgate.demo.truth import Auditor
from core.clock import Clock
from core.keys import Keys
from core.settings import Settings
from exporters.collectors import breaker, budget, cache, jobs
from loadtest.client import Client, ClientError


@dataclasses.dataclass(slots=True)
class Watcher:
    """Holds the newest facts; what could not be asked keeps its last value and is named in `trouble`."""

    admin: Client
    redis: Redis
    settings: Settings
    auditor: Auditor
    upstream: Upstream = dataclasses.field(default_factory=Upstream)
    store: Store = dataclasses.field(default_factory=Store)
    trouble: str | None = None

    async def keep_looking(self, clock: Clock, seconds: float) -> None:
        """Look again and again, `seconds` apart, until cancelled."""
        task = asyncio.current_task()
        while True:
            await self.look()
            # redis-py sends through asyncio.wait_for, which up to Python 3.11 loses a cancellation that comes when
            # what it waits for has just ended.
            if task is not None and task.cancelling():
                raise asyncio.CancelledError
            await clock.sleep(seconds)

    async def look(self) -> None:
        """Ask both once."""
        self.trouble = None
        try:
            await self._ask_simulator()
            await self.auditor.look()
        except (ClientError, ValueError, KeyError):
            self.trouble = "the simulated Cal.com does not tell its figures"
        try:
            await self._ask_store()
        except (RedisError, OSError, ValueError):
            self.trouble = "Redis does not answer"

    async def _ask_simulator(self) -> None:
        stats = (await self.admin.get("/stats")).json()
        self.auditor.tell_time(stats["now"], stats["speed"])
        buckets = stats["limiter"].values()
        self.upstream = Upstream(
            calls=sum(bucket["hits"] for bucket in buckets),
            refused=sum(bucket["refused"] for bucket in buckets),
            most_in_window=max((bucket["max_in_60s"] for bucket in buckets), default=0),
        )

    async def _ask_store(self) -> None:
        keys = Keys(self.settings.account)
        window = self.settings.rate_window_seconds + self.settings.rate_guard_seconds
        budgets = await budget.read(self.redis, keys, limit=self.settings.rate_limit, window_seconds=window)
        breakers = await breaker.read(self.redis, keys)
        queue = await jobs.read(self.redis, keys)
        entries = await cache.read(self.redis, keys)
        worst = max(budgets.credentials, key=lambda one: one.used / one.limit, default=None)
        self.store = Store(
            used=worst.used if worst else 0,
            limit=worst.limit if worst else self.settings.rate_limit,
            blocked=any(one.blocked_until > 0 for one in budgets.credentials),
            breakers=tuple((one.endpoint, one.state) for one in breakers.breakers),
            jobs_pending=queue.pending,
            jobs_dead=queue.dead,
            entries=entries.keys,
        )
