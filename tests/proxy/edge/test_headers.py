import pytest

from proxy.edge.headers import as_text, content_length, forwarded, http_date, returned

HOP_BY_HOP = [
    b"connection",
    b"keep-alive",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"proxy-connection",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
]


@pytest.mark.parametrize("name", HOP_BY_HOP)
def test_what_is_meant_for_one_connection_does_not_cross(name: bytes) -> None:
    assert name not in dict(forwarded([(name, b"x")], request_id=b"r"))
    assert name not in dict(returned([(name, b"x")], framed=True))


@pytest.mark.parametrize("name", [b"host", b"content-length", b"expect"])
def test_the_senders_own_headers_are_not_copied(name: bytes) -> None:
    assert name not in dict(forwarded([(name, b"x")], request_id=b"r"))


def test_headers_named_by_connection_do_not_cross() -> None:
    sent = [
        (b"connection", b"close, X-Private"),
        (b"connection", b"x-too"),
        (b"x-private", b"1"),
        (b"x-too", b"2"),
    ]
    assert not {b"x-private", b"x-too"} & dict(forwarded(sent, request_id=b"r")).keys()
    answered = [(b"Connection", b"X-Private"), (b"X-Private", b"1")]
    assert returned(answered, framed=True) == []


def test_everything_else_crosses_in_order_and_repeated() -> None:
    sent = [(b"cookie", b"a=1"), (b"x-a", b"1"), (b"cookie", b"b=2"), (b"authorization", b"Bearer x")]
    assert forwarded(sent, request_id=b"r")[:4] == sent
    answered = [(b"Set-Cookie", b"a"), (b"Set-Cookie", b"b")]
    assert returned(answered) == [(b"set-cookie", b"a"), (b"set-cookie", b"b")]


def test_white_space_around_a_value_is_no_part_of_it() -> None:
    kept = forwarded([(b"authorization", b"Bearer "), (b"x-odd", b"\t a  b ")], request_id=b"id")
    assert dict(kept)[b"authorization"] == b"Bearer"
    assert dict(kept)[b"x-odd"] == b"a  b"


def test_via_is_added_to_those_there() -> None:
    crossed = forwarded([(b"via", b"1.0 other")], request_id=b"r")
    assert [value for name, value in crossed if name == b"via"] == [b"1.0 other", b"1.1 calgate"]


def test_a_client_that_names_no_coding_gets_none() -> None:
    assert (b"accept-encoding", b"identity") in forwarded([], request_id=b"r")
    assert dict(forwarded([(b"accept-encoding", b"br")], request_id=b"r"))[b"accept-encoding"] == b"br"


def test_a_shared_answer_is_asked_for_whole_and_uncoded() -> None:
    sent = [
        (b"accept-encoding", b"br"),
        (b"if-none-match", b"x"),
        (b"range", b"bytes=0-1"),
        (b"cookie", b"c"),
    ]
    crossed = dict(forwarded(sent, request_id=b"r", shared=True))
    assert crossed[b"accept-encoding"] == b"identity"
    assert b"if-none-match" not in crossed
    assert b"range" not in crossed
    assert crossed[b"cookie"] == b"c"


def test_the_request_id_is_ours_on_both_sides() -> None:
    sent = [(b"x-request-id", b"theirs")]
    assert [v for n, v in forwarded(sent, request_id=b"ours") if n == b"x-request-id"] == [b"ours"]
    assert returned(sent, framed=True) == []


def test_a_length_crosses_only_with_the_body_it_measures() -> None:
    assert returned([(b"Content-Length", b"3")], framed=True) == [(b"content-length", b"3")]
    assert returned([(b"Content-Length", b"3")]) == []


def test_a_body_may_be_announced() -> None:
    assert content_length([(b"content-length", b"12")]) == 12
    assert content_length([]) is None


def test_repeated_headers_read_as_calcoms_server_reads_them() -> None:
    read = as_text(
        [(b"authorization", b"Bearer cal_a"), (b"authorization", b"Bearer cal_b"), (b"x", b"1"), (b"x", b"2")]
    )
    assert read == {"authorization": "Bearer cal_a", "x": "1, 2"}


def test_dates_are_as_http_writes_them() -> None:
    assert http_date(784111777.9) == b"Sun, 06 Nov 1994 08:49:37 GMT"
