"""Moving bookings to another time (contract 5.1, 5.3, 8 row 13)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from calcom.simulator import refusals
from calcom.simulator.acceptance import check_bounds, choose_hosts, may_manage, needs_confirmation
from calcom.simulator.bookings import found, joined, seated_at, stored
from calcom.simulator.commands import Reschedule
from calcom.simulator.model import Booking, EventType
from calcom.simulator.outcomes import Outcome, fact
from calcom.simulator.refusals import refuse
from calcom.simulator.state import State


def reschedule(state: State, uid: str, command: Reschedule, now: datetime) -> Outcome[Booking]:
    """A new booking at the new time; the old one is cancelled and each names the other.

    Raises Refused 404 for an unknown uid, 400 for one no longer live, 403 where the event type forbids it.
    """
    old = found(state, uid)
    if not old.live:
        word = "cancelled" if old.status == "cancelled" else "rejected"
        raise refuse(
            400,
            f"Can't reschedule booking with uid={uid} because it has been {word}. "
            f"Please provide uid of a booking that is not {word}.",
        )
    event_type = state.event_types.get(old.event_type_id)
    if event_type is None:
        raise refuse(404, refusals.EVENT_TYPE_NOT_FOUND)
    manages = may_manage(state, old, command.caller_id)
    notice = event_type.reschedule_notice
    if not manages and event_type.disable_rescheduling:
        raise refuse(403, "This event type does not allow rescheduling.")
    if not manages and notice is not None and old.start - now < timedelta(minutes=notice):
        raise refuse(403, f"This booking can't be rescheduled less than {notice} minutes before it starts.")
    if event_type.seats is not None and command.seat_uid is not None:
        return _move_seat(state, event_type, old, command, now)
    check_bounds(state, event_type, command.start, now)
    end = command.start + (old.end - old.start)
    host_ids = choose_hosts(state, event_type, command.start, end, now, ignored=old, prefer=old.host_ids[-1])
    state, number = state.fresh()
    pending = needs_confirmation(event_type, command.start, now) and not manages
    new = replace(
        old,
        id=number,
        uid=state.uid("booking", number),
        status="pending" if pending else "accepted",
        start=command.start,
        end=end,
        user_id=host_ids[0],
        host_ids=host_ids,
        created_at=now,
        updated_at=now,
        rescheduled_from_uid=old.uid,
        rescheduling_reason=command.reason,
        idempotency_key=None,
    )
    state, left = _left_behind(state, old, new.uid, command, now)
    state, new = stored(state, new, numbered=True)
    # The contract's known gap: a move that needs confirming is told as a request (I#21169).
    told = fact("BOOKING_REQUESTED" if pending else "BOOKING_RESCHEDULED", now, new, left)
    return Outcome(state, new, (told,))


def _move_seat(
    state: State, event_type: EventType, old: Booking, command: Reschedule, now: datetime
) -> Outcome[Booking]:
    seat = next((one for one in old.attendees if one.seat_uid == command.seat_uid), None)
    if seat is None:
        raise refuse(404, f"Seat with uid={command.seat_uid} was not found in booking with uid={old.uid}")
    check_bounds(state, event_type, command.start, now)
    remaining = tuple(one for one in old.attendees if one is not seat)
    target = seated_at(state, event_type, command.start)
    if target is not None and target.id == old.id:
        raise refuse(400, "The seat is already booked at this time.")
    if remaining:
        left = replace(old, attendees=remaining, updated_at=now)
        state = state.with_booking(left)
    else:
        to_uid = target.uid if target else state.uid("booking", state.last_id + 1)
        state, left = _left_behind(state, old, to_uid, command, now)
    if target is not None:
        state, new = joined(state, event_type, target, seat, now)
    else:
        end = command.start + (old.end - old.start)
        ignored = None if remaining else old
        host_ids = choose_hosts(state, event_type, command.start, end, now, ignored=ignored)
        state, number = state.fresh()
        new = replace(
            old,
            id=number,
            uid=state.uid("booking", number),
            start=command.start,
            end=end,
            user_id=host_ids[0],
            host_ids=host_ids,
            attendees=(seat,),
            created_at=now,
            updated_at=now,
            rescheduled_from_uid=old.uid,
            rescheduling_reason=command.reason,
        )
        state, new = stored(state, new, numbered=True)
    return Outcome(state, new, (fact("BOOKING_RESCHEDULED", now, new, old),))


def _left_behind(
    state: State, old: Booking, new_uid: str, command: Reschedule, now: datetime
) -> tuple[State, Booking]:
    left = replace(
        old,
        status="cancelled",
        rescheduled_to_uid=new_uid,
        rescheduled_by=command.rescheduled_by,
        rescheduling_reason=command.reason,
        updated_at=now,
        idempotency_key=None,
    )
    return state.with_booking(left), left
