from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.cache.entry import EMPTY_SECONDS, MAX_BODY_BYTES, Life, Lives, kept_headers, lifetime, varies

NOW = datetime(2050, 9, 5, 9, tzinfo=UTC).timestamp()


def life(body: bytes, *, ttl: float = 60, status: int = 200, empties: int = 0) -> Life | None:
    limits = Lives(ttl=ttl, stale=30, stale_if_error=600)
    return lifetime(status, body, limits=limits, now=NOW, empties=empties)


def fresh(body: bytes, *, ttl: float = 60) -> float:
    found = life(body, ttl=ttl)
    assert found is not None
    return found.fresh


EMPTY = b'{"status":"success","data":{}}'


def slots(*starts: str) -> bytes:
    return orjson.dumps({"status": "success", "data": {"2050-09-05": [{"start": start} for start in starts]}})


def test_an_answer_lives_as_long_as_configured_when_its_slots_are_far() -> None:
    noon = datetime(2050, 9, 5, 12, tzinfo=UTC)
    later = noon + timedelta(hours=1)
    assert life(slots("2050-09-05T13:00:00.000Z", "2050-09-05T12:00:00.000Z")) == Life(
        60, 660, 0, noon, later
    )


def test_an_answer_ends_when_its_next_slot_begins() -> None:
    body = slots("2050-09-05T09:00:20.000Z", "2050-09-05T09:00:10.000Z")
    assert fresh(body) == pytest.approx(10)


def test_where_slots_are_offered_until_a_while_before_an_answer_ends_that_much_earlier() -> None:
    limits = Lives(ttl=600)
    near, far = (
        slots("2050-09-05T11:01:00.000Z"),
        slots("2050-09-05T10:59:00.000Z", "2050-09-05T11:02:00.000Z"),
    )
    ends = [lifetime(200, body, limits=limits, now=NOW, notice=7200.0) for body in (near, far)]
    # A slot within the notice is no reason: then it is not the notice that we think it is.
    assert [one.fresh for one in ends if one] == [60.0, 120.0]


def test_a_slot_already_begun_does_not_hide_the_next_one() -> None:
    body = slots("2050-09-05T08:59:00.000Z", "2050-09-05T09:00:30.000Z")
    assert fresh(body) == pytest.approx(30)


def test_zones_do_not_matter_to_when_a_slot_begins() -> None:
    assert fresh(slots("2050-09-05T14:45:10.000+05:45")) == pytest.approx(10)


def test_an_empty_answer_lives_a_moment() -> None:
    assert life(EMPTY) == Life(EMPTY_SECONDS, EMPTY_SECONDS, 1)
    assert fresh(EMPTY, ttl=1) == 1


def test_each_further_empty_answer_is_believed_twice_as_long_and_none_longer_than_a_good_one() -> None:
    found = [life(EMPTY, empties=count) for count in range(6)]
    assert [one.fresh for one in found if one] == [3, 6, 12, 24, 48, 60]
    assert [one.empties for one in found if one] == [1, 2, 3, 4, 5, 6]


def test_that_there_is_no_such_type_is_kept_a_moment_and_no_other_refusal_is() -> None:
    assert life(b'{"status":"error"}', status=404) == Life(3, 3)
    assert [life(b'{"status":"error"}', status=status) for status in (400, 401, 403, 429, 500, 503)] == [
        None
    ] * 6


def test_the_older_calls_answer_is_understood() -> None:
    body = b'{"status":"success","data":{"slots":{"2050-09-05":[{"time":"2050-09-05T09:00:10.000Z"}]}}}'
    assert fresh(body) == pytest.approx(10)
    ranged = b'{"status":"success","data":{"slots":{"d":[{"startTime":"2050-09-05T09:00:20.000Z"}]}}}'
    assert fresh(ranged) == pytest.approx(20)


@pytest.mark.parametrize(
    ("vary", "expected"),
    [
        ("Authorization, cal-api-version", False),
        ("", False),
        ("Origin", False),
        ("*", True),
        ("User-Agent", True),
    ],
)
def test_an_answer_that_varies_by_what_the_key_leaves_out_is_noticed(vary: str, *, expected: bool) -> None:
    assert varies([("vary", vary)]) is expected


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
    assert life(body) is None


def test_a_huge_answer_is_not_kept() -> None:
    body = slots("2050-09-05T12:00:00.000Z")
    assert life(body + b" " * MAX_BODY_BYTES) is None


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
    found = life(orjson.dumps(document))
    assert found is None or 0 < found.fresh <= 60


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
