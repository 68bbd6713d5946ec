"""Remembered answers."""

from __future__ import annotations

from calcom.simulator.memo import Memo
from calcom.simulator.model import Limits
from tests.calcom.simulator.worlds import NOW, book, collective, individual, later, query, small_world


def test_versions_that_agree_on_a_querys_inputs_share_one_calculation() -> None:
    world = small_world(individual(101, 1), individual(102, 2))
    first = world.slots(query(101), NOW)
    book(world, "2026-03-03T10:00", 102)
    calculated = world.memo.calculated
    assert world.slots(query(101), NOW) is first
    assert world.memo.calculated == calculated
    book(world, "2026-03-03T10:00", 101)
    assert world.slots(query(101), NOW) != first


def test_time_that_moves_nothing_costs_nothing() -> None:
    world = small_world()
    first = world.slots(query(101), NOW)
    assert world.slots(query(101), later(hours=3)) is first
    assert world.slots(query(101, "2026-03-02", "2026-03-03"), NOW) != first


def test_it_forgets_the_least_recently_used() -> None:
    world = small_world()
    memo = Memo(capacity=2)
    asked = [query(101, day, day) for day in ("2026-03-03", "2026-03-04", "2026-03-05")]
    for one in (asked[0], asked[1], asked[0], asked[2], asked[0]):
        memo.slots(world.state, one, NOW)
    assert memo.calculated == 3
    memo.slots(world.state, asked[1], NOW)
    assert memo.calculated == 4


def test_nothing_that_matters_is_left_out_of_the_key() -> None:
    world = small_world(collective(101, 1), individual(102, 1, length_options=(15, 30)))
    assert world.slots(query(101), NOW) != world.slots(query(101, end="2026-03-04"), NOW)
    assert world.slots(query(102), NOW) != world.slots(query(102, duration=15), NOW)
    book(world, "2026-03-03T10:00", 101)
    before = world.slots(query(101), NOW)
    world.set_team_limits(11, Limits(day=1), NOW)
    assert world.slots(query(101), NOW).days == {}
    world.set_team_limits(11, Limits(day=2), NOW)
    assert world.slots(query(101), NOW) == before
