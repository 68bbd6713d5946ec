"""calgate/readiness.py"""

import asyncio

import pytest

from calgate.readiness import status_of


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", 200),
        (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", 503),
        (b"+PONG\r\n", None),
        (b"HTTP/1.1", None),
        (b"", None),
    ],
)
async def test_the_status_is_read_and_nonsense_is_none(answer: bytes, status: int | None) -> None:
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await status_of(f"http://127.0.0.1:{port}/-/readyz") == status
    assert asked[0].startswith(b"GET /-/readyz HTTP/1.1\r\nHost: 127.0.0.1:")


async def test_nobody_there_is_none() -> None:
    assert await status_of("http://127.0.0.1:1/-/readyz") is None
