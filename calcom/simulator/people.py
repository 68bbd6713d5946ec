"""Changes to who is at a booking and where: no host's time moves, but a guest who is a Cal.com user
becomes busy (contract 5.1, 8 row 2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from calcom.simulator.bookings import attendee_of, found
from calcom.simulator.commands import Booker
from calcom.simulator.model import Attendee, Booking
from calcom.simulator.outcomes import Outcome, fact
from calcom.simulator.refusals import refuse
from calcom.simulator.state import State


def mark_absent(
    state: State, uid: str, host: bool | None, attendees: Mapping[str, bool], now: datetime
) -> Outcome[Booking]:
    """Notes who did not come; `attendees` maps e-mail to absent. Raises Refused 400 before the start."""
    booking = found(state, uid)
    if now < booking.start:
        raise refuse(
            400,
            "Bookings can only be marked as absent after their start time has passed. Current time in UTC+0: "
            f"{now.isoformat()}, booking start time in UTC+0: {booking.start.isoformat()}",
        )
    absent = {email.lower(): flag for email, flag in attendees.items()}
    people = tuple(
        replace(one, absent=absent.get(one.email.lower(), one.absent)) for one in booking.attendees
    )
    marked = replace(
        booking,
        attendees=people,
        absent_host=booking.absent_host if host is None else host,
        updated_at=now,
    )
    told = fact(
        "BOOKING_NO_SHOW_UPDATED",
        now,
        marked,
        attendees=[{"email": one.email, "noShow": one.absent} for one in people],
    )
    return Outcome(state.with_booking(marked), marked, (told,))


def add_guests(state: State, uid: str, guests: Iterable[str], now: datetime) -> Outcome[Booking]:
    """Invites more addresses; those already there are left as they are."""
    booking = _open(state, uid)
    there = {one.email.lower() for one in booking.attendees} | {guest.lower() for guest in booking.guests}
    new = tuple(guest for guest in dict.fromkeys(guests) if guest.lower() not in there)
    changed = replace(booking, guests=(*booking.guests, *new), updated_at=now)
    return Outcome(state.with_booking(changed), changed)


def update_location(state: State, uid: str, location: str, now: datetime) -> Outcome[Booking]:
    """Moves the booking in space."""
    changed = replace(_open(state, uid), location=location, updated_at=now)
    return Outcome(state.with_booking(changed), changed)


def add_attendee(state: State, uid: str, booker: Booker, now: datetime) -> Outcome[Attendee]:
    """Adds a person. Raises Refused 400 for an address that is there already."""
    booking = _open(state, uid)
    state, number = state.fresh()
    attendee = attendee_of(number, booker)
    if any(one.email.lower() == attendee.email.lower() for one in booking.attendees):
        raise refuse(400, f"Attendee with email={attendee.email} is at booking with uid={uid} already.")
    changed = replace(booking, attendees=(*booking.attendees, attendee), updated_at=now)
    return Outcome(state.with_booking(changed), attendee)


def remove_attendee(state: State, uid: str, attendee_id: int, now: datetime) -> Outcome[Attendee]:
    """Removes a person. Raises Refused 404 for one who is not there, 400 for the booker, who is the first."""
    booking = _open(state, uid)
    gone = next((one for one in booking.attendees if one.id == attendee_id), None)
    if gone is None:
        raise refuse(404, f"Attendee with id={attendee_id} was not found in booking with uid={uid}")
    if gone is booking.attendees[0]:
        raise refuse(400, "The booker cannot be removed; cancel the booking instead.")
    left = tuple(one for one in booking.attendees if one is not gone)
    return Outcome(state.with_booking(replace(booking, attendees=left, updated_at=now)), gone)


def _open(state: State, uid: str) -> Booking:
    booking = found(state, uid)
    if not booking.live:
        raise refuse(400, f"Booking with uid={uid} is {booking.status} and can't be changed.")
    return booking
