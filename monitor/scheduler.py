"""The monitor's timer: APScheduler runs every collector on its own interval, concurrently."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from core.clock import Clock

Job = tuple[str, Callable[[], Awaitable[None]], float]
"""A name, what to run, and every how many seconds."""


@asynccontextmanager
async def running(jobs: Iterable[Job], clock: Clock) -> AsyncIterator[None]:
    """Run each job at once and then on its interval, until the block ends.

    A job never overlaps itself; runs that were missed (the machine slept) are made up for by one.
    """
    scheduler = AsyncIOScheduler(
        timezone=UTC,
        job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": None},
    )
    first = datetime.fromtimestamp(clock.now(), UTC)
    for name, job, every_seconds in jobs:
        scheduler.add_job(job, "interval", seconds=every_seconds, id=name, name=name, next_run_time=first)
    scheduler.start()
    try:
        yield
    finally:
        scheduler.shutdown(wait=False)
