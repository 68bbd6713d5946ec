"""Two who want the same time at once, and clients that retry without a key: one booking, through whole processes."""

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from calgate.composition import Stack
from core.tasks import spawn
from loadtest.client import Client, ClientError
from tests.acceptance.harness import BOOKINGS, CLOCK, IS_SOAK, KEY, SLOTS, Simulator, gateway, simulating

pytestmark = pytest.mark.acceptance

HOST_BUSY = "User either already has booking at this time or is not available"
INTRO, CONSULT, CALL = 101, 102, 106
PAIRS = 50 if IS_SOAK else 4
CLIENTS = 300 if IS_SOAK else 20
CRASHED = 50 if IS_SOAK else 5


async def free(simulator: Simulator, number: int) -> list[str]:
    """Times that do not get in one another's way: one a day."""
    async with Client(simulator.url, connections=1) as client:
        days: list[str] = []
        for month in ("01", "02", "03", "04", "05", "06"):
            target = f"/v2/slots?eventTypeId={number}&start=2027-{month}-01&end=2027-{month}-28"
            found = (await client.get(target, SLOTS)).json()["data"]
            days += [slots[0]["start"] for slots in found.values()]
        return days


def wish(number: int, start: str, who: str) -> bytes:
    attendee = {"name": who, "email": f"{who}@example.org", "timeZone": "UTC"}
    return orjson.dumps({"eventTypeId": number, "start": start, "attendee": attendee})


@asynccontextmanager
async def racing(folder: Path, **changes: Any) -> AsyncIterator[tuple[Simulator, Stack, Client]]:
    """A Cal.com in which concurrent bookings do not see one another, and two processes before it."""
    flags = ("--latency", "report", "--speed", "20", "--rate-limit", "10000000")
    async with (
        simulating(folder / "sim", *flags) as simulator,
        gateway(folder, simulator, **({"workers": 2} | changes)) as stack,
        Client(stack.urls.proxy, connections=8, timeout=30) as client,
    ):
        await simulator.ask("POST", "/faults", {"kind": "blind", "method": "POST", "seconds": 10_000_000})
        yield simulator, stack, client


async def pairs(client: Client, starts: list[str], *numbers: int) -> list[list[Any]]:
    """The answers to two clients each that want the same time of these event types at once."""

    async def pair(at: int, start: str) -> list[Any]:
        asked = (
            client.request("POST", "/v2/bookings", headers=BOOKINGS, body=wish(number, start, f"p{at}-{n}"))
            for n, number in enumerate(numbers)
        )
        return list(await asyncio.gather(*asked))

    return [await pair(at, start) for at, start in enumerate(starts)]


def doubles(answers: list[list[Any]]) -> int:
    return sum([one.status for one in pair].count(201) > 1 for pair in answers)


async def test_without_turns_cal_com_books_two_at_once_twice(tmp_path: Path) -> None:
    async with racing(tmp_path, booking_turn_seconds=0) as (simulator, _, client):
        starts = (await free(simulator, INTRO))[:4]
        assert doubles(await pairs(client, starts, INTRO, INTRO)) > 0


async def test_with_turns_the_second_is_told_by_cal_com(tmp_path: Path) -> None:
    async with racing(tmp_path) as (simulator, _, client):
        answers = await pairs(client, (await free(simulator, INTRO))[:PAIRS], INTRO, INTRO)
    assert doubles(answers) == 0
    assert {tuple(sorted(one.status for one in pair)) for pair in answers} == {(201, 400)}


