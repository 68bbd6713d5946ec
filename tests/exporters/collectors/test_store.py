from redis.asyncio import Redis

from exporters.collectors.store import store_time_ms


async def test_the_time_is_the_stores_own_in_milliseconds(redis: Redis) -> None:
    first = await store_time_ms(redis)
    assert 1_600_000_000_000 < first <= await store_time_ms(redis)
