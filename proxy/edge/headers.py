"""Which headers cross the gateway (RFC 9110 section 7.6, RFC 9112 section 6)."""

from __future__ import annotations

from collections.abc import Iterable
from email.utils import formatdate
from functools import lru_cache
from typing import Final

RawHeaders = list[tuple[bytes, bytes]]

# Meant for one connection only (RFC 9110, 7.6.1).
_HOP_BY_HOP: Final = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)

# `expect` is answered by us, `host` and the framing are the sending library's to set.
_OURS: Final = frozenset({b"host", b"content-length", b"expect", b"x-request-id"})

# Seconds for which the client waits, as in draft-thomson-hybi-http-timeout; the second is the same from those who
# prefix what is no standard.
DEADLINES: Final = (b"request-timeout", b"x-request-timeout")

# A kept answer serves everyone, so it is asked for whole, and in a coding every client reads.
_CONDITIONAL: Final = frozenset(
    {
        b"if-match",
        b"if-none-match",
        b"if-modified-since",
        b"if-unmodified-since",
        b"if-range",
        b"range",
        b"accept-encoding",
    }
)


def _connection_tokens(headers: Iterable[tuple[bytes, bytes]]) -> set[bytes]:
    return {
        token.strip().lower()
        for name, value in headers
        if name == b"connection"
        for token in value.split(b",")
    }


def crossing(headers: RawHeaders) -> RawHeaders:
    """The headers that are for more than this one connection; names in lower case.

    Everything is decided by these, since by these Cal.com decides: a client may name any header in `Connection`.
    """
    dropped = _HOP_BY_HOP | _connection_tokens(headers)
    return [(name, value) for name, value in headers if name not in dropped]


def forwarded(
    headers: RawHeaders, *, request_id: bytes, shared: bool = False, plain: bool = False
) -> RawHeaders:
    """Request headers as Cal.com gets them; names must be in lower case.

    For a *shared* answer the conditions, codings and patience of only this client are left out.
    """
    dropped = _HOP_BY_HOP | _OURS | _connection_tokens(headers)
    if shared:
        dropped |= _CONDITIONAL | frozenset(DEADLINES)
    if plain:
        # An answer that we read ourselves comes uncoded, and whole.
        dropped |= {b"accept-encoding", b"if-none-match", b"if-modified-since"}
    # White space around a value is not part of it (RFC 9110, 5.5), and our client library refuses to send it.
    kept = [(name, value.strip(b" \t")) for name, value in headers if name not in dropped]
    if not any(name == b"accept-encoding" for name, _ in kept):
        # Absent would mean that any coding goes, also one the client cannot read.
        kept.append((b"accept-encoding", b"identity"))
    kept.append((b"via", b"1.1 calgate"))
    kept.append((b"x-request-id", request_id))
    return kept


def returned(headers: Iterable[tuple[bytes, bytes]], *, framed: bool = False) -> RawHeaders:
    """Answer headers as the client gets them, names in lower case.

    `content-length` stays only if the body is passed on as it comes, *framed* by it.
    """
    lowered = [(name.lower(), value) for name, value in headers]
    dropped = _HOP_BY_HOP | _connection_tokens(lowered) | {b"x-request-id"}
    if not framed:
        dropped |= {b"content-length"}
    return [(name, value) for name, value in lowered if name not in dropped]


def has(headers: RawHeaders, wanted: bytes) -> bool:
    """Whether there is a header *wanted*; names in lower case."""
    return any(name == wanted for name, _ in headers)


def content_length(headers: RawHeaders) -> int | None:
    """The announced size of the body in bytes; the parser has refused malformed and repeated ones."""
    for name, value in headers:
        if name == b"content-length":
            # Python counts the digits of a number before it reads them, zeros too.
            return int(value.strip().lstrip(b"0") or b"0")
    return None


def as_text(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The headers by name as Cal.com's server, which is Node's, reads them: repeated ones joined, but the first
    authorization."""
    text: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        if name not in text:
            text[name] = value
        elif name != "authorization":
            text[name] += f"{'; ' if name == 'cookie' else ', '}{value}"
    return text


def encoded(headers: Iterable[tuple[str, str]]) -> RawHeaders:
    """Headers as text, as they are sent."""
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def http_date(now: float) -> bytes:
    """A moment in Unix seconds, as a `Date` header has it."""
    return _date_of_second(int(now))


@lru_cache(maxsize=2)
def _date_of_second(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode()
