"""What a booking empties, through a whole gateway that learned the account from Cal.com's answers."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from loadtest.client import Client, Response
from tests.acceptance.harness import BOOKINGS, KEY, SLOTS, Simulator, booking, gateway, simulating
from tests.tools import eventually

pytestmark = pytest.mark.acceptance

DAY = "2027-02-0"
# The others are ada's own types too; where slots of 102 begin depends on where her free time does.
OWN, SAME_HOST, SHIFTING = 101, 118, 102


@pytest.fixture
async def simulator(tmp_path: Path) -> AsyncIterator[Simulator]:
    flags = ["--latency", "none", "--rate-limit", "1000000", "--slots-cache", "0"]
    async with simulating(tmp_path / "sim", *flags) as running:
        yield running


def slots(kind: int, first: int, last: int) -> str:
    return f"/v2/slots?eventTypeId={kind}&start={DAY}{first}&end={DAY}{last}"


def hours(kind: int, first: int, last: int) -> str:
    """A look at these hours of the day that is booked."""
    return f"/v2/slots?eventTypeId={kind}&start={DAY}1T{first:02}:00:00Z&end={DAY}1T{last:02}:59:59Z"


async def is_hit(client: Client, target: str) -> bool:
    answer = await client.get(target, SLOTS)
    assert answer.status == 200
    return "; hit" in (answer.header("cache-status") or "")


async def book(client: Client, start: str) -> Response:
    return await client.request("POST", "/v2/bookings", headers=BOOKINGS, body=booking(OWN, start, number=1))


async def test_a_booking_takes_its_time_from_its_hosts_types_and_leaves_the_rest(
    simulator: Simulator, tmp_path: Path
) -> None:
    quick = {
        "account_map_seconds": 600,
        "upstream_read_timeout_seconds": 0.5,
        "upstream_connect_timeout_seconds": 0.5,
        "upstream_slots_cache_seconds": 0,
        "upstream_slots_cache_margin_seconds": 0.05,
    }
    near, far = slots(OWN, 1, 1), slots(OWN, 8, 9)
    before, during, after = hours(OWN, 7, 8), hours(OWN, 9, 10), hours(OWN, 12, 15)
    shared, shifting = slots(SAME_HOST, 1, 1), slots(SHIFTING, 1, 1)
    async with gateway(tmp_path, simulator, **quick) as stack, Client(stack.urls.proxy) as client:
        await client.get("/v2/me", KEY)

        async def is_known() -> bool:
            """Known for certain, which takes as long as a fetch from before could run."""
            for target in (near, far, shared):
                await client.get(target, SLOTS)
            made = await book(client, f"{DAY}4T10:00:00Z")
            if made.status == 201:
                uid = made.json()["data"]["uid"]
                await client.request("POST", f"/v2/bookings/{uid}/cancel", headers=BOOKINGS, body=b"{}")
            return await is_hit(client, far)

        await eventually(is_known, seconds=60)
        for target in (near, far, shared, shifting, before, during, after):
            await client.get(target, SLOTS)
        made = await book(client, f"{DAY}1T10:00:00Z")
        assert made.status == 201
        for target in (far, before, after):
            assert await is_hit(client, target)
        assert not await is_hit(client, shifting)
        for target in (near, shared, during):
            # Until Cal.com has been asked again, the older answer without what the booking took.
            answer = await client.get(target, SLOTS)
            assert "detail=overlay" in (answer.header("cache-status") or "")
            assert b"T10:00:00" not in answer.body
            (truth,) = (await simulator.ask("POST", "/oracle/truth", {"queries": [{"target": target}]}))[
                "answers"
            ]
            assert answer.json()["data"] == truth["data"]


async def test_a_gateway_that_learns_nothing_asks_for_nothing_of_its_own(
    simulator: Simulator, tmp_path: Path
) -> None:
    async with (
        gateway(tmp_path, simulator, account_map_seconds=0) as stack,
        Client(stack.urls.proxy) as client,
    ):
        await client.get("/v2/me", KEY)
        await asyncio.gather(*(client.get("/v2/me", KEY) for _ in range(3)))
        journal = await simulator.ask("GET", "/journal")
    assert {entry["target"] for entry in journal["entries"]} == {"/v2/me"}
