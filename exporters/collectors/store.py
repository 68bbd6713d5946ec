"""The clock of the store that the collectors read."""

from redis.asyncio import Redis


async def store_time_ms(redis: Redis) -> int:
    """Read the store's own clock, which dates everything in it; milliseconds."""
    seconds, micros = await redis.time()
    return int(seconds) * 1000 + int(micros) // 1000
