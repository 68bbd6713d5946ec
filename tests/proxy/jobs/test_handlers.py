"""Deleting dead cache entries on a real Redis."""

import pytest
from redis.asyncio import Redis

from core.keys import Keys
from proxy.jobs.handlers import BATCH, LEFT_MS, Context, clean, sweep_expired
from proxy.jobs.job import Job
from tests.proxy.jobs.support import ACCOUNT, Memory

KEYS = Keys(ACCOUNT)
FAR_MS = 4_000_000_000_000
DAY_MS = 86_400_000


async def put(redis: Redis, name: str, generation: int, expiry_ms: int = FAR_MS) -> str:
    key = KEYS.entry(name)
    await redis.hset(key, "gen", str(generation))
    await redis.zadd(KEYS.index, {key: generation})
    await redis.zadd(KEYS.expiry, {key: expiry_ms})
    return key


def job(generation: object) -> Job:
    return Job("1-0", "1-0", "clean", 1, 0, {"gen": str(generation)})


async def test_clean_deletes_entries_of_earlier_generations_and_no_others(redis: Redis) -> None:
    dead = [await put(redis, f"dead{n}", n) for n in range(3)]
    alive = [await put(redis, f"alive{n}", n) for n in (3, 4)]
    memory = Memory()
    await clean(job(3), Context(redis, KEYS, memory))
    assert await redis.exists(*dead) == 0
    assert await redis.exists(*alive) == 2
    assert await redis.zrange(KEYS.index, 0, -1) == [key.encode() for key in alive]
    assert await redis.zcard(KEYS.expiry) == 2
    assert memory.keys == 3


async def test_clean_twice_does_as_much_as_once(redis: Redis) -> None:
    await put(redis, "dead", 1)
    memory = Memory()
    for _ in range(2):
        await clean(job(2), Context(redis, KEYS, memory))
    assert memory.keys == 1


async def test_an_entry_filled_anew_since_stays(redis: Redis) -> None:
    key = await put(redis, "e", 1)
    await put(redis, "e", 5)
    await clean(job(5), Context(redis, KEYS, Memory()))
    assert await redis.exists(key) == 1


async def test_clean_goes_through_more_than_one_batch(redis: Redis) -> None:
    count = 2 * BATCH + 1
    async with redis.pipeline(transaction=False) as pipe:
        for n in range(count):
            pipe.hset(KEYS.entry(str(n)), "gen", "1")
            pipe.zadd(KEYS.index, {KEYS.entry(str(n)): 1})
        await pipe.execute()
    memory = Memory()
    await clean(job(2), Context(redis, KEYS, memory))
    assert memory.keys == count
    assert await redis.dbsize() == 0


async def test_clean_without_a_generation_is_an_error_that_says_so(redis: Redis) -> None:
    with pytest.raises(ValueError, match="gen has to be a whole number"):
        await clean(job("all"), Context(redis, KEYS, Memory()))


async def test_the_sweep_removes_what_has_expired_from_both_lists(redis: Redis) -> None:
    old = await put(redis, "old", 1, expiry_ms=1000)
    new = await put(redis, "new", 1)
    assert await sweep_expired(redis, KEYS) == 1
    assert (await redis.exists(old), await redis.exists(new)) == (0, 1)
    assert await redis.zrange(KEYS.index, 0, -1) == [new.encode()]
    assert await redis.zrange(KEYS.expiry, 0, -1) == [new.encode()]


async def reading(redis: Redis, name: str, generation: int, fields: str) -> str:
    key = await put(redis, name, generation)
    await redis.hset(key, "fields", fields)
    await redis.pexpire(key, DAY_MS)
    return key


def narrow(generation: int, fields: str) -> Job:
    return Job("1-0", "1-0", "clean", 1, 0, {"gen": str(generation), "fields": fields})


async def test_a_narrow_clean_ends_what_reads_a_written_field_and_no_more(redis: Redis) -> None:
    """What it ends stays for a while: it may be served without what the write took."""
    touched = await reading(redis, "touched", 1, "*,t7,7:100,7:101")
    unknown = await reading(redis, "unknown", 1, "*,?")
    other_day = await reading(redis, "other-day", 1, "*,t7,7:102")
    newer = await reading(redis, "newer", 3, "*,t7,7:101")
    memory = Memory()
    await clean(narrow(3, "7:101,?,T7"), Context(redis, KEYS, memory))
    assert all([0 < await redis.pttl(key) <= LEFT_MS for key in (touched, unknown)])
    assert all([await redis.pttl(key) > LEFT_MS for key in (other_day, newer)])
    assert memory.keys == 2
    assert [await redis.zscore(KEYS.expiry, key) == FAR_MS for key in (touched, newer)] == [False, True]
    await clean(narrow(3, "7:101,?,T7"), Context(redis, KEYS, memory))
    assert memory.keys == 2


async def test_what_a_narrow_clean_ends_stays_while_it_is_fresh_for_other_days(redis: Redis) -> None:
    touched = await reading(redis, "touched", 1, "*,t7,7:100,7:101")
    seconds, _ = await redis.time()
    await redis.hset(touched, "fresh", str(1000 * seconds + 60_000))
    await clean(narrow(3, "7:101,?,T7"), Context(redis, KEYS, Memory()))
    assert 50_000 < await redis.pttl(touched) <= 60_000 + LEFT_MS


async def test_a_narrow_clean_goes_through_all_batches_however_many_stay(redis: Redis) -> None:
    async with redis.pipeline(transaction=False) as pipe:
        for n in range(2 * BATCH + 7):
            key = KEYS.entry(str(n))
            pipe.hset(key, mapping={"gen": "1", "fields": "*,7:1" if n % 3 == 0 else "*,7:2"})
            pipe.pexpire(key, DAY_MS)
            pipe.zadd(KEYS.index, {key: 1})
        await pipe.execute()
    memory = Memory()
    await clean(narrow(2, "7:1,?,T7"), Context(redis, KEYS, memory))
    assert memory.keys == len(range(0, 2 * BATCH + 7, 3))
    assert await redis.zcard(KEYS.expiry) == memory.keys
