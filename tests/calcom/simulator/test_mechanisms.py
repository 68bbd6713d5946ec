"""The 22 mechanisms of contract section 8: one class of change each, shown by what slots it moves."""

from __future__ import annotations

import pytest

from calcom.simulator.commands import Booker, Cancel, CreateBooking, EventTypeSelector, Reschedule, Reserve
from calcom.simulator.model import (
    BookingWindow,
    CalendarConnection,
    ConfirmationPolicy,
    ExternalBusy,
    Host,
    Limits,
    OutOfOffice,
    Recurrence,
    Rule,
    Seats,
)
from calcom.simulator.refusals import Refused
from tests.calcom.simulator.worlds import (
    MORNING,
    NOW,
    book,
    collective,
    command,
    days,
    individual,
    instant,
    later,
    query,
    round_robin,
    small_world,
    team_type,
    times,
)


def without(*gone: str) -> list[str]:
    return [time for time in MORNING if time not in gone]


def test_mechanism_1_a_booking_takes_its_time_from_every_event_type_of_its_host() -> None:
    world = small_world(
        individual(101), individual(102), collective(103, 1, 2), round_robin(104, 1, fixed=(2,))
    )
    book(world, "2026-03-03T10:00")
    assert (
        times(world, 101) == times(world, 102) == times(world, 103) == times(world, 104) == without("10:00")
    )
    assert times(world, None, usernames=("ann", "bob")) == without("10:00")


def test_mechanism_1_every_host_of_a_collective_becomes_busy() -> None:
    world = small_world(individual(101, 1), individual(102, 2), individual(105, 3), collective(103, 1, 2))
    untouched = times(world, 105)
    book(world, "2026-03-03T10:00", 103)
    assert times(world, 101) == times(world, 102) == without("10:00")
    assert times(world, 105) == untouched


def test_mechanism_2_an_attendee_who_is_a_user_becomes_busy() -> None:
    world = small_world(individual(101, 1), individual(102, 2))
    book(world, "2026-03-03T10:00", 101, email="Bob@Example.com")
    assert times(world, 102) == without("10:00")


def test_mechanism_2_a_guest_who_is_a_user_becomes_busy() -> None:
    world = small_world(individual(101, 1), individual(102, 2))
    booking = book(world, "2026-03-03T10:00", 101)
    assert times(world, 102) == MORNING
    world.add_guests(booking.uid, ["bob@example.com"], NOW)
    assert times(world, 102) == without("10:00")


def test_mechanism_3_buffers_of_both_event_types_pad_a_booking() -> None:
    asked = individual(101, before_buffer=10, after_buffer=20)
    booked = individual(102, before_buffer=15, after_buffer=5)
    world = small_world(asked, booked)
    book(world, "2026-03-03T10:30", 102)
    # Busy from 10:30 - (15 + 20) = 09:55 to 11:00 + (5 + 10) = 11:15.
    assert times(world, 101) == ["09:00", "11:30"]
    # Of its own kind: 10:30 - (15 + 5) = 10:10 to 11:00 + (5 + 15) = 11:20.
    assert times(world, 102) == ["09:00", "09:30", "11:30"]


@pytest.mark.parametrize(
    "day", [4, 5]
)  # Thursday 5 March begins an epoch week, where the agenda turns a page
def test_mechanism_3_a_buffer_reaches_across_midnight(day: int) -> None:
    world = small_world(individual(101, after_buffer=90), hours=(0, 1440))
    book(world, f"2026-03-0{day}T00:00")
    assert times(world, 101, f"2026-03-0{day - 1}")[-1] == "22:00"


def test_mechanism_4_one_instant_has_different_days_in_different_zones() -> None:
    world = small_world(hours=(1380, 1440))  # 23:00 to 24:00 UTC
    assert days(world, 101, "2026-03-03", "2026-03-03") == ["2026-03-03"]
    assert days(world, 101, "2026-03-03", "2026-03-03", time_zone="Asia/Kolkata") == ["2026-03-04"]
    assert days(world, 101, "2026-03-03", "2026-03-03", time_zone="America/New_York") == ["2026-03-03"]


