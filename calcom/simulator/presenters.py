"""People, teams, absences and schedules as Cal.com writes them (contract 6; the API description's output types)."""

from typing import Any, Final

from calcom.simulator.envelope import iso
from calcom.simulator.model import Limits, Membership, OutOfOffice, Schedule, Team, User
from calcom.simulator.state import State

DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


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
