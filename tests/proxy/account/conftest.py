"""Processes of one fleet: each a keeper with connections of its own to the session's Redis."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest_asyncio
from redis.asyncio import Redis

from core.keys import Keys
from core.redis import connect
from proxy.account.keeper import Keeper

Process = Callable[..., Keeper]


@pytest_asyncio.fixture
async def process(redis: Redis, redis_server: str, keys: Keys) -> AsyncIterator[Process]:
    """Starts keepers."""
    clients: list[Redis] = []

    def one(**options: Any) -> Keeper:
        clients.append(connect(redis_server, client_name="keeper"))
        return Keeper(clients[-1], keys, **options)

    yield one
    for client in clients:
        await client.aclose()


@pytest_asyncio.fixture
async def unreachable() -> AsyncIterator[Redis]:
    """A client of a Redis that is not there."""
    client = connect("redis://127.0.0.1:1", client_name="nobody")
    yield client
    await client.aclose()
