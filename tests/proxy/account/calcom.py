"""A small account as Cal.com tells of it: one person with two event types, and a team of two."""

from collections.abc import Mapping
from typing import Any

from proxy.account.aged import Answer


def event_type(number: int, owner: int | None = 1, team: int | None = None, **changes: Any) -> dict[str, Any]:
    record: dict[str, Any] = {
        "id": number,
        "slug": f"type-{number}",
        "lengthInMinutes": 30,
        "slotInterval": None,
        "offsetStart": 0,
        "beforeEventBuffer": 0,
        "afterEventBuffer": 0,
        "bookingLimitsCount": None,
        "bookingLimitsDuration": None,
        "bookingWindow": {"disabled": True},
        "onlyShowFirstAvailableSlot": False,
        "showOptimizedSlots": False,
        "seats": None,
        "recurrence": None,
        "confirmationPolicy": None,
        "scheduleId": None,
        "hidden": False,
    }
    if team is None:
        record |= {"ownerId": owner, "parentEventTypeId": 0}
    else:
        record |= {
            "teamId": team,
            "schedulingType": "collective",
            "hosts": [{"userId": 1}, {"userId": 2}],
            "assignAllTeamMembers": False,
        }
    return record | changes


def member(user: int) -> dict[str, Any]:
    return {
        "id": 100 + user,
        "userId": user,
        "user": {"username": f"u{user}", "email": f"u{user}@example.com"},
    }


ACCOUNT: dict[str, Any] = {
    "/v2/me": {"id": 1, "username": "u1", "email": "u1@example.com", "defaultScheduleId": 7},
    "/v2/teams": [{"id": 3, "slug": "crew", "bookingLimits": {}, "includeManagedEventsInLimits": False}],
    "/v2/event-types": [event_type(5), event_type(6)],
    "/v2/schedules": [],
    "/v2/teams/3/event-types": [event_type(9, team=3)],
    "/v2/teams/3/memberships": [member(1), member(2)],
}


def success(data: object) -> dict[str, object]:
    return {"status": "success", "data": data}


def answer(
    path: str,
    began: float,
    data: object = None,
    *,
    method: str = "GET",
    query: Mapping[str, str] | None = None,
) -> Answer:
    body = success(ACCOUNT[path] if data is None else data)
    return Answer(method, path, query or {}, "2024-06-14", 200, body, began)


def everything(began: float) -> list[Answer]:
    return [answer(path, began) for path in ACCOUNT]
