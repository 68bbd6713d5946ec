"""core/urls.py"""

import pytest

from core.urls import (
    check_listen,
    check_redis_url,
    check_upstream_url,
    join_listen,
    mask,
    reachable_host,
    split_listen,
)


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("[::1]:80", ("::1", 80)),
        ("localhost:0", ("localhost", 0)),
        (":9464", ("0.0.0.0", 9464)),  # noqa: S104 - compared, not bound
        ("my-host.example:65535", ("my-host.example", 65535)),
    ],
)
def test_a_listen_address_is_split_into_host_and_port(text: str, split: tuple[str, int]) -> None:
    assert split_listen(text) == split
    assert split_listen(join_listen(*split)) == split


@pytest.mark.parametrize(
    "text",
    [
        "",
        "8080",
        "host",
        "host:",
        "host:65536",
        "host:-1",
        "host:1e3",
        "::1:80",
        "[::1]",
        "[nope]:1",
        "a b:1",
        "h:٣",
    ],
)
def test_what_is_no_listen_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be HOST:PORT"):
        check_listen(text)


def test_a_listener_on_every_address_is_reached_on_loopback() -> None:
    assert reachable_host("0.0.0.0") == "127.0.0.1"  # noqa: S104 - compared, not bound
    assert reachable_host("::") == "::1"
    assert reachable_host("192.0.2.1") == "192.0.2.1"


@pytest.mark.parametrize(
    "url",
    [
        "embedded",
        "redis://h",
        "redis://h:6379/0",
        "rediss://u:p@h",
        "redis://[::1]:6379",
        "unix:///run/r.sock?db=0",
        "redis+cluster://h",
        "rediss+cluster://u:p@h:7000,[::1]:7001",
        "redis+sentinel://h:26379,i/mymaster?db=2",
    ],
)
def test_every_supported_kind_of_redis_url_passes_unchanged(url: str) -> None:
    assert check_redis_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "redis",
        "redis://",
        "http://h",
        "redis://h:0",
        "redis://h:99999",
        "unix://run/r.sock",
        "redis://a b",
        "redis+cluster://",
        "redis+cluster://h:7000,",
        "redis+cluster://h:x",
        "redis+cluster://h/0",
        "redis+sentinel://h",
        "redis+sentinel://h/a/b",
        "redis+sentinel://h/a?db=x",
        "redis+sentinel://h/a?ssl=1",
        "redis+sentinel://-h-/a",
    ],
)
def test_what_is_no_redis_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must be `embedded` or a URL"):
        check_redis_url(url)


def test_the_upstream_loses_only_its_closing_slash() -> None:
    assert check_upstream_url("https://api.cal.com/") == "https://api.cal.com"
    assert check_upstream_url("http://127.0.0.1:5555") == "http://127.0.0.1:5555"


@pytest.mark.parametrize(
    "url",
    [
        "api.cal.com",
        "ftp://h",
        "https://",
        "https://h?x=1",
        "https://h#f",
        "https://-h-",
        "https://ümlaut.de",
    ],
)
def test_what_is_no_origin_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must be an origin"):
        check_upstream_url(url)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("redis://:hunter2@h:1", "redis://***@h:1"),
        ("redis://u:p@ss:w@rd@h:1/0", "redis://***@h:1/0"),
        ("postgresql://h/db?user=u&password=hunter2&x=1", "postgresql://h/db?user=u&password=***&x=1"),
        ("unix:///run/redis.sock?db=0", "unix:///run/redis.sock?db=0"),
        ("embedded", "embedded"),
    ],
)
def test_credentials_are_masked_wherever_they_stand(text: str, masked: str) -> None:
    assert mask(text) == masked
