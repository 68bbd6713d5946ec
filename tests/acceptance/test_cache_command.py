"""`calgate cache` beside a running gateway: it finds what was booked behind the gateway's back, and mends it."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from calgate.composition import Stack
from loadtest.client import Client
from tests.acceptance.harness import BOOKINGS, SLOTS, gateway, simulating

pytestmark = pytest.mark.acceptance

LOOK = "/v2/slots?eventTypeId=101&start=2027-02-01&end=2027-02-03"
ELSEWHERE = "/v2/slots?eventTypeId=102&start=2027-02-01&end=2027-02-03"


def booking(start: str) -> bytes:
    attendee = {"name": "Bea", "email": "bea@example.org", "timeZone": "UTC"}
    return orjson.dumps({"eventTypeId": 101, "start": start, "attendee": attendee})


async def command(stack: Stack, *words: str) -> tuple[int, Any, str]:
    """Run it as an operator would: exit code, its JSON, and what else it said."""
    assigned = [
        f"{name}={getattr(stack.settings, name)}"
        for name in (
            "redis_url",
            "upstream_url",
            "rate_limit",
            "rate_pace_per_second",
            "upstream_slots_cache_seconds",
        )
    ]
    options = [part for one in assigned for part in ("--set", one)]
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "calgate", "cache", *words, "--json", *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, said = await program.communicate()
    assert program.returncode is not None
    return program.returncode, orjson.loads(out) if out else None, said.decode()


async def times(client: Client, target: str = LOOK) -> list[str]:
    answer = await client.get(target, SLOTS)
    assert answer.status == 200
    return [slot["start"] for slots in answer.json()["data"].values() for slot in slots]


async def test_what_was_booked_past_the_gateway_is_found_and_repaired(tmp_path: Path) -> None:
    async with (
        simulating(tmp_path / "sim", "--latency", "none", "--rate-limit", "1000000") as simulator,
        gateway(tmp_path, simulator) as stack,
        Client(stack.urls.proxy) as client,
        Client(simulator.url) as calcom,
    ):
        first, *_ = await times(client)
        await times(client, ELSEWHERE)
        code, found, _ = await command(stack, "audit")
        assert (code, [one["verdict"] for one in found]) == (0, ["true", "true"])

        made = await calcom.request("POST", "/v2/bookings", headers=BOOKINGS, body=booking(first))
        assert made.status == 201
        code, found, said = await command(stack, "audit")
        assert code == 1
        stale = {one["target"]: one["gone"] for one in found if one["verdict"] == "stale"}
        assert stale.keys() == {LOOK, ELSEWHERE}, "both types are of the host who was booked"
        assert "bea@example.org" not in said

        # Without the account map nobody knows which other answers the difference concerns, so all go at once.
        code, found, _ = await command(stack, "audit", "--repair")
        assert (code, sorted(one["verdict"] for one in found)) == (1, ["moved", "stale"])
        assert first not in await times(client)
        _, told, _ = await command(stack, "explain")
        assert told[0]["cause"] == "an audit found a difference"


async def test_why_an_answer_went_is_said_and_a_purge_makes_one_go(tmp_path: Path) -> None:
    async with (
        simulating(tmp_path / "sim", "--latency", "none", "--rate-limit", "1000000") as simulator,
        gateway(tmp_path, simulator) as stack,
        Client(stack.urls.proxy) as client,
    ):
        first, *_ = await times(client)
        _, kept, _ = await command(stack, "explain", LOOK)
        assert [(one["target"], one["state"]) for one in kept] == [(LOOK, "fresh")]

        made = await client.request("POST", "/v2/bookings", headers=BOOKINGS, body=booking(first))
        uid = made.json()["data"]["uid"]
        await client.request("POST", f"/v2/bookings/{uid}/cancel", headers=BOOKINGS, body=b"{}")
        _, kept, _ = await command(stack, "explain", LOOK)
        assert [one["state"] for one in kept] == ["outdated"]
        _, told, _ = await command(stack, "explain")
        assert [(one["cause"], one["status"]) for one in told[:2]] == [
            ("POST /v2/bookings/{}/cancel", 200),
            ("POST /v2/bookings", 201),
        ]

        await times(client)
        code, purged, _ = await command(stack, "purge", "--event-type", "101", "--day", "2027-02-02")
        assert (code, purged["answers"]) == (0, 1)
        answer = await client.get(LOOK, SLOTS)
        assert "hit" not in (answer.header("cache-status") or "")


@pytest.mark.parametrize(
    ("words", "way_out"),
    [
        (["purge"], "say what"),
        (["purge", "--all", "--settings"], "say what"),
        (["purge", "--day", "2027-02-01", "--settings"], "--event-type"),
        (["purge", "--event-type", "101", "--day", "tomorrow"], "2026-12-01"),
        (["explain", "--booking", "101"], "101@2026-12-01T10:00Z"),
        (["explain", "/v2/slots?start=now"], "eventTypeId=101&start=2026-12-01"),
    ],
)
async def test_a_senseless_choice_is_refused_with_the_way_out(
    words: list[str], way_out: str, tmp_path: Path
) -> None:
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "calgate", "cache", *words, "--set", f"data_dir={tmp_path}"),
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await program.communicate()
    assert program.returncode == 2
    assert way_out in said.decode()