def test_mechanism_5_daily_limit_closes_the_day() -> None:
    world = small_world(individual(101, limits_count=Limits(day=2)), individual(102))
    book(world, "2026-03-03T09:00")
    assert times(world) == without("09:00")
    book(world, "2026-03-03T11:30")
    assert times(world) == []
    assert times(world, 102) == without("09:00", "11:30")


def test_mechanism_5_weekly_limit_closes_the_whole_week_in_the_events_zone() -> None:
    # Chatham is 13:45 ahead: its Monday morning 09:00 is Sunday 19:15 UTC. Weeks begin on Sunday.
    world = small_world(individual(101, 4, limits_count=Limits(week=1)))
    open_days = days(world, 101, "2026-03-06", "2026-03-20")
    book(world, "2026-03-08T19:15")
    # The week from Sunday 8 March 00:00 to Sunday 15 March 00:00 in Chatham is 7 March 10:15 UTC onwards.
    gone = [day for day in open_days if day not in days(world, 101, "2026-03-06", "2026-03-20")]
    assert gone == ["2026-03-08", "2026-03-09", "2026-03-10", "2026-03-11", "2026-03-12"]


def test_mechanism_5_monthly_limit_is_felt_in_a_query_that_does_not_see_the_booking() -> None:
    world = small_world(individual(101, limits_count=Limits(month=1)))
    book(world, "2026-03-31T09:00")
    assert times(world, day="2026-03-03") == []
    assert times(world, day="2026-04-01") == MORNING


def test_mechanism_5_yearly_limit_closes_the_year() -> None:
    world = small_world(individual(101, limits_count=Limits(year=1)))
    book(world, "2026-03-03T09:00")
    assert days(world, 101, "2026-12-30", "2027-01-04") == ["2027-01-01", "2027-01-04"]


def test_mechanism_5_duration_limit_counts_minutes_and_the_length_asked_for() -> None:
    world = small_world(individual(101, limits_duration=Limits(day=75), length_options=(15, 30)))
    book(world, "2026-03-03T09:00")
    book(world, "2026-03-03T09:30")
    assert times(world) == []
    assert times(world, duration=15)[:2] == ["10:00", "10:15"]


def test_mechanism_5_a_booking_without_a_free_period_is_refused() -> None:
    world = small_world(individual(101, limits_count=Limits(week=1)))
    book(world, "2026-03-03T09:00")
    with pytest.raises(Refused, match="already has booking at this time or is not available") as refusal:
        book(world, "2026-03-05T09:00")
    assert refusal.value.status == 400


def test_mechanism_6_team_limit_closes_all_event_types_of_the_team() -> None:
    world = small_world(collective(101, 1), round_robin(102, 2), individual(103, 1), individual(104, 2))
    world.set_team_limits(11, Limits(day=1), NOW)
    assert times(world, 102) == MORNING
    book(world, "2026-03-03T09:00", 101)
    assert times(world, 101) == times(world, 102) == []
    assert times(world, 103) == without("09:00")
    assert times(world, 104) == MORNING


@pytest.mark.parametrize(("included", "expected"), [(True, []), (False, MORNING)])
def test_mechanism_6_managed_children_count_only_where_the_team_says_so(
    included: bool, expected: list[str]
) -> None:
    world = small_world(collective(101, 1))
    world.update_team(11, {"booking_limits": Limits(day=1), "limits_include_managed": included}, NOW)
    world.create_event_type(team_type(0, "managed", (Host(2),), slug="managed"), NOW)
    child = next(one for one in world.state.event_types.values() if one.parent_id is not None)
    book(world, "2026-03-03T09:00", 101)
    assert times(world, child.id) == expected


