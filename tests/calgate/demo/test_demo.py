"""The whole demo, as a person starts and stops it."""

import asyncio
import contextlib
import fcntl
import json
import os
import pty
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import pytest

from calgate.demo.stage import plan
from calgate.demo.wishes import Wishes
from core.process import Identity, identify
from core.settings import Settings
from core.urls import split_listen
from loadtest.client import Client

pytestmark = pytest.mark.acceptance

_LONG = 120


@pytest.fixture
def home() -> Iterator[Path]:
    """A data folder with a path short enough for sockets, which the demo is to remove itself."""
    folder = Path(tempfile.mkdtemp(prefix="cg-"))
    try:
        yield folder / "data"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def demo(home: Path, *options: str) -> tuple[list[str], dict[str, str]]:
    argv = [
        sys.executable,
        "-m",
        "calgate",
        "demo",
        "--listen",
        "127.0.0.1:0",
        "--monitor-listen",
        "127.0.0.1:0",
    ]
    env = {name: value for name, value in os.environ.items() if not name.startswith("CALGATE_")}
    return [*argv, *options], {**env, "CALGATE_DATA_DIR": str(home), "CALGATE_WORKERS": "2"}


def family(of: int) -> set[Identity]:
    """Every living descendant of a process."""
    children: dict[int, list[int]] = {}
    table = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout  # noqa: S607
    for row in table.splitlines():
        pid, parent = map(int, row.split())
        children.setdefault(parent, []).append(pid)
    found, todo = set(), list(children.get(of, []))
    while todo:
        pid = todo.pop()
        todo += children.get(pid, [])
        identity = identify(pid)
        if identity is not None:
            found.add(identity)
    return found


def assert_nothing_left(home: Path, processes: set[Identity], urls: list[str]) -> None:
    assert {one for one in processes if identify(one.pid) == one} == set()
    assert not home.exists()
    for url in urls:
        parts = urlsplit(url)
        with socket.socket() as sock:
            assert sock.connect_ex((parts.hostname, parts.port)) != 0, f"{url} still answers"


