"""A worker to test with: quick timings, and an observer that remembers."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

from redis.asyncio import Redis

from core.clock import SystemClock
from core.keys import Keys
from core.tasks import spawn
from proxy.jobs.handlers import Context, Handler
from proxy.jobs.job import Job
from proxy.jobs.loop import Timing, Worker
from proxy.jobs.policy import RetryPolicy
from proxy.jobs.stream import Stream

ACCOUNT = "tests"

QUICK = Timing(
    block_seconds=0.1,
    heartbeat_every_seconds=0.05,
    lease_seconds=0.3,
    claim_idle_seconds=0.5,
    reclaim_every_seconds=0.05,
    promote_every_seconds=0.02,
    sweep_every_seconds=0.05,
    drain_seconds=5.0,
    forget_after_seconds=0.1,
)
IMPATIENT = RetryPolicy(max_tries=3, backoff_seconds=0.01, timeout_seconds=10.0)


class Memory:
    """An observer that remembers everything."""

    def __init__(self) -> None:
        self.waited: list[float] = []
        self.tries = 0
        self.outcomes: list[str] = []
        self.keys = 0

    def started(self, job: Job, waited_seconds: float) -> None:
        self.waited.append(waited_seconds)

    def tried(self, job: Job, seconds: float) -> None:
        self.tries += 1

    def settled(self, job: Job, outcome: str) -> None:
        self.outcomes.append(outcome)

    def removed(self, keys: int) -> None:
        self.keys += keys


def stream(redis: Redis, consumer: str = "a") -> Stream:
    return Stream(redis, ACCOUNT, consumer)


def make_worker(
    redis: Redis,
    handlers: Mapping[str, Handler],
    *,
    consumer: str = "a",
    memory: Memory | None = None,
    timing: Timing = QUICK,
    policy: RetryPolicy = IMPATIENT,
    concurrency: int = 16,
) -> Worker:
    return Worker(
        stream(redis, consumer),
        handlers,
        Context(redis, Keys(ACCOUNT), memory or Memory()),
        clock=SystemClock(),
        rng=random.Random(1),
        policy=policy,
        timing=timing,
        concurrency=concurrency,
    )


@contextlib.asynccontextmanager
async def working(worker: Worker) -> AsyncIterator[asyncio.Task[None]]:
    """Runs `worker` for as long as the block lasts, and then stops it."""
    task = spawn(worker.run(), name="worker under test")
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()


async def until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    """Waits for `condition`; fails saying `what` did not come, after half a minute."""
    try:
        async with asyncio.timeout(30):
            while not await condition():  # noqa: ASYNC110 - the state waited for is in another process
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"never happened: {what}") from None


async def drained(queue: Stream) -> None:
    """Waits until no job is left undone."""

    async def empty() -> bool:
        return await queue.depth() == 0

    await until(empty, "an empty queue")
