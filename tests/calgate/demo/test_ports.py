"""A taken port gives way to the next free one."""

import socket
from collections.abc import Iterator

import pytest

from calgate.demo.ports import choose
from calgate.listeners import ListenError
from core.urls import split_listen


@pytest.fixture
def taken() -> Iterator[str]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        yield f"127.0.0.1:{sock.getsockname()[1]}"


def test_another_port_of_the_same_host_is_chosen(taken: str) -> None:
    host, port = split_listen(choose("proxy_listen", taken))
    assert host == "127.0.0.1"
    assert port not in (0, split_listen(taken)[1])


def test_a_free_port_is_kept_unless_it_is_spoken_for(taken: str) -> None:
    free = choose("proxy_listen", "127.0.0.1:0")
    assert choose("proxy_listen", free) == free
    assert choose("proxy_listen", free, taken=[free]) != free


def test_an_address_that_is_not_ours_is_an_error() -> None:
    with pytest.raises(ListenError, match="no such address"):
        choose("proxy_listen", "192.0.2.1:8080")
