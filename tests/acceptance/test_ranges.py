"""Overlapping looks at one event type are answered out of one fetch, and each as Cal.com itself would."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from loadtest.client import Client
from tests.acceptance.harness import CLOCK, KEY, SLOTS, Simulator, gateway, same, simulating
from tests.tools import eventually

pytestmark = pytest.mark.acceptance

# An event type counts as known once no fetch from before it was can still run.
KNOWN = {
    "account_map_seconds": 600,
    "upstream_read_timeout_seconds": 1,
    "upstream_connect_timeout_seconds": 1,
    "slots_share_agreements": 2,
    "slots_share_gap_seconds": 0.5,
}


async def looks(simulator: Simulator) -> int:
    """How many looks have reached Cal.com."""
    journal = await simulator.ask("GET", "/journal")
    return sum(entry["target"].startswith("/v2/slots?") for entry in journal["entries"])


@pytest.mark.timeout(300)
async def test_once_windows_have_proven_true_looks_share_them(tmp_path: Path) -> None:
    today = datetime.now(UTC).date()  # noqa: TID251
    # A look that was answered is answered from memory for a while, so that each one tells something only once.
    first, then = (
        [
            f"/v2/slots?eventTypeId=101&start={day}&end={day + timedelta(days=length)}&timeZone=Europe/Berlin"
            for day in (today + timedelta(days=ahead) for ahead in range(2, 24))
            for length in lengths
        ]
        for lengths in ((5, 7, 9, 11, 14, 15), (6, 13))
    )
    untried = iter(first)
    async with (
        simulating(tmp_path / "sim", "--rate-limit", "1000000") as simulator,
        gateway(tmp_path, simulator, **KNOWN) as stack,
        Client(stack.urls.proxy, connections=8, timeout=60) as client,
        Client(simulator.url, connections=8, timeout=60) as calcom,
    ):
        assert (await client.get("/v2/me", KEY)).status == 200

        async def is_shared() -> bool:
            answer = await client.get(next(untried), SLOTS)
            await CLOCK.sleep(0.8)
            return "detail=range" in (answer.header("cache-status") or "")

        await eventually(is_shared, seconds=200)
        before = await looks(simulator)
        answers = [await client.get(target, SLOTS) for target in then]
        calls = await looks(simulator) - before
        for target, answer in zip(then, answers, strict=True):
            assert same(answer, await calcom.get(target, SLOTS)), target
    shared = ["detail=range" in (answer.header("cache-status") or "") for answer in answers]
    print(sum(shared), "of", len(then), "looks shared,", calls, "calls")
    assert sum(shared) > len(then) / 2
    assert calls < len(then) / 4
