"""One connection that joins what it is asked, over every kind of address that a setting may name."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import trustme
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from proxy.cache.wire import Wire, packed
from proxy.cache.wire import connect as connect_wire

PASSWORD = "p@ss:w/rd"
QUOTED = "p%40ss%3Aw%2Frd"


@contextlib.asynccontextmanager
async def wired(url: str) -> AsyncIterator[Wire]:
    wire = await connect_wire(url, name="wire", on_push=lambda push: None, on_lost=lambda: None)
    try:
        yield wire
    finally:
        wire.close()


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def port_of(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A port where *handler* takes the connections; every one of them is over at the end."""
    running: set[asyncio.Task[None]] = set()

    async def handled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await handler(reader, writer)
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(handled, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def leading_to(redis_server: str) -> Handler:
    """Passes everything on to the server's socket and back."""
    path = unquote(urlsplit(redis_server).path)

    async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            target.write(data)

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_unix_connection(path)
        back = asyncio.ensure_future(copy(inner_reader, writer))
        try:
            await copy(reader, inner_writer)
        finally:
            back.cancel()
            inner_writer.close()
            await inner_writer.wait_closed()

    return relay


@pytest.fixture
async def user(redis: Any) -> AsyncIterator[str]:
    await redis.execute_command("ACL", "SETUSER", "someone", "on", f">{PASSWORD}", "~*", "&*", "+@all")
    yield "someone"
    await redis.execute_command("ACL", "DELUSER", "someone")


async def test_the_wire_answers_in_order_and_says_when_it_broke(redis_server: str, redis: Any) -> None:
    lost = asyncio.Event()
    wire = await connect_wire(redis_server, name="wire", on_push=lambda push: None, on_lost=lost.set)
    replies = await asyncio.gather(*(wire.call("ECHO", str(n)) for n in range(500)))
    assert replies == [str(n).encode() for n in range(500)]
    with pytest.raises(Exception, match="unknown command"):
        await wire.call("NONSENSE")
    assert await wire.call("PING") == b"PONG"
    waiting = asyncio.ensure_future(wire.call("BLPOP", "nothing", 0))
    await asyncio.sleep(0)
    wire.close()
    with pytest.raises(RedisConnectionError):
        await waiting
    await lost.wait()
    with pytest.raises(RedisConnectionError):
        await wire.call("PING")


async def test_what_is_asked_in_one_turn_leaves_in_one_piece(redis_server: str, redis: Any) -> None:
    async with wired(redis_server) as wire:
        pieces: list[bytes] = []
        transport: Any = wire._transport
        wire._transport = Spy(transport, pieces)  # type: ignore[assignment]
        await asyncio.gather(*(wire.call("ECHO", n) for n in range(3)))
    assert pieces == [b"".join(packed("ECHO", n) for n in range(3))]


class Spy:
    def __init__(self, transport: Any, pieces: list[bytes]) -> None:
        self._transport = transport
        self._pieces = pieces

    def write(self, data: bytes) -> None:
        self._pieces.append(data)
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


async def test_a_call_that_is_given_up_does_not_shift_the_replies(redis_server: str, redis: Any) -> None:
    async with wired(redis_server) as wire:
        first = asyncio.ensure_future(wire.call("ECHO", "first"))
        await asyncio.sleep(0)
        first.cancel()
        assert await wire.call("ECHO", "second") == b"second"


async def test_after_a_reply_that_closes_nothing_more_is_taken(redis_server: str, redis: Any) -> None:
    async with wired(redis_server) as wire:
        taken: list[Any] = []
        wire.send(packed("PING"), lambda reply: wire.close())
        wire.send(packed("PING"), taken.append)
        with pytest.raises(RedisConnectionError):
            await wire.call("PING")
    assert [type(reply) for reply in taken] == [RedisConnectionError]


async def test_over_tcp_it_logs_in_and_selects(redis_server: str, redis: Any, user: str) -> None:
    async with (
        port_of(leading_to(redis_server)) as port,
        wired(f"redis://{user}:{QUOTED}@127.0.0.1:{port}/3") as wire,
    ):
        assert await wire.call("ACL", "WHOAMI") == user.encode()
        assert b"db=3 " in (await wire.call("CLIENT", "INFO"))
        assert await wire.call("CLIENT", "GETNAME") == b"wire"


async def test_over_a_unix_socket_it_logs_in_and_selects(redis_server: str, redis: Any, user: str) -> None:
    path = urlsplit(redis_server).path
    async with wired(f"unix://{user}:{QUOTED}@{path}?db=3") as wire:
        assert await wire.call("ACL", "WHOAMI") == user.encode()
        assert b"db=3 " in (await wire.call("CLIENT", "INFO"))


async def test_a_wrong_password_is_an_error_that_does_not_repeat_it(
    redis_server: str, redis: Any, user: str
) -> None:
    path = urlsplit(redis_server).path
    with pytest.raises(RedisError) as raised:
        async with wired(f"unix://{user}:mistaken@{path}"):
            pass
    assert "mistaken" not in str(raised.value)


async def test_over_tls_the_server_must_be_who_it_says(redis_server: str, redis: Any, tmp_path: Path) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(tls)
    for name, ca in (("known", authority), ("stranger", stranger)):
        ca.cert_pem.write_to_path(str(tmp_path / name))
    async with port_of(leading_to(redis_server), tls) as port:
        async with wired(f"rediss://localhost:{port}/0?ssl_ca_certs={tmp_path / 'known'}") as wire:
            assert await wire.call("PING") == b"PONG"
        for url in (
            f"rediss://localhost:{port}/0?ssl_ca_certs={tmp_path / 'stranger'}",
            f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={tmp_path / 'known'}",
        ):
            with pytest.raises(ssl.SSLCertVerificationError):
                async with wired(url):
                    pass


async def test_a_server_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.cache.wire._CONNECT_SECONDS", 0.05)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with port_of(silent) as port:
        with pytest.raises(RedisConnectionError, match="in time"):
            async with wired(f"redis://127.0.0.1:{port}"):
                pass


async def test_a_server_that_speaks_only_the_old_protocol_is_an_error() -> None:
    async def old(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1_000)
        writer.write(b"-ERR unknown command `HELLO`\r\n")
        await reader.read()

    async with port_of(old) as port:
        with pytest.raises(RedisError, match="HELLO"):
            async with wired(f"redis://127.0.0.1:{port}"):
                pass
