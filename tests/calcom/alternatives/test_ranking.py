"""The wish first, then strategies by turns, each with its best: nothing twice, and nothing that is not offered."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calcom.alternatives import Alternative, Offered, Strategy, Wish, is_free, offered_in, rank, wish_of
from calcom.alternatives.ranking import EXACT, NEAR_MINUTES, workday_after

ALL = tuple(Strategy)
BERLIN = ZoneInfo("Europe/Berlin")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
FIRST, LAST = date(2026, 1, 1), date(2028, 12, 31)


def offering(*starts: str, zone: ZoneInfo = BERLIN) -> Offered:
    """What Cal.com offers, with times as the clocks of the zone show them, or with an offset where they show them
    twice."""
    days: dict[str, list[dict[str, str]]] = {}
    for text in starts:
        start = datetime.fromisoformat(text)
        start = start.replace(tzinfo=zone) if start.tzinfo is None else start.astimezone(zone)
        days.setdefault(str(start.date()), []).append({"start": start.isoformat(timespec="milliseconds")})
    body = orjson.dumps({"status": "success", "data": days})
    offered = offered_in(body, first=FIRST, last=LAST, after=LONG_AGO)
    assert offered is not None
    return offered


def ranked(
    wish: str,
    *offered: Offered,
    strategies: Sequence[Strategy] = ALL,
    count: int = 20,
    zone: ZoneInfo = BERLIN,
) -> list[tuple[str, str]]:
    """Day and time by the caller's clock, and why."""
    found = rank(wish_of(wish, zone), offered, strategies, count)
    return [(f"{one.start.astimezone(zone):%m-%d %H:%M}", one.reason) for one in found]


# A Tuesday, and times on it, on the days after and a week later.
WEEK = offering(
    *(f"2026-12-01T{at}" for at in ("09:00", "09:30", "11:00", "15:00")),
    *(f"2026-12-02T{at}" for at in ("08:00", "10:00", "17:00")),
    *(f"2026-12-03T{at}" for at in ("10:00",)),
    *(f"2026-12-08T{at}" for at in ("09:00", "10:30", "17:00")),
)


def test_strategies_take_turns_and_each_begins_with_what_is_nearest() -> None:
    assert ranked("2026-12-01T10:00", WEEK) == [
        ("12-01 09:30", "same_day_earlier"),
        ("12-02 10:00", "next_workday_same_time"),
        ("12-08 10:30", "next_week_later"),
        ("12-01 11:00", "next_free"),
        ("12-01 09:00", "same_day_earlier"),
        ("12-02 08:00", "next_workday_earlier"),
        ("12-08 09:00", "next_week_earlier"),
        ("12-01 15:00", "next_free"),
        ("12-03 10:00", "later_workday_same_time"),
        ("12-08 17:00", "next_week_later"),
        ("12-02 17:00", "next_free"),
    ]


def test_the_wish_itself_comes_first_where_it_is_free() -> None:
    assert ranked("2026-12-01T09:30", WEEK, count=2) == [
        ("12-01 09:30", "exact"),
        ("12-01 09:00", "same_day_earlier"),
    ]
    assert ranked("2026-12-01T09:30", WEEK, count=1, strategies=[Strategy.NEXT_WEEK])[0][1] == "exact"
    assert is_free(wish_of("2026-12-01T09:30", BERLIN), [offering(), WEEK])
    assert not is_free(wish_of("2026-12-01T09:31", BERLIN), [WEEK])


@pytest.mark.parametrize(
    ("strategy", "found"),
    [
        (
            Strategy.SAME_DAY,
            ["12-01 09:30", "12-01 09:00", "12-01 11:00", "12-01 15:00"],
        ),
        (Strategy.NEXT_WORKDAY, ["12-02 10:00", "12-02 08:00", "12-03 10:00", "12-08 10:30", "12-08 09:00"]),
        (Strategy.NEXT_WEEK, ["12-08 10:30", "12-08 09:00", "12-08 17:00"]),
        (Strategy.NEXT_FREE, ["12-01 11:00", "12-01 15:00", "12-02 08:00", "12-02 10:00"]),
    ],
)
def test_one_strategy_alone_gives_its_own_order(strategy: Strategy, found: list[str]) -> None:
    alone = [at for at, _ in ranked("2026-12-01T10:00", WEEK, strategies=[strategy])]
    assert alone[: len(found)] == found
    assert len(alone) == len(found) or strategy is Strategy.NEXT_FREE


def test_the_order_of_strategies_is_the_callers() -> None:
    first, second = ranked(
        "2026-12-01T10:00", WEEK, strategies=[Strategy.NEXT_WEEK, Strategy.SAME_DAY], count=2
    )
    assert (first, second) == (("12-08 10:30", "next_week_later"), ("12-01 09:30", "same_day_earlier"))


