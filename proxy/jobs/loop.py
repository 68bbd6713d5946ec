"""The worker's loops: read, run, renew, tidy, and on the way out finish or hand back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

from core.clock import Clock
from core.tasks import spawn
from proxy.jobs.handlers import Context, Handler, sweep_expired
from proxy.jobs.job import Job
from proxy.jobs.outage import Outage
from proxy.jobs.policy import Dead, RetryPolicy, decide_after_failure, may_start
from proxy.jobs.prune import Pruner
from proxy.jobs.stream import Stream

_log = logging.getLogger(__name__)

_ERROR_CHARS = 300


@dataclass(frozen=True, slots=True)
class Timing:
    """How often the worker does what. A dead worker's job is resumed within `claim_idle + reclaim_every`."""

    block_seconds: float = 0.5
    """How long one read waits for a job; also how long a stop may take with nothing to do."""
    heartbeat_every_seconds: float = 2.0
    lease_seconds: float = 8.0
    claim_idle_seconds: float = 10.0
    """Without a heartbeat for so long a worker is taken for dead. Five beats: a pause is not a death."""
    reclaim_every_seconds: float = 2.0
    promote_every_seconds: float = 0.5
    sweep_every_seconds: float = 5.0
    prune_every_seconds: float = 60.0
    drain_seconds: float = 10.0
    """How long a stopping worker lets its jobs finish before it hands them back."""
    forget_after_seconds: float = 60.0


