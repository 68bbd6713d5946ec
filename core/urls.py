"""What may stand in a URL or HOST:PORT setting; each check returns the value or says what is allowed."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from core.topology import SCHEMES, parse

EMBEDDED = "embedded"

_REDIS_WORKS = ("redis", "rediss", "unix")
_DATABASE = ("postgresql", "postgres")
_HOST_NAME = re.compile(r"^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9])?$")

# Up to the last @ before the path: a password with a stray @ or : in it is still hidden.
_CREDENTIALS = re.compile(r"(?<=://)[^/\s]*@")
_QUERY_SECRET = re.compile(r"(?i)([?&](?:password|sslpassword|passwd|token|secret|api_?key)=)[^&\s]*")


def mask(text: str) -> str:
    """`text` with the user name and password of any URL in it replaced by ***."""
    return _QUERY_SECRET.sub(r"\1***", _CREDENTIALS.sub("***@", text))


def check_upstream_url(value: str) -> str:
    """An origin: http:// or https://, a host, perhaps a port; a closing slash is dropped."""
    allowed = "must be an origin such as https://api.cal.com: http:// or https://, a host and perhaps a port"
    parts = _split(value, allowed)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(allowed)
    _check_host(parts.hostname, allowed)
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"{allowed}; credentials do not belong in it")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(f"{allowed}; without a path, since clients send /v2/… themselves")
    return value.rstrip("/")


def check_redis_url(value: str) -> str:
    """`embedded`, redis://HOST[:PORT][/DB], rediss://…, unix:///PATH[?db=N], or a fleet (core/topology.py)."""
    allowed = (
        "must be `embedded` or a URL that begins with redis://, rediss://, unix://, redis+cluster:// or "
        "redis+sentinel://"
    )
    if value == EMBEDDED:
        return value
    if value.partition("://")[0] in SCHEMES:
        return _check_fleet(value, allowed)
    parts = _split(value, allowed)
    if parts.scheme not in _REDIS_WORKS:
        raise ValueError(allowed)
    if parts.scheme == "unix":
        if parts.hostname or not parts.path.startswith("/") or parts.path == "/":
            raise ValueError(
                f"{allowed}; unix:// needs the path of the socket, as in unix:///run/redis.sock?db=0"
            )
        return value
    if not parts.hostname:
        raise ValueError(f"{allowed}; it has no host")
    _check_host(parts.hostname, allowed)
    if parts.path.strip("/") and not parts.path.strip("/").isdigit():
        raise ValueError(f"{allowed}; after the host only the number of a database may follow, as in /0")
    return value


def _check_fleet(value: str, allowed: str) -> str:
    _check_printable(value, allowed)
    try:
        fleet = parse(value)
    except ValueError as error:
        raise ValueError(f"{allowed}; {error}") from None
    for host, _ in fleet.nodes if fleet else ():
        _check_host(host, allowed)
    return value


def check_database_url(value: str | None) -> str | None:
    """None (off), `embedded`, or postgresql://…"""
    allowed = "must be empty (off), `embedded`, or a URL that begins with postgresql://"
    if value is None or value == EMBEDDED:
        return value
    if _split(value, allowed).scheme not in _DATABASE:
        raise ValueError(allowed)
    return value


def check_listen(value: str) -> str:
    """HOST:PORT that `split_listen` understands."""
    split_listen(value)
    return value


def is_on_this_host(redis_url: str) -> bool:
    """Whether the Redis at *redis_url* is on this machine, and so refuses all its clients or none."""
    if redis_url.partition("://")[0] == "unix":
        return True
    host = urlsplit(redis_url).hostname if parse(redis_url) is None else None
    try:
        return host is not None and ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def split_listen(value: str) -> tuple[str, int]:
    """`127.0.0.1:8080`, `[::1]:8080`, `localhost:0` or `:8080` (every address) as host and port.

    Raises ValueError saying what is allowed.
    """
    allowed = (
        "must be HOST:PORT with a port from 0 (any free one) to 65535, as in 127.0.0.1:8080 or [::1]:8080"
    )
    host, colon, port_text = value.rpartition(":")
    if not colon or not (port_text.isascii() and port_text.isdigit()) or int(port_text) > 65_535:
        raise ValueError(allowed)
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            raise ValueError(allowed) from None
    elif ":" in host:  # an IPv6 address without brackets: where would the port begin?
        raise ValueError(allowed)
    elif host == "":
        host = "0.0.0.0"  # noqa: S104 - the user asked for every address
    else:
        _check_host(host, allowed)
    return host, int(port_text)


def join_listen(host: str, port: int) -> str:
    """The inverse of `split_listen`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def reachable_host(host: str) -> str:
    """The address under which this machine itself reaches a listener on `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound


def _split(value: str, allowed: str) -> SplitResult:
    _check_printable(value, allowed)
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise ValueError(f"{allowed}; its host or port cannot be read") from None
    if port == 0:
        raise ValueError(f"{allowed}; port 0 cannot be connected to")
    return parts


def _check_printable(value: str, allowed: str) -> None:
    # What a shell or an editor slips in would otherwise surface as a strange host name much later.
    if not value or not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError(allowed)


def _check_host(host: str, allowed: str) -> None:
    if _HOST_NAME.match(host):
        return
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise ValueError(f"{allowed}; {host!r} is no host name") from None
