"""Fields: an invalidation and an answer concern one another exactly if they share one."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calcom.reach import UNMAPPED, Reach, Span, Touch
from proxy.cache.stamps import ANYTHING, EVERYTHING, but_days, read_by, written_by

DAY = date(2027, 3, 1)


def touch(kind: int | None, first: int | None = None, last: int = 0) -> Touch:
    span = None if first is None else Span(DAY + timedelta(days=first), DAY + timedelta(days=last))
    return Touch(kind, span, "rule", "why")


def concern(reach: Reach, types: list[int] | None, first: int, last: int) -> bool:
    days = (DAY + timedelta(days=first), DAY + timedelta(days=last))
    return bool(set(written_by(reach)) & set(read_by(types, days)))


touches = st.builds(
    lambda kind, first, length: touch(kind, first, first + length),
    st.sampled_from([1, 2, 3]),
    st.integers(-5, 100),
    st.integers(0, 500),
)
whole_types = st.builds(touch, st.sampled_from([1, 2, 3]))


@given(
    st.lists(touches | whole_types, min_size=1, max_size=4),
    st.sampled_from([None, [1], [2], [1, 3]]),
    st.integers(-5, 100),
    st.integers(0, 120),
)
def test_whatever_a_reach_covers_shares_a_field_with_it(
    some: list[Touch], types: list[int] | None, first: int, length: int
) -> None:
    reach = Reach(tuple(some))
    days = Span(DAY + timedelta(days=first), DAY + timedelta(days=first + length))
    if reach.covers(types, days):
        assert concern(reach, types, first, first + length)


def test_other_types_and_other_days_share_none() -> None:
    reach = Reach((touch(1, 3, 4), touch(UNMAPPED)))
    assert concern(reach, [1], 4, 10)
    assert not concern(reach, [1], 5, 10)
    assert not concern(reach, [2], 3, 4)


def test_what_is_not_known_is_concerned_by_everything() -> None:
    assert read_by(None, (DAY, DAY)) == read_by([1], None) == ANYTHING
    assert concern(Reach((touch(1, 3, 4),)), None, 50, 60)


@pytest.mark.parametrize("reach", [Reach((touch(None),)), Reach((touch(None, 1, 2),))])
def test_a_touch_on_every_type_is_one_of_the_account(reach: Reach) -> None:
    assert written_by(reach) == EVERYTHING
    assert concern(reach, [7], 300, 301)


def test_a_long_look_is_concerned_by_any_day_of_its_type() -> None:
    assert concern(Reach((touch(1, 3, 4),)), [1], 0, 200)
    assert len(read_by([1], (DAY, DAY + timedelta(days=200)))) == 3


def test_a_reach_without_touches_writes_nothing() -> None:
    assert written_by(Reach(())) == ()


def test_fields_of_single_days_are_told_apart_from_all_others() -> None:
    assert but_days(("*", "?", "t7", "T7", "7:100", "r")) == ("*", "?", "t7", "T7", "r")
