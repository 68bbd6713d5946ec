"""Event types, schedules, people and calendars over HTTP (contract 6); successes match the API description."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.calcom.simulator.described import conforms
from tests.calcom.simulator.served import EVENT_TYPES, SCHEDULES, SLOTS, Served, served

WEEK = ("2026-01-06", "2026-01-09")


@pytest.fixture(scope="module")
def simulator() -> Iterator[Served]:
    with served(rate_limit=100_000) as running:
        yield running


@pytest.fixture(autouse=True)
def _afresh(simulator: Served) -> None:
    simulator.admin("/reset")


def call(
    simulator: Served,
    method: str,
    path: str,
    body: Any = None,
    *,
    by: str = "ada",
    version: dict[str, str] | None = None,
) -> httpx2.Response:
    headers = simulator.key(by) | (version or {})
    return simulator.api.request(method, path, headers=headers, json=body)


# Event types (contract 6.2)

FULL = {
    "lengthInMinutes": 45,
    "title": "Everything",
    "slug": "everything",
    "description": "d",
    "slotInterval": 15,
    "offsetStart": 5,
    "minimumBookingNotice": 0,
    "beforeEventBuffer": 10,
    "afterEventBuffer": 20,
    "bookingLimitsCount": {"day": 3, "week": 9},
    "bookingLimitsDuration": {"month": 600},
    "bookingWindow": {"type": "calendarDays", "value": 30, "rolling": True},
    "onlyShowFirstAvailableSlot": True,
    "showOptimizedSlots": True,
    "confirmationPolicy": {
        "type": "time",
        "noticeThreshold": {"unit": "hours", "count": 2},
        "blockUnconfirmedBookingsInBooker": True,
    },
    "seats": {"seatsPerTimeSlot": 4, "showAttendeeInfo": True, "showAvailabilityCount": False},
    "hidden": True,
    "bookingRequiresAuthentication": True,
    "bookerActiveBookingsLimit": {"maximumActiveBookings": 2},
    "disableCancelling": {"disabled": True},
    "disableRescheduling": {"disabled": False, "minutesBefore": 60},
}


def test_every_field_that_drives_slots_survives_the_round_trip(simulator: Served) -> None:
    made = call(simulator, "POST", "/v2/event-types", FULL, version=EVENT_TYPES)
    assert made.status_code == 201, made.text
    conforms(made, "POST", "/v2/event-types")
    data = made.json()["data"]
    read = call(simulator, "GET", f"/v2/event-types/{data['id']}", version=EVENT_TYPES).json()["data"]
    assert read == data
    expected = FULL | {
        "bookingWindow": [FULL["bookingWindow"]],
        "confirmationPolicy": {
            "type": "time",
            "noticeThreshold": {"unit": "minutes", "count": 120},
            "blockUnconfirmedBookingsInBooker": True,
        },
    }
    assert {name: data[name] for name in expected} == expected


def test_settings_can_be_disabled_again(simulator: Served) -> None:
    number = call(simulator, "POST", "/v2/event-types", FULL, version=EVENT_TYPES).json()["data"]["id"]
    off = {"disabled": True}
    names = ("bookingLimitsCount", "bookingLimitsDuration", "bookingWindow", "confirmationPolicy", "seats")
    changed = call(
        simulator, "PATCH", f"/v2/event-types/{number}", dict.fromkeys(names, off), version=EVENT_TYPES
    ).json()["data"]
    assert changed["bookingWindow"] == []
    assert changed["bookingLimitsCount"] == changed["confirmationPolicy"] == off
    assert "seats" not in changed


def test_a_longer_length_changes_the_slots(simulator: Served) -> None:
    before = simulator.slots(101, *WEEK)
    call(simulator, "PATCH", "/v2/event-types/101", {"lengthInMinutes": 90}, version=EVENT_TYPES)
    assert simulator.slots(101, *WEEK) != before


def test_a_deleted_event_type_is_gone(simulator: Served) -> None:
    gone = call(simulator, "DELETE", "/v2/event-types/101", version=EVENT_TYPES)
    assert gone.json()["data"]["id"] == 101
    response = simulator.api.get(
        "/v2/slots", params={"eventTypeId": "101", "start": WEEK[0], "end": WEEK[1]}, headers=SLOTS
    )
    assert response.status_code == 404


@pytest.mark.parametrize(
    ("path", "by", "status"),
    [
        ("/v2/event-types/101", "bela", 403),
        ("/v2/event-types/9999", "ada", 404),
        ("/v2/event-types/x", "ada", 400),
    ],
)
def test_event_types_of_others_are_not_shown(simulator: Served, path: str, by: str, status: int) -> None:
    assert call(simulator, "GET", path, by=by, version=EVENT_TYPES).status_code == status


def test_the_old_list_is_grouped(simulator: Served) -> None:
    groups = call(simulator, "GET", "/v2/event-types").json()["data"]["eventTypeGroups"]
    assert {e["slug"] for e in groups[0]["eventTypes"]} >= {"intro", "consult"}


def test_team_event_types_name_their_hosts(simulator: Served) -> None:
    response = call(simulator, "GET", "/v2/teams/11/event-types")
    conforms(response, "GET", "/v2/teams/{teamId}/event-types")
    by_slug = {e["slug"]: e for e in response.json()["data"]}
    assert [h["userId"] for h in by_slug["demo"]["hosts"]] == [1, 2, 4]
    assert by_slug["call"]["schedulingType"] == "roundRobin"
    limited = call(simulator, "GET", "/v2/teams/11/event-types?eventSlug=demo&hostsLimit=1").json()["data"]
    assert [len(e["hosts"]) for e in limited] == [1]


def test_a_team_event_type_is_made_changed_and_deleted(simulator: Served) -> None:
    body = {
        "lengthInMinutes": 30,
        "title": "Duo",
        "slug": "duo",
        "schedulingType": "collective",
        "hosts": [{"userId": 1}, {"userId": 2, "mandatory": True, "priority": "high"}],
        "minimumBookingNotice": 0,
    }
    made = call(simulator, "POST", "/v2/teams/11/event-types", body)
    assert made.status_code == 201, made.text
    conforms(made, "POST", "/v2/teams/{teamId}/event-types")
    number = made.json()["data"]["id"]
    both = simulator.slots(number, *WEEK)
    path = f"/v2/teams/11/event-types/{number}"
    call(simulator, "PATCH", path, {"hosts": [{"userId": 1}]})
    assert simulator.slots(number, *WEEK) != both
    assert call(simulator, "DELETE", path).status_code == 200
    assert call(simulator, "GET", path).status_code == 404


# Schedules


def test_a_schedule_lives_and_moves_slots(simulator: Served) -> None:
    body = {
        "name": "Evenings",
        "timeZone": "Europe/Berlin",
        "isDefault": True,
        "availability": [{"days": ["Monday", "Tuesday"], "startTime": "18:00", "endTime": "20:00"}],
        "overrides": [{"date": "2026-01-07", "startTime": "10:00", "endTime": "11:00"}],
    }
    made = call(simulator, "POST", "/v2/schedules", body, version=SCHEDULES)
    assert made.status_code == 201, made.text
    conforms(made, "POST", "/v2/schedules")
    data = made.json()["data"]
    assert {name: data[name] for name in body} == body
    default = call(simulator, "GET", "/v2/schedules/default", version=SCHEDULES)
    conforms(default, "GET", "/v2/schedules/default")
    assert default.json()["data"] == data
    call(simulator, "PATCH", "/v2/event-types/101", {"scheduleId": data["id"]}, version=EVENT_TYPES)
    days = simulator.slots(101, *WEEK, timeZone="Europe/Berlin")
    assert [s["start"][11:16] for s in days["2026-01-06"]] == ["18:00", "18:30", "19:00", "19:30"]
    path = f"/v2/schedules/{data['id']}"
    changed = call(simulator, "PATCH", path, {"availability": []}, version=SCHEDULES)
    conforms(changed, "PATCH", "/v2/schedules/{scheduleId}")
    assert set(simulator.slots(101, *WEEK)) == {"2026-01-07"}
    listed = call(simulator, "GET", "/v2/schedules", version=SCHEDULES)
    conforms(listed, "GET", "/v2/schedules")
    assert data["id"] in [s["id"] for s in listed.json()["data"]]
    assert call(simulator, "DELETE", path, version=SCHEDULES).json() == {"status": "success"}
    assert call(simulator, "GET", path, version=SCHEDULES).status_code == 404


def test_schedules_of_others_are_forbidden(simulator: Served) -> None:
    mine = call(simulator, "GET", "/v2/schedules", version=SCHEDULES).json()["data"][0]["id"]
    assert call(simulator, "GET", f"/v2/schedules/{mine}", by="bela", version=SCHEDULES).status_code == 403


def test_a_team_shows_the_schedules_of_its_members_to_members(simulator: Served) -> None:
    response = call(simulator, "GET", "/v2/teams/11/schedules")
    conforms(response, "GET", "/v2/teams/{teamId}/schedules")
    assert {s["ownerId"] for s in response.json()["data"]} == {1, 2, 4, 6}
    assert call(simulator, "GET", "/v2/teams/11/schedules", by="hiro").status_code == 403


# People


def test_a_profile_is_read_and_changed(simulator: Served) -> None:
    read = call(simulator, "GET", "/v2/me")
    conforms(read, "GET", "/v2/me")
    changed = call(
        simulator, "PATCH", "/v2/me", {"timeZone": "asia/tokyo", "weekStart": "Monday", "bio": "b"}
    )
    conforms(changed, "PATCH", "/v2/me")
    assert changed.json()["data"]["timeZone"] == "Asia/Tokyo"
    assert call(simulator, "PATCH", "/v2/me", {"timeFormat": 13}).status_code == 400
    assert call(simulator, "PATCH", "/v2/me", {"defaultScheduleId": 1}).status_code == 404


def test_an_absence_takes_and_gives_back_slots(simulator: Served) -> None:
    before = simulator.slots(101, *WEEK)
    body = {"start": "2026-01-06T00:00:00Z", "end": "2026-01-07T23:59:59Z", "reason": "vacation"}
    made = call(simulator, "POST", "/v2/me/ooo", body)
    assert made.status_code == 201, made.text
    entry = made.json()["data"]
    assert set(simulator.slots(101, *WEEK)) == {"2026-01-08", "2026-01-09"}
    path = f"/v2/me/ooo/{entry['id']}"
    shorter = call(simulator, "PATCH", path, {"end": "2026-01-06T23:59:59Z", "notes": None})
    assert shorter.json()["data"]["end"] == "2026-01-06T23:59:59.000Z"
    assert [o["id"] for o in call(simulator, "GET", "/v2/me/ooo").json()["data"]][-1:] == [entry["id"]]
    assert call(simulator, "DELETE", path, by="bela").status_code == 404
    assert call(simulator, "DELETE", path).status_code == 200
    assert simulator.slots(101, *WEEK) == before


def test_a_team_and_its_memberships_live(simulator: Served) -> None:
    made = call(simulator, "POST", "/v2/teams", {"name": "New Team"})
    conforms(made, "POST", "/v2/teams")
    number = made.json()["data"]["id"]
    assert made.json()["data"]["slug"] == "new-team"
    assert call(simulator, "POST", "/v2/teams", {"name": "New Team"}).status_code == 409
    base = f"/v2/teams/{number}"
    joined = call(simulator, "POST", base + "/memberships", {"userId": 2, "role": "ADMIN"})
    assert joined.status_code == 201, joined.text
    conforms(joined, "POST", "/v2/teams/{teamId}/memberships")
    assert call(simulator, "POST", base + "/memberships", {"userId": 2}).status_code == 409
    member = joined.json()["data"]["id"]
    one = f"{base}/memberships/{member}"
    changed = call(simulator, "PATCH", one, {"role": "MEMBER"})
    conforms(changed, "PATCH", "/v2/teams/{teamId}/memberships/{membershipId}")
    assert changed.json()["data"]["role"] == "MEMBER"
    assert call(simulator, "PATCH", base, {"name": "x"}, by="bela").status_code == 403
    emails = call(simulator, "GET", base + "/memberships?emails=bela@example.com").json()["data"]
    assert [m["id"] for m in emails] == [member]
    assert call(simulator, "DELETE", one).status_code == 200
    assert call(simulator, "GET", one).status_code == 404
    limits = call(simulator, "PATCH", base, {"bookingLimits": {"day": 2}}).json()["data"]["bookingLimits"]
    assert limits == {"day": 2}
    invite = call(simulator, "POST", base + "/invite")
    conforms(invite, "POST", "/v2/teams/{teamId}/invite")
    assert call(simulator, "DELETE", base).status_code == 200
    assert call(simulator, "GET", base).status_code == 404


def test_teams_are_deleted_at_most_one_a_second(simulator: Served) -> None:
    key = simulator.key()
    answers = [simulator.api.delete("/v2/teams/999", headers=key).status_code for _ in range(2)]
    assert answers == [404, 429]


# Calendars


def test_busy_times_and_what_selecting_a_calendar_does(simulator: Served) -> None:
    before = simulator.slots(101, *WEEK)
    event = {
        "uid": "e1",
        "connectionId": 201,
        "start": "2026-01-06T00:00:00Z",
        "end": "2026-01-07T00:00:00Z",
    }
    simulator.admin("/calendars/events", event)
    assert "2026-01-06" not in simulator.slots(101, *WEEK)
    params = "dateFrom=2026-01-06&dateTo=2026-01-07&timeZone=UTC"
    whose = "credentialId=201&externalId=ada@example.com"
    busy = call(simulator, "GET", f"/v2/calendars/busy-times?{params}&{whose}")
    conforms(busy, "GET", "/v2/calendars/busy-times")
    assert {"start": "2026-01-06T00:00:00.000Z", "end": "2026-01-07T00:00:00.000Z"}.items() <= busy.json()[
        "data"
    ][0].items()
    nested = "calendarsToLoad[0][credentialId]=201&calendarsToLoad[0][externalId]=ada@example.com"
    assert call(simulator, "GET", f"/v2/calendars/busy-times?{params}&{nested}").json() == busy.json()
    chosen: dict[str, str | int] = {
        "integration": "google_calendar",
        "externalId": "ada@example.com",
        "credentialId": 201,
    }
    gone = simulator.api.delete("/v2/selected-calendars", params=chosen, headers=simulator.key())
    conforms(gone, "DELETE", "/v2/selected-calendars")
    assert "2026-01-06" in simulator.slots(101, *WEEK)
    again = call(simulator, "POST", "/v2/selected-calendars", chosen)
    conforms(again, "POST", "/v2/selected-calendars")
    assert "2026-01-06" not in simulator.slots(101, *WEEK)
    simulator.admin("/calendars/events/delete", {"uid": "e1"})
    assert simulator.slots(101, *WEEK) == before


def test_a_broken_calendar_hides_its_users_slots_and_fails_its_check(simulator: Served) -> None:
    assert call(simulator, "GET", "/v2/calendars/google/check").status_code == 200
    simulator.admin("/calendars/broken", {"userId": 1, "broken": True})
    assert simulator.slots(101, *WEEK) == {}
    assert call(simulator, "GET", "/v2/calendars/google/check").status_code == 400
    simulator.admin("/calendars/broken", {"userId": 1, "broken": False})
    assert simulator.slots(101, *WEEK)


def test_calendars_are_connected_listed_and_disconnected(simulator: Served) -> None:
    connect = call(simulator, "GET", "/v2/calendars/office365/connect?isDryRun=false")
    assert connect.json()["data"]["authUrl"].startswith("https://")
    saved = call(simulator, "GET", "/v2/calendars/office365/save?state=s&code=c")
    assert saved.headers["x-sim-version"] == str(simulator.stats()["version"])
    apple = call(
        simulator,
        "POST",
        "/v2/calendars/apple/credentials",
        {"username": "a@icloud.example", "password": "p"},
    )
    assert apple.status_code == 201
    feed = call(simulator, "POST", "/v2/calendars/ics-feed/save", {"urls": ["https://x.example/a.ics"]})
    conforms(feed, "POST", "/v2/calendars/ics-feed/save")
    assert call(simulator, "GET", "/v2/calendars/ics-feed/check").status_code == 200
    listed = call(simulator, "GET", "/v2/calendars")
    conforms(listed, "GET", "/v2/calendars")
    kinds = {c["integration"]["type"] for c in listed.json()["data"]["connectedCalendars"]}
    assert kinds == {"google_calendar", "office365_calendar", "apple_calendar", "ics-feed_calendar"}
    number = apple.json()["data"]["id"]
    gone = call(simulator, "POST", "/v2/calendars/apple/disconnect", {"id": number})
    conforms(gone, "POST", "/v2/calendars/{calendar}/disconnect")
    assert call(simulator, "POST", "/v2/calendars/apple/disconnect", {"id": number}).status_code == 400
    wanted = {"integration": "google_calendar", "externalId": "ada@example.com"}
    assert call(simulator, "PUT", "/v2/destination-calendars", wanted).status_code == 200


def test_an_event_in_a_calendar_can_be_moved(simulator: Served) -> None:
    event = {
        "uid": "e2",
        "connectionId": 201,
        "start": "2026-01-06T00:00:00Z",
        "end": "2026-01-07T00:00:00Z",
    }
    simulator.admin("/calendars/events", event)
    read = call(simulator, "GET", "/v2/calendars/google/event/e2")
    conforms(read, "GET", "/v2/calendars/{calendar}/event/{eventUid}")
    body = {"end": {"time": "2026-01-08T00:00:00Z", "timeZone": "UTC"}}
    moved = call(simulator, "PATCH", "/v2/calendars/google/events/e2", body)
    conforms(moved, "PATCH", "/v2/calendars/{calendar}/events/{eventUid}")
    assert set(simulator.slots(101, *WEEK)) == {"2026-01-08", "2026-01-09"}
    assert call(simulator, "GET", "/v2/calendars/google/event/e2", by="bela").status_code == 404
    back = {"end": {"time": "2026-01-05T00:00:00Z", "timeZone": "UTC"}}
    assert call(simulator, "PATCH", "/v2/calendars/google/events/e2", back).status_code == 400


# The organization's view


def test_an_organization_reaches_its_users_and_teams(simulator: Served) -> None:
    base = "/v2/organizations/1"
    users = call(simulator, "GET", base + "/users").json()["data"]
    assert len(users) == 8
    body = {"start": "2026-01-06T00:00:00Z", "end": "2026-01-09T23:59:59Z"}
    away = call(simulator, "POST", base + "/users/3/ooo", body)
    assert (away.status_code, away.json()["data"]["userId"]) == (201, 3)
    assert simulator.slots(104, *WEEK) == {}
    schedules = call(simulator, "GET", base + "/users/3/schedules")
    conforms(schedules, "GET", "/v2/organizations/{orgId}/users/{userId}/schedules")
    assert {s["ownerId"] for s in schedules.json()["data"]} == {3}
    types = call(simulator, "GET", base + "/teams/11/event-types")
    conforms(types, "GET", "/v2/organizations/{orgId}/teams/{teamId}/event-types")
    bookings = call(simulator, "GET", base + "/users/1/bookings?take=3")
    conforms(bookings, "GET", "/v2/organizations/{orgId}/users/{userId}/bookings")
    assert bookings.json()["pagination"]["returnedItems"] == 3


@pytest.mark.parametrize(
    ("path", "by", "status"),
    [("/v2/organizations/2/users", "ada", 404), ("/v2/organizations/1/users", "bela", 403)],
)
def test_an_organization_is_closed_to_others(simulator: Served, path: str, by: str, status: int) -> None:
    assert call(simulator, "GET", path, by=by).status_code == status


def test_a_refreshed_key_replaces_the_old_one(simulator: Served) -> None:
    simulator.admin("/keys", {"key": "cal_test_old", "userId": 2})
    old = {"Authorization": "Bearer cal_test_old"}
    new = simulator.api.post("/v2/api-keys/refresh", headers=old).json()["data"]["apiKey"]
    assert simulator.api.get("/v2/me", headers=old).status_code == 401
    fresh = {"Authorization": f"Bearer {new}"}
    assert simulator.api.get("/v2/me", headers=fresh).json()["data"]["username"] == "bela"
