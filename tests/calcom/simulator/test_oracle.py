"""The judge of answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from calcom.simulator.commands import Cancel, Reserve
from calcom.simulator.oracle import Oracle, ReadRecord
from calcom.simulator.world import World
from tests.calcom.simulator.worlds import (
    NOW,
    book,
    collective,
    individual,
    instant,
    later,
    query,
    small_world,
)

TEN = ("2026-03-03", int(instant("2026-03-03T10:00").timestamp()))


def read(
    world: World, shown: int, floor: int, ceiling: int, at: datetime = NOW, since: datetime | None = None
) -> ReadRecord:
    """A read that answered with the truth of version `shown` at `since` or `at`."""
    answer = world.slots_at(shown, query(), since or at).canonical()
    return ReadRecord(query(), answer, floor, ceiling, at, since)


def booked_and_cancelled() -> World:
    world = small_world()
    booking = book(world, "2026-03-03T10:00")
    world.cancel(booking.uid, Cancel(), NOW)
    return world


def test_an_answer_is_true_if_any_version_in_its_range_gave_it() -> None:
    world = booked_and_cancelled()
    verdict = Oracle(world).judge([read(world, 0, 0, 1), read(world, 1, 0, 1), read(world, 1, 1, 1)])
    assert (verdict.true, verdict.stale) == (3, 0)


def test_an_answer_from_before_its_range_is_stale_and_names_the_slot_and_the_version() -> None:
    world = small_world()
    book(world, "2026-03-03T10:00")
    verdict = Oracle(world).judge([read(world, 0, 1, 1)])
    assert (verdict.true, verdict.stale, verdict.shown_gone) == (0, 1, 1)
    (finding,) = verdict.examples
    assert finding.wrongly_shown == {TEN}
    assert finding.wrongly_hidden == frozenset()
    assert finding.matches == 0
    assert "as of version 0" in str(verdict)


def test_a_slot_hidden_in_vain_is_stale_too_but_shows_nothing_gone() -> None:
    world = booked_and_cancelled()
    verdict = Oracle(world).judge([read(world, 1, 2, 2)])
    assert (verdict.stale, verdict.shown_gone) == (1, 0)
    assert verdict.examples[0].wrongly_hidden == {TEN}


def test_an_answer_that_says_so_may_lack_slots_and_show_none_that_is_gone() -> None:
    world = booked_and_cancelled()
    lacking, showing = (
        replace(read(world, version, floor, floor), partly=True) for version, floor in ((1, 2), (0, 1))
    )
    verdict = Oracle(world).judge([lacking, showing])
    assert (verdict.partly, verdict.stale, verdict.shown_gone, verdict.reads) == (1, 1, 1, 2)


def test_what_nobody_had_been_told_of_need_not_be_shown_and_everything_else_must() -> None:
    world = small_world()
    book(world, "2026-03-03T10:00")
    book(world, "2026-03-03T11:00")
    told = read(world, 0, 2, 2)
    lacks_both = replace(told, unheard=frozenset({1}))
    both = frozenset({1, 2})
    verdict = Oracle(world).judge([told, lacks_both, replace(told, unheard=both)])
    assert (verdict.true, verdict.stale) == (1, 2)


def test_an_answer_that_only_the_clock_overtook_is_aged_if_its_age_was_declared() -> None:
    world = small_world()
    world.reserve(Reserve(101, instant("2026-03-03T10:00")), NOW)
    at, since = later(minutes=5, seconds=1), later(minutes=4, seconds=59)
    declared = read(world, 1, 1, 1, at, since)
    silent = ReadRecord(declared.query, declared.answer, 1, 1, at)
    verdict = Oracle(world).judge([declared, silent])
    assert (verdict.aged, verdict.stale, verdict.reads) == (1, 1, 2)


def test_age_excuses_no_booking() -> None:
    world = small_world()
    book(world, "2026-03-03T10:00")
    stale = read(world, 0, 1, 1, later(seconds=50), NOW)
    assert Oracle(world).judge([stale]).stale == 1


def test_the_version_of_an_instant_is_the_newest_committed_by_then() -> None:
    world = small_world()
    for second in (10, 20, 20):
        book(world, f"2026-03-0{3 + len(world.history)}T10:00", now=later(seconds=second))
    oracle = Oracle(world)
    asked = (later(seconds=9), later(seconds=10), later(seconds=19), later(seconds=20), later(hours=1))
    assert [oracle.version_at(one) for one in asked] == [0, 1, 1, 3, 3]


def test_judging_many_reads_of_few_truths_calculates_each_once() -> None:
    world = booked_and_cancelled()
    reads = [read(world, version, 0, 2) for version in (0, 1, 2)] * 500
    calculated = world.memo.calculated
    assert Oracle(world).judge(reads).true == 1500
    assert world.memo.calculated == calculated


def test_what_a_change_reaches_is_the_least_a_cache_must_drop() -> None:
    world = small_world(individual(101, 1), individual(102, 2), collective(103, 1, 2))
    book(world, "2026-03-03T10:00", 101)
    asked = {
        (number, day): query(number, day, day)
        for number in (101, 102, 103)
        for day in ("2026-03-03", "2026-03-04")
    }
    reached = Oracle(world).changed(asked.values(), 0, 1, NOW)
    assert reached == {asked[101, "2026-03-03"], asked[103, "2026-03-03"]}


def test_the_truth_of_an_instant_is_that_of_its_version_and_clock() -> None:
    world = small_world()
    book(world, "2026-03-03T10:00", now=later(seconds=10))
    oracle = Oracle(world)
    for instant_asked, version in ((later(seconds=9), 0), (later(seconds=10), 1)):
        assert oracle.truth_at(query(), instant_asked) == world.slots_at(version, query(), instant_asked)
    assert oracle.truth_at(query(), later(days=2)).days == {}
