"""Two clients on one key, over several processes: a greedy one takes nothing from the other."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from loadtest.client import Client
from tests.acceptance.harness import CLOCK, gateway, metrics, simulating
from tests.proxy.clients.people import SHOP, VOICE, bearer, entries

pytestmark = pytest.mark.acceptance

# The one that the simulator knows.
KEY = "cal_live_simulator"
LIMIT = 40
UNKEPT = "/v2/bookings/nobody"


def asking(token: str) -> dict[str, str]:
    return bearer(token) | {"cal-api-version": "2024-08-13"}


async def test_a_greedy_client_cannot_starve_another(tmp_path: Path) -> None:
    greedy: Counter[int] = Counter()
    modest: Counter[int] = Counter()
    async with (
        simulating(tmp_path / "sim") as simulator,
        gateway(
            tmp_path,
            simulator,
            "proxy",
            "monitor",
            workers=2,
            rate_limit=LIMIT,
            rate_pace_per_second=LIMIT,
            upstream_api_key=KEY,
            client_tokens=entries(";share=50"),
        ) as stack,
        Client(stack.urls.proxy, connections=64) as client,
    ):
        await _ask_two_hundred_times(client, greedy)
        # All that a client may take besides what is kept for bookings (36 of 40) and the greedy one's 18.
        for _ in range(18):
            answer = await client.get(UNKEPT, asking(VOICE))
            modest[answer.status] += 1
        unknown = await client.get(UNKEPT, asking("cal_gate_of_nobody"))
        for name in stack.pids()["proxy"]:
            environ = await asyncio.to_thread(Path(f"/proc/{name}/environ").read_bytes)
            assert KEY.encode() not in environ
        stats = await simulator.stats()
        samples = await _counted(stack)
    print(greedy, modest, stats["limiter"])
    assert greedy == {404: 18, 429: 182}
    assert modest == {404: 18}
    assert unknown.status == 401
    # One credential, the gateway's own, and nobody over its limit.
    (figures,) = stats["limiter"].values()
    assert (figures["hits"], figures["refused"]) == (36, 0)
    assert samples['calgate_client_calls_total{client="shop"}'] == 18
    assert samples['calgate_client_denied_total{client="shop"}'] == 182
    assert samples['calgate_client_requests_total{client="voice",outcome="pass"}'] == 18
    assert samples['calgate_client_window_used_requests{client="shop"}'] == 18
    assert samples['calgate_client_unauthorized_total{why="unknown"}'] == 1
    text = await asyncio.to_thread((tmp_path / "gateway.log").read_text)
    assert '"alias":"shop"' in text
    for secret in (KEY, SHOP, VOICE):
        assert secret not in text


async def _ask_two_hundred_times(client: Client, seen: Counter[int]) -> None:
    for answer in await asyncio.gather(*(client.get(UNKEPT, asking(SHOP)) for _ in range(200))):
        seen[answer.status] += 1


async def _counted(stack: object) -> dict[str, float]:
    """The metrics, once all that was counted has been handed over."""
    deadline = CLOCK.monotonic() + 15
    while True:
        samples = await metrics(stack)  # type: ignore[arg-type]
        if samples.get('calgate_client_requests_total{client="voice",outcome="pass"}') == 18:
            return samples
        assert CLOCK.monotonic() < deadline
        await CLOCK.sleep(0.1)