class Program:
    """A demo with --json in a process group of its own."""

    def __init__(self, home: Path, *options: str) -> None:
        argv, env = demo(home, "--json", *options)
        self.process = subprocess.Popen(
            argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self.process.stdout is not None
        self._lines = self.process.stdout

    def until(self, event: str, **facts: Any) -> dict[str, Any]:
        """The next object of this event whose `facts` are at least these."""
        for text in self._lines:
            document: dict[str, Any] = json.loads(text)
            if document["event"] == event and all(document[name] >= least for name, least in facts.items()):
                return document
        raise AssertionError(f"the demo ended: {self.process.communicate()[1]}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.communicate()


async def test_it_serves_callers_and_leaves_nothing_behind(home: Path) -> None:
    with Program(home, "--speed", "10", "--rate", "120") as program:
        ready = await asyncio.to_thread(program.until, "ready")
        assert {step for step in ready if step != "notes"} >= {
            "gateway",
            "status_page",
            "metrics",
            "cal.com",
            "command",
        }
        async with Client(ready["gateway"]) as client:
            assert (await client.get("/-/readyz")).status == 200
        async with Client(ready["status_page"].rstrip("/")) as client:
            assert (await client.get("/")).status == 200
            assert b"calgate_http_requests_total" in (await client.get("/metrics")).body
        figures = await asyncio.to_thread(program.until, "figures", requests=20, reads=15, created=1)
        assert figures["upstream"]["refused"] == 0
        processes = family(program.process.pid)
        assert len(processes) >= 6  # Redis, PostgreSQL, the simulator, two gateways, worker, monitor
        os.killpg(program.process.pid, signal.SIGINT)
        summary = await asyncio.to_thread(program.until, "summary")
        assert summary["truth"]["stale"] == 0
        assert summary["truth"]["checked"] > 0
        await asyncio.to_thread(program.until, "gone")
        _, errors = program.process.communicate(timeout=_LONG)
        assert (program.process.returncode, errors) == (0, "")
        assert_nothing_left(home, processes, [ready["gateway"], ready["status_page"], ready["cal.com"]])


@pytest.mark.parametrize("steps", [1, 2], ids=["with only the simulator", "with its stores"])
def test_stopped_while_it_starts_it_leaves_nothing_behind(home: Path, steps: int) -> None:
    with Program(home) as program:
        for _ in range(steps):
            program.until("step")
        processes = family(program.process.pid)
        assert processes
        program.process.send_signal(signal.SIGINT)
        program.until("gone")
        _, errors = program.process.communicate(timeout=_LONG)
        assert (program.process.returncode, errors) == (0, "")
        assert_nothing_left(home, processes, [])


def test_a_duration_ends_it(home: Path) -> None:
    with Program(home, "--duration", "1", "--no-traffic") as program:
        summary = program.until("summary")
        assert summary["requests"] == 1  # its own first one
        program.until("gone")
        assert program.process.wait(timeout=_LONG) == 0
        assert not home.exists()


def test_a_second_demo_in_the_same_folder_is_refused_and_harms_nothing(home: Path) -> None:
    with Program(home, "--no-traffic") as first:
        ready = first.until("ready")
        argv, env = demo(home, "--json")
        second = subprocess.run(argv, env=env, capture_output=True, text=True, check=False, timeout=_LONG)
        assert second.returncode == 2
        assert f"another demo runs in {home}" in second.stderr.replace("\n", " ")
        parts = urlsplit(ready["gateway"])
        with socket.create_connection((parts.hostname, parts.port), timeout=5):
            pass
        first.process.send_signal(signal.SIGINT)
        first.until("gone")
        assert first.process.wait(timeout=_LONG) == 0


def test_after_kill_9_the_next_one_clears_away_and_starts(home: Path) -> None:
    with Program(home, "--no-traffic") as first:
        first.until("ready")
        orphans = family(first.process.pid)
        first.process.kill()
        first.process.wait()
    with Program(home, "--no-traffic", "--duration", "0.5") as second:
        second.until("ready")
        processes = family(second.process.pid)
        second.until("gone")
        assert second.process.wait(timeout=_LONG) == 0
    assert_nothing_left(home, orphans | processes, [])


def test_at_a_terminal_it_draws_on_the_ordinary_screen_and_ctrl_c_ends_it(home: Path) -> None:
    argv, env = demo(home, "--rate", "600")
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))

    def own_terminal() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    process = subprocess.Popen(
        argv,
        env={**env, "TERM": "xterm-256color"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        preexec_fn=own_terminal,  # noqa: PLW1509 - nothing else runs between fork and exec here
    )
    os.close(terminal)
    seen = b""
    try:
        seen = _until(controller, b"availability", seen)
        processes = family(process.pid)
        os.write(controller, b"\x03")
        seen = _until(controller, b"Everything is stopped and removed.", seen)
        assert process.wait(timeout=_LONG) == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()
        os.close(controller)
    assert b"\x1b[?1049h" not in seen  # no alternate screen: what was printed stays
    assert seen.rindex(b"\x1b[?25h") > seen.rindex(b"\x1b[?25l")  # the cursor is back
    assert_nothing_left(home, processes, [])


def _until(controller: int, text: bytes, seen: bytes) -> bytes:
    while text not in seen:
        readable, _, _ = select.select([controller], [], [], _LONG)
        try:
            piece = os.read(controller, 65536) if readable else b""
        except OSError:  # Linux says so when the other end is closed
            piece = b""
        if not piece:
            raise AssertionError(f"the demo ended or hangs: {seen.decode(errors='replace')[-2000:]}")
        seen += piece
    return seen


def test_the_usual_ports_give_way_and_it_says_so() -> None:
    usual = Settings().proxy_listen
    with socket.socket() as sock:
        with contextlib.suppress(OSError):  # somebody else has it: just as taken
            sock.bind(split_listen(usual))
            sock.listen()
        chosen = plan(Wishes())
    assert chosen.settings.proxy_listen != usual
    assert any(usual in note and chosen.settings.proxy_listen in note for note in chosen.moved)


def test_a_port_that_was_asked_for_does_not_give_way() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        taken = f"127.0.0.1:{sock.getsockname()[1]}"
        assert plan(Wishes(listen=taken)).settings.proxy_listen == taken
