"""The whole gateway on a real Redis Cluster, and on a master watched by sentinels, through the death of the master."""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import orjson
import pytest

from loadtest.client import Client, Response
from tests.acceptance.harness import BOOKINGS, SLOTS, gateway, metrics, simulating, total
from tests.redis_fleet import Fleet, cluster, sentinels
from tests.tools import eventually

pytestmark = pytest.mark.acceptance

LOOK = "/v2/slots?eventTypeId=101&start=2027-02-01&end=2027-02-03"
Make = Callable[[Path], AbstractAsyncContextManager[Fleet]]


@pytest.fixture(params=[cluster, sentinels], ids=["cluster", "sentinel"])
async def fleet(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Fleet]:
    make: Make = request.param
    async with make(tmp_path / "redis") as running:
        yield running


async def look(client: Client) -> Response:
    return await client.get(LOOK, SLOTS)


def times(answer: Response) -> list[str]:
    assert answer.status == 200, answer.body
    return [slot["start"] for slots in answer.json()["data"].values() for slot in slots]


async def book(client: Client, start: str) -> Response:
    attendee = {"name": "Bea", "email": "bea@example.org", "timeZone": "UTC"}
    body = orjson.dumps({"eventTypeId": 101, "start": start, "attendee": attendee})
    return await client.request("POST", "/v2/bookings", headers=BOOKINGS, body=body)


async def is_hit(client: Client) -> bool:
    return "; hit" in ((await look(client)).header("cache-status") or "")


@pytest.mark.timeout(180)
async def test_it_caches_books_and_counts_and_goes_on_when_the_master_dies(
    fleet: Fleet, tmp_path: Path
) -> None:
    # What the dead master had not passed on counts as spent: two seconds at this pace.
    changes = {"redis_url": fleet.url, "workers": 2, "rate_pace_per_second": 1000, "log_level": "info"}
    async with (
        simulating(tmp_path / "sim", "--latency", "none", "--rate-limit", "1000000") as simulator,
        gateway(tmp_path, simulator, "proxy", "worker", "monitor", **changes) as stack,
        Client(stack.urls.proxy, timeout=20) as client,
    ):
        first, second, *_ = times(await look(client))
        await eventually(lambda: is_hit(client))
        assert (await book(client, first)).status == 201
        assert first not in times(await look(client))

        dead = await fleet.master()
        dead.kill()
        successor = None

        async def replaced() -> bool:
            nonlocal successor
            with contextlib.suppress(AssertionError):
                successor = await fleet.master()
            return successor is not None and successor is not dead

        await eventually(replaced, seconds=30)

        async def answers() -> bool:
            return (await look(client)).status == 200

        await eventually(answers, seconds=30)
        assert first not in times(await look(client))
        made = await book(client, second)
        assert made.status == 201, made.body
        assert second not in times(await look(client))
        await eventually(lambda: is_hit(client), seconds=30)

        async def cleaned() -> bool:
            """Whether the worker too has found the new master, and done there what the bookings left it."""
            seen = await metrics(stack)
            return (
                total(seen, "calgate_jobs_finished_total") >= 2 and total(seen, "calgate_jobs_pending") == 0
            )

        await eventually(cleaned, seconds=30)
