"""Worker processes to kill: `python -m tests.proxy.jobs.victim URL stall|count`."""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
import sys

from core.redis import connect
from proxy.jobs.handlers import Context, Handler
from proxy.jobs.job import Job
from tests.proxy.jobs.support import IMPATIENT, make_worker

TAKEN = "victim:took"
DONE = "victim:done"


async def _stall(job: Job, context: Context) -> None:
    """Takes one job and never finishes it."""
    await context.redis.set(TAKEN, job.id)
    await asyncio.Event().wait()


async def _count(job: Job, context: Context) -> None:
    """Writes down that the job was done."""
    await asyncio.sleep(0.001)
    await context.redis.sadd(DONE, job.fields["n"])


HANDLERS: dict[str, Handler] = {"stall": _stall, "count": _count}


async def _main(url: str, does: str) -> None:
    redis = connect(url, client_name="victim")
    # Killed at random, a job may well be met by death more than twice.
    policy = dataclasses.replace(IMPATIENT, max_tries=100)
    name = f"victim-{secrets.token_hex(4)}"
    await make_worker(redis, {"work": HANDLERS[does]}, consumer=name, policy=policy).run()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
