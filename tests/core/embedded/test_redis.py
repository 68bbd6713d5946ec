"""core/embedded/redis.py and supervise.py, on real servers."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from core.clock import SystemClock
from core.embedded import EmbeddedRedis
from core.embedded.engines import Engine, choose
from core.embedded.runfile import OwnerLock, read
from core.errors import EmbeddedServerError
from core.process import Identity, identify, is_running, wait_gone
from core.redis import capabilities, connect
from core.restart import RestartPolicy
from tests.tools import eventually

IMITATION = Engine("fakeredis", "imitation", "for trying out only", None)


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cg-") as path:
        yield Path(path)


@pytest_asyncio.fixture
async def server(folder: Path) -> AsyncIterator[EmbeddedRedis]:
    async with EmbeddedRedis(folder) as running:
        yield running


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="only Linux shows environments")
async def test_a_server_is_told_none_of_our_settings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALGATE_UPSTREAM_API_KEY", "hunter2")
    # A real one writes its title over its environment.
    async with EmbeddedRedis(folder, engine=IMITATION) as running:
        environ = await asyncio.to_thread(Path(f"/proc/{running.pid}/environ").read_bytes)
    assert b"PATH=" in environ
    assert b"hunter2" not in environ


async def ask(url: str, *command: str) -> object:
    client: Redis = connect(url, client_name="tests")
    try:
        return await client.execute_command(*command)  # type: ignore[no-untyped-call]
    finally:
        await client.aclose()


def identity_of(server: EmbeddedRedis) -> Identity:
    found = identify(server.pid)
    assert found is not None
    return found


async def until_another(server: EmbeddedRedis, pid: int) -> None:
    async def is_another() -> bool:
        return server.pid != pid and await server._answers(server.url)

    await eventually(is_another)


async def run_id_of(url: str) -> object:
    client = connect(url, client_name="tests")
    try:
        return (await client.info("server"))["run_id"]
    finally:
        await client.aclose()


def permissions(path: Path) -> int:
    return path.stat().st_mode & 0o777


async def test_it_answers_on_a_private_socket_and_evicts_nothing(server: EmbeddedRedis) -> None:
    assert server.is_real
    assert await ask(server.url, "PING") in (b"PONG", True)
    socket = Path(server.url.removeprefix("unix://").removesuffix("?db=0"))
    assert permissions(socket) == 0o700
    assert await ask(server.url, "CONFIG", "GET", "port") in ([b"port", b"0"], {"port": "0"}, {b"port": b"0"})
    policy = await ask(server.url, "CONFIG", "GET", "maxmemory-policy")
    assert "noeviction" in str(policy)


async def test_it_is_gone_and_leaves_no_run_file_after_the_context(folder: Path) -> None:
    async with EmbeddedRedis(folder) as server:
        identity = identity_of(server)
    assert not is_running(identity)
    assert read(folder / "redis" / "run.json") is None
    assert OwnerLock(folder / "redis" / "owner.lock").acquire()


async def test_what_was_stored_is_there_after_a_stop_and_a_start(folder: Path) -> None:
    async with EmbeddedRedis(folder) as server:
        await ask(server.url, "SET", "key", "value")
    async with EmbeddedRedis(folder) as server:
        assert await ask(server.url, "GET", "key") == b"value"


async def test_a_killed_one_comes_back_on_the_same_url_with_its_memory(server: EmbeddedRedis) -> None:
    await ask(server.url, "SET", "key", "value")
    url, pid = server.url, server.pid
    os.kill(pid, signal.SIGKILL)
    await until_another(server, pid)
    assert server.url == url
    assert await ask(url, "GET", "key") == b"value"


async def test_a_second_user_of_the_folder_is_a_guest_and_stops_nothing(
    server: EmbeddedRedis, folder: Path
) -> None:
    async with EmbeddedRedis(folder) as guest:
        assert (guest.url, guest.pid, guest.owned) == (server.url, server.pid, False)
    assert await ask(server.url, "PING") in (b"PONG", True)
    assert server.owned


async def test_after_its_owner_was_killed_the_next_adopts_watches_and_stops_it(folder: Path) -> None:
    code = (
        "import asyncio, os\nfrom pathlib import Path\nfrom core.embedded import EmbeddedRedis\n"
        "async def main():\n"
        f"    async with EmbeddedRedis(Path({str(folder)!r})) as server:\n"
        "        print(server.pid, flush=True)\n"
        "        os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    killed = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=False
    )
    pid = int(killed.stdout)
    async with EmbeddedRedis(folder) as server:
        assert (server.pid, server.owned) == (pid, True)
        adopted = identity_of(server)
        os.kill(pid, signal.SIGKILL)
        assert await wait_gone(adopted, 10, SystemClock())
        await until_another(server, pid)
        last = identity_of(server)
    assert not is_running(last)


async def test_one_that_runs_without_a_run_file_is_found_by_its_socket(
    server: EmbeddedRedis, folder: Path
) -> None:
    (folder / "redis" / "run.json").unlink()
    record = await EmbeddedRedis(folder)._unrecorded()
    assert record is not None
    assert (record.identity.pid, record.url) == (server.pid, server.url)


async def test_memory_that_cannot_be_read_is_set_aside_and_not_lost(folder: Path) -> None:
    (folder / "redis").mkdir(mode=0o700)
    kept = folder / "redis" / "appendonly.aof"
    kept.write_bytes(b"*nonsense, certainly no command\r\n" * 10)
    # Newer engines keep a folder with a manifest instead; either must be survived.
    engine, _ = choose()
    if not engine.version.startswith("6."):
        kept.unlink()
        (folder / "redis" / "appendonlydir").mkdir()
        kept = folder / "redis" / "appendonlydir"
        (kept / "appendonly.aof.manifest").write_text("file a.incr.aof seq 1 type i\n")
        (kept / "a.incr.aof").write_bytes(b"*nonsense, certainly no command\r\n" * 10)
    async with EmbeddedRedis(folder) as server:
        assert await ask(server.url, "DBSIZE") == 0
        assert kept.with_name(f"{kept.name}.unreadable").exists()


async def test_one_that_cannot_start_says_the_last_words_of_its_log(folder: Path) -> None:
    broken = folder / "redis-server"
    broken.write_text("#!/bin/sh\necho 'cannot allocate a single byte'\nexit 3\n")
    broken.chmod(0o755)
    with pytest.raises(EmbeddedServerError) as caught:
        async with EmbeddedRedis(folder, engine=Engine("redis", "7.0.0", "a broken one", broken)):
            pass
    assert "the embedded redis (redis 7.0.0 (a broken one)) does not start in" in str(caught.value)
    assert str(caught.value).endswith("ends with:\n  cannot allocate a single byte")
    assert OwnerLock(folder / "redis" / "owner.lock").acquire()


async def test_a_start_that_is_cancelled_leaves_no_process(folder: Path) -> None:
    deaf = folder / "redis-server"
    deaf.write_text("#!/bin/sh\nexec sleep 600\n")
    deaf.chmod(0o755)
    server = EmbeddedRedis(folder, engine=Engine("redis", "7.0.0", "a deaf one", deaf))
    task = asyncio.ensure_future(server.__aenter__())

    async def is_recorded() -> bool:
        return read(folder / "redis" / "run.json") is not None

    await eventually(is_recorded)
    record = read(folder / "redis" / "run.json")
    assert record is not None
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not is_running(record.identity)


async def test_a_long_folder_name_still_has_a_socket(folder: Path) -> None:
    async with EmbeddedRedis(folder / ("x" * 60) / ("y" * 60)) as server:
        assert await ask(server.url, "PING") in (b"PONG", True)


async def test_a_folder_name_with_blanks_and_quotes_is_just_a_name(folder: Path) -> None:
    async with EmbeddedRedis(folder / 'my "data" here') as server:
        assert await ask(server.url, "PING") in (b"PONG", True)


async def test_the_imitation_says_what_it_is_and_keeps_its_port_over_a_restart(folder: Path) -> None:
    async with EmbeddedRedis(folder, engine=IMITATION) as server:
        assert not server.is_real
        client = connect(server.url, client_name="tests")
        found = await capabilities(client)
        await client.aclose()
        assert (found.engine, found.is_real, found.tracking) == ("fakeredis", False, False)
        url, pid, run_id = server.url, server.pid, await run_id_of(server.url)
        assert await run_id_of(url) == run_id
        os.kill(pid, signal.SIGKILL)
        await until_another(server, pid)
        assert server.url == url
        # What it stored is gone, and whoever asks can tell.
        assert await run_id_of(url) != run_id


async def test_a_restart_that_fails_is_tried_again_until_it_works(folder: Path) -> None:
    engine, _ = choose()
    assert engine.binary is not None
    program = folder / "redis-server"

    def install(line: str) -> None:
        fresh = folder / "fresh"
        fresh.write_text(f"#!/bin/sh\n{line}\n")
        fresh.chmod(0o755)
        fresh.replace(program)

    install(f'exec {engine.binary} "$@"')
    policy = RestartPolicy(second_seconds=0.01, longest_seconds=0.01)
    through_script = Engine("redis", engine.version, "a script", program)
    async with EmbeddedRedis(folder, engine=through_script, policy=policy) as server:
        install(f"echo tried >> {folder}/tries; exit 1")
        pid = server.pid
        os.kill(pid, signal.SIGKILL)

        async def tried_twice() -> bool:
            return (folder / "tries").exists() and len((folder / "tries").read_text().splitlines()) >= 2

        await eventually(tried_twice)
        install(f'exec {engine.binary} "$@"')
        await until_another(server, pid)
        assert await ask(server.url, "PING") in (b"PONG", True)
