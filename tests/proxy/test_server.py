"""One process from start to drain, with and without its Redis."""

import asyncio
import signal
import socket
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
from redis.asyncio import Redis

from core.embedded import EmbeddedRedis
from exporters.slots import SlotError
from proxy.server import run_process
from tests.proxy.conftest import Start
from tests.proxy.running import Running, listening, running, settings
from tests.proxy.upstream import SLOTS, Gate, Reply, Upstream, scripted
from tests.proxy.waiting import until


async def ready(gateway: Running) -> bool:
    return (await gateway.client.get("/-/readyz")).status_code == 200


async def test_it_is_healthy_and_ready_with_its_redis(gateway: Running) -> None:
    assert (await gateway.client.get("/-/healthz")).json() == {"status": "ok"}
    answer = await gateway.client.get("/-/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ready"}


async def test_without_redis_it_lives_refuses_and_says_when_to_come_back(
    start: Start, upstream: Upstream
) -> None:
    gateway = await start(redis_url="redis://127.0.0.1:9/0")
    assert (await gateway.client.get("/-/healthz")).status_code == 200
    answer = await gateway.client.get("/-/readyz")
    assert (answer.status_code, answer.json()) == (503, {"status": "not ready"})
    for refused in (await gateway.get(), await gateway.post(), await gateway.get("/v2/me")):
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "1"
        assert refused.json()["error"]["code"] == "ServiceUnavailableException"
        assert "Redis" in refused.json()["error"]["message"]
    assert not upstream.requests


async def test_it_recovers_when_redis_comes_back_and_serves_nothing_from_before(
    tmp_path: Path, upstream: Upstream
) -> None:
    with tempfile.TemporaryDirectory(prefix="cg-") as name:
        folder = Path(name)
        async with EmbeddedRedis(folder) as server:
            url = server.url
            # What Redis may have forgotten is charged: two seconds of the pace.
            config = settings(upstream.url, url, tmp_path, rate_pace_per_second=100)
            context = running(config)
            gateway = await context.__aenter__()
            await gateway.get()
            assert (await gateway.get()).headers["cache-status"].startswith("calgate; hit")
        try:
            assert (await gateway.get()).status_code == 503
            async with EmbeddedRedis(folder) as server:
                assert server.url == url
                await until(lambda: ready(gateway))
                calls = len(upstream.requests)
                answer = await gateway.get()
                assert answer.status_code == 200
                assert not answer.headers["cache-status"].startswith("calgate; hit")
                assert len(upstream.requests) == calls + 1
        finally:
            await context.__aexit__(None, None, None)


async def test_a_slot_in_use_is_an_error_at_the_start(
    start: Start, upstream: Upstream, redis_server: str, tmp_path: Path
) -> None:
    await start()
    with listening() as sock, pytest.raises(SlotError, match="in use by another live process"):
        await run_process(settings(upstream.url, redis_server, tmp_path), sock, 0)


async def test_what_is_under_way_is_answered_before_it_stops(
    redis: Redis, redis_server: str, upstream: Upstream, tmp_path: Path
) -> None:
    gate = Gate()
    upstream.script = gate
    async with running(settings(upstream.url, redis_server, tmp_path)) as gateway:
        under_way = asyncio.ensure_future(gateway.get())
        await upstream.arrivals(1)
        gateway.task.cancel()
        asyncio.get_running_loop().call_later(0.3, gate.open)
        answer = await under_way
        assert answer.content == SLOTS
        assert answer.headers["connection"] == "close"
        await gateway.task


