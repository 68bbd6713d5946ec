"""Fields: an invalidation and an answer concern one another if one touches what the other speaks of."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calcom.reach import UNMAPPED, Reach, Stretch, Touch
from proxy.cache.stamps import (
    ANYTHING,
    EVERYTHING,
    Bounds,
    Fields,
    but_times,
    by_days,
    part_of,
    read_by,
    written_by,
)

FIRST = datetime(2027, 3, 1, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


def touch(kind: int | None, first: timedelta | None = None, length: timedelta = DAY - MINUTE) -> Touch:
    stretch = None if first is None else Stretch(FIRST + first, FIRST + first + length)
    return Touch(kind, stretch, "rule", "why")


def look(first: timedelta, length: timedelta = DAY - MINUTE) -> Bounds:
    return FIRST + first, FIRST + first + length


def concern(reach: Reach, types: list[int] | None, bounds: Bounds) -> bool:
    return bool(set(written_by(reach)) & set(read_by(types, bounds)))


LENGTHS = st.integers(0, 120).map(lambda count: count * DAY) | st.integers(0, 48 * 60).map(
    lambda count: count * MINUTE
)
BEGINS = st.integers(-3 * 24 * 60, 100 * 24 * 60).map(lambda count: count * MINUTE)
NEAR = st.integers(-2 * 24 * 60, 2 * 24 * 60).map(lambda count: count * MINUTE)

touches = st.builds(touch, st.sampled_from([1, 2, 3]), BEGINS | NEAR, LENGTHS | st.just(500 * DAY))
whole_types = st.builds(touch, st.sampled_from([1, 2, 3]))


@given(
    st.lists(touches | whole_types, min_size=1, max_size=4),
    st.sampled_from([None, [1], [2], [1, 3]]),
    BEGINS | NEAR,
    LENGTHS,
)
def test_whatever_a_reach_covers_shares_a_field_with_it(
    some: list[Touch], types: list[int] | None, first: timedelta, length: timedelta
) -> None:
    reach = Reach(tuple(some))
    bounds = look(first, length)
    if reach.covers(types, Stretch(*bounds)):
        assert concern(reach, types, bounds)


@given(st.lists(touches | whole_types, min_size=1, max_size=4), NEAR, LENGTHS, NEAR, LENGTHS)
def test_what_concerns_a_look_concerns_its_part_of_a_wider_answer(
    some: list[Touch], first: timedelta, length: timedelta, earlier: timedelta, longer: timedelta
) -> None:
    reach = Reach(tuple(some))
    bounds = look(first, length)
    wider = (bounds[0] - abs(earlier) - 2 * DAY, bounds[1] + longer + 2 * DAY)
    part = part_of(read_by([1], wider), read_by([1], bounds))
    if reach.covers([1], Stretch(*bounds)):
        assert part is None or set(written_by(reach)) & set(part)
        assert concern(reach, [1], wider)


@given(touches, NEAR, LENGTHS)
def test_who_waits_for_days_hears_of_their_hours(one: Touch, first: timedelta, length: timedelta) -> None:
    written = set(written_by(Reach((one,))))
    read = read_by([1], look(first, length))
    if written & set(read):
        assert written & set(by_days(read))


def test_other_types_days_and_hours_share_none() -> None:
    reach = Reach((touch(1, 3 * DAY, 2 * DAY - MINUTE), touch(UNMAPPED)))
    assert concern(reach, [1], look(4 * DAY))
    assert not concern(reach, [1], look(5 * DAY))
    assert not concern(reach, [2], look(3 * DAY))
    meeting = Reach((touch(1, 9 * HOUR, HOUR),))
    assert concern(meeting, [1], look(timedelta(0)))
    assert [hour for hour in range(24) if concern(meeting, [1], look(hour * HOUR, 59 * MINUTE))] == [9, 10]


def test_an_answer_of_hours_hears_of_what_takes_the_day() -> None:
    absence = Reach((touch(1, timedelta(0), 2 * DAY),))
    assert concern(absence, [1], look(DAY + 9 * HOUR, 59 * MINUTE))


def test_what_is_not_known_is_concerned_by_everything() -> None:
    now = (FIRST, FIRST)
    assert read_by(None, now) == read_by([1], None) == read_by([1], (FIRST + DAY, FIRST)) == ANYTHING
    assert concern(Reach((touch(1, 3 * DAY),)), None, look(50 * DAY))


@pytest.mark.parametrize("reach", [Reach((touch(None),)), Reach((touch(None, DAY),))])
def test_a_touch_on_every_type_is_one_of_the_account(reach: Reach) -> None:
    assert written_by(reach) == EVERYTHING
    assert concern(reach, [7], look(300 * DAY))


def test_a_long_look_is_concerned_by_any_day_of_its_type() -> None:
    assert concern(Reach((touch(1, 3 * DAY),)), [1], look(timedelta(0), 200 * DAY))
    assert len(read_by([1], look(timedelta(0), 200 * DAY))) == 3
    assert (
        part_of(read_by([1], look(timedelta(0), 30 * DAY)), read_by([1], look(timedelta(0), 200 * DAY)))
        is None
    )


def test_a_reach_without_touches_writes_nothing() -> None:
    assert written_by(Reach(())) == ()


def test_fields_of_times_are_told_apart_from_all_others() -> None:
    assert but_times(("*", "?", "t7", "T7", "7:100", "7/100", "7@2400", "r")) == ("*", "?", "t7", "T7", "r")


def test_a_day_is_named_alike_by_its_hours_and_by_itself() -> None:
    day, hours = read_by([7], look(timedelta(0))), read_by([7], look(22 * HOUR, 59 * MINUTE))
    assert set(by_days(hours)) == set(day)


def test_a_look_reads_of_a_window_the_days_they_share() -> None:
    window = ("*", "t7", "7:100", "7:101", "7:102")
    assert part_of(window, ("*", "t7", "7:99", "7:100", "7:101")) == ("*", "t7", "7:100", "7:101")
    assert part_of(window, ("*", "t7", "7/100", "7/103", "7@13")) == ("*", "t7", "7/100")
    assert part_of(("*", "?"), ("*", "?")) == ("*", "?")


@pytest.mark.parametrize("look", [("*", "t7", "T7"), ("*", "?"), ("*", "t7", "t8", "7:100")])
def test_a_look_that_does_not_name_its_days_reads_all_of_a_window(look: Fields) -> None:
    assert part_of(("*", "t7", "7:100", "7:101"), look) is None
    assert part_of(("*", "?"), ("*", "t7", "7:100")) is None
