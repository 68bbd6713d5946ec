"""A worker process to kill: `python -m tests.proxy.jobs.victim URL` takes one job and never finishes it."""

from __future__ import annotations

import asyncio
import sys

from core.redis import connect
from proxy.jobs.handlers import Context
from proxy.jobs.job import Job
from tests.proxy.jobs.support import make_worker

TAKEN = "victim:took"


async def _stall(job: Job, context: Context) -> None:
    await context.redis.set(TAKEN, job.id)
    await asyncio.Event().wait()


async def _main(url: str) -> None:
    redis = connect(url, client_name="victim")
    await make_worker(redis, {"work": _stall}, consumer="victim").run()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
