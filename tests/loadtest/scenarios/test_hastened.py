"""Time that goes faster, for processes and for scripts."""

import pytest
from redis.asyncio import Redis

from core.clock import FakeClock
from loadtest.scenarios.hastened import Hastened, hasten


async def test_a_hastened_clock_passes_ten_seconds_in_one_and_is_off_by_its_skew() -> None:
    clock = FakeClock(start=1_000.0)
    fast = Hastened(clock, speed=10, base=1_000.0, skew=-5.0)
    before = fast.monotonic()
    await clock.advance(2)
    assert fast.now() == 1_015.0
    assert fast.monotonic() - before == 20.0


async def test_scripts_see_redis_clock_go_as_fast(redis: Redis) -> None:
    seconds, micros = await redis.time()
    base = seconds - 100
    hasten(redis, speed=10, base=base)
    found = await redis.register_script("local t = redis.call('TIME') return {t[1], t[2]}")()
    assert found[0] + found[1] / 1e6 == pytest.approx(base + 10 * (100 + micros / 1e6), abs=10)
