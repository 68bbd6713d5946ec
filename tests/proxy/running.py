"""A whole gateway process inside the test: real sockets, real Redis, everything wired as in production."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from core.settings import Settings
from proxy.server import run_process

HOLD_OFF = 0.25
"""Seconds; the upstream's own slot cache lives 0.2 s in these tests."""

KEY = {"authorization": "Bearer cal_test_key", "cal-api-version": "2024-09-04"}
SLOTS_URL = "/v2/slots?eventTypeId=1&start=2050-09-05&end=2050-09-06"


def settings(upstream: str, redis_url: str, folder: Path, **changes: Any) -> Settings:
    """Settings of a gateway that waits little and is limited by nothing."""
    quick: dict[str, Any] = {
        "upstream_url": upstream,
        "redis_url": redis_url,
        "data_dir": folder,
        "rate_limit": 10_000,
        "rate_pace_per_second": 10_000,
        "upstream_slots_cache_seconds": 0.2,
        "upstream_slots_cache_margin_seconds": 0.05,
        "drain_seconds": 5,
        # A test counts its own calls; those that learn have tests of their own.
        "account_map_seconds": 0,
        # With copies in the process a write takes at least as long as they are trusted.
        "l1": False,
        # Looks for what got lost are calls too, and take their time.
        "booking_look_seconds": 0,
    }
    return Settings(**quick | changes)


@dataclass
class Running:
    """A gateway that serves. `task` ends when it has drained."""

    port: int
    task: "asyncio.Task[None]"
    client: httpx2.AsyncClient

    async def get(self, url: str = SLOTS_URL, **headers: str) -> httpx2.Response:
        return await self.client.get(url, headers=KEY | headers)

    async def post(self, url: str = "/v2/bookings", body: bytes = b"{}", **headers: str) -> httpx2.Response:
        return await self.client.post(url, content=body, headers=KEY | headers)

    async def raw(self, data: bytes, seconds: float = 10) -> bytes:
        """Everything the gateway sends back for *data*, until it closes."""
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                with suppress(ConnectionError):
                    writer.write(data)
                    await writer.drain()
                return await reader.read()
            finally:
                writer.close()


def listening() -> socket.socket:
    """A socket on a free port."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen(2048)
    return sock


@asynccontextmanager
async def running(
    config: Settings, *, sock: socket.socket | None = None, slot: int = 0
) -> AsyncIterator[Running]:
    """A gateway process on *sock*, drained at the end."""
    sock = sock or listening()
    port = sock.getsockname()[1]
    task = asyncio.ensure_future(run_process(config, sock, slot))
    try:
        async with httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{port}",
            timeout=30,
            trust_env=False,
            verify=False,  # plain HTTP; loading authorities takes a tenth of a second
            limits=httpx2.Limits(max_connections=500, max_keepalive_connections=500),
        ) as client:
            # The socket listens already, so this waits until somebody accepts.
            assert (await client.get("/-/healthz")).status_code == 200
            yield Running(port, task, client)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
