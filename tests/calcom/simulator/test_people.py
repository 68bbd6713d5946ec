"""Who is at a booking, and where."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from calcom.simulator.commands import Booker, Cancel
from calcom.simulator.refusals import Refused
from tests.calcom.simulator.worlds import MORNING, NOW, book, individual, instant, small_world, times


def status_of(attempt: Callable[[], object]) -> int:
    with pytest.raises(Refused) as refusal:
        attempt()
    return refusal.value.status


def test_absence_can_be_noted_only_after_the_start() -> None:
    world = small_world()
    booking = book(world, "2026-03-03T10:00")
    assert status_of(lambda: world.mark_absent(booking.uid, True, {}, NOW)) == 400
    marked = world.mark_absent(booking.uid, True, {"Booker@example.org": True}, instant("2026-03-03T10:00"))
    assert (marked.absent_host, marked.attendees[0].absent) == (True, True)
    told = world.events[-1]
    assert told.trigger == "BOOKING_NO_SHOW_UPDATED"
    assert told.extra["attendees"] == [{"email": "booker@example.org", "noShow": True}]


def test_an_attendee_who_is_a_user_is_busy_until_removed() -> None:
    world = small_world(individual(101, 1), individual(102, 2))
    booking = book(world, "2026-03-03T10:00")
    added = world.add_attendee(booking.uid, Booker("Bob", "UTC", "bob@example.com"), NOW)
    assert "10:00" not in times(world, 102)
    assert world.remove_attendee(booking.uid, added.id, NOW) == added
    assert times(world, 102) == MORNING
    assert [one.trigger for one in world.events] == ["BOOKING_CREATED"]


def test_the_booker_and_strangers_cannot_be_removed() -> None:
    world = small_world()
    booking = book(world, "2026-03-03T10:00")
    assert status_of(lambda: world.remove_attendee(booking.uid, booking.attendees[0].id, NOW)) == 400
    assert status_of(lambda: world.remove_attendee(booking.uid, 1, NOW)) == 404


def test_nobody_is_added_twice() -> None:
    world = small_world()
    booking = book(world, "2026-03-03T10:00")
    booker = Booker("B", "UTC", "BOOKER@example.org")
    assert status_of(lambda: world.add_attendee(booking.uid, booker, NOW)) == 400
    changed = world.add_guests(booking.uid, ["a@x.org", "a@x.org", "booker@example.org"], NOW)
    assert changed.guests == ("a@x.org",)


def test_a_location_changes_no_slots_and_a_cancelled_booking_not_at_all() -> None:
    world = small_world()
    booking = book(world, "2026-03-03T10:00")
    before = times(world)
    assert world.update_location(booking.uid, "Room 1", NOW).location == "Room 1"
    assert times(world) == before
    world.cancel(booking.uid, Cancel(), NOW)
    assert status_of(lambda: world.update_location(booking.uid, "Room 2", NOW)) == 400
