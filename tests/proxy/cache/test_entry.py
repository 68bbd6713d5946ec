from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.cache.entry import EMPTY_SECONDS, MAX_BODY_BYTES, kept_headers, lifetime

NOW = datetime(2050, 9, 5, 9, tzinfo=UTC).timestamp()


def slots(*starts: str) -> bytes:
    return orjson.dumps({"status": "success", "data": {"2050-09-05": [{"start": start} for start in starts]}})


def test_an_answer_lives_as_long_as_configured_when_its_slots_are_far() -> None:
    assert lifetime(slots("2050-09-05T12:00:00.000Z"), ttl=60, now=NOW) == 60


def test_an_answer_ends_when_its_next_slot_begins() -> None:
    body = slots("2050-09-05T09:00:20.000Z", "2050-09-05T09:00:10.000Z")
    assert lifetime(body, ttl=60, now=NOW) == pytest.approx(10)


def test_a_slot_already_begun_does_not_hide_the_next_one() -> None:
    body = slots("2050-09-05T08:59:00.000Z", "2050-09-05T09:00:30.000Z")
    assert lifetime(body, ttl=60, now=NOW) == pytest.approx(30)


def test_zones_do_not_matter_to_when_a_slot_begins() -> None:
    assert lifetime(slots("2050-09-05T14:45:10.000+05:45"), ttl=60, now=NOW) == pytest.approx(10)


def test_an_empty_answer_lives_a_moment() -> None:
    assert lifetime(b'{"status":"success","data":{}}', ttl=60, now=NOW) == EMPTY_SECONDS
    assert lifetime(b'{"status":"success","data":{}}', ttl=1, now=NOW) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b"1",
        b'{"status":"error"}',
        b'{"status":"error","data":{}}',
        b'{"status":"success","data":[]}',
        b'{"status":"success","data":{"d":1}}',
        b'{"status":"success","data":{"d":["x"]}}',
        b'{"status":"success","data":{"d":[{"time":"x"}]}}',
        b'{"status":"success","data":{"d":[{"start":"soon"}]}}',
        b'{"status":"success","data":{"d":[{"start":5}]}}',
        b'{"status":"success","data":{"d":[{"start":null}]}}',
    ],
)
def test_what_is_no_slots_answer_is_not_kept(body: bytes) -> None:
    assert lifetime(body, ttl=60, now=NOW) == 0


def test_a_huge_answer_is_not_kept() -> None:
    body = slots("2050-09-05T12:00:00.000Z")
    assert lifetime(body + b" " * MAX_BODY_BYTES, ttl=60, now=NOW) == 0


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["status", "data", "start", "d"]), inner, max_size=3)
        ),
    )
)
def test_no_document_breaks_the_decision(document: object) -> None:
    assert 0 <= lifetime(orjson.dumps(document), ttl=60, now=NOW) <= 60


def test_headers_of_one_exchange_are_not_kept() -> None:
    sent = [
        ("content-type", "application/json"),
        ("date", "Mon, 05 Sep 2050 08:00:00 GMT"),
        ("set-cookie", "uid=1"),
        ("x-ratelimit-remaining-default", "3"),
        ("x-request-id", "r"),
        ("cache-control", "public, max-age=0, must-revalidate"),
        ("content-encoding", "br"),
    ]
    assert dict(kept_headers(sent)).keys() == {"content-type", "date", "cache-control"}