def test_mechanism_7_a_full_day_moves_the_end_of_a_rolling_window() -> None:
    window = BookingWindow("calendarDays", 3, rolling=True)
    world = small_world(individual(101, window=window), individual(102, length=180))
    # Monday 2 March 08:00 with two hours' notice: Monday still has slots from 10:00.
    assert days(world, 101, "2026-03-02", "2026-03-13") == ["2026-03-02", "2026-03-03", "2026-03-04"]
    full = book(world, "2026-03-03T09:00", 102)
    assert days(world, 101, "2026-03-02", "2026-03-13") == ["2026-03-02", "2026-03-04", "2026-03-05"]
    world.cancel(full.uid, Cancel(), NOW)
    assert days(world, 101, "2026-03-05", "2026-03-13") == []


def test_mechanism_7_a_window_of_business_days_skips_weekends() -> None:
    world = small_world(individual(101, window=BookingWindow("businessDays", 5)))
    assert days(world, 101, "2026-03-02", "2026-03-20")[-1] == "2026-03-09"
    world.update_event_type(101, {"window": BookingWindow("calendarDays", 5)}, NOW)
    assert days(world, 101, "2026-03-02", "2026-03-20")[-1] == "2026-03-06"


def test_mechanism_7_booking_beyond_the_window_is_refused() -> None:
    window = BookingWindow("calendarDays", 2, rolling=True)
    world = small_world(individual(101, window=window))
    with pytest.raises(Refused, match="booking window"):
        book(world, "2026-03-04T09:00")
    assert book(world, "2026-03-03T09:00").status == "accepted"


def test_mechanism_8_the_next_slot_of_the_day_appears_when_the_first_is_taken() -> None:
    world = small_world(individual(101, first_slot_only=True))
    assert times(world) == ["09:00"]
    taken = book(world, "2026-03-03T09:00")
    assert times(world) == ["09:30"]
    world.cancel(taken.uid, Cancel(), NOW)
    assert times(world) == ["09:00"]


def test_mechanism_9_optimized_slots_shift_with_the_start_of_the_free_range() -> None:
    hour = individual(101, length=60, optimized_slots=True)
    plain = individual(102, length=60)
    short = individual(103, length=15)
    world = small_world(hour, plain, short, hours=(540, 735))
    assert times(world, 101) == times(world, 102) == ["09:00", "10:00", "11:00"]
    book(world, "2026-03-03T09:00", 103)
    # From 09:15 three hours are left: not a minute to spare for the full hour.
    assert times(world, 101) == ["09:15", "10:15", "11:15"]
    assert times(world, 102) == ["10:00", "11:00"]


def test_mechanism_10_seats_fill_one_booking_and_hide_it_when_full() -> None:
    world = small_world(individual(101, seats=Seats(2)), individual(102))
    first = world.create_booking(command("2026-03-03T10:00"), NOW)
    slot = next(
        one
        for one in world.slots(query(), NOW).days["2026-03-03"]
        if one.start == instant("2026-03-03T10:00")
    )
    assert (slot.seats_booked, slot.seats_remaining, slot.seats_total) == (1, 1, 2)
    assert slot.booking_uid == first.bookings[0].uid
    assert times(world, 102) == without("10:00")
    second = world.create_booking(command("2026-03-03T10:00", email="second@example.org"), NOW)
    assert second.bookings[0].uid == first.bookings[0].uid
    assert times(world, 101) == without("10:00")
    with pytest.raises(Refused, match="No more seats left at this seated booking") as refusal:
        book(world, "2026-03-03T10:00", email="third@example.org")
    assert refusal.value.status == 409
    for created in (first, second):
        world.cancel(first.bookings[0].uid, Cancel(seat_uid=created.seat_uid), NOW)
    assert times(world, 101) == times(world, 102) == MORNING


