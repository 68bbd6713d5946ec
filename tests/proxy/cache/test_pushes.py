"""What Redis tells, heard by a process: on a real server, through breaks."""

import asyncio
import contextlib
import os
import signal
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from core.clock import SystemClock
from core.embedded import EmbeddedRedis
from core.keys import Keys
from core.redis import connect
from proxy.cache.entry import Entry
from proxy.cache.near import NEAR_LEASE, Held, Near
from proxy.cache.pushes import Pushes
from proxy.cache.stamps import ANYTHING
from proxy.cache.store import Store, Timing
from tests.proxy.waiting import until

CLOCK = SystemClock()
FAR = 1e12


class Hurried(SystemClock):
    """Sleeps a hundredth of what it is asked to, and remembers."""

    __slots__ = ("slept",)

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(min(seconds / 100, 0.001))


def near_of(trusts: bool) -> Near:
    """The copies of a process that trusts them for a while, or not without asking."""
    return Near(most_entries=10, most_bytes=1_000_000, lease=NEAR_LEASE if trusts else 0.0)


class Listener:
    """A process that listens."""

    def __init__(self, url: str, keys: Keys, *, holds: bool = True) -> None:
        self.near = near_of(holds)
        self.landed: list[str] = []
        self.pushes = Pushes(
            url,
            keys,
            CLOCK,
            process=f"{keys.told}:one",
            near=self.near,
            landed=self.landed.append,
        )

    def is_current(self) -> bool:
        """Whether a copy put now would be used now."""
        self.near.put(self.near.fence(), Held("probe", Entry(b"", (), 0, 0, 0), 10**9, frozenset(), 0, FAR))
        return self.near.get("probe", CLOCK.monotonic()) is not None

    def put(self, fields: tuple[str, ...]) -> None:
        assert self.near.put(
            self.near.fence(), Held("d", Entry(b"", (), 0, 0, 0), 0, frozenset(fields), 0, FAR)
        )

    def has(self) -> bool:
        return self.near.get("d", CLOCK.monotonic()) is not None


@contextlib.asynccontextmanager
async def listening(url: str, keys: Keys, *, holds: bool = True) -> AsyncIterator[Listener]:
    listener = Listener(url, keys, holds=holds)
    task = asyncio.ensure_future(listener.pushes.run())
    try:
        await until(lambda: listener.pushes.is_heard)
        yield listener
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest_asyncio.fixture
async def listener(redis: Any, redis_server: str, keys: Keys) -> AsyncIterator[Listener]:
    async with listening(redis_server, keys) as one:
        await until(one.is_current)
        yield one


@pytest.fixture
def store(redis: Any, keys: Keys) -> Store:
    return Store(redis, keys, Timing())


async def test_a_write_stops_the_use_of_copies_from_its_intent_to_its_end(
    listener: Listener, store: Store
) -> None:
    listener.put(("*", "t8"))
    write, others = await store.write_begin()
    assert others
    await until(lambda: not listener.has())
    await store.write_end(write, known=True, fields=("t7", "?"))
    await until(listener.has)
    write, _ = await store.write_begin()
    await until(lambda: not listener.has())
    await store.write_refused(write)
    await until(listener.has)


async def test_an_invalidation_drops_copies(listener: Listener, store: Store) -> None:
    listener.put(("*", "t7"))
    await store.write_end("w", known=True, fields=("t7", "?"))
    await until(lambda: len(listener.near) == 1)
    assert not listener.has()


async def test_a_write_whose_process_died_stops_the_use_until_somebody_looks(
    listener: Listener, redis: Any, keys: Keys
) -> None:
    dead = Store(redis, keys, Timing(lease=0.2))
    await dead.write_begin()
    await until(lambda: not listener.is_current())

    async def looked() -> bool:
        await dead.lookup("d", ANYTHING)
        return listener.is_current()

    await until(looked)


async def test_a_broken_connection_drops_copies_and_comes_back(listener: Listener, redis: Any) -> None:
    listener.put(("*",))
    await redis.client_kill_filter(_type="pubsub")
    await until(lambda: len(listener.near) == 0)
    await until(listener.is_current)
    assert not listener.has()


