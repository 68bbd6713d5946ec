"""Whether the answers to a case, and what reached the upstream because of it, can be right. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from loadtest.fuzz.cases import Case
from loadtest.fuzz.recorder import NUMBER
from loadtest.fuzz.reference import Message, read

_HOP: Final = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection"}
    | {"te", "trailer", "transfer-encoding", "upgrade"}
)
# Set by whoever sends; `expect` is dealt with here.
_OWN: Final = frozenset({"host", "content-length", "expect", "x-request-id"})
# May be left out, when the gateway wants to read the answer itself.
_MAY_GO: Final = frozenset({"accept-encoding", "if-none-match", "if-modified-since"})
_ADDED: Final = frozenset({("via", "1.1 calgate"), ("accept-encoding", "identity")})

_STATUS: Final = re.compile(rb"HTTP/1\.1 (\d{3}) [ -~]*")


class Unreadable(Exception):
    """The gateway's own bytes are no answers."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def number(self) -> int | None:
        """Of which request of the upstream it is the answer, `None` if the gateway gave it by itself."""
        text = self.headers.get(NUMBER)
        return int(text) if text is not None else None


def answers(data: bytes, methods: Sequence[str]) -> list[Answer]:
    """The final answers in *data*, the first to a request of the first method, and so on. Raises Unreadable."""
    found: list[Answer] = []
    while data:
        head, separator, data = data.partition(b"\r\n\r\n")
        line, *fields = head.split(b"\r\n")
        matched = _STATUS.fullmatch(line)
        if not separator or matched is None:
            raise Unreadable(f"no answer begins like this: {head[:60]!r}")
        status = int(matched.group(1))
        if status == 100:
            continue
        headers: dict[str, str] = {}
        for one in fields:
            name, _, value = one.decode("latin-1").partition(": ")
            if name in headers and name in ("content-length", "x-request-id", "cache-status", "connection"):
                raise Unreadable(f"{name} twice")
            headers[name] = value
        method = methods[len(found)] if len(found) < len(methods) else ""
        # What is refused before it is a request has no id, and is answered as if it were not HEAD.
        bare = method == "HEAD" and "x-request-id" in headers
        body, data = (b"", data) if bare else _body(headers, data)
        found.append(Answer(status, headers, body))
    return found


def _body(headers: dict[str, str], data: bytes) -> tuple[bytes, bytes]:
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while True:
            size, _, data = data.partition(b"\r\n")
            length = int(size or b"-1", 16)
            if length < 0 or len(data) < length + 2:
                raise Unreadable("an answer breaks off")
            body, data = body + data[:length], data[length + 2 :]
            if length == 0:
                return body, data
    length = int(headers.get("content-length", "0"))
    if len(data) < length:
        raise Unreadable("an answer breaks off")
    return data[:length], data[length:]


def judged(case: Case, heard: bytes, seen: Sequence[Message]) -> tuple[list[str], set[int]]:
    """What is wrong with what a case brought about, and the numbers of the upstream's requests it accounts for."""
    requests, _ = read(case.data)
    wrong: list[str] = []
    claimed: set[int] = set()
    try:
        given = answers(heard, [request.method for request in requests])
    except (Unreadable, ValueError) as error:
        return [f"unreadable: {error}"], claimed
    if len(given) > len(requests) + 1:
        wrong.append(f"{len(given)} answers to {len(requests)} requests")
    if len(given) < len(requests) and (not given or given[-1].headers.get("connection") != "close"):
        wrong.append(f"{len(given)} answers to {len(requests)} requests, and no word of an end")
    for at, answer in enumerate(given):
        # To say when to come back is an answer: on a machine without time to spare Redis may be late.
        if answer.status >= 500 and "retry-after" not in answer.headers:
            wrong.append(f"answer {at} is a {answer.status}: {answer.body[:200]!r}")
        if answer.number is None:
            if at >= len(requests) and answer.headers.get("connection") != "close":
                wrong.append(f"answer {at} to no request leaves the connection open")
            continue
        if answer.number in claimed or answer.number >= len(seen):
            wrong.append(f"answer {at} is somebody else's")
            continue
        claimed.add(answer.number)
        if at >= len(requests):
            wrong.append(f"answer {at} is to a request that is none: {seen[answer.number]}")
        else:
            wrong += [f"request {at}: {what}" for what in differences(requests[at], seen[answer.number])]
    return wrong, claimed


def differences(sent: Message, arrived: Message) -> list[str]:
    """Where what reached the upstream is not what was sent."""
    found = []
    target = re.sub(r"^[a-z]+:(//[^/?#]*)?(?=/)", "", sent.target)
    for what, one, other in (
        ("method", sent.method, arrived.method),
        ("target", target, arrived.target),
        ("body", sent.body, arrived.body),
    ):
        if one != other:
            found.append(f"{what} {one[:80]!r} arrives as {other[:80]!r}")
    length = [str(len(sent.body))] if not arrived.chunked else []
    if arrived.values("content-length") not in (length, [] if not sent.body else length):
        found.append(f"length {arrived.values('content-length')} of {len(sent.body)} bytes")
    here = Counter((n, v) for n, v in sent.headers if n not in _HOP | _OWN | sent.tokens)
    there = Counter((n, v) for n, v in arrived.headers if n not in _OWN | {"transfer-encoding"})
    added = {name: value for name, value in (there - here) if (name, value) not in _ADDED}
    gone = {name: value for name, value in (here - there) if name not in _MAY_GO}
    if added or gone:
        found.append(f"headers {added} are added, {gone} are gone")
    if len(arrived.values("x-request-id")) != 1 or len(arrived.values("host")) != 1:
        found.append("not one id and one host")
    return found
