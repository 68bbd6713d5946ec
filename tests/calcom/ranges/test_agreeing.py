"""What a comparison says."""

import pytest

from calcom.ranges import compare
from tests.calcom.ranges.test_slicing import body, day

ONE = body(day("2026-03-04", "09:00", "09:30"), day("2026-03-05", "09:00"))


def test_the_same_answer_agrees_in_any_order_of_fields() -> None:
    assert compare(ONE, ONE).agrees is True
    assert compare(b'{"data": {"2026-03-04":[{"start":"a","end":"b"}]},"status":"success"}',
                   b'{"status":"success","data":{"2026-03-04":[{"end":"b","start":"a"}]}}').agrees is True  # fmt: skip


def test_a_difference_is_told_by_its_first_day_and_slot() -> None:
    less = body(day("2026-03-04", "09:00"), day("2026-03-05", "09:00"))
    missing = compare(ONE, less)
    assert missing.agrees is False
    assert missing.detail == '2026-03-04: {"start":"2026-03-04T09:30:00.000Z"} is missing'
    added = compare(less, ONE)
    assert added.detail == '2026-03-04: {"start":"2026-03-04T09:30:00.000Z"} is not Cal.com\'s'
    assert compare(ONE, body(day("2026-03-04", "09:00", "09:30"))).detail.startswith("2026-03-05")
    turned = body(day("2026-03-04", "09:30", "09:00"), day("2026-03-05", "09:00"))
    assert compare(ONE, turned).detail == "2026-03-04: the order differs"


@pytest.mark.parametrize("exact", [b"", b"[]", b'{"status":"error"}', b'{"status":"success","data":[]}'])
def test_an_answer_that_is_no_success_says_nothing(exact: bytes) -> None:
    assert compare(exact, ONE).agrees is None


def test_nothing_derived_says_nothing() -> None:
    assert compare(ONE, None).agrees is None
    assert compare(ONE, b"odd").agrees is None
