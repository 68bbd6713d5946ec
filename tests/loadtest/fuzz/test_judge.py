"""The judge finds what it is there to find."""

import pytest

from loadtest.fuzz.cases import Case
from loadtest.fuzz.judge import judged
from loadtest.fuzz.reference import Message, take

SENT = b"POST /v2/webhooks?x HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nConnection: x-b\r\nX-B: 2\r\nContent-Length: 2\r\n\r\n{}"
PASSED = (
    b"POST /v2/webhooks?x HTTP/1.1\r\nhost: u\r\nx-a: 1\r\nvia: 1.1 calgate\r\nx-request-id: i\r\n"
    b"content-length: 2\r\n\r\n{}"
)
ANSWER = b"HTTP/1.1 200 OK\r\nx-answer-number: 0\r\nx-request-id: i\r\ncontent-length: 2\r\n\r\n{}"


def verdict(heard: bytes = ANSWER, passed: bytes = PASSED, sent: bytes = SENT) -> str:
    seen: list[Message] = [take(passed)[0]]
    return "; ".join(judged(Case(0, (sent,)), heard, seen)[0])


def test_what_is_right_is_not_found() -> None:
    assert verdict() == ""


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ((b"?x", b""), "target"),
        ((b"POST", b"PATCH"), "method"),
        ((b"x-a: 1\r\n", b""), "are gone"),
        ((b"x-a: 1\r\n", b"x-a: 1\r\nx-b: 2\r\n"), "are added"),
        ((b"x-a: 1\r\n", b"x-a: 1\r\nconnection: x\r\n"), "are added"),
        ((b"x-request-id: i\r\n", b""), "one id"),
        ((b"\r\n\r\n{}", b"\r\n\r\nno"), "body"),
    ],
)
def test_a_request_that_arrives_otherwise_than_sent_is_found(change: tuple[bytes, bytes], found: str) -> None:
    assert found in verdict(passed=PASSED.replace(*change))


@pytest.mark.parametrize(
    ("heard", "found"),
    [
        (ANSWER.replace(b"200 OK", b"500 Broken"), "is a 500"),
        (ANSWER[:-1], "unreadable"),
        (ANSWER + b"x", "unreadable"),
        (b"", "no word of an end"),
        (ANSWER + ANSWER, "somebody else's"),
        (ANSWER + ANSWER.replace(b"x-answer-number: 0\r\n", b""), "leaves the connection open"),
    ],
)
def test_an_answer_that_cannot_be_is_found(heard: bytes, found: str) -> None:
    assert found in verdict(heard)


def test_an_answer_to_what_is_no_request_is_found() -> None:
    assert "a request that is none" in verdict(sent=SENT.replace(b"Host: a", b"Host : a"))
