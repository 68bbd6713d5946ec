"""Bookings as Cal.com writes them, today and before (contract 5.3)."""

from typing import Any, Final

from calcom.simulator.envelope import iso
from calcom.simulator.event_type_presenters import manages
from calcom.simulator.model import Attendee, Booking, EventType, User
from calcom.simulator.state import State

#: The API has no word for a booking that waits for its host.
_STATUS: Final = {"awaiting_host": "pending"}


def may_see_attendees(
    booking: Booking, event_type: EventType | None, caller_id: int | None, state: State
) -> bool:
    """Whether a seated booking shows its attendees to this caller (contract 1)."""
    if event_type is None or event_type.seats is None or event_type.seats.show_attendee_info:
        return True
    if caller_id is None:
        return False
    return caller_id in booking.host_ids or manages(caller_id, event_type, state)


def booking(
    record: Booking,
    state: State,
    *,
    version: str,
    caller_id: int | None = None,
    seat_uid: str | None = None,
) -> dict[str, Any]:
    """One booking as 2024-08-13 and 2026-02-25 show it. `seat_uid` is the seat a create or reschedule made."""
    event_type = state.event_types.get(record.event_type_id)
    seated = event_type is not None and event_type.seats is not None
    data: dict[str, Any] = {
        "id": record.id,
        "uid": record.uid,
        "title": record.title,
        "description": record.description,
        "hosts": [_host(state.users[record.user_id])] if record.user_id in state.users else [],
        "status": _STATUS.get(record.status, record.status),
        "start": iso(record.start),
        "end": iso(record.end),
        "duration": record.duration,
        "eventTypeId": record.event_type_id,
        "eventType": {"id": record.event_type_id, "slug": event_type.slug if event_type else ""},
        "location": record.location,
        "absentHost": record.absent_host,
        "createdAt": iso(record.created_at),
        "updatedAt": iso(record.updated_at),
        "metadata": dict(record.metadata),
        "icsUid": f"{record.uid}@Cal.com",
    }
    if record.location.startswith(("http://", "https://")):
        data["meetingUrl"] = record.location
    data |= {
        name: value
        for name, value in (
            ("cancellationReason", record.cancellation_reason or record.rejection_reason),
            ("cancelledByEmail", record.cancelled_by),
            ("reschedulingReason", record.rescheduling_reason),
            ("rescheduledByEmail", record.rescheduled_by),
            ("rescheduledFromUid", record.rescheduled_from_uid),
            ("rescheduledToUid", record.rescheduled_to_uid),
            ("recurringBookingUid", record.recurring_uid),
            ("seatUid", seat_uid if seated else None),
        )
        if value is not None
    }
    if seated:
        # Contract 3: only 2026-02-25 keeps the attendees of a cancelled seated booking.
        gone = record.status == "cancelled" and version != "2026-02-25"
        shown = not gone and may_see_attendees(record, event_type, caller_id, state)
        data["attendees"] = [seated_attendee(a) for a in record.attendees] if shown else []
        return data
    data["attendees"] = [
        *(attendee(a) for a in record.attendees),
        # Contract 5.3: co-hosts stand among the attendees.
        *(_co_host(state.users[i]) for i in record.host_ids if i != record.user_id and i in state.users),
    ]
    data["guests"] = list(record.guests)
    data["bookingFieldsResponses"] = responses(record)
    return data


def responses(record: Booking) -> dict[str, Any]:
    """What the booker filled in."""
    first = record.attendees[0] if record.attendees else None
    base = {} if first is None else {"email": first.email, "name": first.name}
    return {**base, "guests": list(record.guests), **record.responses}


def attendee(record: Attendee) -> dict[str, Any]:
    """A booker of an ordinary booking."""
    data: dict[str, Any] = {
        "name": record.name,
        "email": record.email,
        "displayEmail": record.email,
        "timeZone": record.time_zone,
        "language": record.language,
        "absent": record.absent,
    }
    if record.phone_number is not None:
        data["phoneNumber"] = record.phone_number
    return data


def seated_attendee(record: Attendee) -> dict[str, Any]:
    """A booker of a seated booking."""
    return {
        **attendee(record),
        "seatUid": record.seat_uid or "",
        "bookingFieldsResponses": {"name": record.name, "email": record.email, **record.responses},
        "metadata": dict(record.metadata),
    }


def attendee_with_id(record: Attendee) -> dict[str, Any]:
    """A booker as the attendees endpoints show one."""
    return {"id": record.id, **attendee(record)}


def _host(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "name": user.name,
        "email": user.email,
        "displayEmail": user.email,
        "username": user.username,
        "timeZone": user.time_zone,
    }


def _co_host(user: User) -> dict[str, Any]:
    return {
        "name": user.name,
        "email": user.email,
        "displayEmail": user.email,
        "timeZone": user.time_zone,
        "language": user.locale,
        "absent": False,
    }


def old_booking(record: Booking, state: State) -> dict[str, Any]:
    """One booking in the shape of 2024-04-15 to 2024-06-14: the database's own names."""
    event_type = state.event_types.get(record.event_type_id)
    user = state.users.get(record.user_id)
    return {
        "id": record.id,
        "uid": record.uid,
        "title": record.title,
        "description": record.description,
        "startTime": iso(record.start),
        "endTime": iso(record.end),
        "status": record.status.upper(),
        "location": record.location,
        "metadata": dict(record.metadata),
        "cancellationReason": record.cancellation_reason,
        "rejectionReason": record.rejection_reason,
        "recurringEventId": record.recurring_uid,
        "fromReschedule": record.rescheduled_from_uid,
        "attendees": [
            {"id": a.id, "name": a.name, "email": a.email, "timeZone": a.time_zone, "locale": a.language}
            for a in record.attendees
        ],
        "user": None
        if user is None
        else {"id": user.id, "name": user.name, "email": user.email, "username": user.username},
        "eventTypeId": record.event_type_id,
        "eventType": None
        if event_type is None
        else {"id": event_type.id, "slug": event_type.slug, "title": event_type.title},
        "createdAt": iso(record.created_at),
        "updatedAt": iso(record.updated_at),
    }
