"""Starts the programs themselves, as a user would, and talks to them over sockets."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from calgate.composition import Stack
from core.clock import SystemClock
from core.settings import Settings
from loadtest.client import Client, Response

CLOCK = SystemClock()
KEY = {"authorization": "Bearer cal_live_simulator"}
SLOTS = {**KEY, "cal-api-version": "2024-09-04"}
BOOKINGS = {**KEY, "cal-api-version": "2024-08-13", "content-type": "application/json"}

IS_SOAK = os.environ.get("CALGATE_SOAK") == "1"


@dataclass(frozen=True, slots=True)
class Simulator:
    """A running simulator."""

    url: str
    admin: Client

    async def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """One operation of the admin port; fails loudly when it is refused."""
        answer = await self.admin.request(method, path, body=orjson.dumps(body) if body is not None else b"")
        assert answer.status == 200, answer.body
        return answer.json()

    async def stats(self) -> Any:
        return await self.ask("GET", "/stats")


@contextlib.asynccontextmanager
async def simulating(folder: Path, *flags: str) -> AsyncIterator[Simulator]:
    """`calgate simulate` as a program of its own, on free ports."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    ports = folder / "ports.json"
    argv = [
        "simulate",
        "--listen",
        "127.0.0.1:0",
        "--admin",
        "127.0.0.1:0",
        "--ports-file",
        str(ports),
        *flags,
    ]
    with (folder / "simulator.log").open("wb") as log:
        program = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "calgate", *argv, stdout=log, stderr=log
        )
    try:
        await until(ports.exists, program)
        where = orjson.loads(ports.read_bytes())
        async with Client(where["admin_url"], connections=4, timeout=300) as admin:
            yield Simulator(where["url"], admin)
    finally:
        if program.returncode is None:
            program.terminate()
        await program.wait()


async def until(condition: Any, program: asyncio.subprocess.Process, *, seconds: float = 30) -> None:
    """Wait for what another program does; fails when it dies first or takes absurdly long."""
    deadline = CLOCK.monotonic() + seconds
    while not condition():
        assert program.returncode is None, "the program ended early"
        assert CLOCK.monotonic() < deadline, "the program never got ready"
        await CLOCK.sleep(0.02)


def settings(folder: Path, simulator: Simulator, **changes: Any) -> Settings:
    """A gateway before *simulator* whose budget does not get in the way unless the test says so."""
    plain: dict[str, Any] = {
        "upstream_url": simulator.url,
        "proxy_listen": "127.0.0.1:0",
        "monitor_listen": "127.0.0.1:0",
        "data_dir": folder / "gateway",
        "workers": 1,
        "rate_limit": 100_000,
        "rate_pace_per_second": 100_000,
        "log_level": "warning",
        # A test counts its own calls, unless it is about those that learn.
        "account_map_seconds": 0,
    }
    return Settings(**(plain | changes))


@contextlib.asynccontextmanager
async def gateway(folder: Path, simulator: Simulator, *parts: str, **changes: Any) -> AsyncIterator[Stack]:
    """The gateway's programs; *parts* as `Stack` takes them, the proxy alone when none are named."""
    chosen = settings(folder, simulator, **changes)
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    async with Stack(chosen, parts=parts or ("proxy",), output=folder / "gateway.log") as stack:
        yield stack


async def metrics(stack: Stack) -> dict[str, float]:
    """All samples of the monitor's /metrics by their full name."""
    assert stack.urls.monitor is not None
    async with Client(stack.urls.monitor, connections=1) as client:
        text = (await client.get("/metrics")).body.decode()
    samples: dict[str, float] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            samples[name] = float(value)
    return samples


def total(samples: Mapping[str, float], name: str) -> float:
    """The sum of a counter over its labels."""
    return sum(value for key, value in samples.items() if key == name or key.startswith(name + "{"))


def same(one: Response, other: Response) -> bool:
    """Equal as JSON and status; an error's time of day is its own."""
    return one.status == other.status and _comparable(one) == _comparable(other)


def _comparable(answer: Response) -> Any:
    body = answer.json()
    if isinstance(body, dict):
        body.pop("timestamp", None)
    return body
