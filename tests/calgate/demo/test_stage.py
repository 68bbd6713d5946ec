"""The demo talks to its own simulator and to no other."""

import socket
from pathlib import Path

import pytest

from calgate.demo import stage
from calgate.demo.wishes import Wishes
from core.clock import SystemClock
from core.settings import Settings
from loadtest.client import Client, ConnectFailed


async def test_a_port_that_somebody_else_took_meanwhile_costs_a_second_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as sock, (tmp_path / "log").open("wb") as output:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        taken = f"127.0.0.1:{sock.getsockname()[1]}"
        monkeypatch.setattr(stage, "choose", lambda *_, **__: taken)
        simulator = stage._simulator(
            Settings(), Wishes(), tmp_path, tmp_path / "log", output.fileno(), SystemClock()
        )
        async with simulator as found, Client(found.admin_url) as admin:
            assert found.url != f"http://{taken}"
            assert (await admin.get("/healthz")).status == 200
    async with Client(found.admin_url) as admin:
        with pytest.raises(ConnectFailed):
            await admin.get("/healthz")


def test_moves_are_told_only_of_ports_that_moved() -> None:
    usual = stage.Simulator(f"http://{stage.SIMULATOR_LISTEN}", f"http://{stage.SIMULATOR_ADMIN_LISTEN}")
    assert stage._moves(usual) == []
    moved = stage.Simulator("http://127.0.0.1:8092", f"http://{stage.SIMULATOR_ADMIN_LISTEN}")
    assert stage._moves(moved) == ["127.0.0.1:8090 is taken; the simulated Cal.com is at 127.0.0.1:8092"]
