"""Connections to Cal.com: kept, renewed, and made to where its name points now."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from core.clock import FakeClock
from proxy.pool import Pool


class Body(httpx2.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"ok"


class Connections(httpx2.AsyncBaseTransport):
    """Counts who uses it and whether it is closed."""

    def __init__(self) -> None:
        self.calls = 0
        self.is_closed = False

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        assert not self.is_closed
        self.calls += 1
        if request.url.path == "/hang":
            await asyncio.Event().wait()
        return httpx2.Response(200, stream=Body())

    async def aclose(self) -> None:
        self.is_closed = True


class World:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.made: list[Connections] = []
        self.pool = Pool(self._one, self.clock, oldest=300)

    def _one(self) -> Connections:
        self.made.append(Connections())
        return self.made[-1]

    async def call(self, path: str = "/") -> httpx2.Response:
        return await self.pool.handle_async_request(httpx2.Request("GET", f"http://cal.test{path}"))


async def test_connections_are_kept_until_they_are_old() -> None:
    world = World()
    for seconds in (0, 299, 1, 299):
        await world.clock.advance(seconds)
        await (await world.call()).aclose()
    assert [one.calls for one in world.made] == [2, 2]
    assert [one.is_closed for one in world.made] == [True, False]


async def test_old_ones_are_closed_when_their_last_answer_is() -> None:
    world = World()
    first = await world.call()
    await world.clock.advance(300)
    await (await world.call()).aclose()
    assert not world.made[0].is_closed
    assert await first.aread() == b"ok"
    await first.aclose()
    assert [one.is_closed for one in world.made] == [True, False]


async def test_a_caller_that_leaves_holds_no_old_connection() -> None:
    world = World()
    hanging = asyncio.ensure_future(world.call("/hang"))
    await world.clock.settle()
    await world.clock.advance(300)
    await (await world.call()).aclose()
    hanging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging
    assert world.made[0].is_closed


async def test_closing_it_closes_them() -> None:
    world = World()
    await world.pool.aclose()
    assert world.made[0].is_closed


@asynccontextmanager
async def answering(address: str, port: int = 0) -> AsyncIterator[int]:
    """A server that says which address it has, and keeps its connections."""

    served: set[asyncio.Task[None] | None] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.add(asyncio.current_task())
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                body = address.encode()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(connected, address, port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.gather(*(task for task in served if task is not None))


async def test_a_name_that_points_elsewhere_is_followed_although_the_old_address_goes_on_answering(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    points_to = "127.0.0.1"
    real = socket.getaddrinfo

    def resolve(host: Any, *args: Any, **options: Any) -> Any:
        return real(points_to if host in ("cal.test", b"cal.test") else host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    clock = FakeClock()
    pool = Pool(httpx2.AsyncHTTPTransport, clock, oldest=300)
    async with answering("127.0.0.1") as port, answering("127.0.0.2", port):

        async def told() -> str:
            request = httpx2.Request("GET", f"http://cal.test:{port}/")
            response = await pool.handle_async_request(request)
            try:
                return (await response.aread()).decode()
            finally:
                await response.aclose()

        assert await told() == "127.0.0.1"
        points_to = "127.0.0.2"
        assert await told() == "127.0.0.1"
        await clock.advance(300)
        assert await told() == "127.0.0.2"
        await pool.aclose()