def test_mechanism_11_a_round_robin_falls_back_when_its_chosen_hosts_are_busy_for_two_weeks() -> None:
    world = small_world(round_robin(101, 1, 2), individual(102, 2))
    busy = OutOfOffice(0, "", 2, instant("2026-03-02T00:00"), instant("2026-03-13T00:00"))
    world.create_out_of_office(busy, NOW)
    # Bob is free on Friday 13 March, within the look-ahead to 16 March 08:00: ann does not stand in.
    assert times(world, 101, rr_host_subset=(2,)) == []
    world.update_out_of_office(world.state.last_id, {"end": instant("2026-03-16T00:00")}, NOW)
    assert times(world, 101, rr_host_subset=(2,)) == MORNING


def test_mechanism_11_bookings_anywhere_in_the_two_weeks_decide_who_is_asked() -> None:
    world = small_world(round_robin(101, 1, 2), individual(102, 2, length=180))
    weekdays = [2, 3, 4, 5, 6, 9, 10, 11, 12, 13]
    world.update_event_type(102, {"minimum_notice": 1}, NOW)
    for day in weekdays[:-1]:
        book(world, f"2026-03-{day:02}T09:00", 102)
    assert times(world, 101, rr_host_subset=(2,)) == []  # bob still has Friday 13 March
    book(world, "2026-03-13T09:00", 102)
    assert times(world, 101, rr_host_subset=(2,)) == MORNING


def test_mechanism_11_time_within_a_day_after_the_two_weeks_is_no_reason_to_fall_back() -> None:
    world = small_world(round_robin(101, 1, 2))
    away = OutOfOffice(0, "", 2, instant("2026-03-02T00:00"), instant("2026-03-16T00:00"))
    entry = world.create_out_of_office(away, NOW)
    assert days(world, 101, "2026-03-02", "2026-03-18", rr_host_subset=(2,))[0] == "2026-03-16"
    world.update_out_of_office(entry.id, {"end": instant("2026-03-18T00:00")}, NOW)
    assert days(world, 101, "2026-03-02", "2026-03-18", rr_host_subset=(2,))[0] == "2026-03-02"


def test_mechanism_11_fairness_hides_the_time_of_hosts_who_are_ahead() -> None:
    world = small_world(round_robin(101, 1, 2, max_lead=0), individual(102, 2))
    assert times(world, 101) == MORNING
    book(world, "2026-03-03T09:00", 102)
    assert times(world, 101) == MORNING  # ann can still take 09:00
    assert book(world, "2026-03-04T09:00", 101).user_id == 1
    assert times(world, 101) == without("09:00")  # now only bob may be asked
    world.make_plain([101], NOW)
    assert times(world, 101) == MORNING


def test_mechanism_12_a_recurring_booking_takes_many_dates_and_gives_the_rest_back() -> None:
    world = small_world(individual(101, recurrence=Recurrence(1, 4)))
    series = world.create_booking(command("2026-03-03T09:00", recurrence_count=3), NOW).bookings
    dates = ("2026-03-03", "2026-03-10", "2026-03-17")
    assert [times(world, day=day) for day in dates] == [without("09:00")] * 3
    gone = world.cancel(series[1].uid, Cancel(subsequent=True), NOW)
    assert [one.uid for one in gone] == [series[1].uid, series[2].uid]
    assert [times(world, day=day) for day in dates] == [without("09:00"), MORNING, MORNING]


def test_mechanism_13_reschedule_frees_the_old_time_and_takes_the_new() -> None:
    world = small_world()
    old = book(world, "2026-03-03T09:00")
    new = world.reschedule(old.uid, Reschedule(instant("2026-03-04T10:00")), NOW)
    assert new.uid != old.uid
    assert times(world, day="2026-03-03") == MORNING
    assert times(world, day="2026-03-04") == without("10:00")


def test_mechanism_13_request_reschedule_and_decline_free_the_time() -> None:
    policy = ConfirmationPolicy("always", blocks_unconfirmed=True)
    world = small_world(individual(101), individual(102, confirmation=policy))
    asked, pending = book(world, "2026-03-03T09:00"), book(world, "2026-03-03T10:00", 102)
    assert times(world) == without("09:00", "10:00")
    world.request_reschedule(asked.uid, None, 1, NOW)
    world.decline(pending.uid, None, 1, NOW)
    assert times(world) == MORNING


