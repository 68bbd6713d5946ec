"""calgate/composition.py: the whole gateway, with real processes and a real Redis."""

import asyncio
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from calgate.composition import Died, NotReady, Stack, redis_trouble, stores
from calgate.listeners import ListenError, bind
from calgate.readiness import status_of
from core.errors import UserError
from core.process import identify
from core.settings import Settings
from tests.tools import eventually


@pytest.fixture
def settings() -> Iterator[Settings]:
    with tempfile.TemporaryDirectory(prefix="cg-") as folder:
        yield Settings(
            data_dir=Path(folder) / "data",
            proxy_listen="127.0.0.1:0",
            monitor_listen="127.0.0.1:0",
            upstream_url="http://127.0.0.1:1",
            workers=2,
            drain_seconds=5.0,
        )


def quiet(settings: Settings) -> Path:
    return settings.data_dir.parent / "children.log"


async def test_everything_answers_survives_a_kill_and_is_gone_afterwards(settings: Settings) -> None:
    async with Stack(settings, output=quiet(settings)) as stack:
        pids = stack.pids()
        assert {role: len(found) for role, found in pids.items()} == {"proxy": 2, "worker": 1, "monitor": 1}
        assert stack.urls.monitor is not None
        assert await status_of(f"{stack.urls.proxy}/-/readyz") == 200
        assert await status_of(f"{stack.urls.monitor}/metrics") == 200
        assert stack.urls.redis.startswith("unix://")
        assert stack.urls.database is None
        assert stack.settings.redis_url == stack.urls.redis

        for killed in pids["proxy"]:
            os.kill(killed, signal.SIGKILL)

        async def both_are_back() -> bool:
            return len(set(stack.pids()["proxy"]) - set(pids["proxy"])) == 2

        # The socket is the supervisor's: with both processes dead, a caller waits instead of being refused.
        status: int | None = None
        async with asyncio.timeout(60):
            while status is None:
                status = await status_of(f"{stack.urls.proxy}/-/healthz")
        assert status == 200
        await eventually(both_are_back)
        everybody = [pid for found in (*pids.values(), *stack.pids().values()) for pid in found]
    assert not any(identify(pid) for pid in everybody)
    assert not (settings.data_dir / "children.json").exists()
    await stack.stop()  # once more does nothing


async def test_only_the_parts_asked_for_run(settings: Settings) -> None:
    async with Stack(settings, parts=("proxy",), output=quiet(settings)) as stack:
        assert list(stack.pids()) == ["proxy"]
        assert stack.urls.monitor is None


async def test_a_folder_has_one_gateway(settings: Settings) -> None:
    async with Stack(settings, parts=()) as first:
        with pytest.raises(UserError) as caught:
            async with Stack(settings, parts=()):
                pass
        assert str(caught.value) == (
            f"the data folder {settings.data_dir} is in use by another gateway, process {os.getpid()}; "
            "stop that one, or set CALGATE_DATA_DIR to another folder"
        )
        assert first.urls.redis.startswith("unix://")
    async with Stack(settings, parts=()):
        pass


async def test_a_taken_port_is_told_and_nothing_is_left(settings: Settings) -> None:
    with bind("proxy_listen", "127.0.0.1:0") as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        for name in ("proxy_listen", "monitor_listen"):
            with pytest.raises(
                ListenError, match=f"{name} = {listen}: another program listens there already"
            ):
                async with Stack(settings.model_copy(update={name: listen})):
                    pass
    async with Stack(settings, parts=()):
        pass


async def test_a_gateway_without_its_redis_says_which_and_what_to_do(settings: Settings) -> None:
    away = settings.model_copy(update={"redis_url": "redis://:hunter2@127.0.0.1:1/0"})
    async with Stack(away, parts=("proxy",), ready_seconds=None, output=quiet(settings)) as stack:
        with pytest.raises(NotReady) as caught:
            await stack.wait_ready(1.0)
        assert not isinstance(caught.value, Died)
        text = str(caught.value)
        assert "the proxy (http://127.0.0.1:" in text
        assert "the Redis at redis://***@127.0.0.1:1/0 does not answer" in text
        assert "set CALGATE_REDIS_URL" in text
        assert "hunter2" not in text
        # Not ready, and alive all the same.
        assert len(stack.pids()["proxy"]) == 2
    assert "hunter2" not in quiet(settings).read_text()


async def test_a_program_that_keeps_dying_is_not_waited_for(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A metrics folder that is a file is a fault no restart cures.
    settings.data_dir.mkdir(mode=0o700)
    (settings.data_dir / "metrics").write_text("")
    with pytest.raises(
        Died, match=r"proxy-\d ended with code \d+ before it was ready; its last words are in"
    ):
        async with Stack(settings, parts=("proxy",), ready_seconds=60.0, output=quiet(settings)):
            pass


async def test_stores_of_its_own_are_used_as_they_are(redis_server: str, settings: Settings) -> None:
    async with stores(settings.model_copy(update={"redis_url": redis_server})) as found:
        assert found.settings.redis_url == redis_server
        assert found.database_engine == "off"
        assert await redis_trouble(found.settings) is None


async def test_a_start_that_is_cancelled_leaves_nothing(settings: Settings) -> None:
    stack = Stack(settings, output=quiet(settings))
    starting = asyncio.ensure_future(stack.__aenter__())

    async def has_children() -> bool:
        return any(stack.pids().values())

    await eventually(has_children)
    pids = [pid for found in stack.pids().values() for pid in found]
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert not any(identify(pid) for pid in pids)
    async with Stack(settings, parts=()):
        pass