class Worker:
    """Runs jobs until cancelled; survives the loss of the store for as long as it lasts.

    Up to `concurrency` jobs run at once. `run` may be awaited once.
    """

    def __init__(
        self,
        stream: Stream,
        handlers: Mapping[str, Handler],
        context: Context,
        *,
        clock: Clock,
        rng: random.Random,
        policy: RetryPolicy,
        timing: Timing,
        concurrency: int = 16,
    ) -> None:
        self._stream = stream
        self._handlers = handlers
        self._context = context
        self._clock = clock
        self._rng = rng
        self._policy = policy
        self._timing = timing
        self._concurrency = concurrency
        self._pruner = Pruner(clock)
        self._running: dict[str, asyncio.Task[None]] = {}
        # Of the running jobs, those whose handler has not returned: only they can be stopped.
        self._trying: set[str] = set()
        self._room = asyncio.Event()
        self._room.set()
        self._stopping = False  # takes nothing new
        self._over = False  # has finished or handed back what it had

    def __repr__(self) -> str:
        return f"<Worker {self._stream.consumer} running={len(self._running)} stopping={self._stopping}>"

    async def run(self) -> None:
        """Work until cancelled; then finish what runs, or hand it back, and leave."""
        reader = spawn(self._read(), name="jobs.read")
        keepers = [
            spawn(self._every(seconds, step), name=f"jobs.{step.__name__.strip('_')}")
            for seconds, step in (
                (self._timing.heartbeat_every_seconds, self._beat),
                (self._timing.reclaim_every_seconds, self._reclaim),
                (self._timing.promote_every_seconds, self._promote),
                (self._timing.sweep_every_seconds, self._sweep),
                (self._timing.prune_every_seconds, self._prune),
            )
        ]
        try:
            ended, _ = await asyncio.wait([reader, *keepers], return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()  # none of them ends by itself: this raises what broke it
        finally:
            self._stopping = True
            try:
                await self._drain(reader)
            finally:
                # The flag too: asyncio.wait_for, which redis-py sends through, loses cancellations before 3.12.
                self._over = True
                for task in [reader, *keepers, *self._running.values()]:
                    task.cancel()
                await asyncio.wait([reader, *keepers])
            with contextlib.suppress(RedisError):
                await self._stream.leave()

    async def _read(self) -> None:
        outage = Outage(self._clock, self._rng)
        while not self._stopping:
            if len(self._running) >= self._concurrency:
                self._room.clear()
                await self._room.wait()
                continue
            began = self._clock.monotonic()
            try:
                jobs = await self._stream.read(
                    self._concurrency - len(self._running), round(self._timing.block_seconds * 1000)
                )
            except ResponseError as error:
                # A store that lost its memory lost the group too; a job added since then waits in the stream.
                if "NOGROUP" in str(error):
                    await self._ensure_group()
                else:
                    await outage.wait(error)
                continue
            except RedisError as error:
                await outage.wait(error)
                continue
            outage.over()
            for job in jobs:
                await self._start(job)
            if not jobs and self._clock.monotonic() - began < self._timing.block_seconds / 2:
                # The imitation of Redis does not wait; without this the loop would spin.
                await self._clock.sleep(self._timing.block_seconds / 10)

    async def _start(self, job: Job) -> None:
        if self._stopping:
            await self._settle(lambda: self._stream.hand_back(job))
        elif job.id not in self._running:
            task = spawn(self._work(job), name=f"job.{job.id}")
            self._running[job.id] = task
            task.add_done_callback(lambda _: self._ended(job.id))

    def _ended(self, job_id: str) -> None:
        del self._running[job_id]
        self._room.set()

    async def _work(self, job: Job) -> None:
        if not may_start(job.attempt, self._policy):
            await self._bury(job, "its worker died during every try")
            return
        observer = self._context.observer
        if job.attempt == 1:
            observer.started(job, max(0.0, self._clock.now() - job.enqueued_ms / 1000))
        began = self._clock.monotonic()
        try:
            await self._try(job)
        except asyncio.CancelledError:
            # Stopping, or another worker has the job by now; then this does nothing.
            await self._settle(lambda: self._stream.hand_back(job))
            raise
        except RedisConnectionError as error:
            # The store went away: no fault of the job's, and no try of its three.
            _log.warning("job.interrupted", extra=_facts(job, error))
            await self._settle(lambda: self._stream.hand_back(job))
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is the job's failure, not ours
            observer.tried(job, self._clock.monotonic() - began)
            await self._failed(job, error)
        else:
            observer.tried(job, self._clock.monotonic() - began)
            if await self._settle(lambda: self._stream.ack(job)):
                observer.settled(job, "ok")

    async def _try(self, job: Job) -> None:
        handler = self._handlers.get(job.kind)
        if handler is None:
            # Retried all the same: while a fleet is upgraded, a newer worker may know it.
            raise LookupError(f"no handler for jobs of kind {job.kind[:40]!r}")
        self._trying.add(job.id)
        try:
            async with asyncio.timeout(self._policy.timeout_seconds):
                await handler(job, self._context)
        finally:
            self._trying.discard(job.id)

    async def _failed(self, job: Job, error: Exception) -> None:
        match decide_after_failure(job.attempt, self._policy, self._rng):
            case Dead():
                await self._bury(job, f"{type(error).__name__}: {error}"[:_ERROR_CHARS])
            case retry:
                _log.warning("job.failed", extra={**_facts(job, error), "again_in": retry.delay_seconds})
                if await self._settle(lambda: self._stream.delay(job, retry.delay_seconds)):
                    self._context.observer.settled(job, "retried")

    async def _bury(self, job: Job, why: str) -> None:
        _log.error("job.dead", extra={**_facts(job), "error": why})
        if await self._settle(lambda: self._stream.dead_letter(job, why)):
            self._context.observer.settled(job, "dead")

    async def _settle(self, write: Callable[[], Awaitable[bool]]) -> bool:
        """Write an outcome down, however long the store is away: forgetting it would run the job again."""
        outage = Outage(self._clock, self._rng)
        while True:
            try:
                return await write()
            except RedisError as error:
                if "NOGROUP" in str(error):  # the store lost its memory, and the job with it
                    return False
                await outage.wait(error)

    async def _every(self, seconds: float, step: Callable[[], Awaitable[None]]) -> None:
        # Workers started together should not ask together.
        await self._clock.sleep(self._rng.uniform(0, min(seconds, 0.5)))
        outage = Outage(self._clock, self._rng)
        while not self._over:
            try:
                await step()
            except RedisError as error:
                if "NOGROUP" in str(error):
                    await self._ensure_group()
                else:
                    await outage.wait(error)
            else:
                outage.over()
                if not self._over:
                    await self._clock.sleep(seconds)

    async def _beat(self) -> None:
        lost = await self._stream.heartbeat(list(self._running), round(self._timing.lease_seconds * 1000))
        # A job that was just settled is not ours any more either, and must not be disturbed.
        for job_id in lost & self._trying:
            _log.warning("job.lost", extra={"job": job_id, "consumer": self._stream.consumer})
            self._running[job_id].cancel()

    async def _reclaim(self) -> None:
        room = self._concurrency - len(self._running)
        if self._stopping or room <= 0:
            return
        for job in await self._stream.reclaim(round(self._timing.claim_idle_seconds * 1000), room):
            _log.warning("job.resumed", extra=_facts(job))
            await self._start(job)
        await self._stream.forget_dead_workers(round(self._timing.forget_after_seconds * 1000))

    async def _promote(self) -> None:
        await self._stream.promote_due()

    async def _sweep(self) -> None:
        if not self._stopping:
            await sweep_expired(self._context.redis, self._context.keys)

    async def _prune(self) -> None:
        if not self._stopping:
            await self._pruner.prune(self._context.redis, self._context.keys)

    async def _ensure_group(self) -> None:
        outage = Outage(self._clock, self._rng)
        while True:
            try:
                await self._stream.ensure_group()
            except RedisError as error:
                await outage.wait(error)
            else:
                return

    async def _drain(self, reader: asyncio.Task[None]) -> None:
        """Finish what runs within the time allowed, hand back the rest.

        The read ends by itself: cancelled in the middle, it could drop jobs already given to it.
        """
        self._room.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._timing.drain_seconds):
                await asyncio.wait([reader])
                if self._running:
                    await asyncio.wait(list(self._running.values()))
        left = list(self._running.values())
        for task in left:
            task.cancel()
        if left:
            # The store may be away too: then the jobs stay pending, and another worker resumes them.
            await asyncio.wait(left, timeout=self._timing.block_seconds)


def _facts(job: Job, error: Exception | None = None) -> dict[str, object]:
    facts: dict[str, object] = {"job": job.origin, "kind": job.kind, "attempt": job.attempt}
    if error is not None:
        facts["error"] = f"{type(error).__name__}: {error}"[:_ERROR_CHARS]
    return facts
