"""A reach says what it covers, and merging never changes that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from calcom.reach import UNMAPPED, Reach, Stretch, Touch

FIRST = datetime(2026, 3, 1, tzinfo=UTC)


def stretch(first: int, length: int = 0) -> Stretch:
    """Hours counted from the first of March."""
    return Stretch(FIRST + timedelta(hours=first), FIRST + timedelta(hours=first + length))


STRETCHES = st.builds(stretch, st.integers(0, 12), st.integers(0, 4))
TOUCHES = st.builds(
    Touch,
    st.sampled_from((1, 2, 3)) | st.none(),
    STRETCHES | st.none() | STRETCHES,
    st.sampled_from(("own-type", "buffers")),
    st.just("because"),
)


@given(st.lists(TOUCHES, max_size=8))
def test_merging_covers_the_same_with_no_more_touches(touches: list[Touch]) -> None:
    reach = Reach(tuple(touches))
    merged = reach.merged()
    assert len(merged.touches) <= len(reach.touches)
    for event_type in (1, 2, 3, 4):
        for half in range(40):
            at = FIRST + timedelta(minutes=30 * half)
            one = Stretch(at, at)
            assert merged.covers({event_type}, one) == reach.covers({event_type}, one)
    assert merged.is_empty == reach.is_empty
    assert merged.is_whole_account == reach.is_whole_account
    assert merged.merged() == merged


def test_merging_joins_times_that_touch_and_no_others() -> None:
    reach = Reach(tuple(Touch(1, one, "own-type", "") for one in (stretch(3, 1), stretch(0, 2), stretch(2))))
    assert [one.stretch for one in reach.merged().touches] == [stretch(0, 2), stretch(3, 1)]


def test_an_answer_of_unknown_types_is_touched_by_any_reach_that_is_not_empty() -> None:
    reach = Reach((Touch(1, stretch(0), "own-type", ""),))
    assert reach.covers(None, stretch(10))
    assert not reach.covers({1}, stretch(10))
    assert not Reach().covers(None, stretch(10))


def test_an_explanation_names_what_when_and_why_once() -> None:
    touch = Touch(7, stretch(9, 2), "buffers", "buffers of both reach beyond the booking")
    whole = Touch(None, None, "unknown-write", "no rule knows this write")
    unmapped = Touch(UNMAPPED, None, "unmapped-types", "may share a host")
    assert Reach((touch, touch, whole, unmapped)).explain() == [
        "event type 7, 2026-03-01 09:00 to 11:00 UTC: buffers of both reach beyond the booking (buffers)",
        "every event type, all days: no rule knows this write (unknown-write)",
        "event types not in the map, all days: may share a host (unmapped-types)",
    ]
