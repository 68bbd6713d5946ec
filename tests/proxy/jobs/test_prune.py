"""Forgetting the generations of fields on a real Redis."""

import pytest
from redis.asyncio import Redis

from core.clock import FakeClock
from core.keys import Keys
from proxy.jobs.prune import FEW, SETTLED_SECONDS, Pruner
from tests.proxy.jobs.support import ACCOUNT

KEYS = Keys(ACCOUNT)
MANY = 3 * FEW


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


async def written(redis: Redis, first: int, last: int) -> None:
    """A field of its own by each of these generations, the last of which is the newest there is."""
    await redis.hset(KEYS.stamps, mapping={f"7@{number}": number for number in range(first, last + 1)})
    await redis.set(KEYS.generation, last)


async def kept(redis: Redis) -> set[int]:
    return {int(number) for number in await redis.hvals(KEYS.stamps)}


async def settled(pruner: Pruner, redis: Redis, clock: FakeClock) -> int:
    """What goes once the present generation is known by every fetch."""
    assert await pruner.prune(redis, KEYS) == 0
    await clock.advance(SETTLED_SECONDS)
    return await pruner.prune(redis, KEYS)


async def test_what_no_answer_is_older_than_goes(redis: Redis, clock: FakeClock) -> None:
    await written(redis, 1, MANY)
    await redis.zadd(KEYS.index, {KEYS.entry("old"): 2_000, KEYS.entry("new"): MANY})
    assert await settled(Pruner(clock), redis, clock) == 2_000
    assert await kept(redis) == set(range(2_001, MANY + 1))


async def test_without_answers_what_every_fetch_knows_goes_and_no_more(
    redis: Redis, clock: FakeClock
) -> None:
    pruner = Pruner(clock)
    await written(redis, 1, MANY)
    await pruner.prune(redis, KEYS)
    await clock.advance(SETTLED_SECONDS - 1)
    await written(redis, MANY + 1, MANY + 10)
    assert await pruner.prune(redis, KEYS) == 0
    await clock.advance(1)
    assert await pruner.prune(redis, KEYS) == MANY
    assert await kept(redis) == set(range(MANY + 1, MANY + 11))


async def test_few_fields_are_left_alone(redis: Redis, clock: FakeClock) -> None:
    await written(redis, 1, FEW)
    assert await settled(Pruner(clock), redis, clock) == 0


async def test_a_store_that_counts_from_less_has_nothing_that_is_settled(
    redis: Redis, clock: FakeClock
) -> None:
    pruner = Pruner(clock)
    await written(redis, 1, MANY)
    await pruner.prune(redis, KEYS)
    await redis.set(KEYS.generation, 5)
    await clock.advance(SETTLED_SECONDS)
    assert await pruner.prune(redis, KEYS) == 0
