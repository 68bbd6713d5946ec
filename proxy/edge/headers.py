"""Which headers cross the gateway (RFC 9110 section 7.6, RFC 9112 section 6)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

RawHeaders = list[tuple[bytes, bytes]]

# Meant for one connection only (RFC 9110, 7.6.1); `expect` was answered by us, `host` is the upstream's own.
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
_REQUEST_ONLY: Final = frozenset({b"host", b"content-length", b"expect", b"x-request-id"})

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


def forwarded(headers: RawHeaders, *, request_id: bytes, shared: bool = False) -> RawHeaders:
    """Request headers as Cal.com gets them; names must be in lower case.

    `host` and the framing are the client library's to set. For a *shared* answer the conditions and
    codings only this client asked for are left out.
    """
    dropped = _HOP_BY_HOP | _REQUEST_ONLY | _connection_tokens(headers)
    if shared:
        dropped |= _CONDITIONAL
    # White space around a value is not part of it (RFC 9110, 5.5), and our client library refuses to send it.
    kept = [(name, value.strip(b" \t")) for name, value in headers if name not in dropped]
    if not shared and not any(name == b"accept-encoding" for name, _ in kept):
        # Absent means anything goes; say identity so that nothing is coded that the client may not read.
        kept.append((b"accept-encoding", b"identity"))
    kept.append((b"via", b"1.1 calgate"))
    kept.append((b"x-request-id", request_id))
    return kept


def returned(headers: Iterable[tuple[bytes, bytes]], *, framed: bool) -> RawHeaders:
    """Answer headers as the client gets them; `content-length` stays only if the body is passed *framed* as is."""
    lowered = [(name.lower(), value) for name, value in headers]
    dropped = _HOP_BY_HOP | _connection_tokens(lowered) | {b"x-request-id"}
    if not framed:
        dropped |= {b"content-length", b"content-encoding"}
    return [(name, value) for name, value in lowered if name not in dropped]


def content_length(headers: RawHeaders) -> int | None:
    """The announced size of the body in bytes; the parser has refused malformed and repeated ones."""
    for name, value in headers:
        if name == b"content-length":
            return int(value)
    return None


def as_text(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The headers by name, the last of a kind winning; for looking single values up."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
