"""Which server of a fleet of Redis is to be asked: the one given, the master of a slot, or the one sentinels name.

All keys of an account are in one hash slot (core/keys.py), so that at any time one server has them all: what a cluster
needs of its clients, a table of slots and a pool for each node, is not needed here.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import SplitResult, parse_qsl, urlsplit

from redis.asyncio import Redis
from redis.crc import key_slot
from redis.exceptions import AuthenticationError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError

from core.clock import Clock
from core.keys import Keys

SCHEMES: Final = ("redis+cluster", "rediss+cluster", "redis+sentinel", "rediss+sentinel")
_PORTS: Final = {"cluster": 6379, "sentinel": 26379}
_ASK_SECONDS: Final = 1.0
_WATCH_SECONDS: Final = 1.0

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Fleet:
    """What a URL of a fleet says. `single` is the same of one server, without its address."""

    kind: str
    nodes: tuple[Address, ...]
    service: str
    single: str

    @property
    def secrets(self) -> str:
        """`user:password@` as the URL has it, '' without."""
        return urlsplit(self.single).netloc.rpartition("@")[0]


class Topology(Protocol):
    """Knows the server that has an account's keys."""

    async def master(self) -> Address:
        """Its address now. Raises RedisError when nobody can tell."""
        ...


def parse(url: str) -> Fleet | None:
    """What a URL of a fleet says, `None` for one of a single server. Raises ValueError.

    `redis+cluster://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]…]` and
    `redis+sentinel://[USER:PASSWORD@]HOST[:PORT][,…]/SERVICE[?db=N]`; `rediss+…` for TLS.
    """
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES:
        return None
    scheme, kind = parts.scheme.split("+")
    secrets, at, hosts = parts.netloc.rpartition("@")
    nodes = tuple(_nodes(hosts, _PORTS[kind]))
    service = parts.path.strip("/")
    options = dict(parse_qsl(parts.query))
    database = options.pop("db", "0")
    if options:
        raise ValueError(f"it knows no option {next(iter(options))}")
    if kind == "cluster" and (service or database != "0"):
        raise ValueError("a cluster has neither a service nor databases, so nothing may follow the hosts")
    if kind == "sentinel" and (not service or "/" in service):
        raise ValueError(
            "sentinels need the name of their service, as in redis+sentinel://host:26379/mymaster"
        )
    if not database.isdigit():
        raise ValueError("db must be the number of a database")
    return Fleet(kind, nodes, service, f"{scheme}://{secrets}{at}master:6379/{database}")


class Follower:
    """Sees to it that what was opened to a master that is none any more is not used.

    A master that was cut off from its fleet goes on believing that it is one, and tells nobody who stayed with it.
    """

    def __init__(self, topology: Topology, clock: Clock, changed: Callable[[], Awaitable[None]]) -> None:
        """*changed* gives up all connections there are."""
        self._topology = topology
        self._clock = clock
        self._changed = changed
        self._known: Address | None = None

    async def confirm(self) -> None:
        """Return if whatever was written until now was written to the master. Raises RedisError when it may not be."""
        found = await self._topology.master()
        before, self._known = self._known, found
        if before is not None and found != before:
            await self._changed()
            raise RedisConnectionError("another Redis has become the master")

    async def run(self) -> None:
        """Look once a second until cancelled."""
        while True:
            with contextlib.suppress(RedisError):
                await self.confirm()
            await self._clock.sleep(_WATCH_SECONDS)


def topology_of(fleet: Fleet, account: str) -> Topology:
    """Finds the master for the keys of *account*."""
    return _Sentinels(fleet) if fleet.kind == "sentinel" else _Cluster(fleet, key_slot(_any_key(account)))


class _Cluster:
    """Asks any node whose the slot is; nodes heard of count as nodes to ask."""

    def __init__(self, fleet: Fleet, slot: int) -> None:
        self._fleet = fleet
        self._slot = slot
        self._nodes = list(fleet.nodes)

    async def master(self) -> Address:
        for node in list(self._nodes):
            with contextlib.suppress(RedisError, OSError):
                ranges = await _ask(self._fleet, node, "CLUSTER SLOTS")
                found = self._found(ranges, node)
                if found is not None:
                    return found
        raise RedisConnectionError("no node of the cluster tells who has the account's keys")

    def _found(self, ranges: Any, asked: Address) -> Address | None:
        heard: list[Address] = []
        owner: Address | None = None
        for first, last, *servers in ranges:
            # A node that does not know its own name says none: it is the one that was asked. The master comes first.
            addresses = [((host or b"").decode() or asked[0], int(port)) for host, port, *_ in servers]
            heard += addresses
            if first <= self._slot <= last:
                owner = addresses[0]
        # Those of the settings stay, the last that answered goes first.
        self._nodes = list(dict.fromkeys([asked, *self._fleet.nodes, *heard]))
        return owner


class _Sentinels:
    """Asks all sentinels, and believes them when those that answer agree.

    While a master is being replaced some know the new one before others do, and both take writes. Who went to the new
    one too early would not see what is still written to the old.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    async def master(self) -> Address:
        said = {one for one in await asyncio.gather(*map(self._said, self._fleet.nodes)) if one is not None}
        if len(said) == 1:
            return said.pop()
        raise RedisConnectionError(
            f"the sentinels do not agree who is master of {self._fleet.service!r}"
            if said
            else f"no sentinel knows a master of {self._fleet.service!r}"
        )

    async def _said(self, node: Address) -> Address | None:
        with contextlib.suppress(RedisError, OSError):
            found = await _ask(self._fleet, node, "SENTINEL GET-MASTER-ADDR-BY-NAME", self._fleet.service)
            if found is not None:
                host, port = found
                return host.decode(), int(port)
        return None


async def _ask(fleet: Fleet, node: Address, *command: str) -> Any:
    if fleet.kind == "sentinel":
        # The secret of the URL is the servers'; sentinels often have none, and refuse to be given one.
        try:
            return await _answer(_client(fleet, node, ""), *command)
        except AuthenticationError:
            if not fleet.secrets:
                raise
    return await _answer(_client(fleet, node, fleet.secrets), *command)


async def _answer(client: Redis, *command: str) -> Any:
    try:
        return await client.execute_command(*command)  # type: ignore[no-untyped-call]
    finally:
        await client.aclose()


def _client(fleet: Fleet, node: Address, secrets: str) -> Redis:
    host = f"[{node[0]}]" if ":" in node[0] else node[0]
    url = f"{urlsplit(fleet.single).scheme}://{secrets}{'@' if secrets else ''}{host}:{node[1]}"
    client = Redis.from_url(
        url, socket_connect_timeout=_ASK_SECONDS, socket_timeout=_ASK_SECONDS, driver_info=None
    )
    # What is asked here comes as the server wrote it, whatever the library makes of it elsewhere.
    client.response_callbacks.clear()
    return client


def _nodes(hosts: str, default_port: int) -> Iterator[Address]:
    for one in hosts.split(","):
        parts = SplitResult("redis", one, "", "", "")
        if not parts.hostname or parts.port == 0:
            raise ValueError(f"{one!r} is no HOST:PORT")
        yield parts.hostname, parts.port or default_port


def _any_key(account: str) -> bytes:
    return Keys(account).generation.encode()
