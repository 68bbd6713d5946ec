"""Cancelling, confirming, declining and handing over bookings (contract 5.1, 8 row 13)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from calcom.simulator.acceptance import check_may_manage, choose_hosts, may_manage
from calcom.simulator.bookings import found, keyed
from calcom.simulator.commands import Cancel
from calcom.simulator.facts import WebhookFact
from calcom.simulator.model import Booking, EventType, Host
from calcom.simulator.outcomes import Outcome, fact
from calcom.simulator.refusals import Refused, refuse
from calcom.simulator.selection import hosts_of
from calcom.simulator.state import State


def cancel(state: State, uid: str, command: Cancel, now: datetime) -> Outcome[tuple[Booking, ...]]:
    """Cancels a booking, one seat of it, or it and all later occurrences; returns every booking touched.

    A seated booking lives on while a seat is left. Raises Refused 404, 400 when it is over or gone already,
    403 where the event type forbids it.
    """
    booking = found(state, uid)
    if not booking.live:
        raise refuse(400, f"Booking with uid={uid} has been cancelled already.")
    event_type = state.event_types.get(booking.event_type_id)
    manages = may_manage(state, booking, command.caller_id)
    if event_type is not None and event_type.disable_cancelling and not manages:
        raise refuse(403, "This event type does not allow cancelling.")
    if booking.end < now:
        raise refuse(400, "Cannot cancel a booking that has already ended.")
    if event_type is not None and event_type.seats is not None and (command.seat_uid or not manages):
        return _give_up_seat(state, booking, command, now)
    doomed = [booking]
    if command.subsequent:
        if booking.recurring_uid is None:
            raise refuse(400, f"Booking with uid={uid} is not recurring: it has no subsequent bookings.")
        series = (state.bookings[number] for number in state.recurring_ids[booking.recurring_uid])
        doomed = sorted(
            (one for one in series if one.live and one.start >= booking.start), key=lambda one: one.start
        )
    ended: list[Booking] = []
    facts: list[WebhookFact] = []
    for one in doomed:
        gone = replace(
            one,
            status="cancelled",
            cancellation_reason=command.reason,
            cancelled_by=command.cancelled_by,
            updated_at=now,
            idempotency_key=None,
        )
        state = state.with_booking(gone)
        ended.append(gone)
        facts.append(_cancelled(gone, now, command))
    return Outcome(state, tuple(ended), tuple(facts))


def request_reschedule(
    state: State, uid: str, reason: str | None, caller_id: int | None, now: datetime
) -> Outcome[Booking]:
    """The host asks for another time: the booking is cancelled and the webhook names no successor."""
    booking = found(state, uid)
    check_may_manage(state, booking, caller_id)
    if not booking.live:
        raise refuse(400, f"Can't request a reschedule of booking with uid={uid}: it is {booking.status}.")
    asked = replace(
        booking,
        status="cancelled",
        requested_reschedule=True,
        rescheduling_reason=reason,
        cancellation_reason=reason,
        updated_at=now,
        idempotency_key=None,
    )
    told = fact(
        "BOOKING_CANCELLED", now, asked, cancellationReason=reason, cancelledBy=None, requestReschedule=True
    )
    return Outcome(state.with_booking(asked), asked, (told,))


def confirm(state: State, uid: str, caller_id: int | None, now: datetime) -> Outcome[Booking]:
    """Accepts a pending booking, or every pending one of its series, without another look at the calendar
    (I#29958). Raises Refused 400 when it is not pending."""
    booking = _pending(state, uid, caller_id)
    series: tuple[int, ...] = (booking.id,)
    if booking.recurring_uid is not None:
        series = state.recurring_ids[booking.recurring_uid]
    facts: list[WebhookFact] = []
    for number in series:
        one = state.bookings[number]
        if one.status != "pending":
            continue
        accepted = keyed(state, replace(one, status="accepted", updated_at=now))
        state = state.with_booking(accepted)
        facts.append(fact("BOOKING_CREATED", now, accepted))
    return Outcome(state, state.bookings[booking.id], tuple(facts))


def decline(
    state: State, uid: str, reason: str | None, caller_id: int | None, now: datetime
) -> Outcome[Booking]:
    """Rejects a pending booking."""
    booking = _pending(state, uid, caller_id)
    rejected = replace(booking, status="rejected", rejection_reason=reason, updated_at=now)
    told = fact("BOOKING_REJECTED", now, rejected, rejectionReason=reason)
    return Outcome(state.with_booking(rejected), rejected, (told,))


def reassign(
    state: State, uid: str, to_user_id: int | None, caller_id: int | None, now: datetime
) -> Outcome[Booking]:
    """Gives a round robin booking to another rotating host: to `to_user_id` unseen, or to the next that is
    free. No webhook tells of it (contract 7)."""
    booking = found(state, uid)
    check_may_manage(state, booking, caller_id)
    event_type = state.event_types.get(booking.event_type_id)
    if event_type is None or event_type.scheduling != "roundRobin" or not booking.live:
        raise refuse(400, f"Booking with uid={uid} is not a live booking of a round robin event type.")
    rotating = {role.user_id for role in hosts_of(state, event_type) if not role.fixed}
    current = next((one for one in booking.host_ids if one in rotating), booking.user_id)
    if to_user_id is None:
        to_user_id = _next_host(state, event_type, booking, current, now)
    elif to_user_id not in rotating or to_user_id in booking.host_ids:
        raise refuse(400, f"User with id={to_user_id} cannot take over booking with uid={uid}.")
    host_ids = tuple(to_user_id if one == current else one for one in booking.host_ids)
    moved = replace(
        booking, host_ids=host_ids, user_id=host_ids[0], reassigned_by_id=caller_id, updated_at=now
    )
    moved = keyed(state, moved)
    return Outcome(state.with_booking(moved), moved)


def _next_host(state: State, event_type: EventType, booking: Booking, current: int, now: datetime) -> int:
    others = replace(event_type, hosts=tuple(one for one in event_type.hosts if one.user_id != current))
    if event_type.assign_all_members:
        listed = tuple(one for one in hosts_of(state, event_type) if one.user_id != current)
        others = replace(
            event_type,
            assign_all_members=False,
            hosts=tuple(Host(role.user_id, mandatory=role.fixed) for role in listed),
        )
    try:
        chosen = choose_hosts(state, others, booking.start, booking.end, now, ignored=booking)
    except Refused:
        raise refuse(400, "No other host is available to take over this booking.") from None
    return chosen[-1]


def _pending(state: State, uid: str, caller_id: int | None) -> Booking:
    booking = found(state, uid)
    check_may_manage(state, booking, caller_id)
    if booking.status != "pending":
        raise refuse(400, f"Booking with uid={uid} is {booking.status}, not pending.")
    return booking


def _give_up_seat(
    state: State, booking: Booking, command: Cancel, now: datetime
) -> Outcome[tuple[Booking, ...]]:
    if command.seat_uid is None:
        raise refuse(400, f"Booking with uid={booking.uid} is seated: 'seatUid' says which seat to cancel.")
    left = tuple(one for one in booking.attendees if one.seat_uid != command.seat_uid)
    if len(left) == len(booking.attendees):
        raise refuse(404, f"Seat with uid={command.seat_uid} was not found in booking with uid={booking.uid}")
    changed = replace(booking, attendees=left, updated_at=now)
    if not left:
        changed = replace(
            booking,
            status="cancelled",
            cancellation_reason=command.reason,
            cancelled_by=command.cancelled_by,
            updated_at=now,
            idempotency_key=None,
        )
    return Outcome(state.with_booking(changed), (changed,), (_cancelled(changed, now, command),))


def _cancelled(booking: Booking, now: datetime, command: Cancel) -> WebhookFact:
    return fact(
        "BOOKING_CANCELLED",
        now,
        booking,
        cancellationReason=command.reason,
        cancelledBy=command.cancelled_by,
        requestReschedule=False,
    )
