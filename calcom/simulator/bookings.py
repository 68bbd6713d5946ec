"""Making bookings (contract 5.2 to 5.5). Pure: a state and a command in, an outcome out."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from calcom.simulator import refusals
from calcom.simulator.acceptance import (
    check_booker,
    check_bounds,
    choose_hosts,
    length_of,
    needs_confirmation,
)
from calcom.simulator.commands import Booker, CreateBooking, Created
from calcom.simulator.facts import WebhookFact
from calcom.simulator.model import Attendee, Booking, EventType, Recurrence
from calcom.simulator.outcomes import Outcome, fact
from calcom.simulator.refusals import refuse
from calcom.simulator.selection import select
from calcom.simulator.state import State

ABSENT_EMAIL_DOMAIN = "sms.cal.com"  # a booker who gave a phone number only


def create(state: State, command: CreateBooking, now: datetime, *, racy: bool = False) -> Outcome[Created]:
    """One booking, a series, a seat in one, or an instant meeting.

    `racy` skips the look at the calendar, as one of two concurrent creates in effect does (contract 5.5).
    """
    chosen = command.event_type
    event_type = select(
        state,
        event_type_id=chosen.event_type_id,
        slug=chosen.slug,
        username=chosen.username,
        team_slug=chosen.team_slug,
        organization_slug=chosen.organization_slug,
    )
    if event_type.scheduling == "managed":
        raise refuse(
            400,
            f"Event type with id={event_type.id} is the parent managed event type that can't be booked. "
            "You have to provide the child event type id aka id of event type that has been assigned to "
            "one of the users.",
        )
    check_booker(state, event_type, command, now)
    length = timedelta(minutes=length_of(event_type, command.length))
    if command.instant:
        return _instant_meeting(state, event_type, command, length, now)
    repeated = _repeated(state, event_type, command)
    if repeated is not None:
        return Outcome(state, Created((repeated,), existing=True))
    starts = _occurrences(event_type.id, event_type.recurrence, command)
    shared = seated_at(state, event_type, command.start) if event_type.seats else None
    if shared is not None:
        return _take_seat(state, event_type, shared, command, now)
    made: list[Booking] = []
    facts: list[WebhookFact] = []
    recurring_uid = state.uid("recurring", state.last_id + 1) if event_type.recurrence else None
    for start in starts:
        hosting = command.caller_id is not None and command.caller_id == event_type.owner_id
        if start < now or not (command.allow_out_of_bounds and hosting):
            check_bounds(state, event_type, start, now)
        host_ids = choose_hosts(
            state,
            event_type,
            start,
            start + length,
            now,
            conflicts_allowed=racy or (command.allow_conflicts and hosting),
        )
        booking = _draft(state, event_type, command, start, length, host_ids, now)
        booking = replace(booking, recurring_uid=recurring_uid)
        state, booking = stored(state, booking, racy=racy)
        made.append(booking)
        trigger = "BOOKING_REQUESTED" if booking.status == "pending" else "BOOKING_CREATED"
        facts.append(fact(trigger, now, booking))  # type: ignore[arg-type]
    return Outcome(state, Created(tuple(made), made[0].attendees[0].seat_uid), tuple(facts))


def found(state: State, uid: str) -> Booking:
    """The booking of a uid. Raises Refused 404."""
    booking = state.booking_of(uid)
    if booking is None:
        raise refuse(404, f"Booking with uid={uid} was not found in the database")
    return booking


def idempotency_key(booking: Booking) -> str:
    """UUIDv5 of the start, the end, the organizer and who reassigned it (contract 5.5)."""
    who = str(booking.user_id)
    if booking.reassigned_by_id is not None:
        who = f"{who}.{booking.reassigned_by_id}"
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{booking.start.isoformat()}.{booking.end.isoformat()}.{who}"))


def keyed(state: State, booking: Booking) -> Booking:
    """The booking with the key its status calls for: only accepted ones hold one.

    Raises Refused 409 when another booking holds that key.
    """
    if booking.status != "accepted":
        return replace(booking, idempotency_key=None)
    key = idempotency_key(booking)
    if state.idempotency_keys.get(key, booking.id) != booking.id:
        raise refuse(409, "booking_conflict_error")
    return replace(booking, idempotency_key=key)


def attendee_of(
    number: int,
    booker: Booker,
    seat_uid: str | None = None,
    responses: Mapping[str, object] | None = None,
) -> Attendee:
    """The booker as an attendee; one without an e-mail address gets one made from the phone number."""
    digits = "".join(c for c in booker.phone_number or "" if c.isdigit())
    return Attendee(
        id=number,
        name=booker.name,
        email=booker.email or f"{digits}@{ABSENT_EMAIL_DOMAIN}",
        time_zone=booker.time_zone,
        language=booker.language,
        phone_number=booker.phone_number,
        seat_uid=seat_uid,
        responses=responses or {},
    )


def stored(
    state: State, booking: Booking, *, racy: bool = False, numbered: bool = False
) -> tuple[State, Booking]:
    """A state with this booking in it, keyed as its status calls for; `numbered` if its ids are given out.

    Raises Refused 409 for a key that is taken, unless `racy`: then it goes without.
    """
    try:
        booking = keyed(state, booking)
    except refusals.Refused:
        if not racy:
            raise
    if not numbered:
        state = replace(state, last_id=max(state.last_id, booking.id, *(a.id for a in booking.attendees)))
    return state.with_booking(booking), booking


def _draft(
    state: State,
    event_type: EventType,
    command: CreateBooking,
    start: datetime,
    length: timedelta,
    host_ids: tuple[int, ...],
    now: datetime,
) -> Booking:
    number = state.last_id + 1
    seat_uid = state.uid("seat", number + 1) if event_type.seats else None
    attendee = attendee_of(number + 1, command.booker, seat_uid, command.responses)
    organizer = state.users[host_ids[0]]
    return Booking(
        id=number,
        uid=state.uid("booking", number),
        status="pending" if needs_confirmation(event_type, start, now) else "accepted",
        start=start,
        end=start + length,
        event_type_id=event_type.id,
        user_id=host_ids[0],
        host_ids=host_ids,
        attendees=(attendee,),
        created_at=now,
        updated_at=now,
        title=f"{event_type.title} between {organizer.name} and {attendee.name}",
        description=event_type.description,
        guests=command.guests,
        location=command.location or event_type.location,
        metadata=command.metadata,
        responses=command.responses,
    )


def _occurrences(event_type_id: int, recurrence: Recurrence | None, command: CreateBooking) -> list[datetime]:
    if recurrence is None:
        if command.recurrence_count is not None:
            raise refuse(400, f"Event type with id={event_type_id} is not a recurring event type.")
        return [command.start]
    count = recurrence.occurrences if command.recurrence_count is None else command.recurrence_count
    if not 1 <= count <= recurrence.occurrences:
        raise refuse(
            400, f"recurrenceCount is {count}; this event type recurs 1 to {recurrence.occurrences} times."
        )
    return [_later(command.start, recurrence, n) for n in range(count)]


def _later(start: datetime, recurrence: Recurrence, times: int) -> datetime:
    steps = recurrence.interval * times
    if recurrence.frequency == "weekly":
        return start + timedelta(weeks=steps)
    months = steps if recurrence.frequency == "monthly" else 12 * steps
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    day = start.day
    while True:  # the 31st of a shorter month is its last day
        try:
            return start.replace(year=year, month=month + 1, day=day)
        except ValueError:
            day -= 1


def _repeated(state: State, event_type: EventType, command: CreateBooking) -> Booking | None:
    """The booking that this create repeats, where Cal.com answers a repeat with it (contract 5.5)."""
    email = (command.booker.email or "").lower()
    for held in _of_type_at(state, event_type, command.start):
        pending = held.status == "pending"
        mine = any(attendee.email.lower() == email for attendee in held.attendees)
        if mine and not event_type.seats and (pending or event_type.scheduling == "roundRobin"):
            return held
    return None


def _of_type_at(state: State, event_type: EventType, start: datetime) -> list[Booking]:
    moment = int(start.timestamp())
    return [
        held.booking
        for bucket in state.buckets("type", event_type.id, moment, moment)
        for held in bucket
        if held.start == moment and held.booking.status in ("accepted", "pending")
    ]


def seated_at(state: State, event_type: EventType, start: datetime) -> Booking | None:
    """The booking of a seated type that begins then, which newcomers join."""
    return next(iter(_of_type_at(state, event_type, start)), None)


def _take_seat(
    state: State, event_type: EventType, booking: Booking, command: CreateBooking, now: datetime
) -> Outcome[Created]:
    check_bounds(state, event_type, command.start, now)
    state, number = state.fresh()
    attendee = attendee_of(number, command.booker, state.uid("seat", number), command.responses)
    state, booking = joined(state, event_type, booking, attendee, now)
    return Outcome(state, Created((booking,), attendee.seat_uid), (fact("BOOKING_CREATED", now, booking),))


def joined(
    state: State, event_type: EventType, booking: Booking, attendee: Attendee, now: datetime
) -> tuple[State, Booking]:
    """The booking with one more attendee. Raises Refused 409 when it is full or has that person already."""
    if event_type.seats is None or len(booking.attendees) >= event_type.seats.per_time_slot:
        raise refuse(409, refusals.SEATS_FULL)
    if any(one.email.lower() == attendee.email.lower() for one in booking.attendees):
        raise refuse(409, "Already signed up for this booking.")
    booking = replace(booking, attendees=(*booking.attendees, attendee), updated_at=now)
    return state.with_booking(booking), booking


def _instant_meeting(
    state: State, event_type: EventType, command: CreateBooking, length: timedelta, now: datetime
) -> Outcome[Created]:
    if event_type.team_id is None:
        raise refuse(400, "Instant bookings are only supported for team event types.")
    host_ids = choose_hosts(
        state, event_type, command.start, command.start + length, now, conflicts_allowed=True
    )
    booking = replace(
        _draft(state, event_type, command, command.start, length, host_ids, now), status="awaiting_host"
    )
    state, booking = stored(state, booking)
    return Outcome(state, Created((booking,)), (fact("INSTANT_MEETING", now, booking),))
