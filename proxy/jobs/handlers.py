"""What each kind of job does. Every handler bears being run twice, and twice at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from redis.asyncio import Redis

from core.keys import Keys
from proxy.jobs.job import Job
from proxy.scripts import lua

# One call holds up the whole store while it runs; 500 keys are well under a millisecond.
BATCH = 500

LEFT_MS = 10_000
"""How long an entry that a write touched stays after it was fresh: as long as what the write took is remembered
(store.py). Until then it may be served for other days."""

_CLEAN = lua("proxy.jobs", "clean")
_CLEAN_TOUCHED = lua("proxy.jobs", "clean_touched")
_SWEEP = lua("proxy.jobs", "sweep")


class Observer(Protocol):
    """Told of what happens; must neither wait nor raise."""

    def started(self, job: Job, waited_seconds: float) -> None:
        """The first try of a job begins, so long after it was added."""
        ...

    def tried(self, job: Job, seconds: float) -> None:
        """One try ended, well or badly."""
        ...

    def settled(self, job: Job, outcome: str) -> None:
        """The try's outcome is written down: `ok`, `retried` or `dead`."""
        ...

    def removed(self, keys: int) -> None:
        """A job removed so many dead cache entries."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """What a handler may use."""

    redis: Redis
    keys: Keys
    observer: Observer


Handler = Callable[[Job, Context], Awaitable[None]]


async def clean(job: Job, context: Context) -> None:
    """Have the cache entries end of generations before the job's `gen` that its `fields` concern (without: all).

    Raises ValueError without a `gen`.
    """
    generation = job.integer("gen")
    fields = job.fields.get("fields", "*")
    if fields != "*":
        await _clean_touched(generation, fields, context)
        return
    script = context.redis.register_script(_CLEAN)
    keys = [context.keys.index, context.keys.expiry]
    while True:
        removed = int(await script(keys=keys, args=[generation, BATCH]))
        context.observer.removed(removed)
        if removed < BATCH:
            return


async def _clean_touched(generation: int, fields: str, context: Context) -> None:
    script = context.redis.register_script(_CLEAN_TOUCHED)
    keys = [context.keys.index, context.keys.expiry]
    passed = 0
    while True:
        looked_at, ending = await script(keys=keys, args=[generation, BATCH, passed, LEFT_MS, fields])
        context.observer.removed(int(ending))
        passed += int(looked_at)
        if looked_at < BATCH:
            return


async def sweep_expired(redis: Redis, keys: Keys) -> int:
    """Delete the cache entries whose time is over, and their places in the lists; returns how many."""
    script = redis.register_script(_SWEEP)
    total = 0
    while True:
        removed = int(await script(keys=[keys.index, keys.expiry], args=[BATCH]))
        total += removed
        if removed < BATCH:
            return total


HANDLERS: Mapping[str, Handler] = {"clean": clean}