async def test_while_draining_it_is_not_ready_and_closes_what_it_answers(
    redis: Redis, redis_server: str, upstream: Upstream, tmp_path: Path
) -> None:
    async with running(settings(upstream.url, redis_server, tmp_path)) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(b"GET /-/readyz HTTP/1.1\r\nhost: a\r\n\r\n")
        assert b"200" in await reader.readuntil(b'ready"}')
        gateway.task.cancel()
        await asyncio.sleep(0)
        writer.write(b"GET /-/readyz HTTP/1.1\r\nhost: a\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(), 10)
        assert b'"draining"' in answer
        assert b"connection: close" in answer
        writer.close()
        await gateway.task


async def test_a_request_that_does_not_end_is_cut_after_the_drain_time(
    redis: Redis,
    redis_server: str,
    upstream: Upstream,
    tmp_path: Path,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    upstream.script = Gate()
    config = settings(upstream.url, redis_server, tmp_path, drain_seconds=1)
    async with running(config) as gateway:
        stuck = asyncio.ensure_future(gateway.get("/v2/me"))
        await upstream.arrivals(1)
        gateway.task.cancel()
        await asyncio.wait_for(gateway.task, 10)
        with suppress(httpx2.HTTPError):
            assert (await stuck).status_code == 500
    (line,) = [line for line in capfdbinary.readouterr().out.splitlines() if b"/v2/me" in line]
    assert orjson.loads(line)["outcome"] == "error"


PROGRAM = """
import asyncio, socket, sys
from pathlib import Path
from core.runner import run
from core.settings import Settings
from proxy.server import run_process
upstream, redis_url, folder, fd, slot = sys.argv[1:]
settings = Settings(upstream_url=upstream, redis_url=redis_url, data_dir=Path(folder),
                    rate_limit=10000, rate_pace_per_second=10000)
run(run_process(settings, socket.socket(fileno=int(fd)), int(slot)))
"""


async def process(
    upstream: str, redis_url: str, folder: Path, sock: socket.socket, slot: int
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, upstream, redis_url, str(folder), str(sock.fileno()), str(slot),
        pass_fds=[sock.fileno()], stdout=asyncio.subprocess.DEVNULL, cwd=Path(__file__).parents[2],
    )  # fmt: skip


async def test_a_drain_beside_a_second_process_loses_no_request(
    redis: Redis, redis_server: str, upstream: Upstream, tmp_path: Path
) -> None:
    """Keep-alive clients, some busy and some with pauses, on one socket of two processes; one is told to stop."""
    sock = listening()
    port = sock.getsockname()[1]
    leaving = await process(upstream.url, redis_server, tmp_path, sock, 0)
    staying = await process(upstream.url, redis_server, tmp_path, sock, 1)
    stop = asyncio.Event()
    counts = {"fine": 0, "failed": 0}

    async def hammer(pause: float) -> None:
        # Raw, since a client library would try again in silence.
        while not stop.is_set():
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                closing = False
                while not (closing or stop.is_set()):
                    writer.write(b"GET /v2/me HTTP/1.1\r\nhost: a\r\n\r\n")
                    head = await reader.readuntil(b"\r\n\r\n")
                    await reader.readexactly(len(SLOTS))
                    closing = b"connection: close" in head
                    counts["fine" if head.startswith(b"HTTP/1.1 200") else "failed"] += 1
                    await asyncio.sleep(pause)
            except (ConnectionError, asyncio.IncompleteReadError):
                counts["failed"] += 1
            finally:
                writer.close()

    clients = [asyncio.ensure_future(hammer(0 if n < 10 else n / 100)) for n in range(30)]
    try:
        await until(lambda: counts["fine"] > 500, seconds=30)
        leaving.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(leaving.wait(), 30) == 0
        before = counts["fine"]
        await until(lambda: counts["fine"] > before + 200)
    finally:
        stop.set()
        await asyncio.gather(*clients)
        sock.close()
        for each in (leaving, staying):
            with suppress(ProcessLookupError):
                each.kill()
            await each.wait()
    assert counts["failed"] == 0


async def test_sigterm_ends_a_real_process_with_0_and_kill_9_of_one_leaves_the_other_serving(
    redis: Redis, redis_server: str, tmp_path: Path
) -> None:
    async with scripted() as upstream:
        sock = listening()
        port = sock.getsockname()[1]
        one = await process(upstream.url, redis_server, tmp_path, sock, 0)
        two = await process(upstream.url, redis_server, tmp_path, sock, 1)
        try:
            async with httpx2.AsyncClient(
                base_url=f"http://127.0.0.1:{port}",
                trust_env=False,
                verify=False,
                timeout=20,
            ) as client:
                assert (await client.get("/v2/me")).status_code == 200
                one.send_signal(signal.SIGKILL)
                assert await one.wait() == -signal.SIGKILL
            for _ in range(10):
                async with httpx2.AsyncClient(
                    base_url=f"http://127.0.0.1:{port}",
                    trust_env=False,
                    verify=False,
                    timeout=20,
                ) as client:
                    assert (await client.get("/v2/me")).status_code == 200
            two.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(two.wait(), 20) == 0
        finally:
            sock.close()
            for each in (one, two):
                with suppress(ProcessLookupError):
                    each.kill()
                await each.wait()


async def test_a_write_of_a_killed_process_is_noticed_by_the_others(
    redis: Redis, redis_server: str, tmp_path: Path, upstream: Upstream
) -> None:
    """The intent's lease (10 s) runs out, and the next look bumps the generation."""
    gate = Gate(Reply(201, b"{}"))
    sock = listening()
    port = sock.getsockname()[1]
    victim = await process(upstream.url, redis_server, tmp_path, sock, 0)
    async with httpx2.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", trust_env=False, verify=False
    ) as client:
        assert (await client.get("/-/healthz")).status_code == 200
        upstream.script = gate
        write = asyncio.ensure_future(client.post("/v2/bookings", content=b"{}"))
        await upstream.arrivals(1)
        victim.send_signal(signal.SIGKILL)
        await victim.wait()
        sock.close()
        with pytest.raises(httpx2.HTTPError):
            await write
    upstream.script = lambda seen: Reply()
    # The victim's lease as if its ten seconds had passed.
    names: list[Any] = await redis.zrange("{cg:default}:writes", 0, -1)
    await redis.zadd("{cg:default}:writes", dict.fromkeys(names, 1))
    before = int(await redis.get("{cg:default}:gen") or 0)
    async with running(settings(upstream.url, redis_server, tmp_path), slot=1) as survivor:
        assert (await survivor.get()).status_code == 200
    assert int(await redis.get("{cg:default}:gen") or 0) == before + 1
    assert await redis.exists("{cg:default}:doubt")
