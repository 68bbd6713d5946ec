"""One connection to Redis that joins what is asked in one turn of the loop, and hears pushes between the replies.

For what is asked with every hit, where a pooled client's bookkeeping would cost more than the asking. Everything
else goes through the pooled client.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from typing import Any, Final, cast

import hiredis
from redis.asyncio.connection import SSLConnection, parse_url
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

from core.topology import parse, topology_of

Reply = Callable[[Any], None]
"""Takes one reply: a value, or the RedisError that came instead of it. Must not raise."""

Push = Callable[[list[Any]], None]

_CONNECT_SECONDS: Final = 2.0
_DEFAULT_PORT: Final = 6379
_MISSING: Final = object()


class Wire(asyncio.Protocol):
    """An open connection. Made by `connect`; it does not come back when it breaks."""

    def __init__(self, on_push: Push, on_lost: Callable[[], None]) -> None:
        self._on_push = on_push
        self._on_lost = on_lost
        self._reader = hiredis.Reader(notEnoughData=_MISSING, replyError=ResponseError)
        self._waiting: deque[Reply] = deque()
        self._unsent: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def send(self, command: bytes, reply: Reply) -> None:
        """Send a packed command; *reply* is called in order. A connection that breaks replies with an error."""
        if not self.is_open:
            reply(RedisConnectionError("the connection to Redis is closed"))
            return
        if not self._unsent:
            self._loop.call_soon(self._flush)
        self._unsent.append(command)
        self._waiting.append(reply)

    async def call(self, *parts: str | bytes | int) -> Any:
        """Send one command and wait for its reply. Raises RedisError."""
        future: asyncio.Future[Any] = self._loop.create_future()

        def arrived(value: Any) -> None:
            if not future.done():
                future.set_result(value)

        self.send(packed(*parts), arrived)
        value = await future
        if isinstance(value, RedisError):
            raise value
        return value

    def tell(self, *parts: str | bytes | int) -> None:
        """Send a command that has no reply of its own, as those about subscriptions."""
        if self._transport is not None:
            self._transport.write(packed(*parts))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are of no class of asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._reader.feed(data)
            # What comes after a reply that made its taker close is nobody's.
            while self.is_open and (reply := self._reader.gets()) is not _MISSING:
                if isinstance(reply, hiredis.PushNotification):
                    self._on_push(reply)
                else:
                    self._waiting.popleft()(reply)
        except Exception:
            # What cannot be read, or was not asked for, leaves no order to go on in.
            self.close()
            raise

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._unsent.clear()
        while self._waiting:
            self._waiting.popleft()(RedisConnectionError("the connection to Redis broke"))
        self._on_lost()

    def _flush(self) -> None:
        if self._transport is not None and self._unsent:
            self._transport.write(b"".join(self._unsent))
        self._unsent.clear()


def packed(*parts: str | bytes | int) -> bytes:
    """A command as Redis reads it (RESP)."""
    encoded = [part if isinstance(part, bytes) else str(part).encode() for part in parts]
    pieces = [b"$%d\r\n%b\r\n" % (len(part), part) for part in encoded]
    return b"*%d\r\n%b" % (len(encoded), b"".join(pieces))


async def connect(
    url: str, *, name: str, account: str = "default", on_push: Push, on_lost: Callable[[], None]
) -> Wire:
    """Open a connection that speaks RESP3, of a fleet to the one server that has the keys of *account*.

    Raises RedisError or OSError when there is none to be had.
    """
    fleet = parse(url)
    where: dict[str, Any] = dict(parse_url(url if fleet is None else fleet.single))
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            if fleet is not None:
                where["host"], where["port"] = await topology_of(fleet, account).master()
            if "path" in where:
                _, wire = await loop.create_unix_connection(lambda: Wire(on_push, on_lost), where["path"])
            else:
                host, port = where.get("host", "localhost"), where.get("port", _DEFAULT_PORT)
                _, wire = await loop.create_connection(
                    lambda: Wire(on_push, on_lost), host, port, ssl=_tls(where)
                )
            try:
                await _greet(wire, where, name)
                if fleet is not None and (await wire.call("ROLE"))[0] != b"master":
                    raise RedisConnectionError("the Redis that was named as master is none")
            except BaseException:
                wire.close()
                raise
    except TimeoutError:
        raise RedisConnectionError("Redis did not answer in time") from None
    return wire


async def _greet(wire: Wire, where: dict[str, Any], name: str) -> None:
    hello = ["HELLO", "3"]
    if where.get("password"):
        hello += ["AUTH", where.get("username") or "default", where["password"]]
    await wire.call(*hello, "SETNAME", name)
    if where.get("db"):
        await wire.call("SELECT", where["db"])


def _tls(where: dict[str, Any]) -> ssl.SSLContext | None:
    if where.get("connection_class") is not SSLConnection:
        return None
    options = {key: value for key, value in where.items() if key.startswith("ssl_")}
    context: ssl.SSLContext = SSLConnection(**options).ssl_context.get()
    return context
