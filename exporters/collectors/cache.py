"""How many answers the cache holds."""

from dataclasses import dataclass
from typing import Any

from prometheus_client.core import Metric as Family
from redis.asyncio import Redis

from core.keys import Keys
from exporters.collectors.store import store_time_ms
from exporters.families import gauge


@dataclass(frozen=True)
class CacheFacts:
    """Entries that have not expired."""

    keys: int = 0


async def read(redis: Redis, keys: Keys) -> CacheFacts:
    """Count in the index; the cost does not grow with the number of keys.

    Entries that an invalidation made unservable count until the clean-up job has run.
    """
    now_ms = await store_time_ms(redis)
    answer: Any = redis.zcount(keys.expiry, f"({now_ms}", "+inf")
    return CacheFacts(int(await answer))


def families(facts: CacheFacts) -> list[Family]:
    """Turn the facts into families."""
    return [gauge("calgate_cache_keys", facts.keys, scope="slots")]
