"""The strict reader."""

import pytest

from loadtest.fuzz.reference import Incomplete, Malformed, read, take

HEAD = b"POST /a HTTP/1.1\r\nHost: x\r\n"


def test_requests_are_told_apart_by_their_framing() -> None:
    one = HEAD + b"Content-Length: 2\r\n\r\n{}"
    two = HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;a=b\r\n{\r\n1\r\n}\r\n0\r\nX-Late: 1\r\n\r\n"
    found, why = read(b"\r\n" + one + two + one)
    assert [message.body for message in found] == [b"{}"] * 3
    assert why == "end"
    assert "x-late" not in dict(found[1].headers)


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Content-Length: +2\r\n\r\n{}",
        b"Content-Length : 2\r\n\r\n{}",
        b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n2 \r\n{}\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n2\n{}\r\n0\r\n\r\n",
        b"X: a\r\n b\r\n\r\n",
        b"X: a\nY: b\r\n\r\n",
        b"X: a\x00\r\n\r\n",
        b"Host: y\r\n\r\n",
    ],
)
def test_what_two_readers_may_read_differently_is_malformed(rest: bytes) -> None:
    with pytest.raises(Malformed):
        take(HEAD + rest)


@pytest.mark.parametrize("cut", [5, 20, 30, 45, 60])
def test_what_is_cut_off_is_incomplete(cut: int) -> None:
    whole = HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    with pytest.raises(Incomplete):
        take(whole[:cut])


@pytest.mark.parametrize(
    "end", [b"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"]
)
def test_after_the_last_request_nothing_is_one(end: bytes) -> None:
    found, why = read(end + HEAD + b"\r\n")
    assert len(found) == 1
    assert why == "last"
