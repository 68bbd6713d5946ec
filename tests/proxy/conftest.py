"""A gateway between a scripted upstream and the session's Redis."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from core.keys import Keys
from tests.proxy.running import HOLD_OFF, Running, running, settings
from tests.proxy.upstream import Upstream, scripted
from tests.proxy.waiting import until

Start = Callable[..., Awaitable[Running]]


@pytest.fixture
def keys() -> Keys:
    return Keys("default")


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with scripted() as server:
        yield server


@pytest_asyncio.fixture
async def start(redis: Redis, redis_server: str, upstream: Upstream, tmp_path: Path) -> AsyncIterator[Start]:
    """Starts gateways, with changed settings if need be; drained at the end of the test."""
    async with AsyncExitStack() as stack:
        slots = iter(range(16))

        async def one(**changes: Any) -> Running:
            defaults: dict[str, Any] = {
                "upstream": upstream.url,
                "redis_url": redis_server,
                "folder": tmp_path,
            }
            config = settings(**defaults | changes)
            gateway = await stack.enter_async_context(running(config, slot=next(slots)))
            # A Redis that is new has writes wait for copies of before, which nobody here holds.
            await redis.delete(Keys("default").near)
            return gateway

        yield one


@pytest_asyncio.fixture
async def gateway(start: Start) -> Running:
    return await start()


async def settled(redis: Redis, keys: Keys) -> None:
    """Return when no write is recent any more, as Redis tells the time."""

    async def none_left() -> bool:
        seconds, micros = await redis.time()
        since = (seconds + micros / 1e6 - HOLD_OFF) * 1000
        return not await redis.zcount(keys.bumps, since, "+inf")

    await until(none_left)
