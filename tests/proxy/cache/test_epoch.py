"""A Redis that came back may have forgotten the last second."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from core.embedded import EmbeddedRedis
from core.keys import Keys
from core.redis import connect
from proxy.cache import epoch
from proxy.cache.entry import Entry
from proxy.cache.stamps import ANYTHING
from proxy.cache.store import Fill, Hold, Store, Timing

HOLD_OFF = 0.1


@pytest.fixture
async def guarded(redis_server: str, redis: Any, keys: Keys) -> AsyncIterator[Redis]:
    client = connect(redis_server, client_name="guarded")
    epoch.guard(client, keys, HOLD_OFF)
    yield client
    await client.aclose()


async def test_the_first_connection_marks_the_epoch_and_later_ones_leave_it(
    guarded: Any, redis: Any, keys: Keys
) -> None:
    await guarded.ping()
    generation = await redis.get(keys.generation)
    run_id = (await redis.info("server"))["run_id"].encode()
    assert await redis.get(keys.epoch) == run_id
    await guarded.connection_pool.disconnect()
    await asyncio.gather(*(guarded.ping() for _ in range(5)))
    assert await redis.get(keys.generation) == generation


async def test_answers_of_another_epoch_are_unservable_and_the_hold_off_begins_anew(
    guarded: Any, redis: Any, keys: Keys
) -> None:
    await guarded.ping()
    store = Store(guarded, keys, Timing(hold_off=HOLD_OFF))
    generation = int(await redis.get(keys.generation))
    await store.fill_end(Fill("d", "span", "t", generation), Entry(b"old", (), 0, 60, 60), ANYTHING)
    assert (await store.lookup("d", ANYTHING)).entry is not None
    # As after a restart that lost everything since some earlier moment.
    await redis.set(keys.epoch, "another")
    await guarded.connection_pool.disconnect()
    assert (await store.lookup("d", ANYTHING)).entry is None
    begun = await store.fill_begin(Fill("d", "span", "t2", 0), ANYTHING)
    assert isinstance(begun, Hold)


async def test_a_generation_lost_in_a_restart_is_never_counted_again(
    guarded: Any, redis: Any, keys: Keys
) -> None:
    await guarded.ping()
    before = int(await redis.get(keys.generation))
    # Five writes that the server forgets.
    lost = before + 5
    await redis.set(keys.epoch, "another")
    await guarded.connection_pool.disconnect()
    await guarded.ping()
    assert int(await redis.get(keys.generation)) > lost


async def test_a_real_restart_is_noticed_before_anything_is_served(keys: Keys) -> None:
    with tempfile.TemporaryDirectory(prefix="cg-") as folder:
        async with EmbeddedRedis(Path(folder)) as server:
            client: Any = connect(server.url, client_name="guarded")
            epoch.guard(client, keys, HOLD_OFF)
            store = Store(client, keys, Timing(hold_off=HOLD_OFF))
            await client.ping()
            generation = int(await client.get(keys.generation))
            await store.fill_end(Fill("d", "span", "t", generation), Entry(b"old", (), 0, 60, 60), ANYTHING)
            assert (await store.lookup("d", ANYTHING)).entry is not None
            await client.aclose()
        async with EmbeddedRedis(Path(folder)) as server:
            client = connect(server.url, client_name="guarded")
            epoch.guard(client, keys, HOLD_OFF)
            store = Store(client, keys, Timing(hold_off=HOLD_OFF))
            looked = await store.lookup("d", ANYTHING)
            assert looked.entry is None
            assert looked.generation > generation
            await client.aclose()


async def test_a_server_that_comes_back_full_makes_room_for_the_new_epoch(
    guarded: Any, redis: Any, keys: Keys
) -> None:
    await guarded.ping()
    store = Store(redis, keys, Timing(hold_off=HOLD_OFF))
    generation = int(await redis.get(keys.generation))
    for n in range(20):
        await store.fill_end(
            Fill(f"big{n}", "span", "t", generation), Entry(b"x" * 200_000, (), 0, 60, 60), ANYTHING
        )
    await redis.set(keys.epoch, "another")
    await guarded.connection_pool.disconnect()
    used = (await redis.info("memory"))["used_memory"]
    await redis.config_set("maxmemory", used - 1_000_000)
    try:
        await guarded.ping()
    finally:
        await redis.config_set("maxmemory", 0)
    assert int(await redis.get(keys.generation)) > generation
