"""The watcher tells what it could ask, names what it could not, and stops when told."""

import asyncio

import pytest
from redis.asyncio import Redis

from calgate.demo.figures import Store, Upstream
from calgate.demo.truth import Auditor
from calgate.demo.watch import Watcher
from core.clock import FakeClock, SystemClock
from core.settings import Settings
from loadtest.client import Client
from tests.loadtest.servers import answering, ok, serving

STATS = (
    b'{"now": 1800000000.0, "speed": 1.0, "limiter": {'
    b'"a": {"hits": 5, "refused": 1, "blocks": 1, "max_in_60s": 4, "max_in_1s": 2},'
    b'"b": {"hits": 3, "refused": 0, "blocks": 0, "max_in_60s": 3, "max_in_1s": 1}}}'
)


def watcher(admin: Client, redis: Redis) -> Watcher:
    return Watcher(admin, redis, Settings(account="demo-test"), Auditor(admin, SystemClock(), lifetime=60))


async def test_it_adds_up_the_simulators_buckets_and_reads_an_empty_store(redis: Redis) -> None:
    async with serving(answering(ok(STATS))) as origin, Client(origin) as admin:
        one = watcher(admin, redis)
        await one.look()
    assert one.trouble is None
    assert one.upstream == Upstream(calls=8, refused=1, most_in_window=4)
    assert (one.store.used, one.store.limit, one.store.blocked, one.store.jobs_pending) == (0, 120, False, 0)
    assert {state for _, state in one.store.breakers} == {"closed"}


async def test_a_simulator_that_is_gone_is_named_and_the_last_figures_stay(redis: Redis) -> None:
    async with serving(answering(ok(STATS))) as origin, Client(origin) as admin:
        one = watcher(admin, redis)
        await one.look()
    async with Client(origin) as gone:
        one.admin = gone
        await one.look()
    assert one.trouble is not None
    assert "simulated Cal.com" in one.trouble
    assert one.upstream.calls == 8


async def test_a_redis_that_is_gone_is_named() -> None:
    nowhere = Redis(host="127.0.0.1", port=1)
    async with serving(answering(ok(STATS))) as origin, Client(origin) as admin:
        one = watcher(admin, nowhere)
        await one.look()
    assert one.trouble == "Redis does not answer"
    assert one.store == Store()
    await nowhere.aclose()


async def test_a_cancellation_that_was_lost_on_the_way_still_ends_the_watch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looking = asyncio.Event()

    async def look(_: Watcher) -> None:
        looking.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return

    monkeypatch.setattr(Watcher, "look", look)
    async with Client("http://127.0.0.1:1") as admin:
        one = watcher(admin, Redis(host="127.0.0.1", port=1))
        task = asyncio.ensure_future(one.keep_looking(FakeClock(), 0.5))
        await looking.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
