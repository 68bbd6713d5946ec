"""What is sent: sound requests, made unsound in the ways that have fooled proxies, and cut into pieces. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

LAST: Final = b"GET /-/healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
"""Ends nearly each case: whoever understands it hangs up."""

_HIDDEN: Final = b"GET /v2/bookings?smuggled=1 HTTP/1.1\r\nHost: a\r\n\r\n"

_HEADERS: Final = (
    b"Content-Length: 0", b"Content-Length: 5", b"Content-Length: 44", b"Content-Length: +2",
    b"Content-Length: 0x2", b"Content-Length: 2, 2", b"Content-Length:", b"Content-Length: -1",
    b"Content-Length: 99999999999999999999", b"Content-Length: 00000000000000000000002",
    b"Content-Length : 2", b"Content-Length\t: 2", b"content_length: 9", b"Content-Length: 2\r\n ",
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", b"transfer_encoding: chunked",
    b"Transfer-Encoding: chunked, identity", b"Transfer-Encoding: xchunked", b"Transfer-Encoding:\x0bchunked",
    b"Transfer-Encoding: \tchunked ", b"Transfer-Encoding: CHUNKED", b"Transfer-Encoding : chunked",
    b"TE: trailers", b"Transfer-Encoding\r\n: chunked", b"X: y\r\n Transfer-Encoding: chunked",
    b"X: y\rTransfer-Encoding: chunked", b"X: y\nTransfer-Encoding: chunked", b"X: y\x00z", b"X: \x7f",
    b"X: \xff\xfe", b"\x00: y", b": y", b"X", b"X y: z", b"Host: b", b"Host : a", b"host: ",
    b"Connection: close", b"Connection: keep-alive", b"Connection: x-case, Host",
    b"Connection: Authorization, close", b"Connection: Content-Length",
    b"Connection: Transfer-Encoding, upgrade", b"Connection: upgrade\r\nUpgrade: h2c", b"Upgrade: websocket",
    b"Expect: 100-continue", b"Expect: nonsense", b"Keep-Alive: timeout=5", b"Proxy-Connection: keep-alive",
    b"Proxy-Authorization: Basic eA==", b"Trailer: X-Late", b"X-Request-Id: abcdefgh\tij",
    b"X-Request-Id: abcdefgh1", b"Authorization: Bearer cal_b", b"AUTHORIZATION: Bearer cal_c",
    b"Cache-Control: no-cache", b"Accept-Encoding: gzip", b"If-None-Match: *", b"Range: bytes=0-1",
    b"Cookie: uid=a", b"X-Forwarded-Host: evil", b"X-HTTP-Method-Override: DELETE",
    b"X-Long: " + b"l" * 9_000, b"Max-Forwards: 0",
)  # fmt: skip

_SIZES: Final = (
    b"-2", b"+2", b"0x2", b" 2", b"2 ", b"2\t", b"2;a=b", b"2;a=\"\r\n", b"2;\n", b"2;" + b"e" * 300, b"2\n",
    b"02", b"0000002", b"ffffffffffffffff1", b"fffffffffffffffe", b"", b"g", b"2\r", b"2 ;a", b"2;a\x00b",
    b"3", b"1",
)  # fmt: skip

_TRAILERS: Final = (
    b"X-Late: 1\r\n", b"Authorization: Bearer cal_late\r\n", b"Content-Length: 3\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Host: b\r\n", b" folded\r\n", b"X Y: z\r\n", b"X: y\n",
    b"Connection: close\r\n", b"Upgrade: h2c\r\n",
)  # fmt: skip

_LINES: Final = (
    b"CONNECT evil:443 HTTP/1.1", b"OPTIONS * HTTP/1.1", b"PRI * HTTP/2.0",
    b"GET http://evil/v2/bookings?abs=1 HTTP/1.1", b"GET /v2/bookings", b"GET /v2/bookings HTTP/0.9",
    b"GET /v2/bookings HTTP/1.2", b"GET /v2/bookings HTTP/2.0", b"GET /v2/bookings HTTP/1.0",
    b"GET  /v2/bookings HTTP/1.1", b"GET\t/v2/bookings HTTP/1.1", b"GET /v2/bookings HTTP/1.1 ",
    b"GET /v2/book ings HTTP/1.1", b"GET /v2/bookings\x00 HTTP/1.1", b"GET /v2/../-/readyz HTTP/1.1",
    b"get /v2/bookings HTTP/1.1", b"GET /v2/%2e%2e/bookings HTTP/1.1", b"GET //v2/bookings HTTP/1.1",
    b"GET /v2/bookings#f HTTP/1.1", b"QUERY /v2/bookings HTTP/1.1", b"GET /v2/bookings? HTTP/1.1",
    b"GET v2/bookings HTTP/1.1", b"GET ?x HTTP/1.1", b"GET /v2/\xc3\xa9 HTTP/1.1", b"SOURCE /v2/x ICE/1.0",
    b"GET /v2/" + b"u" * 9_000 + b" HTTP/1.1", b"POST /v2/bookings RTSP/1.0", b"TRACE /v2/bookings HTTP/1.1",
    b"GET /-/nothing HTTP/1.1", b"GET http://evil HTTP/1.1", b"GET javascript:/v2/bookings HTTP/1.1",
    b"GET /v2\\bookings HTTP/1.1", b"GET /V2/bookings HTTP/1.1",
)  # fmt: skip

_SPECIAL: Final = (
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\x00",
    b":",
    b" ",
    b"\t",
    b"\xff",
    b"0",
    b";",
    b"\x7f",
    _HIDDEN,
)


@dataclass(frozen=True, slots=True)
class Case:
    """What one connection sends, piece by piece."""

    number: int
    pieces: tuple[bytes, ...]

    @property
    def data(self) -> bytes:
        return b"".join(self.pieces)


def case(seed: int, number: int) -> Case:
    """The case of that number: the same for ever."""
    dice = Random(f"{seed}:{number}")
    requests = [_request(dice, f"{seed}-{number}-{at}") for at in range(dice.randint(1, 3))]
    for _ in range(dice.choice((0, 1, 1, 1, 2, 3))):
        at = dice.randrange(len(requests))
        requests[at] = spoiled(requests[at], dice)
    last = LAST if dice.random() < 0.95 else LAST[: dice.randint(1, len(LAST) - 1)]
    return Case(number, cut(b"".join([*requests, last]), dice))


def spoiled(request: bytes, dice: Random) -> bytes:
    """*request* with one thing wrong, or odd."""
    return dice.choice(_MUTATIONS)(request, dice)


def _request(dice: Random, mark: str) -> bytes:
    """A sound request that is passed on and answered by nobody but the upstream."""
    headers = [b"Host: a", b"Authorization: Bearer cal_a", b"X-Case: " + mark.encode()]
    method = dice.choice((b"GET", b"GET", b"POST", b"POST", b"HEAD", b"OPTIONS", b"DELETE"))
    path = dice.choice((b"/v2/bookings", b"/v2/webhooks", b"/api/v2/bookings/x", b"/v2/nobody/knows"))
    body = b""
    if method == b"POST" or (method == b"DELETE" and dice.random() < 0.5):
        content = dice.choice((b"", b"{}", b"hello", _HIDDEN, b"x" * 70_000))
        if dice.random() < 0.5:
            headers.append(b"Content-Length: %d" % len(content))
            body = content
        else:
            headers.append(b"Transfer-Encoding: chunked")
            body = (
                b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in _parts(content, dice)) + b"0\r\n\r\n"
            )
    line = method + b" " + path + b"?case=" + mark.encode() + b" HTTP/1.1"
    return b"\r\n".join([line, *headers, b"", body])


def _parts(content: bytes, dice: Random) -> list[bytes]:
    if len(content) < 2:
        return [content] if content else []
    at = dice.randint(1, len(content) - 1)
    return [content[:at], content[at:]]


def _add_header(request: bytes, dice: Random) -> bytes:
    head, _, rest = request.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    lines.insert(dice.randint(1, len(lines)), dice.choice(_HEADERS))
    return b"\r\n".join(lines) + b"\r\n\r\n" + rest


def _drop_header(request: bytes, dice: Random) -> bytes:
    head, _, rest = request.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    del lines[dice.randrange(len(lines))]
    return b"\r\n".join(lines) + b"\r\n\r\n" + rest


def _new_line(request: bytes, dice: Random) -> bytes:
    return dice.choice(_LINES) + b"\r\n" + request.partition(b"\r\n")[2]


def _new_size(request: bytes, dice: Random) -> bytes:
    return request.replace(b"\r\n\r\n2\r\n", b"\r\n\r\n" + dice.choice(_SIZES) + b"\r\n")


def _new_chunked(request: bytes, dice: Random) -> bytes:
    """A chunked request of another size, or with something after its last chunk."""
    head = b"POST /v2/webhooks?c=1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    if dice.random() < 0.5:
        return head + dice.choice(_SIZES) + b"\r\n{}\r\n0\r\n\r\n"
    return head + b"2\r\n{}\r\n0\r\n" + dice.choice(_TRAILERS) + b"\r\n"


def _splice(request: bytes, dice: Random) -> bytes:
    at = dice.randint(0, len(request))
    return request[:at] + dice.choice(_SPECIAL) + request[at:]


def _flip(request: bytes, dice: Random) -> bytes:
    at = dice.randrange(len(request) or 1)
    return request[:at] + bytes([dice.randrange(256)]) + request[at + 1 :]


def _cut_out(request: bytes, dice: Random) -> bytes:
    at = dice.randint(0, len(request))
    return request[:at] + request[at + dice.randint(1, 20) :]


def _repeat(request: bytes, dice: Random) -> bytes:
    at = dice.randint(0, len(request))
    end = at + dice.randint(1, 60)
    return request[:end] + request[at:]


_MUTATIONS: Final[tuple[Callable[[bytes, Random], bytes], ...]] = (
    _add_header, _add_header, _add_header, _drop_header, _new_line, _new_size, _new_chunked, _splice, _flip,
    _cut_out, _repeat,
)  # fmt: skip


def cut(data: bytes, dice: Random) -> tuple[bytes, ...]:
    """*data* in pieces of any size."""
    cuts = sorted({0, len(data), *(dice.randint(0, len(data)) for _ in range(dice.choice((0, 0, 1, 2, 5))))})
    return tuple(data[a:b] for a, b in itertools.pairwise(cuts))
