"""The engine against a naive second calculation, and laws that hold in any world."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calcom.simulator.commands import (
    Booker,
    Cancel,
    CreateBooking,
    EventTypeSelector,
    Reschedule,
    Reserve,
)
from calcom.simulator.inputs import gather
from calcom.simulator.model import (
    Booking,
    BookingWindow,
    CalendarConnection,
    ConfirmationPolicy,
    EventType,
    ExternalBusy,
    Limits,
    OutOfOffice,
    Rule,
    Seats,
)
from calcom.simulator.query import SlotsQuery, SlotsResult
from calcom.simulator.refusals import Refused
from calcom.simulator.selection import hosts_of
from calcom.simulator.slots import answer
from calcom.simulator.world import World
from tests.calcom.simulator.worlds import (
    NOW,
    collective,
    individual,
    instant,
    later,
    round_robin,
    small_world,
)

MINUTE = timedelta(minutes=1)
TYPES = (
    individual(101, 1, before_buffer=10, limits_count=Limits(day=2, week=5)),
    individual(102, 2, after_buffer=20, length=60),
    individual(103, 1, confirmation=ConfirmationPolicy("always", blocks_unconfirmed=True)),
    individual(104, 2, confirmation=ConfirmationPolicy("always"), minimum_notice=1500),
    collective(105, 1, 2, before_buffer=5),
    round_robin(106, 2, 3, fixed=(1,)),
    round_robin(107, 1, 2, window=BookingWindow("calendarDays", 2)),
)
EMAILS = ("booker@example.org", "ann@example.com", "bob@example.com")
TIMES = st.integers(0, 4 * 48).map(
    lambda n: instant("2026-03-02T09:00") + n // 48 * timedelta(days=1) + n % 48 * 5 * MINUTE
)
STEPS = st.one_of(
    st.tuples(st.just("book"), st.sampled_from(TYPES), TIMES, st.sampled_from(EMAILS)),
    st.tuples(st.just("reserve"), st.sampled_from(TYPES), TIMES, st.just("")),
    st.tuples(st.just("end"), st.sampled_from(TYPES), TIMES, st.just("")),
    st.tuples(st.just("move"), st.sampled_from(TYPES), TIMES, st.just("")),
    st.tuples(st.just("confirm"), st.sampled_from(TYPES), TIMES, st.just("")),
    st.tuples(st.just("busy"), st.sampled_from(TYPES), TIMES, st.just("")),
    st.tuples(st.just("away"), st.sampled_from(TYPES), TIMES, st.just("")),
    st.tuples(st.just("buffer"), st.sampled_from(TYPES), TIMES, st.just("")),
    st.tuples(st.just("guest"), st.sampled_from(TYPES), TIMES, st.sampled_from(EMAILS)),
)
Step = tuple[str, EventType, datetime, str]
OWNER_STEPS = st.tuples(
    st.sampled_from(("hours", "zone", "member", "limit", "broken", "default", "deselect")),
    st.sampled_from(TYPES),
    TIMES,
    st.sampled_from(EMAILS),
)
PERFORMED = ("book", "reserve", "end", "move", "confirm", "busy", "away", "buffer", "guest")
# Settings that the naive calculation below does not know; remembered answers must know them all.
MORE_TYPES = (
    individual(111, 1, seats=Seats(2), slot_interval=15),
    individual(112, 2, window=BookingWindow("calendarDays", 2, rolling=True), first_slot_only=True),
    round_robin(113, 1, 2, 3, max_lead=0),
    round_robin(114, assign_all_members=True, length=45),
    individual(115, 3, length_options=(15, 30), optimized_slots=True, limits_duration=Limits(month=90)),
)


def perform(world: World, step: Step, serial: int) -> None:
    """One random change; what the world refuses does not happen."""
    kind, event_type, moment, email = step
    newest = next((b for _, b in sorted(world.state.bookings.items(), reverse=True) if b.live), None)
    host = next((role.user_id for role in hosts_of(world.state, event_type)), 1)
    with suppress(Refused):
        if kind == "book":
            selector = EventTypeSelector(event_type.id)
            world.create_booking(CreateBooking(moment, selector, Booker("B", "UTC", email)), NOW)
        elif kind == "reserve":
            world.reserve(Reserve(event_type.id, moment), NOW)
        elif kind == "end" and newest:
            world.cancel(newest.uid, Cancel(), NOW)
        elif kind == "move" and newest:
            world.reschedule(newest.uid, Reschedule(moment, caller_id=1), NOW)
        elif kind == "confirm" and newest:
            world.confirm(newest.uid, 1, NOW)
        elif kind == "busy":
            calendar = world.connect_calendar(CalendarConnection(0, host, "ics", "x", "X"), NOW)
            world.put_external_event(
                ExternalBusy(str(serial), calendar.id, moment, moment + 40 * MINUTE), NOW
            )
        elif kind in ("buffer", "guest"):
            if kind == "buffer":
                world.update_event_type(event_type.id, {"before_buffer": moment.minute}, NOW)
            elif newest:
                world.add_guests(newest.uid, [email], NOW)
        elif kind == "away":
            world.create_out_of_office(OutOfOffice(0, "", host, moment, moment + 130 * MINUTE), NOW)


def govern(world: World, step: Step, serial: int) -> None:
    """One random change of settings."""
    kind, event_type, moment, _ = step
    moment += serial * MINUTE
    host = next((role.user_id for role in hosts_of(world.state, event_type)), 1)
    with suppress(Refused):
        if kind == "hours":
            rules = (Rule((0, 1, 2, 3), 540, 600 + moment.minute),)
            world.update_schedule(300 + host, {"availability": rules}, NOW)
        elif kind == "zone":
            world.update_user(host, {"time_zone": "Asia/Kolkata" if moment.minute < 30 else "UTC"}, NOW)
        elif kind == "member":
            membership = next(one for one in world.state.memberships.values() if one.user_id == host)
            world.update_membership(membership.id, {"accepted": not membership.accepted}, NOW)
        elif kind == "limit":
            world.set_team_limits(11, Limits(day=1 + moment.hour % 3), NOW)
        elif kind == "broken":
            world.set_calendar_broken(host, moment.minute < 30, NOW)
        elif kind == "default":
            world.create_schedule(host, "S", "UTC", (Rule((0, 1), 600, 700),), (), moment.minute < 30, NOW)
        elif kind == "deselect":
            for calendar in world.state.calendars.values():
                world.select_calendar(calendar.id, not calendar.selected, NOW)


def naive_slots(
    world: World, event_type: EventType, first: datetime, days: int, now: datetime
) -> list[datetime]:
    """Every half hour that is free by the contract's words, minute by minute."""
    state = world.state
    event_type = state.event_types[event_type.id]
    roles = hosts_of(state, event_type)
    length = event_type.length * MINUTE
    step = 30 if event_type.length == 30 else 60

    def counts(booking: Booking) -> bool:
        policy = state.event_types[booking.event_type_id].confirmation
        pending = booking.status == "pending" and policy is not None and policy.blocks_unconfirmed
        return booking.status == "accepted" or pending

    def busy_spans(user_id: int) -> list[tuple[datetime, datetime]]:
        email = state.users[user_id].email
        spans = [(one.start, one.end) for one in state.out_of_office.values() if one.user_id == user_id]
        for event in state.external.values():
            if state.calendars[event.connection_id].user_id == user_id:
                before, after = event_type.after_buffer * MINUTE, event_type.before_buffer * MINUTE
                spans.append((event.start - before, event.end + after))
        for one in state.bookings.values():
            its = state.event_types[one.event_type_id]
            there = user_id in one.host_ids or email in {*(a.email for a in one.attendees), *one.guests}
            if there and counts(one):
                before = (its.before_buffer + event_type.after_buffer) * MINUTE
                after = (its.after_buffer + event_type.before_buffer) * MINUTE
                spans.append((one.start - before, one.end + after))
        return spans

    def is_free(user_id: int, start: datetime) -> bool:
        zone = {3: timedelta(hours=5, minutes=30)}.get(user_id, timedelta())
        opens, closes = (start + zone).replace(hour=9, minute=0), (start + zone).replace(hour=12, minute=0)
        works = opens.weekday() < 5 and opens <= start + zone and start + zone + length <= closes
        return works and not any(low < start + length and start < high for low, high in busy[user_id])

    def is_full(start: datetime) -> bool:
        day = start.date()
        week = day - timedelta(days=(day.weekday() + 1) % 7)
        mine = [
            one.start.date()
            for one in state.bookings.values()
            if one.event_type_id == event_type.id and one.status == "accepted"
        ]
        limits = event_type.limits_count
        in_week = [one for one in mine if week <= one < week + timedelta(days=7)]
        daily = limits.day is not None and mine.count(day) >= limits.day
        return daily or (limits.week is not None and len(in_week) >= limits.week)

    def is_reserved(start: datetime) -> bool:
        return any(
            one.until > now and one.start < start + length and start < one.end
            for one in state.reservations.values()
            if one.user_id in busy
        )

    busy = {role.user_id: busy_spans(role.user_id) for role in roles}
    fixed = [role.user_id for role in roles if role.fixed]
    rotating = [role.user_id for role in roles if not role.fixed]
    last_day = (now + timedelta(days=event_type.window.value)).date() if event_type.window else None
    found = []
    for number in range(days * 24 * 60 // step):
        start = first + number * step * MINUTE
        if start < now + event_type.minimum_notice * MINUTE or (last_day and start.date() > last_day):
            continue
        able = all(is_free(one, start) for one in fixed)
        able = able and (not rotating or any(is_free(one, start) for one in rotating))
        if able and not is_full(start) and not is_reserved(start):
            found.append(start)
    return found


def shown(result: SlotsResult) -> list[datetime]:
    return [slot.start for slots in result.days.values() for slot in slots]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, max_size=14), st.sampled_from(TYPES), st.integers(0, 300))
