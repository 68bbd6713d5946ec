"""Real clients, unchanged but for the address, through the gateway and straight: the same answers.

There are two simulated Cal.coms, made alike: one is asked straight, one through the gateway. A client runs once before
each, so that bookings of the one run are not in the way of the other.
"""

from __future__ import annotations

import asyncio
import base64
import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
import pytest_asyncio

from calgate.composition import Stack
from loadtest.client import Client
from tests.acceptance.clients.packages import installed
from tests.acceptance.harness import SLOTS, Simulator, gateway, simulating
from tests.tools import require_tool

pytestmark = [pytest.mark.acceptance, pytest.mark.asyncio(loop_scope="module")]

DRIVERS: Final = Path(__file__).parent / "drivers"
KEY: Final = "cal_live_simulator"
EVENT_TYPE: Final = 101


@dataclass(frozen=True, slots=True)
class Driver:
    """How to run a client. `program` finds it, or skips; `has_cache` says whether it shows Cache-Status."""

    name: str
    program: Callable[[], Sequence[str]]
    packages: bool = False


def tool(name: str, package: str, file: str) -> Callable[[], Sequence[str]]:
    """A driver that the program *name* of the Debian *package* runs."""
    return lambda: [require_tool(name, package), str(DRIVERS / file)]


NODE: Final = ("node", "nodejs")
LANGUAGES: Final = (
    Driver("curl", lambda: [require_tool("sh", "dash"), *_with_curl("curl.sh")]),
    Driver("urllib", lambda: [sys.executable, str(DRIVERS / "with_urllib.py")]),
    Driver("httpx2", lambda: [sys.executable, str(DRIVERS / "with_httpx2.py")]),
    Driver("node-fetch", tool(*NODE, "fetch.mjs")),
    Driver("node-axios", tool(*NODE, "axios.cjs"), packages=True),
    Driver("java", tool("java", "default-jdk-headless", "Client.java")),
    Driver("perl", tool("perl", "perl", "http_tiny.pl")),
)
SDK: Final = Driver("calcom-sdk", tool(*NODE, "sdk.cjs"), packages=True)
N8N: Final = Driver("n8n", tool(*NODE, "n8n.cjs"), packages=True)
EVERY: Final = (*LANGUAGES, SDK, N8N)


