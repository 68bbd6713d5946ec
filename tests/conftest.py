"""Real servers for every test that wants one, started once a session and left nowhere."""

import os
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from core.embedded import EmbeddedPostgres, EmbeddedRedis
from core.redis import connect


@pytest.fixture(scope="session")
def server_dir() -> Iterator[Path]:
    """A short path: pytest's own temporary folders can be too long for a socket."""
    with tempfile.TemporaryDirectory(prefix="cg-") as folder:
        # PostgreSQL, which runs as another user when the tests run as root, must get through.
        Path(folder).chmod(0o711)
        yield Path(folder)


@contextmanager
def dying_with_us(pid: int) -> Iterator[None]:
    """End process `pid` when this one is killed and can no longer do it itself."""
    reading, writing = os.pipe()
    # The pipe closes with our death, whatever the cause; that ends the read. A session of its own, since
    # `timeout` and Ctrl-C signal the whole group.
    with subprocess.Popen(
        ["/bin/sh", "-c", f"read -r _ || kill {pid}"], stdin=reading, start_new_session=True
    ) as watcher:
        os.close(reading)
        try:
            yield
        finally:
            watcher.kill()
            os.close(writing)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def redis_server(server_dir: Path) -> AsyncIterator[str]:
    """URL of a real Redis of this test session."""
    async with EmbeddedRedis(server_dir) as server:
        assert server.is_real, f"these tests prove nothing on {server.engine}: install redis-server"
        with dying_with_us(server.pid):
            yield server.url


@pytest_asyncio.fixture
async def redis(redis_server: str) -> AsyncIterator[Redis]:
    """A client of the session's Redis, which is emptied first."""
    client = connect(redis_server, client_name="tests")
    try:
        await client.flushall()
        await client.script_flush()
        yield client
    finally:
        await client.aclose()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres_url(server_dir: Path) -> AsyncIterator[str]:
    """URL of a real PostgreSQL of this test session; whoever writes makes a schema or database of its own."""
    async with EmbeddedPostgres(server_dir) as server:
        with dying_with_us(server.pid):
            yield server.url
