"""Connections to Redis, and what the server at the other end can do."""

import asyncio
import dataclasses
from collections.abc import Iterable
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import (
    AskError,
    ClusterDownError,
    MasterDownError,
    MovedError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.maint_notifications import MaintNotificationsConfig

from core.topology import Topology, parse, topology_of

OLDEST_VERSION = (6, 2)

# Two quick second chances bridge a dropped connection or a failover; more would only hide an outage.
_RETRIES = 2
_RETRY_BASE_SECONDS = 0.02
_RETRY_CAP_SECONDS = 0.2

# Longest wait for a connection that others use.
_TURN_SECONDS = 5.0


class _Cancellable:
    """Mixed into a connection: a cancellation that arrives while a command is being sent is never lost.

    The library sends through `asyncio.wait_for`, which before Python 3.12 drops a cancellation that comes just
    after the awaited part has finished; the cancelled task then runs on. It also costs a task a command.
    """

    async def send_packed_command(
        self: Any, command: bytes | str | Iterable[bytes], check_health: bool = True
    ) -> None:
        if not self.is_connected:
            await self.connect_check_health(check_health=False)
        if check_health:
            await self.check_health()
        if isinstance(command, str):
            command = command.encode()
        try:
            async with asyncio.timeout(self.socket_timeout):
                self._writer.writelines([command] if isinstance(command, bytes) else command)
                await self._writer.drain()
        except TimeoutError:
            await self.disconnect(nowait=True)
            raise RedisTimeoutError("Redis takes nothing more in") from None
        except OSError as error:
            await self.disconnect(nowait=True)
            raise RedisConnectionError(f"the connection to Redis broke: {error}") from error
        except BaseException:
            # Half a command may be out; nothing sensible can follow it.
            await self.disconnect(nowait=True)
            raise


class _Tcp(_Cancellable, Connection):
    pass


class _Tls(_Cancellable, SSLConnection):
    pass


class _Following:
    """Mixed into a connection of a fleet: it goes to whoever is master when it is made, and ends when that changes."""

    def __init__(self: Any, *, topology: Topology, **options: Any) -> None:
        super().__init__(**options)
        self._topology = topology

    async def _connect(self: Any) -> None:
        self.host, self.port = await self._topology.master()
        await super()._connect()  # type: ignore[misc]

    async def on_connect_check_health(self: Any, check_health: bool = True) -> None:
        await super().on_connect_check_health(check_health)  # type: ignore[misc]
        # Who was named may have been deposed since, and would take reads for as long as nobody told it.
        await self.send_command("ROLE", check_health=False)
        role = await self.read_response()
        if role[0] != b"master":
            await self.disconnect(nowait=True)
            raise RedisConnectionError("the Redis that was named as master is none")

    async def read_response(self: Any, *args: Any, **options: Any) -> Any:
        try:
            return await super().read_response(*args, **options)  # type: ignore[misc]
        except ResponseError as error:
            # NOREPLICAS: cut off from its fleet, it takes nothing more (docs/redis.md).
            if not isinstance(error, _DEPOSED) and not str(error).startswith("NOREPLICAS"):
                raise
            # As when it had died: whoever asked asks again, and finds the new one.
            await self.disconnect(nowait=True)
            code = type(error).__name__
            raise RedisConnectionError(f"this Redis is no longer the master: {code}") from error


class _FollowingTcp(_Following, _Tcp):
    pass


class _FollowingTls(_Following, _Tls):
    pass


class _Unix(_Cancellable, UnixDomainSocketConnection):
    pass


_DEPOSED = (AskError, ClusterDownError, MasterDownError, MovedError, ReadOnlyError)
_FOLLOWING: dict[type, type] = {Connection: _FollowingTcp, SSLConnection: _FollowingTls}
_CONNECTIONS: dict[type, type] = {Connection: _Tcp, SSLConnection: _Tls, UnixDomainSocketConnection: _Unix}


@dataclasses.dataclass(frozen=True, slots=True)
class Capabilities:
    """What was found out about a server by asking it; nothing here is assumed from its name."""

    engine: str
    """`redis`, `valkey`, or `fakeredis`."""
    version: tuple[int, ...]
    is_real: bool
    """False for the server that only imitates Redis: for trying out, never for promises."""
    resp3: bool
    """Speaks RESP3, so pushes can arrive on the same connection as replies."""
    tracking: bool
    """Accepts CLIENT TRACKING: pushes invalidations of keys that were read."""

    def __str__(self) -> str:
        return f"{self.engine} {'.'.join(map(str, self.version))}"


def connect(
    url: str,
    *,
    client_name: str,
    account: str = "default",
    read_timeout_seconds: float = 2.0,
    max_connections: int = 32,
) -> Redis:
    """A pooled client for `url` (core/urls.py says which there are); connects on first use.

    Of a fleet it is the one server that has the keys of `account`, whichever that is when a connection is made.

    Replies are bytes. Commands are sent again, at most twice, when the connection broke: what is sent must
    bear being done twice. A time-out is never retried, since a slow server only gets slower. Whoever uses
    blocking commands passes a `read_timeout_seconds` longer than they block.
    A caller that finds all connections in use waits for one, for seconds if need be: a burst, as of ten thousand who
    ask for the same at once, is no reason to say that Redis is gone.
    `client_name` is shown by CLIENT LIST. Close with `await client.aclose()`.
    """
    fleet = parse(url)
    pool: BlockingConnectionPool = BlockingConnectionPool.from_url(
        url if fleet is None else fleet.single,
        timeout=max(read_timeout_seconds, _TURN_SECONDS),
        client_name=client_name,
        decode_responses=False,
        socket_connect_timeout=2.0,
        socket_timeout=read_timeout_seconds,
        health_check_interval=15,
        max_connections=max_connections,
        retry=Retry(
            ExponentialWithJitterBackoff(base=_RETRY_BASE_SECONDS, cap=_RETRY_CAP_SECONDS),
            _RETRIES,
            supported_errors=(RedisConnectionError,),
        ),
        # Each of these would cost a round trip whenever a connection opens, and tells us nothing.
        driver_info=None,
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
    )
    if fleet is None:
        pool.connection_class = _CONNECTIONS[pool.connection_class]
    else:
        pool.connection_class = _FOLLOWING[pool.connection_class]
        pool.connection_kwargs["topology"] = topology_of(fleet, account)
    return Redis.from_pool(pool)


async def capabilities(client: Redis) -> Capabilities:
    """Ask the server what it is and what it can do. Raises RedisError when it cannot be reached."""
    try:
        info: dict[str, object] = await client.info("server")
    except ResponseError:  # an ACL may refuse it; what matters below is tried out anyhow
        info = {}
    connection = client.connection_pool.make_connection()  # type: ignore[no-untyped-call]
    try:
        await connection.connect()
        resp3 = await _accepts(connection, "HELLO", "3")
        tracking = resp3 and await _accepts(connection, "CLIENT", "TRACKING", "ON")
    finally:
        await connection.disconnect()
    imitation = info.get("imitation")
    engine = "valkey" if "valkey_version" in info else "redis"
    return Capabilities(
        engine=engine if imitation is None else str(imitation),
        version=parse_version(str(info.get(f"{engine}_version", "0"))),
        is_real=imitation is None,
        resp3=resp3,
        tracking=tracking,
    )


async def _accepts(connection: object, *command: str) -> bool:
    try:
        await connection.send_command(*command)  # type: ignore[attr-defined]
        await connection.read_response()  # type: ignore[attr-defined]
    except ResponseError:
        return False
    except RedisError:
        # The imitation hangs up on what it does not know.
        return False
    return True


def parse_version(text: str) -> tuple[int, ...]:
    """`7.2.4` as (7, 2, 4); stops at the first part that is not a number."""
    parts: list[int] = []
    for part in text.strip().split("."):
        if not part.isdigit():
            break
        parts.append(int(part))
    return tuple(parts)
