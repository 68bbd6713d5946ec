"""What Cal.com offers is read by days, and only what may be an alternative."""

from datetime import UTC, date, datetime

import pytest

from calcom.alternatives import offered_in

FIRST, LAST = date(2026, 12, 1), date(2026, 12, 3)
BODY = b"""{"status":"success","data":{
    "2026-11-30":[{"start":"2026-11-30T09:00:00.000+01:00"}],
    "2026-12-03":[{"start":"2026-12-03T09:00:00.000+01:00"}],
    "2026-12-01":[{"start":"2026-12-01T10:00:00.000+01:00"},{"start":"2026-12-01T09:00:00.000+01:00"}],
    "2026-12-04":[{"start":"2026-12-04T09:00:00.000+01:00"}]}}"""


def test_days_and_times_ascend_and_days_outside_are_left_out() -> None:
    offered = offered_in(BODY, first=FIRST, last=LAST, after=datetime(2026, 11, 1, tzinfo=UTC))
    assert offered is not None
    assert list(offered.since(FIRST)) == [FIRST, LAST]
    assert [time.text for time in offered.on(FIRST)] == [
        "2026-12-01T09:00:00.000+01:00",
        "2026-12-01T10:00:00.000+01:00",
    ]
    assert list(offered.since(date(2026, 12, 2))) == [LAST]
    assert [offered.on(date(2026, 12, day)) for day in (2, 4)] == [[], []]
    assert offered.on(date(2026, 11, 30)) == []


def test_what_has_begun_is_left_out() -> None:
    offered = offered_in(BODY, first=FIRST, last=LAST, after=datetime(2026, 12, 1, 8, tzinfo=UTC))
    assert offered is not None
    assert [time.text for time in offered.on(FIRST)] == ["2026-12-01T10:00:00.000+01:00"]


def test_a_time_that_is_listed_twice_is_one() -> None:
    body = b"""{"status":"success","data":{"2026-12-01":[
        {"start":"2026-12-01T09:00:00Z"},{"start":"2026-12-01T10:00:00+01:00"},{"start":"2026-12-01T09:00:00Z"}]}}"""
    offered = offered_in(body, first=FIRST, last=LAST, after=datetime(2026, 1, 1, tzinfo=UTC))
    assert offered is not None
    assert len(offered.on(FIRST)) == 1


def test_no_slots_at_all_is_an_answer() -> None:
    offered = offered_in(
        b'{"status":"success","data":{},"message":"none"}',
        first=FIRST,
        last=LAST,
        after=datetime(2026, 1, 1, tzinfo=UTC),
    )
    assert offered is not None
    assert not offered.days


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b"null",
        b'{"status":"error","data":{}}',
        b'{"status":"success"}',
        b'{"status":"success","data":[]}',
        b'{"status":"success","data":{"slots":{}}}',
        b'{"status":"success","data":{"2026-12-01":[{"time":"2026-12-01T09:00:00Z"}]}}',
        b'{"status":"success","data":{"2026-12-01":[{"start":"soon"}]}}',
        b'{"status":"success","data":{"2026-12-01":[{"start":5}]}}',
        b'{"status":"success","data":{"2026-12-01":["2026-12-01T09:00:00Z"]}}',
        b'{"status":"success","data":{"2026-12-01":null}}',
        # Of no zone: nobody knows when.
        b'{"status":"success","data":{"2026-12-01":[{"start":"2026-12-01T09:00:00"}]}}',
    ],
)
def test_what_is_no_list_of_slots_is_not_taken_for_one(body: bytes) -> None:
    assert offered_in(body, first=FIRST, last=LAST, after=datetime(2026, 1, 1, tzinfo=UTC)) is None
