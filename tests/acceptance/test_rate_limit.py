"""Ten times the demand over four processes: Cal.com never has to say no, and little is left unused."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from loadtest.client import Client
from tests.acceptance.harness import CLOCK, IS_SOAK, KEY, gateway, simulating

pytestmark = pytest.mark.acceptance

LIMIT, WINDOW = 120, 60
# Into a second window even in the short form: its burst must not run into the first one's.
WINDOWS = 3 if IS_SOAK else 2
SECONDS = WINDOW * (WINDOWS - 1) + 22
DEMAND = 10 * LIMIT / WINDOW


@pytest.mark.timeout(400)
async def test_ten_times_the_demand_causes_no_429_and_uses_the_budget(tmp_path: Path) -> None:
    """At speed 1 and with the limit, the window and the guard a real deployment has."""
    answers: Counter[int] = Counter()

    async def ask(client: Client) -> None:
        answer = await client.get("/v2/me", KEY)
        answers[answer.status] += 1
        if answer.status == 429:
            assert int(answer.header("retry-after") or 0) >= 1

    async with (
        simulating(tmp_path / "sim") as simulator,
        gateway(tmp_path, simulator, workers=4, rate_limit=LIMIT, rate_pace_per_second=10) as stack,
        Client(stack.urls.proxy, connections=256) as client,
        asyncio.TaskGroup() as group,
    ):
        started = CLOCK.monotonic()
        for number in range(int(SECONDS * DEMAND)):
            group.create_task(ask(client))
            await CLOCK.sleep(started + (number + 1) / DEMAND - CLOCK.monotonic())
        stats = await simulator.stats()
    (figures,) = stats["limiter"].values()
    print(stats["limiter"], answers)
    assert figures["refused"] == 0
    assert figures["max_in_60s"] <= LIMIT
    assert set(answers) == {200, 429}
    assert figures["hits"] >= 0.95 * LIMIT * WINDOWS
