from redis.asyncio import Redis

from core.keys import Keys
from exporters.collectors import cache
from exporters.collectors.cache import CacheFacts
from exporters.collectors.store import store_time_ms

KEYS = Keys("cache-test")


async def test_an_empty_store_holds_no_keys(redis: Redis) -> None:
    assert await cache.read(redis, KEYS) == CacheFacts(0)


async def test_expired_entries_do_not_count(redis: Redis) -> None:
    now = await store_time_ms(redis)
    await redis.zadd(KEYS.index, {"a": 0, "b": 0, "c": 0})
    await redis.zadd(KEYS.expiry, {"a": now + 60_000, "b": now + 60_000, "c": now - 1})
    assert await cache.read(redis, KEYS) == CacheFacts(2)


async def test_what_an_invalidation_touched_counts_until_it_is_cleaned_up(redis: Redis) -> None:
    now = await store_time_ms(redis)
    await redis.zadd(KEYS.index, {"a": 4, "b": 4})
    await redis.zadd(KEYS.expiry, {"a": now + 60_000, "b": now + 60_000})
    await redis.set(KEYS.generation, 5)
    assert (await cache.read(redis, KEYS)).keys == 2
    await redis.zrem(KEYS.expiry, "a")
    assert (await cache.read(redis, KEYS)).keys == 1


def test_the_facts_are_one_series() -> None:
    (family,) = cache.families(CacheFacts(17))
    assert [(s.name, s.labels, s.value) for s in family.samples] == [
        ("calgate_cache_keys", {"scope": "slots"}, 17)
    ]
