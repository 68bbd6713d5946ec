"""What the daemon holds between two looks: the collectors, the ring of samples, and the views made of them."""

from collections.abc import Awaitable, Callable
from typing import Any

from prometheus_client.core import Metric as Family
from redis.asyncio import Redis

from core.clock import Clock
from core.keys import Keys
from core.settings import Settings
from exporters.collectors import breaker, budget, cache, clients, jobs
from exporters.collectors.breaker import BreakerFacts
from exporters.collectors.budget import BudgetFacts
from exporters.collectors.cache import CacheFacts
from exporters.collectors.clients import ClientFacts
from exporters.collectors.jobs import JobFacts
from exporters.merge import Merged, SlotReader
from monitor import facts as known
from monitor import history, scheduler, status, verdict
from monitor.collecting import Collector
from monitor.facts import Facts, IndexFact

STORE_EVERY_SECONDS = 2.0
STORE_LIMIT_SECONDS = 1.0
DATABASE_EVERY_SECONDS = 15.0
DATABASE_LIMIT_SECONDS = 5.0

IndexReader = Callable[[], Awaitable[tuple[IndexFact, ...]]]


class Watch:
    """Collects on a timer, answers from memory. The counters of workers are memory too, so they are read when asked."""

    def __init__(
        self, settings: Settings, redis: Redis, clock: Clock, read_indexes: IndexReader | None = None
    ) -> None:
        """Watch the account of `settings` in `redis`, and the database through `read_indexes` if there is one."""
        self._clock = clock
        self._place = status.Place(settings.account, settings.upstream_url)
        self._build = known.this_build()
        self._slots = SlotReader(settings.data_dir / "metrics")
        self._history = history.History()
        keys = Keys(settings.account)
        # The gateway counts in the window and its guard; a shorter look would show less than it refuses for.
        window = settings.rate_window_seconds + settings.rate_guard_seconds
        known_clients = settings.clients

        async def read_slots() -> Merged:
            return self._slots.read(clock.now())

        async def read_budget() -> BudgetFacts:
            return await budget.read(redis, keys, limit=settings.rate_limit, window_seconds=window)

        async def read_cache() -> CacheFacts:
            return await cache.read(redis, keys)

        async def read_jobs() -> JobFacts:
            return await jobs.read(redis, keys)

        async def read_breaker() -> BreakerFacts:
            return await breaker.read(redis, keys)

        async def read_clients() -> ClientFacts:
            return await clients.read(
                redis, keys, known_clients, limit=settings.rate_limit, window_seconds=window
            )

        store = {"every_seconds": STORE_EVERY_SECONDS, "limit_seconds": STORE_LIMIT_SECONDS}
        self.slots = Collector("slots", read_slots, clock, **store)
        self.budget = Collector("budget", read_budget, clock, **store)
        self.cache = Collector("cache", read_cache, clock, **store)
        self.jobs = Collector("jobs", read_jobs, clock, **store)
        self.breaker = Collector("breaker", read_breaker, clock, **store)
        self.clients = Collector("clients", read_clients, clock, **store) if known_clients else None
        self.database = read_indexes and Collector(
            "database",
            read_indexes,
            clock,
            every_seconds=DATABASE_EVERY_SECONDS,
            limit_seconds=DATABASE_LIMIT_SECONDS,
        )

    @property
    def collectors(self) -> tuple[Collector[Any], ...]:
        """All of them; those of the database and of clients only if there are any."""
        always: tuple[Collector[Any], ...] = (self.slots, self.budget, self.cache, self.jobs, self.breaker)
        return (*always, *(one for one in (self.clients, self.database) if one is not None))

    def timers(self) -> list[scheduler.Job]:
        """Say what is to be run how often."""
        return [
            *((collector.name, collector.run, collector.every_seconds) for collector in self.collectors),
            ("history", self.sample, history.EVERY_SECONDS),
        ]

    async def sample(self) -> None:
        """Add one sample of the counters to the ring."""
        await self.slots.run()
        outcome = self.slots.outcome
        if outcome.success and outcome.value is not None:
            self._history.add(history.take(outcome.value, self._clock.now()))

    def facts(self) -> Facts:
        """Give what is known now, without asking anybody."""
        return Facts(
            now=self._clock.now(),
            slots=self.slots.outcome,
            budget=self.budget.outcome,
            cache=self.cache.outcome,
            jobs=self.jobs.outcome,
            breaker=self.breaker.outcome,
            database=None if self.database is None else self.database.outcome,
            clients=None if self.clients is None else self.clients.outcome,
        )

    @property
    def ready(self) -> bool:
        """Whether every collector has had its first run, well or not."""
        return self.facts().complete

    async def families(self) -> list[Family]:
        """Give everything to expose, with the counters of this moment."""
        await self.slots.run()
        return known.families(self.facts(), self._build)

    async def status(self) -> status.Status:
        """Give everything to show, with the counters of this moment."""
        await self.slots.run()
        facts, traffic = self.facts(), self._history.traffic()
        return status.build(facts, traffic, verdict.judge(facts, traffic), self._place, self._build)

    def close(self) -> None:
        """Let the workers' files go."""
        self._slots.close()