@pytest.mark.parametrize("blocks", [True, False])
def test_mechanism_13_a_pending_booking_blocks_by_policy_and_a_confirmed_one_always(blocks: bool) -> None:
    policy = ConfirmationPolicy("always", blocks_unconfirmed=blocks)
    world = small_world(individual(101, confirmation=policy), individual(102))
    pending = book(world, "2026-03-03T10:00")
    assert pending.status == "pending"
    assert times(world, 102) == (without("10:00") if blocks else MORNING)
    world.confirm(pending.uid, 1, NOW)
    assert times(world, 102) == without("10:00")


def test_mechanism_13_reassigning_moves_busy_time_from_one_host_to_another() -> None:
    world = small_world(round_robin(101, 1, 2), individual(102, 1), individual(103, 2))
    booking = book(world, "2026-03-03T10:00")
    assert (times(world, 102), times(world, 103)) == (without("10:00"), MORNING)
    assert world.reassign(booking.uid, None, 1, NOW).user_id == 2
    assert (times(world, 102), times(world, 103)) == (MORNING, without("10:00"))


def test_mechanism_14_a_query_for_rescheduling_sees_that_bookings_time_as_free() -> None:
    world = small_world(individual(101, limits_count=Limits(day=1)))
    booking = book(world, "2026-03-03T10:00")
    assert times(world) == []
    assert times(world, booking_uid_to_reschedule=booking.uid) == MORNING


def test_mechanism_15_a_reservation_takes_its_time_from_all_types_of_the_host_until_it_expires() -> None:
    world = small_world(individual(101), individual(102), collective(103, 2, 1), individual(104, 2))
    held = world.reserve(Reserve(101, instant("2026-03-03T10:00")), NOW)
    assert times(world, 101) == times(world, 102) == times(world, 103) == without("10:00")
    assert times(world, 104) == MORNING
    assert times(world, 101, cookie_uid=held.uid) == MORNING
    before = world.version
    assert times(world, 101, now=later(minutes=4, seconds=59)) == without("10:00")
    assert times(world, 101, now=later(minutes=5)) == MORNING
    assert world.version == before


def test_mechanism_15_patching_moves_a_reservation_and_deleting_frees_it() -> None:
    world = small_world()
    held = world.reserve(Reserve(101, instant("2026-03-03T10:00")), NOW)
    world.patch_reservation(held.uid, Reserve(101, instant("2026-03-03T11:00")), NOW)
    assert times(world) == without("11:00")
    world.delete_reservation(held.uid, NOW)
    assert times(world) == MORNING


def test_mechanism_16_out_of_office_clears_all_types_of_the_user_and_redirects_nobodys_slots() -> None:
    world = small_world(individual(101), collective(102, 1, 2), individual(103, 2))
    away = OutOfOffice(0, "", 1, instant("2026-03-03T00:00"), instant("2026-03-04T00:00"), to_user_id=2)
    world.create_out_of_office(away, NOW)
    assert times(world, 101) == times(world, 102) == []
    assert times(world, 103) == MORNING
    assert times(world, 101, "2026-03-04") == MORNING


def test_mechanism_16_a_schedule_change_moves_the_types_that_use_it() -> None:
    world = small_world(individual(101), individual(102))
    own = world.create_schedule(1, "Late", "UTC", (Rule((1,), 660, 720),), (), False, NOW)
    world.update_event_type(102, {"schedule_id": own.id}, NOW)
    assert (times(world, 101), times(world, 102)) == (MORNING, ["11:00", "11:30"])
    world.update_schedule(own.id, {"availability": (Rule((1,), 540, 600),)}, NOW)
    assert (times(world, 101), times(world, 102)) == (MORNING, ["09:00", "09:30"])
    world.update_schedule(own.id, {}, NOW, make_default=True)
    assert times(world, 101) == ["09:00", "09:30"]