def _with_curl(file: str) -> list[str]:
    require_tool("curl", "curl")
    return [str(DRIVERS / file)]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing a client did, and what it was told."""

    name: str
    status: str
    cache: str
    body: Any


@dataclass(frozen=True, slots=True)
class Sides:
    """Where to ask straight, and where through the gateway."""

    straight: Simulator
    behind: Simulator
    stack: Stack


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sides(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sides]:
    folder = tmp_path_factory.mktemp("clients")
    # Straight, Cal.com's cache would go on showing what was booked; through the gateway nobody sees that.
    flags = ("--latency", "none", "--rate-limit", "1000000", "--slots-cache", "0")
    async with AsyncExitStack() as stack:
        straight, behind = [
            await stack.enter_async_context(simulating(folder / name, *flags))
            for name in ("straight", "behind")
        ]
        yield Sides(
            straight, behind, await stack.enter_async_context(gateway(folder, behind, access_log="off"))
        )


async def ran(driver: Driver, base: str, about: dict[str, str]) -> list[Step]:
    """What the client did before *base*."""
    argv = await asyncio.to_thread(driver.program)
    environ = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    environ |= {"BASE": base, "KEY": KEY, **about}
    if driver.packages:
        folder = await asyncio.to_thread(installed)
        environ |= {"MODULES": str(folder / "node_modules"), "N8N": str(folder / "package")}
    program = await asyncio.create_subprocess_exec(
        *argv, env=environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        output, problems = await asyncio.wait_for(program.communicate(), 120)
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()
    assert program.returncode == 0, problems.decode()[-2000:]
    return [_step(line) for line in output.decode().splitlines()]


def _step(line: str) -> Step:
    name, status, cache, body = line.split("\t")
    raw = base64.b64decode(body)
    return Step(name, status, cache, orjson.loads(raw) if raw else None)


# What belongs to one making or one moment.
OWN: Final = frozenset(
    {"timestamp", "createdAt", "updatedAt", "uid", "id", "icsUid", "bookingUid", "bookingId", "iCalUID"}
    | {"subscriberUrl", "secret"}
)


def without_own(value: Any) -> Any:
    """*value* without what no two Cal.coms would say alike."""
    if isinstance(value, dict):
        return {name: without_own(one) for name, one in value.items() if name not in OWN}
    return [without_own(one) for one in value] if isinstance(value, list) else value


async def about(simulator: Simulator, number: int) -> dict[str, str]:
    """Days of its own for the client of that *number*, and what to book on them."""
    async with Client(simulator.url, connections=1) as client:
        told = await simulator.ask("GET", "/healthz")
        first = datetime.fromisoformat(told["now"]).astimezone(UTC).date() + timedelta(days=3 + 4 * number)
        start, end = str(first), str(first + timedelta(days=3))
        query = f"eventTypeId={EVENT_TYPE}&start={start}&end={end}"
        days = (await client.get(f"/v2/slots?{query}", SLOTS)).json()["data"]
    free = [slot["start"] for day in sorted(days) for slot in days[day]]
    attendee = {"name": "Client", "email": f"client{number}@example.org", "timeZone": "UTC"}
    booking, other = (
        orjson.dumps({"eventTypeId": EVENT_TYPE, "start": at, "attendee": attendee}).decode()
        for at in (free[0], free[-1])
    )
    return {
        "EVENT_TYPE": str(EVENT_TYPE),
        "START": start,
        "END": end,
        "QUERY": query,
        "SLOT": free[0],
        "BOOKING": booking,
        "OTHER_BOOKING": other,
    }


async def both(driver: Driver, sides: Sides) -> tuple[list[Step], dict[str, str]]:
    """The steps of a client through the gateway, which are those it takes straight."""
    given = await about(sides.straight, EVERY.index(driver))
    straight = await ran(driver, sides.straight.url, given)
    through = await ran(driver, sides.stack.urls.proxy, given)
    for one, other in zip(straight, through, strict=True):
        assert (one.name, one.status) == (other.name, other.status), (one, other)
        assert without_own(one.body) == without_own(other.body), one.name
    return through, given


def starts(step: Step) -> list[str]:
    return [slot["start"] for day in step.body["data"].values() for slot in day]


@pytest.mark.parametrize("driver", LANGUAGES, ids=lambda driver: driver.name)
async def test_a_client_of_any_language_is_answered_as_by_cal_com(driver: Driver, sides: Sides) -> None:
    steps, given = await both(driver, sides)
    named = {step.name: step for step in steps}
    assert {name: named[name].status for name in ("look", "book", "missing", "chunked", "gzip")} == {
        "look": "200",
        "book": "201",
        "missing": "404",
        "chunked": "201",
        "gzip": "200",
    }
    assert "hit" not in named["look"].cache
    assert "; hit" in named["again"].cache
    assert given["SLOT"] in starts(named["again"])
    assert given["SLOT"] not in starts(named["after"])
    if driver.name == "curl":
        # Of two requests the second needs no new connection.
        assert named["connections"].status == "10"


async def test_the_sdk_works_unchanged(sides: Sides) -> None:
    steps, given = await both(SDK, sides)
    told = {step.name: step.status for step in steps}
    assert {name for name, status in told.items() if status != "200"} == {"let go", "no type", "no schedule"}
    look, after = (
        {slot["time"] for day in step.body["slots"].values() for slot in day}
        for step in steps
        if step.name in ("look", "after")
    )
    assert given["SLOT"] in look
    assert given["SLOT"] not in after


async def test_the_trigger_of_n8n_works_unchanged(sides: Sides) -> None:
    steps, given = await both(N8N, sides)
    said = {step.name: step.body for step in steps}
    assert {step.status for step in steps} == {"200"}
    assert said["test"]["data"]["username"] == "ada"
    assert "Intro" in [one["name"] for one in said["types"]]
    assert [said[name] for name in ("not there", "make", "there", "drop", "gone")] == [
        False,
        True,
        True,
        True,
        False,
    ]
    (told,) = said["told"]["workflowData"][0]
    assert told["json"]["triggerEvent"] == "BOOKING_CREATED"
    assert datetime.fromisoformat(told["json"]["startTime"]) == datetime.fromisoformat(given["SLOT"])
    assert said["told wrong"] == {"noWebhookResponse": True}
