"""A Redis as a gateway leaves it when it has connected."""

import pytest_asyncio
from redis.asyncio import Redis

from core.keys import Keys


@pytest_asyncio.fixture
async def redis(redis: Redis, keys: Keys) -> Redis:
    """With its counter of generations; without, the first write would begin it at the clock."""
    await redis.set(keys.generation, 0)
    return redis
