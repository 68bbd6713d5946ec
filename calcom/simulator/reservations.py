"""Held slots (contract 4.3). They vanish when their time is up, without any write."""

from __future__ import annotations

from datetime import datetime, timedelta

from calcom.simulator import refusals, zones
from calcom.simulator.acceptance import length_of
from calcom.simulator.commands import Reserve
from calcom.simulator.model import EventType, Reservation
from calcom.simulator.outcomes import Outcome
from calcom.simulator.refusals import refuse
from calcom.simulator.selection import hosts_of, members_by_team
from calcom.simulator.state import State

DEFAULT_HOLD = 5  # minutes
KEPT_AFTER_EXPIRY = timedelta(hours=1)  # then the next write drops it from the state


def current(state: State, uid: str, now: datetime) -> Reservation | None:
    """The reservation of a uid while it lives."""
    reservation = state.reservations.get(uid)
    return reservation if reservation is not None and reservation.until > now else None


def reserve(state: State, command: Reserve, now: datetime) -> Outcome[Reservation]:
    """Holds a slot for the owner or the first host. A `uid` in the command re-uses that reservation's uid.

    Raises Refused 404 for an unknown event type, 422 when the time is booked, held or out of seats.
    """
    event_type, reservation = _draft(state, command, now)
    for old in state.reservations.values():
        if old.until + KEPT_AFTER_EXPIRY < now:
            state = state.without_reservation(old.uid)
    if reservation.uid == "":
        state, number = state.fresh()
        reservation = _named(reservation, state.uid("reservation", number))
    _check_free(state, event_type, reservation, now)
    return Outcome(state.with_reservation(reservation), reservation)


def patch(state: State, uid: str, command: Reserve, now: datetime) -> Outcome[Reservation]:
    """Moves or extends a live reservation. Raises Refused 404 when there is none."""
    if current(state, uid, now) is None:
        raise refuse(404, f"Reservation with uid={uid} was not found in the database")
    event_type, reservation = _draft(state, command, now)
    reservation = _named(reservation, uid)
    _check_free(state, event_type, reservation, now)
    return Outcome(state.with_reservation(reservation), reservation)


def _draft(state: State, command: Reserve, now: datetime) -> tuple[EventType, Reservation]:
    event_type = state.event_types.get(command.event_type_id)
    if event_type is None:
        raise refuse(404, f"Event Type with ID={command.event_type_id} not found")
    hosts = hosts_of(state, event_type)
    if not hosts:
        raise refuse(
            400, f"Cannot reserve a slot in a team event type with ID={event_type.id} without hosts."
        )
    if command.hold is not None:
        _check_related(state, event_type, command.caller_id)
    hold = DEFAULT_HOLD if command.hold is None else command.hold
    length = timedelta(minutes=length_of(event_type, command.slot_length))
    return event_type, Reservation(
        uid=command.uid or "",
        event_type_id=event_type.id,
        user_id=hosts[0].user_id,
        start=command.start,
        end=command.start + length,
        until=now + timedelta(minutes=hold),
        minutes=hold,
        seated=event_type.seats is not None,
    )


def _named(reservation: Reservation, uid: str) -> Reservation:
    return Reservation(
        uid,
        reservation.event_type_id,
        reservation.user_id,
        reservation.start,
        reservation.end,
        reservation.until,
        reservation.minutes,
        reservation.seated,
    )


def _check_related(state: State, event_type: EventType, caller_id: int | None) -> None:
    if caller_id is None:
        raise refuse(401, "reservationDuration can only be used for authenticated requests.")
    related = {role.user_id for role in hosts_of(state, event_type)}
    if event_type.team_id is not None:
        related |= set(members_by_team(state.memberships).get(event_type.team_id, ()))
    led = {
        one.team_id
        for one in state.memberships.values()
        if one.user_id == caller_id and one.accepted and one.role in ("ADMIN", "OWNER")
    }
    leads_one = any(
        one.team_id in led and one.accepted and one.user_id in related for one in state.memberships.values()
    )
    if caller_id not in related and not leads_one:
        raise refuse(403, f"reservationDuration: no relation to event type with ID={event_type.id}.")


def _check_free(state: State, event_type: EventType, wish: Reservation, now: datetime) -> None:
    low, high = zones.seconds_of(wish.start), zones.seconds_of(wish.end)
    overlapping = {
        held.booking.id: held
        for bucket in state.buckets("type", event_type.id, low, high)
        for held in bucket
        if held.start < high and held.end > low
    }
    rivals = [
        one
        for one in state.reserved_by_host.get(wish.user_id, ())
        if one.uid != wish.uid
        and one.event_type_id == event_type.id
        and one.until > now
        and one.start < wish.end
        and one.end > wish.start
    ]
    if event_type.seats is not None:
        taken = sum(len(held.booking.attendees) for held in overlapping.values() if held.start == low)
        taken += sum(1 for one in rivals if one.start == wish.start)
        if taken >= event_type.seats.per_time_slot:
            raise refuse(422, f"Booking with start={wish.start.isoformat()} has no more seats left.")
        return
    if overlapping:
        raise refuse(422, refusals.ALREADY_BOOKED)
    if rivals:
        raise refuse(422, refusals.RESERVED_BY_OTHER)
