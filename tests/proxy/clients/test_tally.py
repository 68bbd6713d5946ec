from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from core.clock import FakeClock
from core.keys import Keys
from proxy.clients.tally import Tally
from tests.proxy.clients.people import nowhere


async def test_processes_add_to_one_count(redis: Redis, keys: Keys) -> None:
    one, other = Tally(), Tally()
    for tally in (one, other):
        tally.answered("shop", "hit")
        tally.called("shop")
        tally.denied("voice")
        await tally.hand_over(redis, keys)
    await one.hand_over(redis, keys)
    assert await redis.hgetall(keys.clients) == {
        b"shop:hit": b"2",
        b"shop:calls": b"2",
        b"voice:denied": b"2",
    }


async def test_what_redis_did_not_take_is_handed_over_later(redis: Redis, keys: Keys) -> None:
    tally = Tally()
    tally.answered("shop", "hit")
    with pytest.raises(RedisError):
        await tally.hand_over(nowhere(), keys)
    tally.answered("shop", "hit")
    await tally.hand_over(redis, keys)
    assert await redis.hgetall(keys.clients) == {b"shop:hit": b"2"}


async def test_the_last_second_is_handed_over_at_the_end(redis: Redis, keys: Keys) -> None:
    tally = Tally()
    running = asyncio.ensure_future(tally.run(redis, keys, FakeClock()))
    await asyncio.sleep(0)
    tally.answered("shop", "miss")
    running.cancel()
    await asyncio.wait([running])
    assert await redis.hgetall(keys.clients) == {b"shop:miss": b"1"}