async def test_fetches_that_end_are_told_also_where_no_copies_are_held(
    redis: Any, redis_server: str, keys: Keys
) -> None:
    async with listening(redis_server, keys, holds=False) as listener:
        await redis.publish(keys.told, "f some-digest")
        await until(lambda: listener.landed == ["some-digest"])
        await redis.publish(keys.told, "b 1 * -")
        assert not await redis.exists(keys.near)
        assert await redis.publish(f"{keys.told}:one", "are you there") == 1


async def test_a_word_nobody_here_knows_drops_copies(listener: Listener, redis: Any, keys: Keys) -> None:
    listener.put(("*",))
    await redis.publish(keys.told, "something new")
    await until(lambda: not listener.has())


async def test_nonsense_breaks_the_connection_rather_than_being_believed(
    listener: Listener, redis: Any, keys: Keys
) -> None:
    listener.put(("*",))
    await redis.publish(keys.told, "b soon")
    await until(lambda: not listener.has())
    await until(listener.is_current)


async def test_copies_lapse_when_redis_freezes(keys: Keys) -> None:
    with tempfile.TemporaryDirectory(prefix="cg-") as folder:
        async with EmbeddedRedis(Path(folder)) as server:
            client: Any = connect(server.url, client_name="t")
            pid = int((await client.info("server"))["process_id"])
            async with listening(server.url, keys) as listener:
                await until(listener.is_current)
                os.kill(pid, signal.SIGSTOP)
                try:
                    await until(lambda: not listener.is_current())
                finally:
                    os.kill(pid, signal.SIGCONT)
                await until(listener.is_current)
            await client.aclose()


async def test_copies_lapse_where_writers_cannot_be_told_of_them(keys: Keys) -> None:
    with tempfile.TemporaryDirectory(prefix="cg-") as folder:
        async with EmbeddedRedis(Path(folder)) as server:
            client: Any = connect(server.url, client_name="t")
            async with listening(server.url, keys) as listener:
                await until(listener.is_current)
                await client.config_set("maxmemory", "1")
                await until(lambda: not listener.is_current())
                assert listener.pushes.is_heard
                await client.config_set("maxmemory", "0")
                await until(listener.is_current)
            await client.aclose()


@pytest.mark.parametrize(
    ("may_not", "says"), [("resetchannels", "SUBSCRIBE: NOPERM"), ("-zrange", "ZRANGE: NOPERM")]
)
@pytest.mark.parametrize("holds", [True, False])
async def test_a_redis_that_refuses_is_named_once_and_left_alone_for_longer_each_time(
    may_not: str, says: str, holds: bool, redis: Any, redis_server: str, keys: Keys, caplog: Any
) -> None:
    rights = ["on", "nopass", "~*", "&*", "+@all", may_not]
    await redis.execute_command("ACL", "SETUSER", "restricted", *rights)
    clock = Hurried()
    near = near_of(holds)
    url = redis_server.replace("unix://", "unix://restricted:any@")
    pushes = Pushes(url, keys, clock, process="p", near=near, landed=print)
    task = asyncio.ensure_future(pushes.run())
    try:
        await until(lambda: any(pause >= 1.0 for pause in clock.slept))
        near.put(near.fence(), Held("d", Entry(b"", (), 0, 0, 0), 0, frozenset(), 0, FAR))
        assert near.get("d", clock.monotonic()) is None
    finally:
        task.cancel()
        await asyncio.wait([task])
        await redis.execute_command("ACL", "DELUSER", "restricted")
    warned = [record for record in caplog.records if record.levelname == "WARNING"]
    assert [(record.message, record.problem) for record in warned] == [("pushes.unreachable", says)]
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_it_goes_on_trying_however_long_redis_is_away(tmp_path: Path, keys: Keys) -> None:
    clock = Hurried()
    pushes = Pushes(f"unix://{tmp_path}/none", keys, clock, process="p", near=near_of(False), landed=print)
    task = asyncio.ensure_future(pushes.run())
    try:
        await until(lambda: len(clock.slept) > 1_100 or task.done())
        assert not task.done()
        assert max(clock.slept) <= 2.0
    finally:
        task.cancel()
        await asyncio.wait([task])
