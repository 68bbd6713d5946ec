"""Cancelling, confirming, declining and handing over."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from calcom.simulator.commands import Cancel
from calcom.simulator.model import Booking, ConfirmationPolicy, Recurrence, Seats
from calcom.simulator.refusals import Refused
from calcom.simulator.world import World
from tests.calcom.simulator.worlds import (
    NOW,
    book,
    collective,
    command,
    individual,
    instant,
    round_robin,
    small_world,
    times,
)


def status_of(attempt: Callable[[], object]) -> int:
    with pytest.raises(Refused) as refusal:
        attempt()
    return refusal.value.status


def pending(world: World, start: str = "2026-03-03T10:00") -> Booking:
    booking = book(world, start)
    assert booking.status == "pending"
    return booking


def confirming() -> World:
    return small_world(individual(101, confirmation=ConfirmationPolicy("always", blocks_unconfirmed=True)))


def test_a_cancelled_booking_says_why_and_by_whom() -> None:
    world = small_world()
    booking = book(world, "2026-03-03T10:00")
    (gone,) = world.cancel(booking.uid, Cancel("ill", cancelled_by="booker@example.org"), NOW)
    assert (gone.status, gone.cancellation_reason, gone.cancelled_by) == (
        "cancelled",
        "ill",
        "booker@example.org",
    )
    assert gone.idempotency_key is None
    told = world.events[-1]
    assert (told.trigger, told.extra["cancellationReason"]) == ("BOOKING_CANCELLED", "ill")


def test_cancelling_twice_after_the_end_or_nothing_is_refused() -> None:
    world = small_world()
    booking = book(world, "2026-03-03T10:00")
    after = instant("2026-03-03T10:31")
    assert status_of(lambda: world.cancel(booking.uid, Cancel(), after)) == 400
    world.cancel(booking.uid, Cancel(), NOW)
    assert status_of(lambda: world.cancel(booking.uid, Cancel(), NOW)) == 400
    assert status_of(lambda: world.cancel("nope", Cancel(), NOW)) == 404


def test_an_event_type_may_forbid_bookers_to_cancel() -> None:
    world = small_world(individual(101, disable_cancelling=True))
    booking = book(world, "2026-03-03T10:00")
    assert status_of(lambda: world.cancel(booking.uid, Cancel(), NOW)) == 403
    assert world.cancel(booking.uid, Cancel(caller_id=1), NOW)[0].status == "cancelled"


def test_the_same_time_can_be_booked_again_after_a_cancel() -> None:
    world = small_world()
    booking = book(world, "2026-03-03T10:00")
    world.cancel(booking.uid, Cancel(), NOW)
    assert book(world, "2026-03-03T10:00").idempotency_key == booking.idempotency_key


def test_subsequent_bookings_are_those_of_a_series_only() -> None:
    world = small_world()
    booking = book(world, "2026-03-03T10:00")
    assert status_of(lambda: world.cancel(booking.uid, Cancel(subsequent=True), NOW)) == 400


def test_cancelling_a_seat_needs_its_uid_unless_the_host_ends_it_all() -> None:
    world = small_world(individual(101, seats=Seats(3)))
    made = world.create_booking(command("2026-03-03T10:00"), NOW)
    world.create_booking(command("2026-03-03T10:00", email="b@x.org"), NOW)
    uid = made.bookings[0].uid
    assert status_of(lambda: world.cancel(uid, Cancel(), NOW)) == 400
    assert status_of(lambda: world.cancel(uid, Cancel(seat_uid="nope"), NOW)) == 404
    (left,) = world.cancel(uid, Cancel(seat_uid=made.seat_uid), NOW)
    assert (left.status, len(left.attendees)) == ("accepted", 1)
    (ended,) = world.cancel(uid, Cancel(caller_id=1), NOW)
    assert ended.status == "cancelled"


def test_confirming_and_declining_need_a_host_and_a_pending_booking() -> None:
    world = confirming()
    booking = pending(world)
    assert status_of(lambda: world.confirm(booking.uid, None, NOW)) == 401
    assert status_of(lambda: world.confirm(booking.uid, 4, NOW)) == 403
    assert world.confirm(booking.uid, 1, NOW).status == "accepted"
    assert status_of(lambda: world.confirm(booking.uid, 1, NOW)) == 400
    assert status_of(lambda: world.decline(booking.uid, None, 1, NOW)) == 400


def test_a_declined_booking_is_told_with_its_reason() -> None:
    world = confirming()
    booking = pending(world)
    assert world.decline(booking.uid, "no", 1, NOW).status == "rejected"
    assert (world.events[-1].trigger, world.events[-1].extra) == (
        "BOOKING_REJECTED",
        {"rejectionReason": "no"},
    )


def test_requests_and_confirmations_are_told() -> None:
    world = confirming()
    world.confirm(pending(world).uid, 1, NOW)
    assert [one.trigger for one in world.events] == ["BOOKING_REQUESTED", "BOOKING_CREATED"]


def test_confirming_looks_at_no_calendar() -> None:
    loose = individual(101, confirmation=ConfirmationPolicy("always"))
    world = small_world(loose, individual(102, length=60))
    booking = pending(world)
    book(world, "2026-03-03T10:00", 102)
    assert world.confirm(booking.uid, 1, NOW).status == "accepted"


def test_confirming_one_of_a_series_confirms_it_all() -> None:
    world = small_world(
        individual(101, confirmation=ConfirmationPolicy("always"), recurrence=Recurrence(1, 3))
    )
    series = world.create_booking(command("2026-03-03T10:00"), NOW).bookings
    world.confirm(series[1].uid, 1, NOW)
    assert {world.booking(one.uid).status for one in series} == {"accepted"}


def test_a_requested_reschedule_is_a_cancellation_that_names_no_successor() -> None:
    world = small_world()
    booking = book(world, "2026-03-03T10:00")
    asked = world.request_reschedule(booking.uid, "please", 1, NOW)
    assert (asked.status, asked.requested_reschedule, asked.rescheduled_to_uid) == ("cancelled", True, None)
    assert (world.events[-1].trigger, world.events[-1].extra["requestReschedule"]) == (
        "BOOKING_CANCELLED",
        True,
    )


def test_reassigning_is_for_rotating_hosts_of_a_round_robin_and_told_to_nobody() -> None:
    world = small_world(round_robin(101, 2, 3, fixed=(1,)), collective(102, 1, 2))
    world.update_schedule(303, {"time_zone": "UTC"}, NOW)
    booking = book(world, "2026-03-03T10:00")
    assert booking.host_ids == (1, 2)
    told = len(world.events)
    assert world.reassign(booking.uid, 3, 1, NOW).host_ids == (1, 3)
    assert world.reassign(booking.uid, None, 1, NOW).host_ids == (1, 2)
    assert len(world.events) == told
    assert status_of(lambda: world.reassign(booking.uid, 1, 1, NOW)) == 400
    assert status_of(lambda: world.reassign(booking.uid, 4, 1, NOW)) == 400
    both = book(world, "2026-03-03T11:00", 102)
    assert status_of(lambda: world.reassign(both.uid, None, 1, NOW)) == 400


def test_reassigning_without_a_free_host_is_refused() -> None:
    world = small_world(round_robin(101, 1, 2), individual(102, 2))
    booking = book(world, "2026-03-03T10:00")
    book(world, "2026-03-03T10:00", 102)
    assert status_of(lambda: world.reassign(booking.uid, None, 1, NOW)) == 400
    assert world.reassign(booking.uid, 2, 1, NOW).user_id == 2  # by hand, nobody looks


def test_all_members_can_take_over_where_all_are_hosts() -> None:
    world = small_world(round_robin(101, assign_all_members=True))
    booking = book(world, "2026-03-03T10:00")
    moved = world.reassign(booking.uid, None, 1, NOW)
    assert moved.user_id != booking.user_id
    assert times(world) != []
