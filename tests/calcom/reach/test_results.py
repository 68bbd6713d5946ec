"""A reach says what it covers, and merging never changes that."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from calcom.reach import UNMAPPED, Reach, Span, Touch

FIRST = date(2026, 3, 1)


def span(first: int, length: int = 0) -> Span:
    """Days counted from the first of March."""
    return Span(FIRST + timedelta(days=first), FIRST + timedelta(days=first + length))


SPANS = st.builds(span, st.integers(0, 12), st.integers(0, 4))
TOUCHES = st.builds(
    Touch,
    st.sampled_from((1, 2, 3)) | st.none(),
    SPANS | st.none() | SPANS,
    st.sampled_from(("own-type", "buffers")),
    st.just("because"),
)


@given(st.lists(TOUCHES, max_size=8))
def test_merging_covers_the_same_with_no_more_touches(touches: list[Touch]) -> None:
    reach = Reach(tuple(touches))
    merged = reach.merged()
    assert len(merged.touches) <= len(reach.touches)
    for event_type in (1, 2, 3, 4):
        for day in range(20):
            one = span(day)
            assert merged.covers({event_type}, one) == reach.covers({event_type}, one)
    assert merged.is_empty == reach.is_empty
    assert merged.is_whole_account == reach.is_whole_account
    assert merged.merged() == merged


def test_merging_joins_days_that_touch() -> None:
    reach = Reach(tuple(Touch(1, one, "own-type", "") for one in (span(3), span(0, 1), span(2))))
    assert [one.span for one in reach.merged().touches] == [span(0, 3)]


def test_an_answer_of_unknown_types_is_touched_by_any_reach_that_is_not_empty() -> None:
    reach = Reach((Touch(1, span(0), "own-type", ""),))
    assert reach.covers(None, span(10))
    assert not reach.covers({1}, span(10))
    assert not Reach().covers(None, span(10))


def test_an_explanation_names_what_when_and_why_once() -> None:
    touch = Touch(7, span(0), "buffers", "buffers of both reach beyond the booking")
    whole = Touch(None, None, "unknown-write", "no rule knows this write")
    unmapped = Touch(UNMAPPED, None, "unmapped-types", "may share a host")
    assert Reach((touch, touch, whole, unmapped)).explain() == [
        "event type 7, 2026-03-01: buffers of both reach beyond the booking (buffers)",
        "every event type, all days: no rule knows this write (unknown-write)",
        "event types not in the map, all days: may share a host (unmapped-types)",
    ]