def test_mechanism_16_a_new_profile_zone_moves_the_default_schedule() -> None:
    world = small_world()
    world.update_user(1, {"time_zone": "Asia/Kolkata"}, NOW)
    assert times(world) == ["03:30", "04:00", "04:30", "05:00", "05:30", "06:00"]


def test_mechanism_17_an_event_type_change_moves_its_slots_and_its_buffers_reach_other_types() -> None:
    world = small_world(individual(101), individual(102))
    book(world, "2026-03-03T10:00", 102)
    assert times(world, 101) == without("10:00")
    world.update_event_type(102, {"before_buffer": 30}, NOW)
    assert times(world, 101) == without("09:30", "10:00")
    world.update_event_type(101, {"length": 60}, NOW)
    assert times(world, 101) == ["11:00"]


def test_mechanism_18_connecting_selecting_and_disconnecting_a_calendar() -> None:
    world = small_world(individual(101), collective(102, 1, 2))
    calendar = world.connect_calendar(CalendarConnection(0, 1, "google_calendar", "ann", "Ann"), NOW)
    world.put_external_event(
        ExternalBusy("e", calendar.id, instant("2026-03-03T10:00"), instant("2026-03-03T10:30")), NOW
    )
    assert times(world, 101) == times(world, 102) == without("10:00")
    world.select_calendar(calendar.id, False, NOW)
    assert times(world, 101) == MORNING
    world.select_calendar(calendar.id, True, NOW)
    assert times(world, 101) == without("10:00")
    world.disconnect_calendar(calendar.id, NOW)
    assert times(world, 101) == MORNING


def test_mechanism_19_membership_changes_hosts_of_team_types() -> None:
    world = small_world(collective(101, 1, 2), round_robin(102, assign_all_members=True), individual(103, 4))
    everyone = times(world, 102)
    joined = world.create_membership(11, 4, "MEMBER", True, NOW)
    assert set(times(world, 102, "2026-03-04")) > set(everyone)
    world.delete_membership(joined.id, NOW)
    assert times(world, 102, "2026-03-04") == everyone
    book(world, "2026-03-03T10:00", 101)
    bobs = next(one.id for one in world.state.memberships.values() if (one.team_id, one.user_id) == (11, 2))
    world.delete_membership(bobs, NOW)
    assert [host.user_id for host in world.state.event_types[101].hosts] == [1]


def test_mechanism_20_slots_pass_and_notice_hides_the_next_ones() -> None:
    world = small_world(individual(101, minimum_notice=60))
    today = "2026-03-02"
    assert times(world, day=today) == MORNING
    assert times(world, day=today, now=later(minutes=1)) == without("09:00")
    assert times(world, day=today, now=later(hours=2, minutes=30)) == ["11:30"]
    assert times(world, day=today, now=later(hours=3)) == []


def test_mechanism_20_a_window_moves_with_the_day_of_the_events_zone() -> None:
    world = small_world(individual(101, window=BookingWindow("calendarDays", 1)))
    assert days(world, 101, "2026-03-02", "2026-03-06") == ["2026-03-02", "2026-03-03"]
    assert days(world, 101, "2026-03-02", "2026-03-06", now=later(hours=16)) == ["2026-03-03", "2026-03-04"]


def test_mechanism_20_the_day_of_the_event_turns_at_its_own_midnight() -> None:
    world = small_world(individual(101, 3, window=BookingWindow("calendarDays", 1)))
    before, after = instant("2026-03-02T18:29"), instant("2026-03-02T18:30")  # midnight in Kolkata
    assert days(world, 101, "2026-03-02", "2026-03-06", now=before) == ["2026-03-03"]
    assert days(world, 101, "2026-03-02", "2026-03-06", now=after) == ["2026-03-03", "2026-03-04"]


