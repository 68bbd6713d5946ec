"""Starts the programs themselves, as a user would, and talks to them over sockets."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import orjson

from calgate.composition import Stack
from calgate.staging import simulator
from core.clock import SystemClock
from core.settings import Settings
from loadtest.client import Client, Response
from loadtest.scenarios.stage import Simulator

__all__ = [
    "BOOKINGS", "CLOCK", "IS_SOAK", "KEY", "SLOTS",
    "Simulator", "booking", "gateway", "metrics", "played", "same", "settings", "simulating", "total",
]  # fmt: skip

CLOCK = SystemClock()
KEY = {"authorization": "Bearer cal_live_simulator"}
SLOTS = {**KEY, "cal-api-version": "2024-09-04"}
BOOKINGS = {**KEY, "cal-api-version": "2024-08-13", "content-type": "application/json"}

IS_SOAK = os.environ.get("CALGATE_SOAK") == "1"


def simulating(folder: Path, *flags: str) -> AbstractAsyncContextManager[Simulator]:
    """`calgate simulate` as a program of its own, on free ports."""
    return simulator(folder, flags, CLOCK)


def booking(event_type: int, start: str, number: int) -> bytes:
    """The body of a booking by somebody whom this number tells apart."""
    attendee = {"name": "Race", "email": f"race{number}@example.org", "timeZone": "UTC"}
    return orjson.dumps({"start": start, "eventTypeId": event_type, "attendee": attendee})


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


def played(*argv: str, timeout: float = 1700 if IS_SOAK else 240) -> tuple[int, Any]:
    """Exit code and report of a scenario, as a command."""
    command = [sys.executable, "-P", "-m", "calgate", "loadtest", *argv, "--json"]
    program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        shown, said = program.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        # Asked, and not killed: what it started ends with it.
        program.terminate()
        program.communicate(timeout=60)
        raise
    assert shown, said
    return program.returncode, orjson.loads(shown)
