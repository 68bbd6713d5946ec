"""`calgate simulate`: says what it does, refuses what cannot work, starts and stops."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest
from click.testing import CliRunner

from calcom.simulator.seed import MAIN_KEY
from calgate.cli import cli


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["simulate", *arguments])
    return result.exit_code, result.output


def test_the_help_names_a_key_and_the_admin_operations() -> None:
    code, text = run("--help")
    assert code == 0
    assert MAIN_KEY in text
    for operation in ("/faults", "/clock", "/oracle/judge", "/stats"):
        assert operation in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--listen", "nonsense"), "write for instance 127.0.0.1:8090"),
        (("--admin", "192.0.2.1:1"), "--admin-anywhere"),
        (("--speed", "0"), "speed: 0.0"),
        (("--latency", "fast"), "'report'"),
        (("--rate-limit", "0"), "rate_limit: 0"),
    ],
)
def test_what_cannot_work_is_refused_in_one_line(arguments: tuple[str, ...], words: str) -> None:
    code, text = run(*arguments)
    assert code == 2
    assert words in text
    assert "Traceback" not in text


def test_it_starts_tells_where_it_is_and_stops_on_a_signal(tmp_path: Path) -> None:
    ports = tmp_path / "ports.json"
    command = [sys.executable, "-c", "from calgate.cli import main; main()", "simulate"]
    addresses = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--ports-file", str(ports)]
    with subprocess.Popen([*command, *addresses], stdout=subprocess.PIPE, text=True) as process:
        try:
            while not ports.exists():
                assert process.poll() is None
                time.sleep(0.02)
            told = json.loads(ports.read_text())
            assert httpx2.get(told["admin_url"] + "/healthz", trust_env=False).status_code == 200
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 0
    assert told["url"] in output
