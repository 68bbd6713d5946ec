"""Making and moving bookings (contract 5)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from calcom.simulator.model import ConfirmationPolicy, Recurrence, Seats
from calcom.simulator.refusals import Refused
from calcom.simulator.world import World
from tests.calcom.simulator.worlds import (
    MORNING,
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


def refused(world: World, start: str, event_type_id: int = 101, **fields: object) -> tuple[int, str]:
    """Status and message; and nothing was written."""
    version, facts = world.version, len(world.events)
    with pytest.raises(Refused) as refusal:
        world.create_booking(command(start, event_type_id, **fields), NOW)  # type: ignore[arg-type]
    assert (world.version, len(world.events)) == (version, facts)
    return refusal.value.status, refusal.value.message


def test_a_created_booking_has_what_the_answer_needs() -> None:
    world = small_world(collective(101, 1, 2))
    booking = book(world, "2026-03-03T10:00", guests=("g@example.org",), metadata={"k": "v"})
    assert (booking.status, booking.duration, booking.user_id, booking.host_ids) == (
        "accepted",
        30,
        1,
        (1, 2),
    )
    assert (booking.attendees[0].email, booking.guests) == ("booker@example.org", ("g@example.org",))
    assert (booking.created_at, booking.metadata) == (NOW, {"k": "v"})
    assert world.booking(booking.uid) is booking
    assert len(booking.uid) == 22


def test_a_busy_host_is_refused_in_the_contracts_words() -> None:
    world = small_world(individual(101), collective(102, 1, 2))
    book(world, "2026-03-03T10:00")
    one = "User either already has booking at this time or is not available"
    team = "One of the hosts either already has booking at this time or is not available"
    assert refused(world, "2026-03-03T10:00") == (400, one)
    assert refused(world, "2026-03-03T10:15", 102) == (400, team)
    assert refused(world, "2026-03-03T11:45") == (400, one)  # runs past the working hours


def test_the_past_too_short_notice_and_the_window_are_refused() -> None:
    world = small_world()
    assert refused(world, "2026-03-02T07:59") == (400, "Attempting to book a meeting in the past.")
    status, message = refused(world, "2026-03-02T09:30")  # two hours' notice
    assert status == 400
    assert "booking window" in message


def test_an_unknown_event_type_is_404_and_one_without_hosts_422() -> None:
    world = small_world(round_robin(101))
    assert refused(world, "2026-03-03T10:00", 999) == (404, "Event Type not found")
    assert refused(world, "2026-03-03T10:00")[0] == 422


def test_a_login_is_needed_where_the_event_type_says_so() -> None:
    world = small_world(individual(101, requires_authentication=True))
    assert refused(world, "2026-03-03T10:00")[0] == 401
    assert book(world, "2026-03-03T10:00", caller_id=2).status == "accepted"


def test_a_length_must_be_one_of_the_options() -> None:
    world = small_world(individual(101), individual(102, length_options=(15, 30)))
    assert refused(world, "2026-03-03T10:00", 101, length=30)[0] == 400
    assert "15, 30" in refused(world, "2026-03-03T10:00", 102, length=20)[1]
    assert book(world, "2026-03-03T10:00", 102, length=15).duration == 15


def test_a_start_between_slots_is_taken_when_the_host_is_free() -> None:
    world = small_world()
    assert book(world, "2026-03-03T10:07").start == instant("2026-03-03T10:07")


def test_a_booker_with_a_phone_number_only_gets_an_address() -> None:
    world = small_world()
    asked = command("2026-03-03T10:00")
    phoned = type(asked.booker)("P", "UTC", None, "+49 30 1234")
    made = world.create_booking(type(asked)(asked.start, asked.event_type, phoned), NOW).bookings[0]
    assert made.attendees[0].email == "49301234@sms.cal.com"


def test_hosts_may_book_over_conflicts_and_bounds_and_others_may_not() -> None:
    world = small_world()
    book(world, "2026-03-03T10:00")
    assert refused(world, "2026-03-03T10:15", allow_conflicts=True, caller_id=2)[0] == 400
    assert book(world, "2026-03-03T10:15", allow_conflicts=True, caller_id=1).status == "accepted"
    assert refused(world, "2026-03-02T09:00", allow_out_of_bounds=True)[0] == 400
    assert book(world, "2026-03-02T09:00", allow_out_of_bounds=True, caller_id=1).status == "accepted"


# Repeats and races, contract 5.5


def test_a_repeat_of_a_pending_or_round_robin_booking_returns_it_and_any_other_is_refused() -> None:
    pending = individual(102, confirmation=ConfirmationPolicy("always", blocks_unconfirmed=True))
    world = small_world(individual(101), pending, round_robin(103, 1, 2))
    for number, start in ((102, "2026-03-03T10:00"), (103, "2026-03-03T11:00")):
        first = book(world, start, number)
        version = world.version
        again = world.create_booking(command(start, number, email="BOOKER@example.org"), NOW)
        assert (again.bookings, again.existing, world.version) == ((first,), True, version)
    book(world, "2026-03-03T09:00")
    assert refused(world, "2026-03-03T09:00")[0] == 400


def test_a_round_robin_gives_another_booker_the_next_host() -> None:
    world = small_world(round_robin(101, 1, 2))
    hosts = [book(world, "2026-03-03T10:00", email=f"{n}@x.org").user_id for n in range(2)]
    assert hosts == [1, 2]
    assert times(world) == [time for time in MORNING if time != "10:00"]


def test_only_accepted_bookings_hold_an_idempotency_key() -> None:
    world = small_world(individual(101, confirmation=ConfirmationPolicy("always")), individual(102))
    pending, accepted = book(world, "2026-03-03T10:00"), book(world, "2026-03-03T10:00", 102)
    assert pending.idempotency_key is None
    assert accepted.idempotency_key is not None
    with pytest.raises(Refused) as refusal:
        world.confirm(pending.uid, 1, NOW)  # same times, same organizer
    assert (refusal.value.status, refusal.value.message) == (409, "booking_conflict_error")


def test_concurrent_creates_can_both_succeed_when_forced_to() -> None:
    world = small_world()
    first = book(world, "2026-03-03T10:00")
    second = world.create_booking(command("2026-03-03T10:00", email="b@x.org"), NOW, racy=True).bookings[0]
    assert first.status == second.status == "accepted"
    assert first.uid != second.uid


# Series, seats, instant meetings


def test_a_series_is_made_whole_or_not_at_all() -> None:
    world = small_world(individual(101, recurrence=Recurrence(1, 4)), individual(102))
    book(world, "2026-03-17T09:00", 102)
    assert refused(world, "2026-03-03T09:00", recurrence_count=3)[0] == 400
    series = world.create_booking(command("2026-03-03T09:00", recurrence_count=2), NOW).bookings
    assert [one.start.day for one in series] == [3, 10]
    (uid,) = {one.recurring_uid for one in series}
    assert uid is not None
    assert world.recurrences(uid) == series
    assert [one.trigger for one in world.events[-2:]] == ["BOOKING_CREATED"] * 2


def test_a_recurrence_count_must_fit() -> None:
    world = small_world(individual(101, recurrence=Recurrence(1, 4)), individual(102))
    assert refused(world, "2026-03-03T09:00", 101, recurrence_count=5)[0] == 400
    assert refused(world, "2026-03-03T09:00", 102, recurrence_count=2)[0] == 400


def test_monthly_series_keep_to_the_last_day_of_short_months() -> None:
    recurring = individual(101, recurrence=Recurrence(1, 3, "monthly"))
    world = small_world(recurring)
    world.update_schedule(301, {"availability": world.state.schedules[301].availability[:0]}, NOW)
    made = world.create_booking(command("2026-03-31T09:00", allow_conflicts=True, caller_id=1), NOW).bookings
    assert [one.start.strftime("%m-%d") for one in made] == ["03-31", "04-30", "05-31"]


def test_each_booker_of_a_seated_type_gets_a_seat_of_the_same_booking() -> None:
    world = small_world(individual(101, seats=Seats(2)))
    first = world.create_booking(command("2026-03-03T10:00"), NOW)
    second = world.create_booking(command("2026-03-03T10:00", email="b@x.org"), NOW)
    assert first.seat_uid != second.seat_uid
    assert second.seat_uid is not None
    assert world.booking_by_seat(second.seat_uid).uid == first.bookings[0].uid


def test_one_person_takes_one_seat() -> None:
    world = small_world(individual(101, seats=Seats(2)))
    book(world, "2026-03-03T10:00")
    assert refused(world, "2026-03-03T10:00")[0] == 409


def test_an_instant_meeting_is_for_teams_awaits_its_host_and_blocks_nothing() -> None:
    world = small_world(individual(101), round_robin(102, 1, 2), individual(103, 1))
    assert refused(world, "2026-03-03T10:00", 101, instant=True)[0] == 400
    assert book(world, "2026-03-03T10:00", 102, instant=True).status == "awaiting_host"
    assert times(world, 103) == MORNING
    assert world.events[-1].trigger == "INSTANT_MEETING"


@pytest.mark.parametrize(("hours", "status"), [(24, "accepted"), (23, "pending")])
def test_a_time_based_policy_asks_for_confirmation_of_near_bookings(hours: int, status: str) -> None:
    policy = ConfirmationPolicy("time", notice_threshold=24 * 60)
    world = small_world(individual(101, confirmation=policy), hours=(0, 1440))
    start = (NOW + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M")
    assert book(world, start).status == status
