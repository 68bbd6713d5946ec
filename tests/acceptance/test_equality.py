"""Through the gateway or straight to Cal.com: the same answer, on the miss and on the hit."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from loadtest.catalogue import Catalogue, EventType
from loadtest.client import Client
from loadtest.queries import Query, slots_queries
from tests.acceptance.harness import Simulator, gateway, same, simulating

pytestmark = pytest.mark.acceptance

COUNT = 2000
AT_ONCE = 16


async def catalogue_of(simulator: Simulator) -> Catalogue:
    """The simulator's account, as the query generator wants it."""
    world = await simulator.ask("GET", "/world")
    now = await simulator.ask("GET", "/healthz")
    users = {user["id"]: user["username"] for user in world["users"]}
    teams = {team["id"]: team["slug"] for team in world["teams"]}
    types = tuple(
        EventType(
            id=one["id"],
            slug=one["slug"],
            username=users.get(one["ownerId"]),
            team_slug=teams.get(one["teamId"]),
            lengths=tuple(one["lengthOptions"]) or (one["length"],),
            host_ids=tuple(one["hosts"]),
        )
        for one in world["event_types"]
    )
    return Catalogue(
        event_types=types,
        today=datetime.fromisoformat(now["now"]).astimezone(UTC).date(),
        usernames=tuple(users.values()),
        api_keys=tuple(one["key"] for one in world["credentials"]),
    )


async def test_two_thousand_queries_are_answered_alike_on_the_miss_and_on_the_hit(tmp_path: Path) -> None:
    flags = ["--latency", "none", "--rate-limit", "1000000"]
    async with (
        simulating(tmp_path / "sim", *flags) as simulator,
        gateway(tmp_path, simulator, account_map_seconds=600) as stack,
    ):
        # Minimum notice moves with the clock; frozen, both sides are asked at the same instant.
        await simulator.ask("POST", "/clock", {"action": "freeze"})
        queries = list(slots_queries(COUNT, 7, await catalogue_of(simulator)))
        straight = Client(simulator.url, connections=AT_ONCE)
        through = Client(stack.urls.proxy, connections=AT_ONCE)
        seen = {"hit": 0, "miss": 0, "other": 0}
        different: list[str] = []
        gate = asyncio.Semaphore(AT_ONCE)

        async def compare(query: Query) -> None:
            async with gate:
                truth = await straight.get(query.path_and_query, query.headers)
                for _ in range(2):
                    answer = await through.get(query.path_and_query, query.headers)
                    status = answer.header("cache-status") or ""
                    seen["hit" if "; hit" in status else "miss" if "miss" in status else "other"] += 1
                    if not same(truth, answer):
                        different.append(
                            f"{query}: {truth.status} {truth.body!r} / {answer.status} {answer.body!r}"
                        )

        async with straight, through:
            await asyncio.gather(*(compare(query) for query in queries))
    assert not different, "\n".join([f"{len(different)} differ", *different[:8]])
    assert len(queries) == COUNT
    # The comparison means little unless a good part came from the cache.
    assert seen["hit"] >= COUNT / 4, seen
    assert seen["miss"] >= COUNT / 4, seen
