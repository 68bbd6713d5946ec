"""The queue itself: one stream, one consumer group, a delayed set and a stream of dead letters.

Every change of place is one Lua call, so a job is always in exactly one of them and a crash between two steps
does not exist. Times are the store's. Works on Redis 6.2 and up and on its imitation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from core.keys import Keys
from proxy.jobs.job import Job, fields_of_member
from proxy.scripts import lua

GROUP = "workers"
DEAD_LETTERS_KEPT = 10_000
_PROMOTE_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A job given up: why, and all that is needed to add it again."""

    id: str
    job: Job
    error: str


class Stream:
    """One worker's view of the queue; raises redis.exceptions.RedisError when the store cannot be asked."""

    def __init__(self, redis: Redis, account: str, consumer: str) -> None:
        """See the queue of `account` as `consumer`, a name no other process may use at any time."""
        self._redis = redis
        self.consumer = consumer
        keys = Keys(account)
        self.stream, self.delayed, self.dead = keys.jobs, keys.jobs_delayed, keys.jobs_dead
        self.workers = keys.jobs_workers
        # Origins of retried jobs by when they were first added: those are no longer in the stream's order.
        self.retried = keys.jobs_retried
        self._claim_from = "0-0"
        self._finish = redis.register_script(lua("proxy.jobs", "finish"))
        self._delay = redis.register_script(lua("proxy.jobs", "delay"))
        self._move = redis.register_script(lua("proxy.jobs", "move"))
        self._promote = redis.register_script(lua("proxy.jobs", "promote"))
        self._due = redis.register_script(lua("proxy.jobs", "due"))
        self._heartbeat = redis.register_script(lua("proxy.jobs", "heartbeat"))
        self._leave = redis.register_script(lua("proxy.jobs", "leave"))

    def __repr__(self) -> str:
        return f"<Stream {self.stream} as {self.consumer}>"

    async def ensure_group(self) -> None:
        """Create the group if it is not there, from the beginning: jobs may be older than the first worker."""
        try:
            await self._redis.xgroup_create(self.stream, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def add(self, kind: str, fields: Mapping[str, str]) -> str:
        """Add a job and return its id. Scripts that change data add theirs themselves, in the same call."""
        entry: Any = await self._redis.xadd(self.stream, dict(fields) | {"kind": kind})  # type: ignore[arg-type]
        return str(entry.decode())

    async def read(self, count: int, block_ms: int) -> list[Job]:
        """Up to `count` jobs nobody has had, waiting up to `block_ms` for the first.

        The imitation of Redis may return at once with nothing. Raises ResponseError (NOGROUP) when the store
        lost the group, which `ensure_group` puts right.
        """
        reply: Any = await self._redis.xreadgroup(
            GROUP, self.consumer, {self.stream: ">"}, count=count, block=block_ms
        )
        return [Job.from_entry(entry_id, raw) for _, entries in reply for entry_id, raw in entries]

    async def reclaim(self, min_idle_ms: int, count: int) -> list[Job]:
        """Take over up to `count` jobs whose worker has not sent a heartbeat for `min_idle_ms`."""
        reply: Any = await self._redis.xautoclaim(
            self.stream, GROUP, self.consumer, min_idle_ms, self._claim_from, count=count
        )
        self._claim_from = bytes(reply[0]).decode()
        jobs = []
        for entry_id, raw in reply[1]:
            if entry_id is None or raw is None:  # Redis 6.2 lists entries that somebody deleted by hand
                continue
            pending: Any = await self._redis.xpending_range(
                self.stream, GROUP, min=entry_id, max=entry_id, count=1, consumername=self.consumer
            )
            if pending:
                jobs.append(Job.from_entry(entry_id, raw, pending[0]["times_delivered"]))
        return jobs

    async def heartbeat(self, running: Iterable[str], lease_ms: int) -> set[str]:
        """Say that this worker lives and runs these ids; returns the ids it has lost to another."""
        lost = await self._heartbeat(
            keys=[self.stream, self.workers], args=[GROUP, self.consumer, lease_ms, *running]
        )
        return {entry.decode() for entry in lost}

    async def ack(self, job: Job) -> bool:
        """The job is done: acknowledge and delete it. False when it was settled already."""
        return bool(await self._finish(keys=[self.stream, self.retried], args=[GROUP, job.id, job.origin]))

    async def delay(self, job: Job, seconds: float) -> bool:
        """Try the job again after `seconds`. False when another worker owns it by now."""
        return bool(
            await self._delay(
                keys=[self.stream, self.delayed, self.retried],
                args=[
                    GROUP, self.consumer, job.id, job.origin, job.enqueued_ms,
                    round(seconds * 1000), job.to_member(),
                ],
            )
        )  # fmt: skip

    async def hand_back(self, job: Job) -> bool:
        """Let another worker have the job now; this try does not count. False when it has it already."""
        fields = job.to_fields(tries=job.attempt - 1)
        return await self._moved(job, self.stream, str(job.enqueued_ms), "", fields)

    async def dead_letter(self, job: Job, error: str) -> bool:
        """Give the job up and keep it. False when another worker owns it by now."""
        fields = [*job.to_fields(tries=job.attempt), "error", error]
        return await self._moved(job, self.dead, "", str(DEAD_LETTERS_KEPT), fields)

    async def promote_due(self) -> int:
        """Put delayed jobs whose time has come back into the stream; returns how many this call moved."""
        moved = 0
        for member in await self._due(keys=[self.delayed], args=[_PROMOTE_AT_ONCE]):
            moved += await self._promote(
                keys=[self.stream, self.delayed], args=[member, *fields_of_member(member)]
            )
        return moved

    async def depth(self) -> int:
        """Jobs not done: waiting, running and delayed. Exact, because a done job is deleted."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.xlen(self.stream)
            pipe.zcard(self.delayed)
            waiting, delayed = await pipe.execute()
        return int(waiting) + int(delayed)

    async def oldest_ms(self) -> int | None:
        """When the oldest job not done was added, in Unix milliseconds; None when there is none."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.xrange(self.stream, count=1)
            pipe.zrange(self.retried, 0, 0, withscores=True)
            first, retried = await pipe.execute()
        ages = [Job.from_entry(entry_id, raw).enqueued_ms for entry_id, raw in first]
        ages += [int(score) for _, score in retried]
        return min(ages, default=None)

    async def dead_letters(self, count: int) -> list[DeadLetter]:
        """The newest `count` jobs given up, newest first."""
        entries: Any = await self._redis.xrevrange(self.dead, count=count)
        letters = []
        for entry_id, raw in entries:
            error = raw.pop(b"error", b"").decode("utf-8", "replace")
            letters.append(DeadLetter(entry_id.decode(), Job.from_entry(entry_id, raw, 0), error))
        return letters

    async def forget_dead_workers(self, grace_ms: int) -> None:
        """Remove consumers whose lease ran out `grace_ms` ago and that own no job, or the group only grows."""
        time: Any = await self._redis.time()
        now = time[0] * 1000 + time[1] // 1000
        gone: Any = await self._redis.zrangebyscore(self.workers, "-inf", now - grace_ms)
        for consumer in gone:
            await self._leave(keys=[self.stream, self.workers], args=[GROUP, consumer])

    async def leave(self) -> None:
        """Give up the lease and the place in the group."""
        await self._leave(keys=[self.stream, self.workers], args=[GROUP, self.consumer])

    async def _moved(self, job: Job, target: str, enqueued: str, bound: str, fields: list[str]) -> bool:
        return bool(
            await self._move(
                keys=[self.stream, target, self.retried],
                args=[GROUP, self.consumer, job.id, job.origin, enqueued, bound, *fields],
            )
        )
