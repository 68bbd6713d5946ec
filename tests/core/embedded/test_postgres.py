"""core/embedded/postgres.py, on the real server."""

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from core.embedded import EmbeddedPostgres
from core.embedded.runfile import read
from core.process import identify, is_running
from tests.tools import eventually


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cg-") as path:
        yield Path(path)


async def value(url: str, statement: str) -> object:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        cursor = await connection.execute(statement.encode())
        row = await cursor.fetchone() if cursor.description else None
        return None if row is None else row[0]


async def test_it_keeps_its_data_over_a_stop_a_crash_and_a_guest(folder: Path) -> None:
    async with EmbeddedPostgres(folder) as server:
        await value(server.url, "CREATE TABLE t AS SELECT 42 AS n")
        first = identify(server.pid)
        assert first is not None
        async with EmbeddedPostgres(folder) as guest:
            assert (guest.pid, guest.owned) == (server.pid, False)
        assert await value(server.url, "SELECT n FROM t") == 42
    assert not is_running(first)
    assert read(folder / "postgres" / "run.json") is None

    async with EmbeddedPostgres(folder) as server:
        url, pid = server.url, server.pid
        os.kill(pid, signal.SIGKILL)

        async def is_another() -> bool:
            return server.pid != pid and await server._answers(url)

        await eventually(is_another)
        assert server.url == url
        assert await value(url, "SELECT n FROM t") == 42


async def test_it_listens_on_no_network_and_its_socket_is_private(folder: Path) -> None:
    async with EmbeddedPostgres(folder) as server:
        assert await value(server.url, "SHOW listen_addresses") == ""
        assert await value(server.url, "SHOW unix_socket_permissions") == "0700"
        assert (folder / "postgres" / "socket").stat().st_mode & 0o077 == 0


async def test_a_half_made_cluster_is_made_anew(folder: Path) -> None:
    server = EmbeddedPostgres(folder)
    async with server:
        version = server.engine.split()[1].split(".")[0]
    unfinished = folder / "two" / "postgres" / f"{version}.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("torn")
    async with EmbeddedPostgres(folder / "two") as again:
        assert await value(again.url, "SELECT 1") == 1
    assert not unfinished.exists()


async def test_a_lock_file_whose_pid_is_somebody_elses_by_now_does_not_stop_it(folder: Path) -> None:
    async with EmbeddedPostgres(folder) as server:
        version = server.engine.split()[1].split(".")[0]
    lock_file = folder / "postgres" / version / "postmaster.pid"
    lock_file.write_text(f"{os.getpid()}\n/x\n1\n5432\n\n\n\n")
    async with EmbeddedPostgres(folder) as server:
        assert await value(server.url, "SELECT 1") == 1


async def test_a_long_folder_name_still_has_a_socket(folder: Path) -> None:
    data = folder / ("x" * 60) / ("y" * 60)
    for _ in range(2):
        async with EmbeddedPostgres(data) as server:
            assert await value(server.url, "SELECT 1") == 1
