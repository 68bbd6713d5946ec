"""Clients that retry each booking through failures and killed processes get exactly one each."""

import asyncio
import os
import random
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest

from calgate.composition import Stack
from core.tasks import spawn
from loadtest.client import Client, ClientError
from tests.acceptance.harness import BOOKINGS, CLOCK, IS_SOAK, SLOTS, Simulator, gateway, simulating

pytestmark = pytest.mark.acceptance

CLIENTS, RETRIES = (1_000, 3) if IS_SOAK else (60, 3)
TYPE = 101
"""One of the key's own: others' bookings are not in its list, so that one whose answer was lost cannot be found."""

FAULTS: list[dict[str, Any]] = [
    {"kind": kind, "classes": ["bookings"], "method": "POST", "count": 15, "when": "after"}
    for kind in ("reset", "bad_gateway", "error")
]


async def free(simulator: Simulator) -> list[str]:
    """Times that do not get in one another's way."""
    found: list[str] = []
    async with Client(simulator.url, connections=1) as client:
        for month in ("01", "02", "03", "04"):
            target = f"/v2/slots?eventTypeId={TYPE}&start=2027-{month}-01&end=2027-{month}-28"
            days = (await client.get(target, SLOTS)).json()["data"]
            found += [slot["start"] for slots in days.values() for slot in slots]
    return found


async def insist(client: Client, number: int, start: str, tries: Counter[str]) -> set[str]:
    """Send one booking until it is answered with success, and then again; every uid it was answered with."""
    attendee = {"name": "Lee", "email": f"lee{number}@example.org", "timeZone": "UTC"}
    body = orjson.dumps({"eventTypeId": TYPE, "start": start, "attendee": attendee})
    headers = {**BOOKINGS, "idempotency-key": f"wish-{number}"}
    uids: set[str] = set()
    left = RETRIES
    while left:
        try:
            answer = await client.request("POST", "/v2/bookings", headers=headers, body=body)
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
            assert answer.status in (409, 500, 502, 503, 504), answer.body
            await CLOCK.sleep(0.05)
    return uids


async def trouble(stack: Stack, simulator: Simulator, dice: random.Random, done: Counter[str]) -> None:
    """Answers of writes that were made are lost for a while; in a soak processes are killed besides.

    A write whose process dies before it has left is not sent again for a minute, since it might land.
    """
    until = CLOCK.monotonic() + (40 if IS_SOAK else 5)
    while CLOCK.monotonic() < until:
        await simulator.ask("POST", "/faults", dice.choice(FAULTS))
        await CLOCK.sleep(0.2)
        pids = stack.pids()["proxy"]
        if IS_SOAK and len(pids) > 2 and dice.random() < 0.3:
            os.kill(dice.choice(pids), signal.SIGKILL)
            done["killed"] += 1


@pytest.mark.timeout(900 if IS_SOAK else 240)
async def test_each_of_many_clients_that_retry_through_failures_has_one_booking(tmp_path: Path) -> None:
    dice, tries, done = random.Random(1), Counter[str](), Counter[str]()
    quick = {"workers": 4, "upstream_read_timeout_seconds": 2, "breaker_failures": 1_000}
    async with (
        simulating(tmp_path / "sim", "--latency", "none", "--rate-limit", "10000000") as simulator,
        gateway(tmp_path, simulator, **quick) as stack,
        Client(stack.urls.proxy, connections=64, timeout=30) as client,
    ):
        wishes = dice.sample(await free(simulator), CLIENTS)
        troubling = spawn(trouble(stack, simulator, dice, done), name="trouble")
        try:
            sent = (insist(client, number, wish, tries) for number, wish in enumerate(wishes))
            answers = await asyncio.gather(*sent)
        finally:
            troubling.cancel()
        made = await bookings(simulator)
    print(dict(tries), dict(done))
    assert all(len(uids) == 1 for uids in answers), "every retry is answered with one and the same booking"
    assert {number: made[f"lee{number}@example.org"] for number in range(CLIENTS)} == {
        number: list(uids) for number, uids in enumerate(answers)
    }
    assert tries.total() > tries["201"], "nothing went wrong, so nothing was shown"


async def bookings(simulator: Simulator) -> dict[str, list[str]]:
    """The uids of all living bookings by attendee."""
    found: dict[str, list[str]] = {}
    async with Client(simulator.url, connections=1) as client:
        skip = 0
        while True:
            listed = await client.get(f"/v2/bookings?take=100&skip={skip}&status=upcoming", BOOKINGS)
            page = listed.json()["data"]
            if not page:
                return found
            for one in page:
                for attendee in one["attendees"]:
                    found.setdefault(attendee["email"], []).append(one["uid"])
            skip += 100
