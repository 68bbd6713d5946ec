"""`calgate worker`: one process that empties the queue."""

from __future__ import annotations

import logging
import platform
import random
import secrets

from core.clock import Clock, SystemClock
from core.keys import Keys
from core.redis import connect
from core.settings import Settings
from core.tasks import spawn
from exporters.slots import WorkerSlot
from proxy.jobs.handlers import HANDLERS, Context
from proxy.jobs.loop import Timing, Worker
from proxy.jobs.metrics import SlotObserver
from proxy.jobs.policy import RetryPolicy
from proxy.jobs.stream import Stream

_log = logging.getLogger(__name__)

_BEAT_SECONDS = 1.0


async def run(settings: Settings, slot: int) -> None:
    """Run jobs until cancelled, then finish or hand back what runs and return.

    `settings.redis_url` has to name a server by now, not `embedded`. Raises SlotError when another process
    has this slot. Waits for a store that is not there yet.
    """
    clock = SystemClock()
    timing = Timing(drain_seconds=min(Timing().drain_seconds, settings.drain_seconds / 2))
    # Never used twice, not even by the same slot: a group remembers a consumer's jobs by its name.
    consumer = f"{platform.node()}:{slot}:{secrets.token_hex(4)}"
    with WorkerSlot.open(settings.data_dir / "metrics", slot, "worker") as numbers:
        redis = connect(
            settings.redis_url,
            client_name=f"calgate-worker-{slot}",
            account=settings.account,
            read_timeout_seconds=timing.block_seconds + 5.0,
        )
        beating = spawn(_beat(numbers, clock), name="worker.beat")
        try:
            worker = Worker(
                Stream(redis, settings.account, consumer),
                HANDLERS,
                Context(redis, Keys(settings.account), SlotObserver(numbers)),
                clock=clock,
                rng=random.Random(),
                policy=RetryPolicy(
                    max_tries=settings.jobs_max_tries,
                    backoff_seconds=settings.jobs_backoff_seconds,
                    timeout_seconds=settings.jobs_timeout_seconds,
                ),
                timing=timing,
            )
            _log.info("worker.started", extra={"consumer": consumer})
            await worker.run()
        finally:
            beating.cancel()
            await redis.aclose()
            _log.info("worker.stopped", extra={"consumer": consumer})


async def _beat(numbers: WorkerSlot, clock: Clock) -> None:
    while True:
        numbers.beat(clock.now())
        await clock.sleep(_BEAT_SECONDS)
