"""A second reader of HTTP/1.1, slow and strict (RFC 9112), to hold against what the gateway made of the same bytes.

Written from the RFC and from nothing the gateway uses. Where the RFC leaves a choice, it takes what the gateway takes
and says so: the two are compared for where one request ends and the next begins, and for what is in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_TOKEN: Final = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# Several spaces are one (section 3 allows it), and what follows RTSP/1 or ICE/1 is read as HTTP/1: the parser in the
# gateway cannot be told otherwise, and answers as HTTP.
_LINE: Final = re.compile(rb"(" + _TOKEN + rb") +([!-~]+) +(?:HTTP|RTSP|ICE)/(1\.[01])")
_FIELD: Final = re.compile(rb"(" + _TOKEN + rb"):[ \t]*([\t -~\x80-\xff]*)")
_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;[\t -~\x80-\xff]*)?")
_LENGTH: Final = re.compile(rb"0*([0-9]{1,19})")


class Malformed(Exception):
    """These bytes are no request, and whoever takes them for one may be fooled."""


class Incomplete(Exception):
    """So far it may be one."""


@dataclass(frozen=True, slots=True)
class Message:
    """One request; `headers` with names in lower case and without trailers, `body` without its framing."""

    method: str
    target: str
    version: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    chunked: bool = False

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    @property
    def tokens(self) -> frozenset[str]:
        """What its Connection headers name."""
        named = ",".join(self.values("connection")).split(",")
        return frozenset(token.strip(" \t").lower() for token in named)

    @property
    def is_last(self) -> bool:
        """Whether what follows on the connection is no request any more."""
        return self.version == "1.0" or "close" in self.tokens


def read(data: bytes) -> tuple[list[Message], str]:
    """The requests in *data*, and why there are no more: `end`, `last`, `incomplete` or `malformed`."""
    found: list[Message] = []
    while data := data.lstrip(b"\r\n"):
        try:
            message, data = take(data)
        except Incomplete:
            return found, "incomplete"
        except Malformed:
            return found, "malformed"
        found.append(message)
        if message.is_last:
            return found, "last"
    return found, "end"


def take(data: bytes) -> tuple[Message, bytes]:
    """The first request in *data* and what follows it. Raises Malformed, Incomplete."""
    line, data = _line(data)
    matched = _LINE.fullmatch(line)
    if matched is None:
        raise Malformed("request line")
    method, target, version = (part.decode("ascii") for part in matched.groups())
    headers, data = _fields(data)
    named = dict(headers)
    hosts = sum(name == "host" for name, _ in headers)
    lengths = [value for name, value in headers if name == "content-length"]
    codings = [value for name, value in headers if name == "transfer-encoding"]
    if hosts > 1 or (version == "1.1" and hosts == 0):
        raise Malformed("host")
    if codings:
        if lengths or version == "1.0" or [coding.lower() for coding in codings] != ["chunked"]:
            raise Malformed("transfer-encoding")
        body, data = _chunks(data)
    elif lengths:
        number = _LENGTH.fullmatch(named["content-length"].encode("latin-1"))
        if number is None or len(lengths) > 1:
            raise Malformed("content-length")
        length = int(number.group(1))
        if len(data) < length:
            raise Incomplete
        body, data = data[:length], data[length:]
    else:
        body = b""
    return Message(method, target, version, tuple(headers), body, bool(codings)), data


def _line(data: bytes) -> tuple[bytes, bytes]:
    end = data.find(b"\n")
    if end < 0:
        raise Incomplete
    if data[end - 1 : end] != b"\r":
        raise Malformed("a bare line feed")
    return data[: end - 1], data[end + 1 :]


def _fields(data: bytes) -> tuple[list[tuple[str, str]], bytes]:
    fields: list[tuple[str, str]] = []
    while True:
        line, data = _line(data)
        if not line:
            return fields, data
        matched = _FIELD.fullmatch(line)
        if matched is None:
            raise Malformed("header")
        name, value = (part.decode("latin-1") for part in matched.groups())
        fields.append((name.lower(), value.strip(" \t")))


def _chunks(data: bytes) -> tuple[bytes, bytes]:
    body = b""
    while True:
        line, data = _line(data)
        matched = _SIZE.fullmatch(line)
        if matched is None:
            raise Malformed("chunk size")
        size = int(matched.group(1), 16)
        if size == 0:
            return body, _fields(data)[1]
        if len(data) < size + 2:
            raise Incomplete
        if data[size : size + 2] != b"\r\n":
            raise Malformed("chunk end")
        body, data = body + data[:size], data[size + 2 :]
