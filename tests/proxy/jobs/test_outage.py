"""Waiting for a store, by a clock of our own."""

import logging
import random

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from core.clock import FakeClock
from core.tasks import spawn
from proxy.jobs.outage import Outage


async def waits(outage: Outage, clock: FakeClock, count: int) -> list[float]:
    found = []
    for _ in range(count):
        task = spawn(outage.wait(RedisConnectionError("away")), name="waiting")
        began = clock.monotonic()
        while not task.done():
            await clock.advance(0.005)
        found.append(clock.monotonic() - began)
    return found


async def test_it_waits_longer_each_time_and_never_longer_than_two_seconds() -> None:
    clock = FakeClock()
    found = await waits(Outage(clock, random.Random(3)), clock, 12)
    assert found[0] <= 0.06
    assert all(0.99 <= seconds <= 2.01 for seconds in found[6:])


async def test_after_the_end_it_begins_anew() -> None:
    clock = FakeClock()
    outage = Outage(clock, random.Random(3))
    await waits(outage, clock, 8)
    outage.over()
    assert (await waits(outage, clock, 1))[0] <= 0.06


async def test_the_log_has_its_beginning_and_its_end_only(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = FakeClock()
    outage = Outage(clock, random.Random(3))
    outage.over()
    await waits(outage, clock, 5)
    outage.over()
    outage.over()
    assert [record.message for record in caplog.records] == ["jobs.store_away", "jobs.store_back"]
