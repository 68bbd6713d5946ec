import asyncio
import os
import signal
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from core.clock import SystemClock
from core.embedded import EmbeddedRedis
from core.errors import UserError
from core.redis import connect
from core.settings import Settings
from exporters.catalogue import CATALOGUE
from monitor import daemon
from monitor.watch import Watch


@asynccontextmanager
async def monitor(settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    """A running daemon, and a client of it."""
    listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(daemon.run(settings, on_listening=listening.set_result))
        async with httpx2.AsyncClient(base_url=await listening) as client:
            yield client
        task.cancel()


def settings(data_dir: Path, redis_url: str) -> Settings:
    return Settings(
        data_dir=data_dir, redis_url=redis_url, monitor_listen="127.0.0.1:0", account="daemon-test"
    )


async def text_when(client: httpx2.AsyncClient, wanted: str, path: str = "/metrics") -> str:
    """Ask until a text is there; the suite's time limit is the only other end."""
    while True:
        text = (await client.get(path)).text
        if wanted in text:
            return text
        await asyncio.sleep(0.02)


async def test_every_counter_is_there_at_zero_from_the_first_scrape(
    redis_server: str, tmp_path: Path
) -> None:
    async with monitor(settings(tmp_path, redis_server)) as client:
        text = (await client.get("/metrics")).text
    found = {
        (s.name, tuple(sorted(s.labels.items()))): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }
    counters = [m for m in CATALOGUE if m.kind == "counter"]
    assert len(counters) > 10
    for metric in counters:
        for row in metric.series():
            labels = tuple(sorted(zip(metric.labels, row, strict=True)))
            assert found[metric.name, labels] == 0


async def test_it_becomes_ready_and_says_that_the_store_is_read(redis_server: str, tmp_path: Path) -> None:
    async with monitor(settings(tmp_path, redis_server)) as client:
        assert (await client.get("/-/healthz")).status_code == 200
        await text_when(client, "calgate_up 1.0")
        assert await text_when(client, "ready\n", "/-/readyz") == "ready\n"


async def test_without_redis_the_page_still_renders_and_says_so(tmp_path: Path) -> None:
    async with monitor(settings(tmp_path, f"unix://{tmp_path}/none.sock")) as client:
        await text_when(client, "ready\n", "/-/readyz")
        text = (await client.get("/metrics")).text
        assert "calgate_up 0.0" in text
        answer = await client.get("/", headers={"Accept": "text/html"})
        assert answer.status_code == 200
        assert "Redis does not answer" in answer.text


async def test_a_frozen_redis_does_not_slow_a_scrape() -> None:
    with tempfile.TemporaryDirectory(prefix="cg-") as folder:
        async with EmbeddedRedis(Path(folder)) as server:
            redis = connect(server.url, client_name="tests")
            watch = Watch(settings(Path(folder), server.url), redis, SystemClock())
            await watch.budget.run()
            assert watch.budget.outcome.success
            os.kill(server.pid, signal.SIGSTOP)
            try:
                async with asyncio.TaskGroup() as group:
                    frozen = group.create_task(watch.budget.run())
                    await asyncio.sleep(0)
                    for _ in range(20):
                        await watch.families()
                        await watch.status()
                    # Twenty scrapes and pages came back while the collector was still waiting.
                    assert not frozen.done()
                assert watch.budget.outcome.error == "no answer within 1 s"
                assert watch.budget.outcome.value is not None
            finally:
                os.kill(server.pid, signal.SIGCONT)
            await watch.budget.run()
            assert watch.budget.outcome.success
            watch.close()
            await redis.aclose()


async def test_a_taken_address_is_named_with_the_way_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        wanted = Settings(data_dir=tmp_path, monitor_listen=f"127.0.0.1:{port}")
        with pytest.raises(
            UserError, match=rf"cannot listen on 127\.0\.0\.1:{port} .* CALGATE_MONITOR_LISTEN"
        ):
            await daemon.run(wanted)


async def test_cancelling_frees_the_address(redis_server: str, tmp_path: Path) -> None:
    async with monitor(settings(tmp_path, redis_server)) as client:
        port = client.base_url.port
        await client.get("/-/healthz")
    with socket.create_server(("127.0.0.1", port or 0)):
        pass


async def test_a_database_is_watched_and_let_go(redis_server: str, postgres_url: str, tmp_path: Path) -> None:
    with_database = settings(tmp_path, redis_server).model_copy(update={"database_url": postgres_url})
    async with monitor(with_database) as client:
        text = await text_when(client, 'calgate_db_up{db="main"} 1.0')
        assert text.count("\ncalgate_db_index_present{") == 8
