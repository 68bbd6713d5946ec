from redis.asyncio import Redis

from exporters.collectors.store import StoreKeys, store_time_ms
from proxy.cache.keys import Keys
from proxy.jobs.stream import Stream


async def test_the_reader_uses_the_names_the_gateway_writes(redis: Redis) -> None:
    reader, writer = StoreKeys("acme"), Keys("acme")
    assert (reader.generation, reader.index, reader.expiry) == (
        writer.generation,
        writer.index,
        writer.expiry,
    )
    assert (reader.jobs, reader.credentials, reader.breaker) == (
        writer.jobs,
        writer.credentials,
        writer.breaker,
    )
    queue = Stream(redis, "acme", "nobody")
    assert (reader.jobs_delayed, reader.jobs_dead) == (queue.delayed, queue.dead)
    assert (reader.jobs_retried, reader.jobs_workers) == (queue.retried, queue.workers)
    assert reader.limits == writer.limits
    assert reader.permits("x") == writer.permits("x")
    assert reader.peaks("x") == writer.peaks("x")
    assert reader.blocked("x") == writer.blocked("x")


async def test_the_time_is_the_stores_own_in_milliseconds(redis: Redis) -> None:
    first = await store_time_ms(redis)
    assert 1_600_000_000_000 < first <= await store_time_ms(redis)