def test_mechanism_21_an_external_event_blocks_with_the_asked_types_buffers_and_no_webhook() -> None:
    world = small_world(individual(101, before_buffer=15, after_buffer=30), individual(102))
    calendar = world.connect_calendar(CalendarConnection(0, 1, "google_calendar", "ann", "Ann"), NOW)
    event = ExternalBusy("e", calendar.id, instant("2026-03-03T10:30"), instant("2026-03-03T11:00"))
    world.put_external_event(event, NOW)
    assert times(world, 102) == without("10:30")
    assert times(world, 101) == ["09:00", "09:30", "11:30"]  # busy 10:00 to 11:15
    world.delete_external_event("e", NOW)
    assert times(world, 101) == MORNING
    assert world.events == []


def test_mechanism_21_a_broken_calendar_makes_its_user_look_unavailable() -> None:
    world = small_world(individual(101), round_robin(102, 1, 2), collective(103, 1, 2))
    world.set_calendar_broken(1, True, NOW)
    assert (times(world, 101), times(world, 102), times(world, 103)) == ([], MORNING, [])
    world.set_calendar_broken(1, False, NOW)
    assert times(world, 101) == MORNING


def test_mechanism_22_active_bookings_of_a_booker_bind_bookings_and_not_slots() -> None:
    world = small_world(individual(101, max_active_bookings=1))
    book(world, "2026-03-03T10:00")
    assert times(world) == without("10:00")
    with pytest.raises(Refused) as refusal:
        book(world, "2026-03-03T11:00")
    assert refusal.value.status == 400
    assert book(world, "2026-03-03T11:00", email="other@example.org").status == "accepted"
    assert book(world, "2026-03-04T11:00", now=instant("2026-03-03T10:31")).status == "accepted"


def test_managed_children_behave_as_individual_types() -> None:
    world = small_world()
    parent = world.create_event_type(team_type(0, "managed", (Host(1), Host(2)), slug="managed"), NOW)
    children = {one.owner_id: one for one in world.state.event_types.values() if one.parent_id == parent.id}
    assert times(world, parent.id) == []
    with pytest.raises(Refused, match="parent managed event type"):
        book(world, "2026-03-03T10:00", parent.id)
    book(world, "2026-03-03T10:00", children[1].id)
    assert times(world, children[1].id) == without("10:00")
    assert times(world, children[2].id) == MORNING


def test_a_round_robin_offers_no_slot_that_begins_in_one_hosts_time_and_ends_in_anothers() -> None:
    world = small_world(
        round_robin(101, 1, 2, length=60), individual(102, 1, length=90), individual(103, 2, length=90)
    )
    book(world, "2026-03-03T10:30", 102)  # ann is free 09:00 to 10:30
    book(world, "2026-03-03T09:00", 103)  # bob is free 10:30 to 12:00
    assert times(world, 101) == ["09:00", "11:00"]


def test_a_dynamic_group_is_free_when_all_are_and_takes_any_length() -> None:
    world = small_world(individual(101, 1), individual(102, 2))
    book(world, "2026-03-03T09:00", 101)
    book(world, "2026-03-03T11:00", 102)
    group = ("ann", "bob")
    assert times(world, None, usernames=group) == ["09:30", "10:00", "10:30", "11:30"]
    assert times(world, None, usernames=group, duration=60) == ["10:00"]


def test_selectors_name_the_same_event_type() -> None:
    world = small_world(individual(101), collective(103, 1))
    by_slug = CreateBooking(
        instant("2026-03-03T09:00"),
        EventTypeSelector(slug="type-101", username="ann"),
        Booker("B", "UTC", "b@x.org"),
    )
    assert world.create_booking(by_slug, NOW).bookings[0].event_type_id == 101
    assert times(world, None, slug="type-101", username="ANN") == times(world, 101)
    assert times(world, None, slug="type-103", team_slug="team-11") == times(world, 103)
