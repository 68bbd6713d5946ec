"""Moving bookings to another time (contract 5.1, 5.3)."""

from __future__ import annotations

import pytest

from calcom.simulator.commands import Reschedule
from calcom.simulator.model import ConfirmationPolicy, Seats
from calcom.simulator.refusals import Refused
from tests.calcom.simulator.worlds import (
    NOW,
    book,
    command,
    individual,
    instant,
    later,
    round_robin,
    small_world,
)


def test_both_bookings_of_a_reschedule_name_each_other() -> None:
    world = small_world()
    old = book(world, "2026-03-03T09:00")
    new = world.reschedule(
        old.uid, Reschedule(instant("2026-03-03T09:15"), "late", "booker@example.org"), NOW
    )
    left = world.booking(old.uid)
    assert (left.status, left.rescheduled_to_uid, left.rescheduled_by) == (
        "cancelled",
        new.uid,
        "booker@example.org",
    )
    assert (new.status, new.rescheduled_from_uid, new.rescheduling_reason) == ("accepted", old.uid, "late")
    told = world.events[-1]
    assert told.trigger == "BOOKING_RESCHEDULED"
    assert told.previous is not None
    assert (told.previous.start, told.booking) == (old.start, new)


def test_a_cancelled_booking_cannot_be_rescheduled() -> None:
    world = small_world()
    old = book(world, "2026-03-03T09:00")
    world.reschedule(old.uid, Reschedule(instant("2026-03-03T10:00")), NOW)
    with pytest.raises(Refused, match="has been cancelled") as refusal:
        world.reschedule(old.uid, Reschedule(instant("2026-03-03T11:00")), NOW)
    assert refusal.value.status == 400


def test_rescheduling_onto_a_busy_time_changes_nothing() -> None:
    world = small_world()
    old = book(world, "2026-03-03T09:00")
    book(world, "2026-03-03T10:00")
    version = world.version
    with pytest.raises(Refused):
        world.reschedule(old.uid, Reschedule(instant("2026-03-03T10:15")), NOW)
    assert world.version == version
    assert world.booking(old.uid).status == "accepted"


@pytest.mark.parametrize("fields", [{"disable_rescheduling": True}, {"reschedule_notice": 60 * 48}])
def test_an_event_type_may_forbid_bookers_to_reschedule(fields: dict[str, int]) -> None:
    world = small_world(individual(101, **fields))
    old = book(world, "2026-03-03T09:00")
    with pytest.raises(Refused) as refusal:
        world.reschedule(old.uid, Reschedule(instant("2026-03-03T10:00")), NOW)
    assert refusal.value.status == 403
    assert (
        world.reschedule(old.uid, Reschedule(instant("2026-03-03T10:00"), caller_id=1), NOW).status
        == "accepted"
    )


def test_moving_a_booking_that_needs_confirming_is_told_as_a_request() -> None:
    world = small_world(individual(101, confirmation=ConfirmationPolicy("always")))
    old = book(world, "2026-03-03T09:00")
    world.confirm(old.uid, 1, NOW)
    new = world.reschedule(old.uid, Reschedule(instant("2026-03-03T10:00")), NOW)
    assert (new.status, world.events[-1].trigger) == ("pending", "BOOKING_REQUESTED")


def test_a_round_robin_keeps_its_host_when_it_can() -> None:
    world = small_world(round_robin(101, 1, 2), individual(102, 1))
    old = book(world, "2026-03-03T09:00")
    book(world, "2026-03-03T10:00", 102)
    moved = world.reschedule(old.uid, Reschedule(instant("2026-03-03T11:00")), NOW)
    assert moved.user_id == old.user_id == 1
    again = world.reschedule(moved.uid, Reschedule(instant("2026-03-03T10:00")), NOW)
    assert again.user_id == 2


def test_moving_one_seat_leaves_the_others_where_they_are() -> None:
    world = small_world(individual(101, seats=Seats(3)))
    first = world.create_booking(command("2026-03-03T10:00"), NOW)
    second = world.create_booking(command("2026-03-03T10:00", email="b@x.org"), NOW)
    moved = world.reschedule(
        first.bookings[0].uid, Reschedule(instant("2026-03-03T11:00"), seat_uid=second.seat_uid), NOW
    )
    assert [one.email for one in moved.attendees] == ["b@x.org"]
    stayed = world.booking(first.bookings[0].uid)
    assert (stayed.status, [one.email for one in stayed.attendees]) == ("accepted", ["booker@example.org"])
    joined = world.reschedule(
        stayed.uid, Reschedule(instant("2026-03-03T11:00"), seat_uid=first.seat_uid), NOW
    )
    assert joined.uid == moved.uid
    assert world.booking(stayed.uid).status == "cancelled"
    assert len(world.booking(moved.uid).attendees) == 2


def test_an_unknown_booking_is_404() -> None:
    with pytest.raises(Refused) as refusal:
        small_world().reschedule("nope", Reschedule(later(days=1)), NOW)
    assert refusal.value.status == 404
