"""The queue: how much waits, since when, what was given up; and which changes that leaves unapplied."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client.core import Metric as Family
from redis.asyncio import Redis

from exporters.collectors.store import StoreKeys
from exporters.families import gauge

LOOKED_AT = 512
"""Jobs whose kind is read; each one beyond them counts as a change not applied: rather alarm than miss."""

QUEUE = "jobs"

_AT = re.compile(rb'"?\bat"?\s*[:=]\s*"?(\d{12,14})')


@dataclass(frozen=True)
class JobFacts:
    """Times are Unix seconds, 0 when nothing waits; a job counts as waiting until it is done."""

    pending: int = 0
    oldest: float = 0.0
    dead: int = 0
    invalidations_pending: int = 0
    oldest_invalidation: float = 0.0


def parse(
    length: int,
    entries: Sequence[tuple[bytes, Mapping[bytes, bytes]]],
    delayed: Sequence[tuple[bytes, float]],
    delayed_length: int,
    dead: int,
) -> JobFacts:
    """Make the facts of what the stream and the set of delayed jobs hold.

    `entries` are the oldest of the stream, `delayed` the first members of the set with their next try in ms.
    Jobs put off after a failure are as old as their first enqueueing, where they carry it.
    """
    stream = [(_enqueued(entry_id, fields), fields.get(b"kind", b"clean")) for entry_id, fields in entries]
    put_off = [_first_enqueued(member, due) for member, due in delayed]
    cleaning = [at for at, kind in stream if kind == b"clean"]
    changes = cleaning + put_off
    everything = [at for at, _ in stream] + put_off
    return JobFacts(
        pending=length + delayed_length,
        oldest=min(everything, default=0) / 1000,
        dead=dead,
        invalidations_pending=len(cleaning) + max(0, length - len(entries)) + delayed_length,
        oldest_invalidation=min(changes, default=0) / 1000,
    )


def _enqueued(entry_id: bytes, fields: Mapping[bytes, bytes]) -> int:
    at = fields.get(b"at", b"")
    return int(at) if at.isdigit() else int(entry_id.split(b"-", 1)[0])


def _first_enqueued(member: bytes, due: float) -> int:
    found = _AT.search(member)
    return int(found.group(1)) if found else round(due)


async def read(redis: Redis, keys: StoreKeys) -> JobFacts:
    """Ask in one round trip; the cost is bounded by `LOOKED_AT`."""
    pipeline = redis.pipeline(transaction=False)
    pipeline.xlen(keys.jobs)
    pipeline.xrange(keys.jobs, count=LOOKED_AT)
    pipeline.zrange(keys.jobs_delayed, 0, LOOKED_AT - 1, withscores=True)
    pipeline.zcard(keys.jobs_delayed)
    pipeline.xlen(keys.jobs_dead)
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
    ]
