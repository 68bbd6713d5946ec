"""The world's records as Cal.com writes them (contract 5.3, 6.2; the API description's output types)."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from calcom.simulator.envelope import iso
from calcom.simulator.model import (
    Attendee,
    Booking,
    EventType,
    Limits,
    Membership,
    OutOfOffice,
    Schedule,
    Team,
    User,
)
from calcom.simulator.state import State

DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

#: The API has no word for a booking that waits for its host.
_STATUS: Final = {"awaiting_host": "pending"}


# Bookings


def may_see_attendees(
    booking: Booking, event_type: EventType | None, caller_id: int | None, state: State
) -> bool:
    """Whether a seated booking shows its attendees to this caller (contract 1)."""
    if event_type is None or event_type.seats is None or event_type.seats.show_attendee_info:
        return True
    if caller_id is None:
        return False
    return caller_id in booking.host_ids or manages(caller_id, event_type, state)


def manages(user_id: int, event_type: EventType, state: State) -> bool:
    """Whether the user owns the event type, or is owner or admin of its team."""
    if event_type.owner_id == user_id:
        return True
    return event_type.team_id is not None and any(
        m.user_id == user_id
        and m.team_id == event_type.team_id
        and m.role in ("OWNER", "ADMIN")
        and m.accepted
        for m in state.memberships.values()
    )


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


# People


def me(user: User) -> dict[str, Any]:
    """`data` of /v2/me."""
    return {
        "id": user.id,
        "username": user.username,
        "email": user.email,
        "name": user.name,
        "avatarUrl": user.avatar_url,
        "bio": user.bio,
        "timeFormat": user.time_format,
        "defaultScheduleId": user.default_schedule_id,
        "weekStart": user.week_start,
        "timeZone": user.time_zone,
        "organizationId": None,
    }


def team(record: Team) -> dict[str, Any]:
    """`data` of /v2/teams/{id}."""
    data: dict[str, Any] = {
        "id": record.id,
        "name": record.name,
        "slug": record.slug,
        "isOrganization": False,
        "timeZone": record.time_zone,
        "metadata": dict(record.metadata),
        "bookingLimits": limits(record.booking_limits),
        "includeManagedEventsInLimits": record.limits_include_managed,
    }
    if record.bio is not None:
        data["bio"] = record.bio
    return data


def membership(record: Membership, state: State) -> dict[str, Any]:
    """One membership, with the member."""
    user = state.users.get(record.user_id)
    return {
        "id": record.id,
        "userId": record.user_id,
        "teamId": record.team_id,
        "accepted": record.accepted,
        "role": record.role,
        "disableImpersonation": False,
        "user": {
            "username": user.username if user else "",
            "name": user.name if user else "",
            "email": user.email if user else "",
            "metadata": dict(user.metadata) if user else {},
        },
    }


def out_of_office(record: OutOfOffice) -> dict[str, Any]:
    """One out-of-office entry."""
    return {
        "id": record.id,
        "uuid": record.uid,
        "userId": record.user_id,
        "toUserId": record.to_user_id,
        "start": iso(record.start),
        "end": iso(record.end),
        "reason": record.reason,
        "notes": record.notes,
    }


def schedule(record: Schedule, state: State) -> dict[str, Any]:
    """One schedule as 2024-06-11 shows it."""
    owner = state.users.get(record.user_id)
    return {
        "id": record.id,
        "ownerId": record.user_id,
        "name": record.name,
        "timeZone": record.time_zone,
        "availability": [
            {
                "days": [DAYS[day] for day in rule.days],
                "startTime": clock(rule.start),
                "endTime": clock(rule.end),
            }
            for rule in record.availability
        ],
        "isDefault": owner is not None and owner.default_schedule_id == record.id,
        "overrides": [
            {"date": o.day.isoformat(), "startTime": clock(o.start), "endTime": clock(o.end)}
            for o in record.overrides
        ],
    }


def old_schedule(record: Schedule, state: State) -> dict[str, Any]:
    """One schedule in the shape of 2024-04-15."""
    owner = state.users.get(record.user_id)
    rows = [
        {
            "days": [(d + 1) % 7 for d in rule.days],
            "startTime": clock(rule.start),
            "endTime": clock(rule.end),
        }
        for rule in record.availability
    ]
    return {
        "id": record.id,
        "name": record.name,
        "isManaged": False,
        "workingHours": rows,
        "schedule": rows,
        "availability": rows,
        "timeZone": record.time_zone,
        "dateOverrides": [
            {"date": o.day.isoformat(), "startTime": clock(o.start), "endTime": clock(o.end)}
            for o in record.overrides
        ],
        "isDefault": owner is not None and owner.default_schedule_id == record.id,
        "isLastSchedule": False,
        "readOnly": False,
    }


def clock(minutes: int) -> str:
    """HH:MM of minutes after midnight; the end of the day is written 23:59, as the API has no 24:00."""
    minutes = min(minutes, 24 * 60 - 1)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


# Event types


def limits(record: Limits) -> dict[str, int]:
    """The ceilings that exist."""
    return {
        period: value
        for period, value in (
            ("day", record.day),
            ("week", record.week),
            ("month", record.month),
            ("year", record.year),
        )
        if value is not None
    }


def event_type(record: EventType, state: State) -> dict[str, Any]:
    """One event type as 2024-06-14 shows it; team types have hosts and a team instead of an owner."""
    data: dict[str, Any] = {
        "id": record.id,
        "lengthInMinutes": record.length,
        "lengthInMinutesOptions": list(record.length_options),
        "title": record.title,
        "slug": record.slug,
        "description": record.description,
        "locations": [{"type": "integration", "integration": "cal-video"}],
        "bookingFields": _BOOKING_FIELDS,
        "disableGuests": False,
        "slotInterval": record.slot_interval,
        "minimumBookingNotice": record.minimum_notice,
        "beforeEventBuffer": record.before_buffer,
        "afterEventBuffer": record.after_buffer,
        "recurrence": None
        if record.recurrence is None
        else {
            "interval": record.recurrence.interval,
            "occurrences": record.recurrence.occurrences,
            "frequency": record.recurrence.frequency,
        },
        "metadata": dict(record.metadata),
        "price": 0,
        "currency": "usd",
        "lockTimeZoneToggleOnBookingPage": False,
        "seatsPerTimeSlot": record.seats.per_time_slot if record.seats else None,
        "forwardParamsSuccessRedirect": None,
        "successRedirectUrl": None,
        "isInstantEvent": False,
        "seatsShowAvailabilityCount": record.seats.show_availability_count if record.seats else None,
        "scheduleId": record.schedule_id,
        "onlyShowFirstAvailableSlot": record.first_slot_only,
        "offsetStart": record.offset_start,
        "hidden": record.hidden,
        "bookingRequiresAuthentication": record.requires_authentication,
        "disableCancelling": {"disabled": record.disable_cancelling},
        "disableRescheduling": {
            "disabled": record.disable_rescheduling,
            **({} if record.reschedule_notice is None else {"minutesBefore": record.reschedule_notice}),
        },
        "showOptimizedSlots": record.optimized_slots,
        **_optional_parts(record),
    }
    if record.team_id is None or record.parent_id is not None:
        return {**data, **_owner_part(record, state)}
    return {**data, **_team_part(record, state)}


def _optional_parts(record: EventType) -> dict[str, Any]:
    parts: dict[str, Any] = {
        "bookingLimitsCount": limits(record.limits_count) or {"disabled": True},
        "bookingLimitsDuration": limits(record.limits_duration) or {"disabled": True},
        "bookingWindow": [],
        "confirmationPolicy": {"disabled": True},
    }
    window = record.window
    if window is not None:
        dated = window.type == "range"
        value = [str(window.start), str(window.end)] if dated else window.value
        one: dict[str, Any] = {"type": window.type, "value": value}
        parts["bookingWindow"] = [one if dated else {**one, "rolling": window.rolling}]
    policy = record.confirmation
    if policy is not None:
        parts["confirmationPolicy"] = {
            "type": policy.type,
            "blockUnconfirmedBookingsInBooker": policy.blocks_unconfirmed,
            **(
                {"noticeThreshold": {"unit": "minutes", "count": policy.notice_threshold}}
                if policy.type == "time"
                else {}
            ),
        }
    if record.seats is not None:
        parts["seats"] = {
            "seatsPerTimeSlot": record.seats.per_time_slot,
            "showAttendeeInfo": record.seats.show_attendee_info,
            "showAvailabilityCount": record.seats.show_availability_count,
        }
    if record.max_active_bookings is not None:
        parts["bookerActiveBookingsLimit"] = {"maximumActiveBookings": record.max_active_bookings}
    return parts


def _owner_part(record: EventType, state: State) -> dict[str, Any]:
    owner = state.users.get(record.owner_id) if record.owner_id is not None else None
    username = owner.username if owner else ""
    return {
        "ownerId": record.owner_id or 0,
        "users": []
        if owner is None
        else [
            {
                "id": owner.id,
                "name": owner.name,
                "username": owner.username,
                "avatarUrl": owner.avatar_url,
                "metadata": dict(owner.metadata),
            }
        ],
        "bookingUrl": f"https://cal.com/{username}/{record.slug}",
    }


def _team_part(record: EventType, state: State) -> dict[str, Any]:
    assert record.team_id is not None, "only team event types have a team part"
    home = state.teams.get(record.team_id)
    return {
        "teamId": record.team_id,
        "ownerId": record.owner_id,
        "parentEventTypeId": record.parent_id,
        "hosts": list(_hosts(record, state)),
        "assignAllTeamMembers": record.assign_all_members,
        "schedulingType": record.scheduling,
        "team": {
            "id": record.team_id,
            "slug": home.slug if home else "",
            "name": home.name if home else "",
            "bannerUrl": "",
            "logoUrl": "",
            "weekStart": "Sunday",
            "brandColor": "",
            "darkBrandColor": "",
            "theme": "",
        },
    }


def _hosts(record: EventType, state: State) -> Iterable[Mapping[str, Any]]:
    """Lists hosts with user ids: what a gateway builds its host map from (contract 6.2)."""
    for host in record.hosts:
        user = state.users.get(host.user_id)
        yield {
            "userId": host.user_id,
            "name": user.name if user else "",
            "username": user.username if user else "",
            "avatarUrl": user.avatar_url if user else None,
            "mandatory": host.mandatory,
            "priority": host.priority,
        }


_BOOKING_FIELDS: Final = [
    {
        "isDefault": True,
        "type": "name",
        "slug": "name",
        "label": "your_name",
        "placeholder": "",
        "required": True,
        "disableOnPrefill": False,
    },
    {
        "isDefault": True,
        "type": "email",
        "slug": "email",
        "label": "email_address",
        "placeholder": "",
        "required": True,
        "hidden": False,
        "disableOnPrefill": False,
    },
]


def old_event_type(record: EventType) -> dict[str, Any]:
    """One event type in the shape of 2024-04-15 and 2024-06-11."""
    return {
        "id": record.id,
        "title": record.title,
        "slug": record.slug,
        "length": record.length,
        "description": record.description,
        "hidden": record.hidden,
        "slotInterval": record.slot_interval,
        "minimumBookingNotice": record.minimum_notice,
        "beforeEventBuffer": record.before_buffer,
        "afterEventBuffer": record.after_buffer,
        "schedulingType": None if record.scheduling == "individual" else record.scheduling,
        "teamId": record.team_id,
        "userId": record.owner_id,
        "locations": [{"type": "integrations:daily"}],
        "metadata": dict(record.metadata),
    }
