"""Identical misses in one process cost one call."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from loadtest.client import Client
from tests.acceptance.harness import SLOTS, gateway, simulating

pytestmark = pytest.mark.acceptance

TARGET = "/v2/slots?eventTypeId=101&start=2027-02-01&end=2027-02-07"


async def test_two_hundred_concurrent_identical_misses_are_one_upstream_call(tmp_path: Path) -> None:
    async with simulating(tmp_path / "sim") as simulator, gateway(tmp_path, simulator) as stack:
        async with Client(stack.urls.proxy, connections=200) as client:
            answers = await asyncio.gather(*(client.get(TARGET, SLOTS) for _ in range(200)))
        journal = await simulator.ask("GET", "/journal")
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert len(journal["entries"]) == 1
    collapsed = [answer for answer in answers if "collapsed" in (answer.header("cache-status") or "")]
    assert len(collapsed) >= 150