async def test_with_turns_and_a_known_account_the_second_costs_no_call(tmp_path: Path) -> None:
    async with racing(tmp_path, workers=1, account_map_seconds=600) as (simulator, _, client):
        for number in (INTRO, CONSULT):
            # Whatever a client reads of the account is learned before it has its answer.
            read = await client.get(f"/v2/event-types/{number}", {**KEY, "cal-api-version": "2024-06-14"})
            assert read.status == 200
        starts = (await free(simulator, CONSULT))[: 2 * PAIRS]
        alike = await pairs(client, starts[:PAIRS], INTRO, INTRO)
        mixed = await pairs(client, starts[PAIRS:], INTRO, CONSULT)
        posts = (await simulator.stats())["requests"]["bookings:POST"]
    assert doubles(alike) == doubles(mixed) == 0
    refused = [one for pair in (*alike, *mixed) for one in pair if one.status != 201]
    assert {(one.status, one.json()["error"]["message"]) for one in refused} == {(400, HOST_BUSY)}
    spared = [one for one in refused if one.header("cache-status") == "calgate; detail=slot_taken"]
    # One that came only after the other had been answered was no double.
    assert (len(refused), posts) == (2 * PAIRS, 4 * PAIRS - len(spared))
    assert len(spared) > PAIRS


async def insist(client: Client, who: str, start: str, tries: Counter[str]) -> set[str]:
    """Send one booking three times more than it takes to succeed, without any key; every uid it was answered with."""
    uids: set[str] = set()
    left = 3
    while left:
        try:
            answer = await client.request(
                "POST", "/v2/bookings", headers=BOOKINGS, body=wish(INTRO, start, who)
            )
        except ClientError:
            tries["broken off"] += 1
            continue
        tries[str(answer.status)] += 1
        if answer.header("cache-status") == "calgate; detail=found":
            tries["found"] += 1
        if answer.status == 201:
            uids.add(answer.json()["data"]["uid"])
            left -= 1
        else:
            await CLOCK.sleep(0.05)
    return uids


async def losses(simulator: Simulator, dice: random.Random) -> None:
    """Answers of bookings that were made are lost for a while."""
    until = CLOCK.monotonic() + (40 if IS_SOAK else 2)
    while CLOCK.monotonic() < until:
        kind = dice.choice(["reset", "bad_gateway", "error"])
        lost = {"kind": kind, "classes": ["bookings"], "method": "POST", "count": 8, "when": "after"}
        await simulator.ask("POST", "/faults", lost)
        await CLOCK.sleep(0.2)


async def crash(stack: Stack, simulator: Simulator) -> None:
    """Kill every process once Cal.com has made some bookings whose answers it holds back."""
    while (await simulator.stats())["version"] < CRASHED:
        await CLOCK.sleep(0.05)
    for pid in stack.pids()["proxy"]:
        os.kill(pid, signal.SIGKILL)


@pytest.mark.timeout(900 if IS_SOAK else 240)
async def test_each_client_that_retries_without_a_key_through_crashes_has_one_booking(tmp_path: Path) -> None:
    dice, tries = random.Random(1), Counter[str]()
    derived = {"workers": 2, "upstream_read_timeout_seconds": 20, "breaker_failures": 1_000}
    async with (
        simulating(tmp_path / "sim", "--latency", "none", "--rate-limit", "10000000") as simulator,
        gateway(tmp_path, simulator, idempotency_derived_seconds=600, **derived) as stack,
        Client(stack.urls.proxy, connections=64, timeout=30) as client,
    ):
        starts = dice.sample(await free(simulator, INTRO), CRASHED + CLIENTS)
        held = {"kind": "hang", "classes": ["bookings"], "method": "POST", "count": CRASHED, "when": "after"}
        await simulator.ask("POST", "/faults", held)
        first = [insist(client, f"c{number}", starts.pop(), tries) for number in range(CRASHED)]
        answers = asyncio.gather(*first)
        await crash(stack, simulator)
        troubling = spawn(losses(simulator, dice), name="losses")
        try:
            more = [insist(client, f"d{number}", start, tries) for number, start in enumerate(starts)]
            uids = [*await answers, *await asyncio.gather(*more)]
        finally:
            troubling.cancel()
        made = (await simulator.stats())["version"]
    print(dict(tries))
    assert all(len(its) == 1 for its in uids), "every retry is answered with one and the same booking"
    assert len(set.union(*uids)) == made == CRASHED + CLIENTS, "one booking each, and none besides"
    assert tries["broken off"] >= CRASHED, "nobody was there when the processes died"
    assert tries["found"] > 0, "no answer was lost"
