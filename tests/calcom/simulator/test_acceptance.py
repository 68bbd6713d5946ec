"""Who hosts a booking."""

from __future__ import annotations

from calcom.simulator.model import Host
from tests.calcom.simulator.worlds import book, individual, round_robin, small_world, team_type, times


def test_the_highest_priority_goes_first_then_the_fewest_bookings() -> None:
    hosts = (Host(1), Host(2, priority="high"))
    world = small_world(team_type(101, "roundRobin", hosts), round_robin(102, 1, 2))
    days = ("03", "04", "05", "06")
    assert [book(world, f"2026-03-{day}T10:00", 101).user_id for day in days] == [2, 2, 2, 2]
    assert [book(world, f"2026-03-{day}T11:00", 102).user_id for day in days] == [1, 2, 1, 2]


def test_fixed_hosts_come_first_and_must_all_be_free() -> None:
    world = small_world(round_robin(101, 2, fixed=(1,)), individual(102, 1))
    assert book(world, "2026-03-03T10:00").host_ids == (1, 2)
    book(world, "2026-03-03T11:00", 102)
    assert "11:00" not in times(world)
