"""Fleets of Redis: what their URLs say, and who is asked, on real ones."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from core.clock import FakeClock
from core.keys import Keys
from core.redis import connect
from core.tasks import spawn
from core.topology import Address, Follower, parse, topology_of
from tests.redis_fleet import SERVICE, Fleet, cluster, sentinels
from tests.tools import eventually

KEY = Keys("default").generation


def test_one_server_is_no_fleet() -> None:
    assert parse("redis://h") is None
    assert parse("unix:///run/redis.sock") is None


def test_the_nodes_the_service_and_what_is_common_to_all_are_told_apart() -> None:
    found = parse("rediss+sentinel://u:p%40@a,b:1,[::1]:2/mine?db=3")
    assert found is not None
    assert found.nodes == (("a", 26379), ("b", 1), ("::1", 2))
    assert (found.kind, found.service, found.single) == ("sentinel", "mine", "rediss://u:p%40@master:6379/3")
    assert found.secrets == "u:p%40"
    found = parse("redis+cluster://a,b:7001")
    assert found is not None
    assert (found.nodes, found.single) == ((("a", 6379), ("b", 7001)), "redis://master:6379/0")


@pytest.fixture(params=[cluster, sentinels], ids=["cluster", "sentinel"])
async def fleet(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Fleet]:
    async with request.param(tmp_path / "redis") as running:
        yield running


@pytest.mark.timeout(120)
async def test_a_client_follows_the_master_through_a_change_without_any_death(fleet: Fleet) -> None:
    url = parse(fleet.url)
    assert url is not None
    topology = topology_of(url, "default")
    client = connect(fleet.url, client_name="tests")
    try:
        await client.set(KEY, 7)
        before = await topology.master()
        assert before[1] == (await fleet.master()).port
        await hand_over(fleet, before)

        async def moved() -> bool:
            with contextlib.suppress(RedisConnectionError):
                return await topology.master() != before
            return False

        await eventually(moved)
        # The old one lives, and the client is still connected to it: what it says sends the client to the new one.

        async def written() -> bool:
            with contextlib.suppress(RedisConnectionError):
                return int(await client.incr(KEY)) == 8
            return False

        await eventually(written)
        new = await fleet.master()
        assert (await topology.master())[1] == new.port
        assert await new.say("GET", KEY) == b"8"
    finally:
        await client.aclose()


async def hand_over(fleet: Fleet, master: Address) -> None:
    """Have a replica take over from a master that lives."""
    if "sentinel" in fleet.url:
        found = parse(fleet.url)
        assert found is not None
        watcher = next(node for node in found.nodes)
        sentinel: Any = connect(f"redis://{watcher[0]}:{watcher[1]}", client_name="tests")
        try:
            await sentinel.execute_command("SENTINEL", "FAILOVER", SERVICE)
        finally:
            await sentinel.aclose()
        return
    owner = next(node for node in fleet.nodes if node.port == master[1])
    owner_id = (await owner.say("CLUSTER", "MYID")).decode()
    for node in fleet.nodes:
        role = await node.say("ROLE")
        if role[0] == b"slave" and role[2] == owner.port:
            await node.say("CLUSTER", "FAILOVER")
            return
    raise AssertionError(f"{owner_id} has no replica")


class Named:
    """Names one master after the other."""

    def __init__(self, *names: Address) -> None:
        self.names = list(names)

    async def master(self) -> Address:
        return self.names.pop(0) if len(self.names) > 1 else self.names[0]


async def test_each_change_of_master_is_told_once_and_what_was_written_then_is_not_confirmed() -> None:
    clock, told = FakeClock(), []

    async def changed() -> None:
        told.append(clock.monotonic())

    follower = Follower(Named(("a", 1), ("a", 1), ("b", 1), ("b", 1), ("a", 1)), clock, changed)
    task = spawn(follower.run(), name="follow")
    await clock.advance(10)
    task.cancel()
    assert told == [1002.0, 1004.0]

    follower = Follower(Named(("a", 1), ("b", 1), ("b", 1)), clock, changed)
    await follower.confirm()
    with pytest.raises(RedisConnectionError):
        await follower.confirm()
    await follower.confirm()


async def test_sentinels_that_do_not_agree_name_nobody(tmp_path: Path) -> None:
    async with sentinels(tmp_path / "one") as one, sentinels(tmp_path / "other") as other:
        mixed = parse(f"{one.url.rpartition('/')[0]},{other.url.partition('://')[2]}")
        assert mixed is not None
        with pytest.raises(RedisConnectionError, match="do not agree"):
            await topology_of(mixed, "default").master()


async def test_a_replica_that_is_named_as_master_is_not_used(tmp_path: Path) -> None:
    async with sentinels(tmp_path / "redis") as fleet:
        client = connect(fleet.url, client_name="tests")
        _, replica, _ = fleet.nodes
        client.connection_pool.connection_kwargs["topology"] = Named(("127.0.0.1", replica.port))
        try:
            with pytest.raises(RedisConnectionError, match="is none"):
                await client.get(KEY)
        finally:
            await client.aclose()
