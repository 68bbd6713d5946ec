"""Starting and stopping: ports, the ports file, and what a busy port says."""

import json
import os
import socket
from pathlib import Path

import httpx2
import pytest

from calcom.simulator.options import OptionsError
from tests.calcom.simulator.served import SLOTS, served


def test_the_ports_file_tells_where_both_ports_are(tmp_path: Path) -> None:
    path = tmp_path / "run" / "ports.json"
    with served(ports_file=path) as simulator:
        told = json.loads(path.read_text())
        assert told == {"url": simulator.url, "admin_url": simulator.admin_url, "pid": os.getpid()}
        assert simulator.url != simulator.admin_url


@pytest.mark.parametrize("option", ["listen", "admin_listen"])
def test_a_port_in_use_is_named_with_a_way_out(option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with (
            pytest.raises(OptionsError, match=rf"{option}: cannot listen on {address}.*port 0"),
            served(**{option: address}),
        ):
            pass


def test_a_stopped_simulator_leaves_its_port_free_and_its_journal_whole(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    with served(journal=journal) as simulator:
        url = simulator.url
        for _ in range(3):
            simulator.api.get("/v2/slots", headers=SLOTS)
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(url, trust_env=False)
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert [line["status"] for line in lines] == [400, 400, 400]


def test_it_stops_while_a_call_hangs() -> None:
    with served() as simulator:
        simulator.admin("/faults", {"kind": "hang"})
        with pytest.raises(httpx2.ReadTimeout):
            simulator.api.get("/v2/slots", headers=SLOTS, timeout=0.1)


def test_malformed_http_does_not_stop_it() -> None:
    with served() as simulator:
        host, port = simulator.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=5) as raw:
            raw.sendall(b"NONSENSE\r\n\r\n")
            assert raw.recv(1024).startswith(b"HTTP/1.1 400")
        assert simulator.api.get("/v2/slots", headers=SLOTS).status_code == 400


def test_it_answers_on_ipv6() -> None:
    with served(listen="[::1]:0") as simulator:
        assert simulator.url.startswith("http://[::1]:")
        assert simulator.api.get("/v2/slots", headers=SLOTS).status_code == 400


def test_a_request_that_offers_to_upgrade_keeps_its_body() -> None:
    with served() as simulator:
        host, port = simulator.url.removeprefix("http://").split(":")
        head = b"POST /v2/bookings HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: h2c\r\n"
        head += b"cal-api-version: 2024-08-13\r\ncontent-type: application/json\r\n"
        with socket.create_connection((host, int(port)), timeout=5) as raw:
            raw.sendall(head + b'content-length: 17\r\n\r\n{"unheard-of": 1}')
            assert b"unheard-of" in raw.recv(65_536)
            raw.sendall(b"CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n")
            assert b"HTTP/1.1 400" in raw.recv(65_536)
