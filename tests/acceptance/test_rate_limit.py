"""Ten times the demand over four processes: Cal.com never has to say no, and little is left unused."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from loadtest.client import Client
from tests.acceptance.harness import BOOKINGS as BOOKING
from tests.acceptance.harness import CLOCK, IS_SOAK, gateway, metrics, simulating

pytestmark = pytest.mark.acceptance

LIMIT, WINDOW = 120, 60
# Into a second window even in the short form: its burst must not run into the first one's.
WINDOWS = 3 if IS_SOAK else 2
SECONDS = WINDOW * (WINDOWS - 1) + 22
DEMAND = 10 * LIMIT / WINDOW


# As many a window as are kept for them.
BOOKINGS = 11 / WINDOW

UNKEPT = "/v2/bookings/nobody"
"""A read that is never kept: each costs a call."""


@dataclass
class Seen:
    """What the clients of one run were answered."""

    answers: Counter[int] = field(default_factory=Counter)
    bookings: Counter[int] = field(default_factory=Counter)

    async def look(self, client: Client) -> None:
        answer = await client.get(UNKEPT, BOOKING)
        self.answers[answer.status] += 1
        if answer.status == 429:
            assert int(answer.header("retry-after") or 0) >= 1

    async def book(self, client: Client) -> None:
        """A write of the highest class that changes nothing: there is no such booking."""
        answer = await client.request("POST", "/v2/bookings/nobody/cancel", headers=BOOKING, body=b"{}")
        self.bookings[answer.status] += 1


def total_of(samples: Mapping[str, float], name: str, *labels: str) -> float:
    """The sum of the series of *name* that carry all of *labels*."""
    return sum(
        value
        for key, value in samples.items()
        if key.startswith(name + "{") and all(one in key for one in labels)
    )


async def every(seconds: float, until: float, call: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Begin a call each so many seconds, whatever becomes of the earlier ones."""
    started = CLOCK.monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(int(until / seconds)):
            group.create_task(call())
            await CLOCK.sleep(started + (number + 1) * seconds - CLOCK.monotonic())


@pytest.mark.timeout(400)
async def test_ten_times_the_demand_causes_no_429_and_uses_the_budget_and_bookings_go_first(
    tmp_path: Path,
) -> None:
    """At speed 1 and with the limit, the window and the guard a real deployment has."""
    seen = Seen()
    async with (
        simulating(tmp_path / "sim") as simulator,
        gateway(
            tmp_path, simulator, "proxy", "monitor", workers=4, rate_limit=LIMIT, rate_pace_per_second=10
        ) as stack,
        Client(stack.urls.proxy, connections=256) as client,
    ):
        async with asyncio.TaskGroup() as group:
            group.create_task(every(1 / DEMAND, SECONDS, lambda: seen.look(client)))
            group.create_task(every(1 / BOOKINGS, SECONDS, lambda: seen.book(client)))
        stats = await simulator.stats()
        samples = await metrics(stack)
    (figures,) = stats["limiter"].values()
    waits = "calgate_budget_wait_duration_seconds"
    short = total_of(samples, waits + "_bucket", 'purpose="booking"', 'le="0.1"')
    print(figures, seen.answers, seen.bookings, f"bookings that waited at most 0.1 s: {short:g}")
    assert figures["refused"] == 0
    assert figures["max_in_60s"] <= LIMIT
    assert figures["max_in_1s"] <= 10
    assert set(seen.answers) == {404, 429}
    assert set(seen.bookings) == {404}
    assert short >= 0.9 * seen.bookings[404]
    # What bookings do not take of what is kept for them stays unspent.
    assert figures["hits"] >= 0.88 * LIMIT * WINDOWS


@pytest.mark.timeout(400)
async def test_somebody_else_with_half_the_key_is_never_refused_on_our_account(tmp_path: Path) -> None:
    """The other asks Cal.com itself, once a second, and was there first."""
    seen = Seen()
    theirs: Counter[int] = Counter()
    async with (
        simulating(tmp_path / "sim") as simulator,
        gateway(tmp_path, simulator, workers=4, rate_limit=LIMIT, rate_pace_per_second=10) as stack,
        Client(stack.urls.proxy, connections=256) as client,
        Client(simulator.url, connections=4) as other,
    ):

        async def foreign() -> None:
            theirs[(await other.get(UNKEPT, BOOKING)).status] += 1

        # Within one window already, both together would make more calls than there are.
        ahead, together = (20, SECONDS) if IS_SOAK else (15, 40)
        async with asyncio.TaskGroup() as group:
            group.create_task(every(1.0, ahead + together, foreign))
            await CLOCK.sleep(ahead)
            group.create_task(every(1 / DEMAND, together, lambda: seen.look(client)))
        stats = await simulator.stats()
    (figures,) = stats["limiter"].values()
    print(stats["limiter"], seen.answers, theirs)
    assert figures["refused"] == 0
    assert set(theirs) == {404}
    assert seen.answers[404] >= (30 * (WINDOWS - 1) if IS_SOAK else 15)
