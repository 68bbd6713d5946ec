"""kill -9 of any one process: the rest goes on, counts never fall, nothing hangs."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Self

import pytest

from calgate.composition import Stack
from core.redis import connect
from loadtest.client import Client, ClientError
from loadtest.scenarios.race import offers, slots_targets
from tests.acceptance.harness import (
    BOOKINGS,
    CLOCK,
    SLOTS,
    Simulator,
    booking,
    gateway,
    metrics,
    simulating,
    total,
)

pytestmark = pytest.mark.acceptance

TARGET = "/v2/slots?eventTypeId=101&start=2027-02-01&end=2027-02-07"
BOOKED = (101, 110)
COUNTED = "calgate_http_requests_total"
# No request may take longer: the longest thing a gateway waits for here is a lease.
PATIENCE = 25.0


class Traffic:
    """Readers and a booker that never stop, and what became of each request."""

    def __init__(self, client: Client, offered: list[tuple[int, str]]) -> None:
        self._client = client
        self._offered = offered
        self._tasks: list[asyncio.Task[None]] = []
        self.outcomes: Counter[str] = Counter()
        self.slowest = 0.0

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._read()) for _ in range(8)] + [loop.create_task(self._book())]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _read(self) -> None:
        while True:
            await self._one("GET", TARGET, SLOTS, b"")
            await CLOCK.sleep(0.01)

    async def _book(self) -> None:
        while True:
            kind, start = self._offered.pop()
            body = booking(kind, start, len(self._offered))
            await self._one("POST", "/v2/bookings", BOOKINGS, body)
            await CLOCK.sleep(0.3)

    async def _one(self, method: str, where: str, headers: dict[str, str], body: bytes) -> None:
        began = CLOCK.monotonic()
        try:
            answer = await self._client.request(method, where, headers=headers, body=body)
        except ClientError as error:
            self.outcomes[type(error).__name__] += 1
            await CLOCK.sleep(0.02)
        else:
            self.outcomes[str(answer.status)] += 1
        self.slowest = max(self.slowest, CLOCK.monotonic() - began)

    async def more(self, outcome: str, count: int) -> None:
        """Return when *count* more requests have ended so."""
        wanted = self.outcomes[outcome] + count
        deadline = CLOCK.monotonic() + 60
        while self.outcomes[outcome] < wanted:
            assert CLOCK.monotonic() < deadline, f"no more {outcome}: {self.outcomes}"
            await CLOCK.sleep(0.02)


async def counted(stack: Stack) -> float:
    """The gateway's request count, from whichever monitor answers; waits while one is being started."""
    deadline = CLOCK.monotonic() + 60
    while True:
        try:
            samples = await metrics(stack)
        except ClientError:
            samples = {}
        if COUNTED + '{code_class="2xx",route="slots"}' in samples or total(samples, COUNTED):
            return total(samples, COUNTED)
        assert CLOCK.monotonic() < deadline, "the monitor never came back"
        await CLOCK.sleep(0.1)


async def offered(simulator: Simulator) -> list[tuple[int, str]]:
    """What can be booked, in random order."""
    found = await offers(simulator, BOOKED, slots_targets(BOOKED, date(2027, 3, 1)))
    both = [(kind, start) for kind, starts in found.items() for start in starts]
    random.Random(1).shuffle(both)
    return both


async def redis_pid(stack: Stack) -> int:
    client = connect(stack.urls.redis, client_name="test")
    try:
        return int((await client.info("server"))["process_id"])
    finally:
        await client.aclose()


@pytest.mark.timeout(300)
async def test_whichever_process_is_killed_the_rest_goes_on_and_counts_never_fall(tmp_path: Path) -> None:
    flags = ["--speed", "20", "--rate-limit", "1000000"]
    # A Redis that comes back may have forgotten two seconds' worth of calls, which then count as made.
    hold = {
        "upstream_slots_cache_seconds": 0.1,
        "upstream_slots_cache_margin_seconds": 0.1,
        "rate_pace_per_second": 1_000,
    }
    async with (
        simulating(tmp_path / "sim", *flags) as simulator,
        gateway(tmp_path, simulator, "proxy", "worker", "monitor", workers=2, **hold) as stack,
        Client(stack.urls.proxy, connections=16, timeout=PATIENCE) as client,
        Traffic(client, await offered(simulator)) as traffic,
    ):
        await traffic.more("200", 50)
        before = await counted(stack)
        for role in ("proxy", "worker", "monitor", "redis"):
            victim = await redis_pid(stack) if role == "redis" else stack.pids()[role][0]
            os.kill(victim, signal.SIGKILL)
            await traffic.more("200", 100)
            await traffic.more("201", 2)
            after = await counted(stack)
            assert after >= before, f"after {role}"
            before = after
        await stack.wait_ready(30)
        everyone = stack.pids()
    assert {role: len(pids) for role, pids in everyone.items()} == {"proxy": 2, "worker": 1, "monitor": 1}
    print(traffic.outcomes, traffic.slowest)
    assert traffic.outcomes["TimedOut"] == 0
    assert traffic.slowest < PATIENCE
