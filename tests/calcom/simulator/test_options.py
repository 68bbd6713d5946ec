"""Options are checked once, with errors that name the option and the way out."""

from typing import Any

import pytest

from calcom.simulator.options import OptionsError, SimulatorOptions, is_loopback, parse_listen


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("localhost:8090", ("localhost", 8090)),
        ("[::1]:65535", ("::1", 65535)),
    ],
)
def test_an_address_is_a_host_and_a_port(text: str, expected: tuple[str, int]) -> None:
    assert parse_listen(text) == expected


@pytest.mark.parametrize(
    "text", ["", "8090", ":8090", "localhost", "localhost:", "localhost:http", "h:70000"]
)
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(OptionsError, match=r"listen: .* is not HOST:PORT; write for instance 127.0.0.1:8090"):
        parse_listen(text)


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("speed", 0, "speed: 0"),
        ("speed", -1.0, "speed: -1.0"),
        ("rate_limit", 0, "rate_limit: 0"),
        ("rate_window", 0, "rate_window"),
        ("rate_block", -1, "rate_block"),
        ("slots_cache_ttl", -1, "0 turns the cache off"),
        ("journal_size", 0, "journal_size"),
        ("latency", "fast", "none, report, lt3"),
        ("state_read", "middle", "start, end, random"),
        ("webhook_loss", 1.1, "webhook_loss: 1.1"),
        ("webhook_reordered", -0.1, "between 0 and 1"),
        ("admin_listen", "0.0.0.0:1", "--admin-anywhere"),
    ],
)
def test_a_value_that_cannot_work_is_named(option: str, value: Any, words: str) -> None:
    with pytest.raises(OptionsError, match=words):
        SimulatorOptions(**{option: value})


def test_the_admin_port_leaves_loopback_only_when_told() -> None:
    assert SimulatorOptions(admin_listen="0.0.0.0:1", admin_anywhere=True).admin_listen == "0.0.0.0:1"


@pytest.mark.parametrize(
    ("host", "only_here"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("192.0.2.1", False),
        ("x", False),
    ],
)
def test_loopback_is_told_from_the_rest(host: str, only_here: bool) -> None:
    assert is_loopback(host) is only_here
