"""Whether a booking may be made, and who hosts it (contract 5.4)."""

from __future__ import annotations

from datetime import datetime, timedelta

from calcom.simulator import refusals, windows, zones
from calcom.simulator.commands import CreateBooking
from calcom.simulator.inputs import bookings_this_month, gather, gather_exactly, zone_of
from calcom.simulator.intervals import covers
from calcom.simulator.model import Booking, EventType
from calcom.simulator.query import SlotsQuery
from calcom.simulator.refusals import refuse
from calcom.simulator.selection import HostRole, hosts_of
from calcom.simulator.slots import answer, open_spans_of_hosts
from calcom.simulator.state import State

PRIORITIES = ("highest", "high", "medium", "low", "lowest")


def length_of(event_type: EventType, asked: int | None) -> int:
    """Minutes a booking takes. Raises Refused 400 for a length the event type does not offer."""
    if asked is None:
        return event_type.length
    if not event_type.length_options:
        raise refuse(
            400,
            "Can't specify 'lengthInMinutes' because event type does not have multiple possible lengths. "
            "Please, remove the 'lengthInMinutes' field from the request.",
        )
    if asked not in event_type.length_options:
        options = ", ".join(map(str, event_type.length_options))
        raise refuse(
            400,
            "Provided 'lengthInMinutes' is not one of the possible lengths for the event type. "
            f"The possible lengths are: {options}",
        )
    return asked


def check_bounds(state: State, event_type: EventType, start: datetime, now: datetime) -> None:
    """Raises Refused 400 for the past, for too short notice and for a time outside the booking window."""
    if start < now:
        raise refuse(400, refusals.IN_THE_PAST)
    if start < now + timedelta(minutes=event_type.minimum_notice):
        raise refuse(400, refusals.OUTSIDE_WINDOW)
    window = event_type.window
    if window is None:
        return
    zone = zone_of(state, event_type, hosts_of(state, event_type))
    moment, begin = zones.seconds_of(now), zones.seconds_of(start)
    if window.rolling and window.type != "range":
        query = SlotsQuery(
            now, now + timedelta(days=windows.ROLLING_DAYS_CHECKED), event_type.id, time_zone=zone
        )
        last_day = max(answer(gather(state, query, now)).days, default="")
        inside = instant_day(zone, begin) <= last_day
    else:
        first, last = windows.fixed_window(window, zone, moment)
        inside = first <= begin < last
    if not inside:
        raise refuse(400, refusals.OUTSIDE_WINDOW)


def instant_day(zone: str, seconds: int) -> str:
    """The local date (YYYY-MM-DD) of an instant."""
    return zones.instant_of(seconds).astimezone(zones.zone(zone)).date().isoformat()


def check_booker(state: State, event_type: EventType, command: CreateBooking, now: datetime) -> None:
    """Raises Refused 401 for an anonymous caller where a login is needed, and 400 for a booker who already
    has as many active bookings of this type as it allows (contract 8, row 22)."""
    if event_type.requires_authentication and command.caller_id is None:
        raise refuse(401, f"checkBookingRequiresAuthentication - event type {event_type.id} needs a login.")
    if event_type.max_active_bookings is None or command.booker.email is None:
        return
    email = command.booker.email.lower()
    active = sum(
        1
        for booking in state.bookings.values()
        if booking.event_type_id == event_type.id
        and booking.live
        and booking.end > now
        and any(attendee.email.lower() == email for attendee in booking.attendees)
    )
    if active >= event_type.max_active_bookings:
        raise refuse(400, "booker_limit_exceeded_error")


def choose_hosts(
    state: State,
    event_type: EventType,
    start: datetime,
    end: datetime,
    now: datetime,
    *,
    ignored: Booking | None = None,
    conflicts_allowed: bool = False,
    prefer: int | None = None,
) -> tuple[int, ...]:
    """Ids of the hosts that take [start, end), organizer first: all fixed hosts, and one rotating host if
    there are any: `prefer` when free, else by priority, fewest bookings this month, id.

    Raises Refused 422 without hosts and 400 when those needed are busy.
    """
    roles = hosts_of(state, event_type)
    if not roles:
        raise refuse(422, "No hosts are available for this event type.")
    available = {role.user_id for role in roles}
    if not conflicts_allowed:
        inputs = gather_exactly(state, event_type, start, end, now, None if ignored is None else ignored.id)
        begin, finish = zones.seconds_of(start), zones.seconds_of(end)
        spans = open_spans_of_hosts(inputs)
        available = {one for one, its in spans.items() if covers(its, begin, finish)}
    fixed = [role for role in roles if role.fixed]
    rotating = [role for role in roles if not role.fixed and role.user_id in available]
    busy = refusals.HOST_BUSY if event_type.scheduling == "individual" else refusals.TEAM_HOST_BUSY
    if any(role.user_id not in available for role in fixed):
        raise refuse(400, busy)
    if len(fixed) == len(roles):
        return tuple(role.user_id for role in fixed)
    if not rotating:
        raise refuse(400, busy)
    counts = bookings_this_month(state, event_type, zones.seconds_of(now))

    def turn(role: HostRole) -> tuple[bool, int, int, int]:
        return (
            role.user_id != prefer,
            PRIORITIES.index(role.priority),
            counts.get(role.user_id, 0),
            role.user_id,
        )

    return (*(role.user_id for role in fixed), min(rotating, key=turn).user_id)


def needs_confirmation(event_type: EventType, start: datetime, now: datetime) -> bool:
    """Whether a new booking starts as pending."""
    policy = event_type.confirmation
    if policy is None:
        return False
    return policy.type == "always" or start - now < timedelta(minutes=policy.notice_threshold)


def may_manage(state: State, booking: Booking, caller_id: int | None) -> bool:
    """Whether the caller hosts the booking, or is admin or owner of a team with one of its hosts in it."""
    if caller_id is None:
        return False
    if caller_id in booking.host_ids:
        return True
    led = {
        one.team_id
        for one in state.memberships.values()
        if one.user_id == caller_id and one.accepted and one.role in ("ADMIN", "OWNER")
    }
    return any(
        one.team_id in led and one.user_id in booking.host_ids and one.accepted
        for one in state.memberships.values()
    )


def check_may_manage(state: State, booking: Booking, caller_id: int | None) -> None:
    """Raises Refused 401 for an anonymous caller, 403 for one without a say in this booking."""
    if caller_id is None:
        raise refuse(401, "ApiAuthStrategy - no authentication provided.")
    if not may_manage(state, booking, caller_id):
        raise refuse(
            403, f"User with id={caller_id} is not authorized to manage booking with uid={booking.uid}."
        )
