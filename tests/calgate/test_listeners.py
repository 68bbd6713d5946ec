"""calgate/listeners.py"""

import socket

import pytest

from calgate.listeners import ListenError, bind, free_listen, url_of
from core.urls import split_listen


def test_any_free_port_is_taken_and_its_url_known() -> None:
    with bind("proxy_listen", "127.0.0.1:0") as sock:
        port = sock.getsockname()[1]
        assert url_of(sock) == f"http://127.0.0.1:{port}"
        with socket.create_connection(("127.0.0.1", port)):
            pass


def test_a_listener_on_every_address_has_a_url_that_works_here() -> None:
    with bind("proxy_listen", ":0") as sock:
        assert url_of(sock).startswith("http://127.0.0.1:")


def test_a_port_in_use_names_the_setting_and_the_way_out() -> None:
    with bind("proxy_listen", "127.0.0.1:0") as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        for call in (bind, free_listen):
            with pytest.raises(ListenError) as caught:
                call("monitor_listen", listen)
            assert str(caught.value) == (
                f"monitor_listen = {listen}: another program listens there already; stop it, or set "
                "CALGATE_MONITOR_LISTEN to another port (port 0 takes any free one)"
            )


@pytest.mark.parametrize(
    ("listen", "reason"),
    [
        ("192.0.2.1:8080", "this machine has no such address; set CALGATE_PROXY_LISTEN to one it has"),
        ("nowhere.invalid:8080", "the host is not known here"),
    ],
)
def test_an_address_that_is_not_here_is_told(listen: str, reason: str) -> None:
    with pytest.raises(ListenError, match=reason):
        bind("proxy_listen", listen)


def test_a_free_port_is_free_afterwards() -> None:
    listen = free_listen("monitor_listen", "127.0.0.1:0")
    assert split_listen(listen)[1] != 0
    with bind("monitor_listen", listen):
        pass
    assert free_listen("monitor_listen", listen) == listen