def test_the_engine_agrees_with_a_naive_calculation_minute_by_minute(
    steps: list[Step], event_type: EventType, minutes: int
) -> None:
    world = small_world(*TYPES)
    for serial, step in enumerate(steps):
        perform(world, step, serial)
    now, first = later(minutes=minutes), instant("2026-03-02T00:00")
    asked = SlotsQuery(first, first + timedelta(days=5) - timedelta(seconds=1), event_type.id)
    assert shown(world.slots(asked, now)) == naive_slots(world, event_type, first, 5, now)


def askings(world: World) -> list[SlotsQuery]:
    """Queries of every kind."""
    first = instant("2026-03-02T00:00")
    plain = [SlotsQuery(first, first + timedelta(days=4), one.id) for one in (*TYPES, *MORE_TYPES)]
    newest = world.state.bookings.get(max(world.state.bookings, default=0))
    held = next(iter(world.state.reservations), None)
    return [
        *plain,
        replace(plain[0], time_zone="Asia/Kolkata"),
        replace(plain[2], cookie_uid=held),
        replace(plain[4], booking_uid_to_reschedule=newest.uid if newest else None),
        replace(plain[6], rr_host_subset=(2,)),
        replace(plain[-1], duration=15),
        replace(plain[0], event_type_id=None, usernames=("ann", "bob"), duration=45),
        replace(plain[0], start=first + timedelta(hours=34), end=first + timedelta(hours=36)),
    ]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.one_of(STEPS, OWNER_STEPS), st.integers(0, 90)), max_size=12))
