"""Slots answers without what is gone."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calcom.overlay import subtract

NINE = 1_767_258_000  # 2026-01-01T09:00:00Z


def body(**days: list[str]) -> bytes:
    data = {
        day.replace("d", "2026-01-0"): [{"start": start} for start in starts] for day, starts in days.items()
    }
    return orjson.dumps({"status": "success", "data": data})


ONE = body(d1=["2026-01-01T09:00:00.000Z", "2026-01-01T09:30:00.000Z"], d2=["2026-01-02T09:00:00.000Z"])


def test_slots_that_begin_within_a_stretch_go_and_days_without_any_are_absent() -> None:
    assert subtract(ONE, [(NINE, NINE + 1800)]) == body(
        d1=["2026-01-01T09:30:00.000Z"], d2=["2026-01-02T09:00:00.000Z"]
    )
    assert subtract(ONE, [(NINE, NINE + 1801)]) == body(d2=["2026-01-02T09:00:00.000Z"])


def test_an_answer_that_loses_nothing_stays_as_it_is_to_the_byte() -> None:
    spaced = ONE.replace(b":", b": ", 1)
    assert subtract(spaced, [(0, 5)]) is spaced
    assert subtract(spaced, []) is spaced


def test_zones_do_not_matter_to_when_a_slot_begins_and_other_fields_stay() -> None:
    item = b'{"start":"2026-01-01T10:00:00.000+01:00","end":"x"}'
    other = b'{"start":"2026-01-01T11:00:00.000+01:00","end":"y"}'
    answer = b'{"status":"success","data":{"2026-01-01":[' + item + b"," + other + b"]}}"
    assert subtract(answer, [(NINE, NINE + 1)]) == answer.replace(item + b",", b"")


@pytest.mark.parametrize(
    "odd",
    [
        b"",
        b"[]",
        b'{"status":"error"}',
        b'{"status":"success","data":[]}',
        b'{"status":"success","data":{"slots":{}}}',
        b'{"status":"success","data":{"d":[{"time":"2026-01-01T09:00:00Z"}]}}',
        b'{"status":"success","data":{"d":[{"start":5}]}}',
    ],
)
def test_what_is_not_understood_is_not_cut(odd: bytes) -> None:
    found = subtract(odd, [(0, 1)])
    assert found is None or found == odd


@given(st.binary(max_size=40))
def test_no_bytes_break_it(odd: bytes) -> None:
    subtract(odd, [(0, 1)])
