"""Held slots (contract 4.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from calcom.simulator.commands import Reserve
from calcom.simulator.model import Host, Seats
from calcom.simulator.refusals import Refused
from calcom.simulator.world import World
from tests.calcom.simulator.worlds import (
    NOW,
    book,
    collective,
    command,
    individual,
    instant,
    later,
    query,
    round_robin,
    small_world,
    team_type,
)

TEN = instant("2026-03-03T10:00")


def refusal_of(attempt: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(Refused) as refusal:
        attempt()
    return refusal.value.status, refusal.value.message


def reserve(world: World, number: int = 101, **fields: Any) -> Any:
    return world.reserve(Reserve(number, TEN, **fields), NOW)


def test_a_reservation_lasts_five_minutes_unless_told_otherwise() -> None:
    world = small_world()
    held = reserve(world)
    assert (held.minutes, held.until, held.end) == (5, later(minutes=5), instant("2026-03-03T10:30"))
    assert world.reservation(held.uid, later(minutes=4)) == held
    assert world.reservation(held.uid, later(minutes=5)) is None
    assert world.reservation("nope", NOW) is None


def test_a_booked_or_held_time_is_422_in_the_contracts_words() -> None:
    world = small_world(individual(101), individual(102))
    reserve(world)
    held = "This time slot is already reserved by another user. Please choose a different time."
    assert refusal_of(lambda: reserve(world)) == (422, held)
    assert reserve(world, 102).event_type_id == 102  # the check is per event type
    book(world, "2026-03-03T11:00", 102)
    late = Reserve(102, instant("2026-03-03T11:15"))
    booked = "Can't reserve a slot if the event is already booked."
    assert refusal_of(lambda: world.reserve(late, NOW)) == (422, booked)


def test_an_expired_reservation_is_in_nobodys_way() -> None:
    world = small_world()
    reserve(world)
    assert world.reserve(Reserve(101, TEN), later(minutes=5)).start == TEN


def test_old_reservations_are_dropped_by_the_next_one() -> None:
    world = small_world()
    held = reserve(world)
    world.reserve(Reserve(101, instant("2026-03-03T11:00")), later(hours=2))
    assert held.uid not in world.state.reservations


def test_a_seated_type_can_be_held_until_its_seats_are_gone() -> None:
    world = small_world(individual(101, seats=Seats(3)))
    world.create_booking(command("2026-03-03T10:00"), NOW)
    reserve(world)
    slot = world.slots(query(), NOW).days["2026-03-03"][2]
    assert (slot.seats_booked, slot.seats_remaining) == (2, 1)
    reserve(world)
    assert refusal_of(lambda: reserve(world))[0] == 422
    assert all(slot.start != TEN for slot in world.slots(query(), NOW).days["2026-03-03"])


def test_a_chosen_hold_needs_a_caller_with_a_relation_to_the_event_type() -> None:
    world = small_world(individual(101, 2))
    assert refusal_of(lambda: reserve(world, hold=30))[0] == 401
    assert refusal_of(lambda: reserve(world, hold=30, caller_id=4))[0] == 403
    assert reserve(world, hold=30, caller_id=2).until == later(minutes=30)


def test_the_owner_of_a_team_is_related_to_what_its_members_offer() -> None:
    assert reserve(small_world(individual(101, 2)), hold=30, caller_id=1).minutes == 30


def test_a_length_is_for_variable_types_only() -> None:
    world = small_world(individual(101), individual(102, length_options=(15, 30)))
    assert refusal_of(lambda: reserve(world, slot_length=15))[0] == 400
    assert reserve(world, 102, slot_length=15).end == instant("2026-03-03T10:15")


def test_unknown_types_are_404_and_teams_without_hosts_400() -> None:
    world = small_world(round_robin(101), team_type(102, "managed", (Host(1),)))
    assert refusal_of(lambda: reserve(world, 999))[0] == 404
    assert refusal_of(lambda: reserve(world, 101))[0] == 400
    assert refusal_of(lambda: reserve(world, 102))[0] == 400


def test_a_team_reservation_occupies_the_first_host_only() -> None:
    world = small_world(collective(101, 2, 1))
    assert reserve(world).user_id == 2


def test_patching_extends_and_keeps_the_uid_and_an_unknown_one_is_404() -> None:
    world = small_world()
    held = reserve(world)
    renewed = world.patch_reservation(held.uid, Reserve(101, TEN), later(minutes=4))
    assert (renewed.uid, renewed.until) == (held.uid, later(minutes=9))
    assert refusal_of(lambda: world.patch_reservation("nope", Reserve(101, TEN), NOW))[0] == 404
    assert refusal_of(lambda: world.patch_reservation(held.uid, Reserve(101, TEN), later(hours=1)))[0] == 404


def test_deleting_an_unknown_reservation_is_no_write() -> None:
    world = small_world()
    world.delete_reservation("nope", NOW)
    assert world.version == 0


def test_a_cookies_uid_is_used_again() -> None:
    world = small_world()
    held = reserve(world, uid="cookie")
    again = world.reserve(Reserve(101, instant("2026-03-03T11:00"), uid="cookie"), NOW)
    assert held.uid == again.uid == "cookie"
    assert len(world.state.reservations) == 1