@pytest.mark.parametrize(
    ("wish", "offered", "expected"),
    [
        # Friday: the next workday is Monday, and Saturday none.
        (
            "2026-12-04T10:00",
            ["2026-12-05T10:00", "2026-12-07T10:00"],
            [("12-07 10:00", "next_workday_same_time"), ("12-05 10:00", "next_free")],
        ),
        # A weekend, too, is followed by Monday.
        ("2026-12-05T10:00", ["2026-12-07T09:00"], [("12-07 09:00", "next_workday_earlier")]),
        ("2026-12-06T10:00", ["2026-12-07T10:00"], [("12-07 10:00", "next_workday_same_time")]),
        # A workday with nothing near the wished time is passed over, and it is said that another one is meant.
        (
            "2026-12-01T10:00",
            ["2026-12-02T12:01", "2026-12-03T12:00"],
            [("12-03 12:00", "later_workday_later"), ("12-02 12:01", "next_free")],
        ),
        # Equally near: the earlier one.
        (
            "2026-12-01T10:00",
            ["2026-12-01T10:30", "2026-12-01T09:30"],
            [("12-01 09:30", "same_day_earlier"), ("12-01 10:30", "next_free")],
        ),
        # A day as the wish: its times in order, and those of the other days.
        (
            "2026-12-01",
            ["2026-12-01T09:00", "2026-12-01T09:30", "2026-12-02T20:00", "2026-12-08T07:00"],
            [
                ("12-01 09:00", "same_day"),
                ("12-02 20:00", "next_workday"),
                ("12-08 07:00", "next_week"),
                ("12-01 09:30", "same_day"),
            ],
        ),
        ("2026-12-05", ["2026-12-08T09:00"], [("12-08 09:00", "later_workday")]),
        ("2026-12-01T10:00", [], []),
    ],
)
def test_days(wish: str, offered: list[str], expected: list[tuple[str, str]]) -> None:
    assert ranked(wish, offering(*offered)) == expected


@pytest.mark.parametrize(
    ("wish", "offered", "zone", "expected"),
    [
        # Clocks go forward in the night to Sunday 28 March 2027: ten o'clock is ten o'clock.
        (
            "2027-03-26T10:00",
            ["2027-03-29T10:00", "2027-03-29T11:00"],
            "Europe/Berlin",
            ("03-29 10:00", "next_workday_same_time"),
        ),
        # Back on 1 November 2026 in New York.
        (
            "2026-10-30T10:00",
            ["2026-11-02T09:00", "2026-11-02T10:00"],
            "America/New_York",
            ("11-02 10:00", "next_workday_same_time"),
        ),
        # By half an hour on Lord Howe, by three quarters from the hour on Chatham.
        (
            "2026-10-02T09:15",
            ["2026-10-05T09:15", "2026-10-05T08:45"],
            "Australia/Lord_Howe",
            ("10-05 09:15", "next_workday_same_time"),
        ),
        (
            "2026-09-25T09:15",
            ["2026-09-28T08:15", "2026-09-28T09:15"],
            "Pacific/Chatham",
            ("09-28 09:15", "next_workday_same_time"),
        ),
        # An hour that clocks show twice: the second time is an hour later.
        (
            "2026-10-25T02:30",
            ["2026-10-25T02:30+01:00"],
            "Europe/Berlin",
            ("10-25 02:30", "same_day_later"),
        ),
        # A day of 25 hours: what is nearer in passed time is nearer.
        (
            "2026-10-25T02:00",
            ["2026-10-25T00:30", "2026-10-25T03:00"],
            "Europe/Berlin",
            ("10-25 00:30", "same_day_earlier"),
        ),
    ],
)
def test_clocks_that_change(wish: str, offered: list[str], zone: str, expected: tuple[str, str]) -> None:
    there = ZoneInfo(zone)
    assert ranked(wish, offering(*offered, zone=there), zone=there)[0] == expected


def test_distances_are_by_the_calendar_and_by_the_time_that_passes() -> None:
    found = rank(
        wish_of("2027-03-26T10:00", BERLIN),
        [offering("2027-03-26T09:30", "2027-03-29T10:00")],
        ALL,
        5,
    )
    assert [(one.days, one.minutes) for one in found] == [(0, -30), (3, 3 * 24 * 60 - 60)]
    whole_day = rank(wish_of("2027-03-26", BERLIN), [offering("2027-03-26T09:30")], ALL, 5)
    assert [(one.days, one.minutes) for one in whole_day] == [(0, None)]


