"""The queue: how much waits, since when, what was given up; and which changes that leaves unapplied."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from prometheus_client.core import Metric as Family
from redis.asyncio import Redis

from core.keys import Keys
from exporters.collectors.store import store_time_ms
from exporters.families import gauge

LOOKED_AT = 512
"""Jobs whose kind is read; each one beyond them counts as a change not applied: rather alarm than miss."""

QUEUE = "jobs"
CLEAN = b"clean"


@dataclass(frozen=True)
class JobFacts:
    """Times are Unix seconds, 0 when nothing waits; a job counts as waiting until it is done."""

    pending: int = 0
    oldest: float = 0.0
    dead: int = 0
    workers: int = 0
    invalidations_pending: int = 0
    oldest_invalidation: float = 0.0


@dataclass(frozen=True)
class _Waiting:
    kind: bytes
    at: int


def parse(
    length: int,
    entries: Sequence[tuple[bytes, Mapping[bytes, bytes]]],
    delayed_length: int,
    delayed: Sequence[bytes],
    retried: Sequence[tuple[bytes, float]],
    dead: int,
    workers: int,
) -> JobFacts:
    """Make the facts of what the store answered.

    `entries` are the oldest of the stream, `delayed` the first members of the delayed set (a JSON list of
    names and values in turn), `retried` the oldest of the jobs tried before, with the millisecond each was
    first added.
    """
    seen = [_of_entry(entry_id, fields) for entry_id, fields in entries]
    seen += [one for member in delayed if (one := _of_member(member)) is not None]
    changes = [one.at for one in seen if one.kind == CLEAN]
    # A retried job stands anywhere in the stream, perhaps beyond those looked at.
    ages = [one.at for one in seen] + [round(at) for _, at in retried]
    pending = length + delayed_length
    unseen = pending - len(seen)
    return JobFacts(
        pending=pending,
        oldest=min(ages, default=0) / 1000,
        dead=dead,
        workers=workers,
        invalidations_pending=len(changes) + unseen,
        oldest_invalidation=min(ages if unseen else changes, default=0) / 1000,
    )


def _of_entry(entry_id: bytes, fields: Mapping[bytes, bytes]) -> _Waiting:
    at = fields.get(b"at", b"")
    # An entry's id begins with the millisecond it was added.
    return _Waiting(fields.get(b"kind", b""), int(at) if at.isdigit() else int(entry_id.split(b"-", 1)[0]))


def _of_member(member: bytes) -> _Waiting | None:
    try:
        parts = [str(part).encode() for part in orjson.loads(member)]
        fields = dict(zip(parts[::2], parts[1::2], strict=True))
        return _Waiting(fields[b"kind"], int(fields[b"at"]))
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return None


async def read(redis: Redis, keys: Keys) -> JobFacts:
    """Ask in two round trips; the cost is bounded by `LOOKED_AT`."""
    now_ms = await store_time_ms(redis)
    pipeline = redis.pipeline(transaction=False)
    pipeline.xlen(keys.jobs)
    pipeline.xrange(keys.jobs, count=LOOKED_AT)
    pipeline.zcard(keys.jobs_delayed)
    pipeline.zrange(keys.jobs_delayed, 0, LOOKED_AT - 1)
    pipeline.zrange(keys.jobs_retried, 0, 0, withscores=True)
    pipeline.xlen(keys.jobs_dead)
    pipeline.zcount(keys.jobs_workers, f"({now_ms}", "+inf")
    answers: list[Any] = await pipeline.execute()
    return parse(*answers)


def families(facts: JobFacts) -> list[Family]:
    """Turn the facts into families."""
    return [
        gauge("calgate_freshness_pending_invalidations", facts.invalidations_pending),
        gauge("calgate_freshness_oldest_pending_timestamp_seconds", facts.oldest_invalidation),
        gauge("calgate_jobs_pending", facts.pending, queue=QUEUE),
        gauge("calgate_jobs_oldest_pending_timestamp_seconds", facts.oldest, queue=QUEUE),
        gauge("calgate_jobs_dead", facts.dead, queue=QUEUE),
        gauge("calgate_job_workers_alive", facts.workers, queue=QUEUE),
    ]