def test_a_remembered_answer_is_the_calculated_one_at_every_version_and_time(
    steps: list[tuple[Step, int]],
) -> None:
    world = small_world(*TYPES, *MORE_TYPES)
    now, asked = NOW, askings(world)
    for serial, (step, minutes) in enumerate(steps):
        (perform if step[0] in PERFORMED else govern)(world, step, serial)
        now += minutes * MINUTE
        asked += askings(world)[-7:]
        for query in asked:
            assert world.slots(query, now) == answer(gather(world.state, query, now))
    for version in world.history:
        for query in asked:
            fresh = answer(gather(version.state, query, now))
            assert world.slots_at(version.version, query, now) == fresh


# Laws of the seeded world, where every mechanism is switched on.

SEEDED = [World.seeded(seed, NOW) for seed in range(3)]
BOOKABLE = sorted(set(SEEDED[0].state.event_types) - {107})
ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "Pacific/Chatham", "America/New_York")
PLAIN = (101, 103, 104, 109, 113, 114, 115)


def fork(seed: int) -> World:
    return World(SEEDED[seed].state, NOW)


def everything(world: World) -> list[SlotsResult]:
    asked = (SlotsQuery(NOW, NOW + timedelta(days=40), number) for number in sorted(world.state.event_types))
    return [world.slots(query, NOW) for query in asked]


