"""How many answers the cache holds."""

from dataclasses import dataclass
from typing import Any

from prometheus_client.core import Metric as Family
from redis.asyncio import Redis

from exporters.collectors.store import StoreKeys, store_time_ms
from exporters.families import gauge


@dataclass(frozen=True)
class CacheFacts:
    """Live keys: of the current generation and not expired."""

    keys: int = 0


def parse(current: int, unexpired: int) -> CacheFacts:
    """Take the entries of the current generation and those not expired.

    A live entry is both; the smaller count is exact as soon as the clean-up job has run, and never too low
    before.
    """
    return CacheFacts(min(current, unexpired))


async def read(redis: Redis, keys: StoreKeys) -> CacheFacts:
    """Count in the two indexes; the cost does not grow with the number of keys."""
    now_ms = await store_time_ms(redis)
    answer: Any = redis.get(keys.generation)
    generation = int(await answer or 0)
    pipeline = redis.pipeline(transaction=False)
    pipeline.zcount(keys.index, generation, generation)
    pipeline.zcount(keys.expiry, f"({now_ms}", "+inf")
    current, unexpired = await pipeline.execute()
    return parse(current, unexpired)


def families(facts: CacheFacts) -> list[Family]:
    """Turn the facts into families."""
    return [gauge("calgate_cache_keys", facts.keys, scope="slots")]
