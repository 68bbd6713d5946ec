"""calgate/commands/up.py: the program itself, as a user starts and stops it."""

import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from calgate.readiness import status_of
from core.embedded.runfile import Record, read, read_json
from core.process import Identity, is_running
from tests.tools import eventually

pytestmark = pytest.mark.acceptance


@pytest.fixture
def data() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cg-") as folder:
        yield Path(folder) / "data"


@contextmanager
def started(data: Path, command: str = "up", **settings: str) -> Iterator["subprocess.Popen[str]"]:
    chosen = {
        "data_dir": str(data),
        "proxy_listen": "127.0.0.1:0",
        "monitor_listen": "127.0.0.1:0",
        "workers": "2",
        "drain_seconds": "5",
        "upstream_url": "http://127.0.0.1:1",
    } | settings
    arguments = [word for name, value in chosen.items() for word in ("--set", f"{name}={value}")]
    log = data.parent / "log"
    with (
        log.open("a") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "calgate", command, *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()


def said(process: "subprocess.Popen[str]") -> str:
    """What is printed once everything is ready, up to its last line."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Set your Cal.com base URL"):
            break
    return "".join(lines)


def children(data: Path) -> list[Identity]:
    return [
        Identity(int(entry["pid"]), str(entry["started"]))
        for entry in read_json(data / "children.json").values()
        if isinstance(entry, dict)
    ]


def redis_of(data: Path) -> Record:
    record = read(data / "redis" / "run.json")
    assert record is not None
    return record


def url_in(text: str) -> str:
    found = re.search(r"gateway\s+(http://\S+) in front of http://127.0.0.1:1\n", text)
    assert found is not None, text
    return found[1]


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
async def test_it_says_where_it_is_and_leaves_nothing_behind(data: Path, signum: signal.Signals) -> None:
    with started(data) as process:
        text = said(process)
        assert "Calgate is ready." in text
        assert re.search(r"\n  processes +2 proxy, 1 worker, 1 monitor\n", text)
        assert await status_of(f"{url_in(text)}/-/readyz") == 200
        left = [*children(data), redis_of(data).identity]
        assert len(left) == 5
        process.send_signal(signum)
        assert process.wait(timeout=60) == 0
    assert not any(map(is_running, left))
    assert not (data / "children.json").exists()


async def test_killed_it_goes_on_serving_and_the_next_start_clears_up(data: Path) -> None:
    with started(data) as process:
        url = url_in(said(process))
        left, redis = children(data), redis_of(data)
        process.kill()
        process.wait()
        assert await status_of(f"{url}/-/readyz") == 200
    with started(data, proxy_listen=url.removeprefix("http://")) as process:
        assert url_in(said(process)) == url
        assert not any(map(is_running, left))
        assert redis_of(data).identity == redis.identity
        assert await status_of(f"{url}/-/readyz") == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
    assert not is_running(redis.identity)
    assert (data.parent / "log").read_text().count('"event":"child.leftover"') == 4


async def test_without_its_redis_it_says_so_and_waits(data: Path) -> None:
    with started(data, "proxy", redis_url="redis://:hunter2@127.0.0.1:1") as process:

        async def is_told() -> bool:
            text = (data.parent / "log").read_text()
            assert "hunter2" not in text
            return "Still waiting: the proxy (http://" in text and "does not answer" in text

        await eventually(is_told, seconds=60)
        assert process.poll() is None
        assert all(map(is_running, children(data)))
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
