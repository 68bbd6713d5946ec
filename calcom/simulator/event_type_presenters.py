"""Event types as Cal.com writes them, today and before (contract 6.2)."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from calcom.simulator.model import EventType
from calcom.simulator.presenters import limits
from calcom.simulator.state import State


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