def test_event_types_are_mixed_the_nearest_first_and_told_apart() -> None:
    one = offering("2026-12-01T09:00", "2026-12-01T09:30", "2026-12-02T11:00")
    two = offering("2026-12-01T10:15", "2026-12-02T10:00")
    found = rank(
        wish_of("2026-12-01T10:00", BERLIN), [one, two], [Strategy.SAME_DAY, Strategy.NEXT_WORKDAY], 5
    )
    assert [
        (alternative.kind, f"{alternative.start.astimezone(BERLIN):%d %H:%M}") for alternative in found
    ] == [
        (1, "01 10:15"),
        (0, "01 09:30"),
        (1, "02 10:00"),
        (0, "02 11:00"),
        (0, "01 09:00"),
    ]


def test_one_time_of_two_event_types_is_two_alternatives() -> None:
    both = [offering("2026-12-01T10:00"), offering("2026-12-01T10:00")]
    found = rank(wish_of("2026-12-01T10:00", BERLIN), both, ALL, 5)
    assert [(one.kind, one.strategy) for one in found] == [(0, EXACT), (1, EXACT)]


ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Asia/Kathmandu",
    "UTC",
)
# The clocks of four of these change within them.
BEGIN = datetime(2026, 10, 1, tzinfo=UTC)
quarters = st.integers(0, 40 * 24 * 4).map(lambda number: BEGIN + timedelta(minutes=15 * number))


@st.composite
def questions(draw: st.DrawFn) -> tuple[Wish, list[Offered], list[Strategy], int]:
    zone = ZoneInfo(draw(st.sampled_from(ZONES)))
    moments = [draw(st.lists(quarters, max_size=30)) for _ in range(draw(st.integers(1, 3)))]
    near = [one for several in moments for one in several] or [BEGIN]
    moment = draw(st.one_of(st.sampled_from(near), quarters)).astimezone(zone)
    text = moment.isoformat() if draw(st.booleans()) else str(moment.date())
    strategies = draw(st.permutations(ALL))[: draw(st.integers(1, 4))]
    offered = [offering(*(one.isoformat() for one in several), zone=zone) for several in moments]
    return wish_of(text, zone), offered, strategies, draw(st.integers(1, 20))


@given(questions())
def test_alternatives_are_offered_distinct_bounded_and_in_order(
    asked: tuple[Wish, list[Offered], list[Strategy], int],
) -> None:
    wish, offered, strategies, count = asked
    found = rank(wish, offered, strategies, count)
    shown = [{(time.start, time.text) for day in one.days for time in one.on(day)} for one in offered]
    assert all((one.start, one.text) in shown[one.kind] for one in found)
    assert len({(one.kind, one.start) for one in found}) == len(found) <= count
    assert {one.strategy for one in found} <= {EXACT, *strategies}
    # The wish first, if it is there; then each strategy, for each event type, from the nearest on.
    exact = [one.strategy == EXACT for one in found]
    assert exact == sorted(exact, reverse=True)
    for strategy in strategies:
        for kind in range(len(offered)):
            mine = [one for one in found if (one.strategy, one.kind) == (strategy, kind)]
            assert all(a < b for a, b in pairwise(mine))
    assert found == rank(wish, offered, strategies, 20)[:count]
    for one in found:
        check_reason(wish, one)


def check_reason(wish: Wish, one: Alternative) -> None:
    """The words say what the clock and the calendar say."""
    there = one.start.astimezone(wish.start.tzinfo)
    passed = (one.start - wish.instant).total_seconds() / 60
    off = (there.hour * 60 + there.minute) - (wish.start.hour * 60 + wish.start.minute)
    assert one.days == (there.date() - wish.day).days
    assert one.minutes == (None if wish.is_day else passed)
    name = one.reason
    for suffix in ("_same_time", "_earlier", "_later"):
        name = name.removesuffix(suffix)
    if one.strategy in (Strategy.NEXT_WORKDAY, Strategy.NEXT_WEEK) and not wish.is_day:
        assert one.reason.endswith("_later" if off > 0 else "_earlier" if off < 0 else "_same_time")
    if one.strategy == Strategy.SAME_DAY and not wish.is_day:
        assert one.reason.endswith("_later" if passed > 0 else "_earlier")
    if one.strategy == Strategy.NEXT_WORKDAY:
        assert there.weekday() < 5
        assert wish.is_day or abs(off) <= NEAR_MINUTES
        assert (name == "next_workday") == (there.date() == workday_after(wish.day))
    else:
        assert name == one.strategy
    held = {
        EXACT: passed == 0,
        "same_day": one.days == 0,
        "next_week": one.days == 7,
        "next_free": passed >= 0,
    }
    assert held.get(one.strategy, True)
