"""When one host is free."""

from __future__ import annotations

from datetime import date
from typing import Any

from calcom.simulator.model import Override, Rule, Seats
from tests.calcom.simulator.worlds import NOW, book, days, individual, instant, small_world, times


def scheduled(time_zone: str = "UTC", *rules: Rule, overrides: tuple[Override, ...] = ()) -> Any:
    world = small_world()
    world.update_schedule(301, {"time_zone": time_zone, "availability": rules, "overrides": overrides}, NOW)
    return world


def test_an_override_replaces_the_hours_of_its_local_date() -> None:
    overrides = (Override(date(2026, 3, 3), 600, 660), Override(date(2026, 3, 3), 900, 930))
    world = scheduled("UTC", Rule((1, 2), 540, 720), overrides=overrides)
    assert times(world) == ["10:00", "10:30", "15:00"]
    assert times(world, day="2026-03-04")[0] == "09:00"


def test_an_empty_override_closes_its_date() -> None:
    world = scheduled("UTC", Rule((1, 2), 540, 720), overrides=(Override(date(2026, 3, 3), 0, 0),))
    assert days(world, 101, "2026-03-03", "2026-03-04") == ["2026-03-04"]


def test_an_override_opens_a_date_that_is_closed_otherwise() -> None:
    world = scheduled("UTC", overrides=(Override(date(2026, 3, 7), 600, 630),))
    assert times(world, day="2026-03-07") == ["10:00"]


def test_hours_follow_the_wall_clock_across_the_change_to_summer_time() -> None:
    world = scheduled("Europe/Berlin", Rule((0, 4), 540, 570))
    assert times(world, day="2026-03-27") == ["08:00"]
    assert times(world, day="2026-03-30") == ["07:00"]


def test_hours_in_an_odd_zone_start_at_the_local_time() -> None:
    world = scheduled("Pacific/Chatham", Rule((2,), 540, 600))  # Wednesday 09:00 is Tuesday 19:15 UTC
    assert times(world, time_zone="Pacific/Chatham") == ["19:15", "19:45"]


def test_slots_across_midnight_are_one_stretch() -> None:
    world = scheduled("UTC", Rule((1, 2), 0, 1440))
    world.update_event_type(101, {"length": 50}, NOW)
    result = days(world, 101, "2026-03-03", "2026-03-04")
    assert result == ["2026-03-03", "2026-03-04"]
    assert times(world, day="2026-03-04")[0] == "00:00"


def test_touching_rules_are_one_stretch() -> None:
    world = scheduled("UTC", Rule((1,), 540, 585), Rule((1,), 585, 630))
    assert times(world) == ["09:00", "09:30", "10:00"]


def test_a_user_without_a_schedule_is_never_free() -> None:
    world = small_world()
    world.delete_schedule(301, NOW)
    assert times(world) == []


def test_a_deleted_event_types_booking_still_blocks() -> None:
    world = small_world(individual(101), individual(102, before_buffer=30))
    book(world, "2026-03-03T10:00", 102)
    world.delete_event_type(102, NOW)
    assert "10:00" not in times(world)
    assert "09:30" in times(world)


def test_a_seated_booking_with_room_keeps_only_its_buffers_from_its_own_type() -> None:
    world = small_world(individual(101, seats=Seats(3), before_buffer=30))
    book(world, "2026-03-03T10:00")
    assert "10:00" in times(world)
    # Both have a buffer before: 30 minutes either side.
    assert [one for one in times(world) if "09:00" < one < "11:00"] == ["10:00"]


def test_a_booking_over_the_turn_of_a_week_blocks_both() -> None:
    world = small_world(individual(101, length=120), hours=(0, 1440))
    boundary = instant("2026-03-05T00:00")  # epoch weeks begin on Thursday
    assert boundary.timestamp() % 604_800 == 0
    book(world, "2026-03-04T23:00")
    assert times(world, day="2026-03-04")[-1] == "20:00"
    assert times(world, day="2026-03-05")[0] == "01:00"