def booking_of(data: st.DataObject, world: World, number: int, zone: str = "UTC") -> CreateBooking | None:
    result = world.slots(SlotsQuery(NOW, NOW + timedelta(days=21), number, time_zone=zone), NOW)
    starts = shown(result)
    if not starts:
        return None
    start = starts[data.draw(st.integers(0, len(starts) - 1))]
    booker = Booker("New", "UTC", "new@example.org")
    return CreateBooking(start, EventTypeSelector(number), booker, caller_id=1)


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(0, 2), st.sampled_from(BOOKABLE), st.sampled_from(ZONES))
def test_every_slot_shown_can_be_booked(data: st.DataObject, seed: int, number: int, zone: str) -> None:
    world = fork(seed)
    wish = booking_of(data, world, number, zone)
    if wish is not None:
        if world.state.event_types[number].recurrence:
            wish = CreateBooking(wish.start, wish.event_type, wish.booker, recurrence_count=1)
        assert world.create_booking(wish, NOW).bookings[0].start == wish.start


@settings(max_examples=40, deadline=None)
@given(st.data(), st.integers(0, 2), st.sampled_from(BOOKABLE))
def test_cancelling_restores_exactly_the_former_truth_of_every_event_type(
    data: st.DataObject, seed: int, number: int
) -> None:
    world = fork(seed)
    before = everything(world)
    wish = booking_of(data, world, number)
    if wish is None:
        return
    with suppress(Refused):  # a later occurrence of a series may be taken
        created = world.create_booking(wish, NOW)
        series = created.bookings[0].recurring_uid is not None
        cancel = Cancel(seat_uid=created.seat_uid, subsequent=series, caller_id=1)
        world.cancel(created.bookings[0].uid, cancel, NOW)
    assert everything(world) == before


@settings(max_examples=40, deadline=None)
@given(st.data(), st.integers(0, 2), st.sampled_from(PLAIN))
def test_a_booking_never_adds_slots_to_its_own_type(data: st.DataObject, seed: int, number: int) -> None:
    world = fork(seed)
    asked = SlotsQuery(NOW, NOW + timedelta(days=40), number)
    before = set(shown(world.slots(asked, NOW)))
    wish = booking_of(data, world, number)
    if wish is None:
        return
    with suppress(Refused):
        world.create_booking(wish, NOW)
        after = set(shown(world.slots(asked, NOW)))
        assert after < before or world.state.event_types[number].confirmation


@pytest.mark.parametrize("number", [101, 105, 106, 110, 116])
def test_zones_of_whole_hours_show_the_same_instants(number: int) -> None:
    def instants(zone: str | None) -> list[datetime]:
        return shown(SEEDED[0].slots(SlotsQuery(NOW, NOW + timedelta(days=9), number, time_zone=zone), NOW))

    assert instants(None) == instants("Europe/Berlin") == instants("America/New_York")


def test_every_day_key_is_the_local_date_of_its_slots() -> None:
    for zone in ZONES:
        for number in BOOKABLE:
            asked = SlotsQuery(NOW, NOW + timedelta(days=12), number, time_zone=zone)
            for day, slots in SEEDED[1].slots(asked, NOW).days.items():
                assert {slot.start.astimezone(ZoneInfo(zone)).date().isoformat() for slot in slots} == {day}


def test_a_narrow_range_is_cut_out_of_a_wide_one_for_plain_types() -> None:
    world = SEEDED[0]
    wide = shown(world.slots(SlotsQuery(NOW, NOW + timedelta(days=14), 101), NOW))
    low, high = datetime(2026, 3, 5, tzinfo=UTC), datetime(2026, 3, 6, 23, 59, 59, tzinfo=UTC)
    narrow = shown(world.slots(SlotsQuery(low, high, 101), NOW))
    assert narrow == [start for start in wide if low <= start <= high]
