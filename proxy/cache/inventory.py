"""The cached answers as an operator may look at them: what each is of, and whether it may be served."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, cast

from redis.asyncio import Redis

from calcom.slots import Query
from core.keys import Keys
from proxy.cache.stamps import Fields

_BATCH: Final = 500
_NAMES: Final = ("gen", "fields", "target", "status", "stored", "fresh", "usable")


class State(StrEnum):
    """What a look at an entry would find."""

    FRESH = "fresh"
    """Served."""
    STALE = "stale"
    """Served while one process refreshes it, or while Cal.com fails."""
    OUTDATED = "outdated"
    """A write concerns it: served only less what that write took, where that is exact; else fetched anew."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One cached answer. Times in seconds on Redis' clock; *target* is '' where it would name somebody's booking.

    `outdated_by` are the fields of stamps.py that were written since, with the generation that did.
    """

    key: str
    target: str
    status: int
    generation: int
    stored: float
    fresh_until: float
    usable_until: float
    fields: Fields
    outdated_by: tuple[tuple[str, int], ...]
    now: float

    @property
    def state(self) -> State:
        """Whether it may be served."""
        if self.outdated_by:
            return State.OUTDATED
        return State.FRESH if self.now < self.fresh_until else State.STALE

    @property
    def digest(self) -> str:
        """Its name in the store."""
        return self.key.partition(":e:")[2]


async def kept(redis: Redis, keys: Keys) -> list[Kept]:
    """All cached answers, newest generation first; some may end while they are looked at. Raises RedisError."""
    names = await cast(Any, redis.zrange(keys.index, 0, -1, desc=True))
    found: list[Kept] = []
    for at in range(0, len(names), _BATCH):
        found += await _looked_at(redis, keys, [name.decode() for name in names[at : at + _BATCH]])
    return found


async def kept_of(redis: Redis, keys: Keys, query: Query) -> list[Kept]:
    """The answers to one question, one for each credential that asked it. Raises RedisError."""
    buckets = [one.decode() for one in await cast(Any, redis.hkeys(keys.credentials))]
    return await _looked_at(redis, keys, [keys.entry(f"{bucket}:{query.key}") for bucket in buckets])


async def _looked_at(redis: Redis, keys: Keys, names: list[str]) -> list[Kept]:
    pipeline = redis.pipeline(transaction=True)
    pipeline.time()
    for name in names:
        pipeline.hmget(name, _NAMES)
    (seconds, micros), *rows = await pipeline.execute()
    now = seconds + micros / 1_000_000
    living = [(name, row) for name, row in zip(names, rows, strict=True) if row[0] is not None]
    fields = sorted({field for _, row in living for field in row[1].decode().split(",")})
    stamps: dict[str, int] = {}
    if fields:
        values = await cast(Any, redis.hmget(keys.stamps, fields))
        stamps = {field: int(value) for field, value in zip(fields, values, strict=True) if value}
    return [_one(name, row, stamps, now) for name, row in living]


def _one(name: str, row: list[bytes | None], stamps: dict[str, int], now: float) -> Kept:
    generation, fields, target, status, stored, fresh, usable = (value or b"" for value in row)
    reads = tuple(fields.decode().split(","))
    return Kept(
        key=name,
        target=target.decode(),
        status=int(status),
        generation=int(generation),
        stored=int(stored) / 1000,
        fresh_until=int(fresh) / 1000,
        usable_until=int(usable) / 1000,
        fields=reads,
        outdated_by=tuple(
            (field, stamps[field]) for field in reads if stamps.get(field, 0) > int(generation)
        ),
        now=now,
    )
