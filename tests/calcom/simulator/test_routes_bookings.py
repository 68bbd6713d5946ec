"""Bookings over HTTP, through their lives (contract 5); successes are held against the API description."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from calcom.simulator.booking_lists import Wish, page
from tests.calcom.simulator.described import conforms
from tests.calcom.simulator.served import BOOKINGS, Served, served

SPAN = ("2026-01-06", "2026-01-16")


@pytest.fixture(scope="module")
def simulator() -> Iterator[Served]:
    with served(rate_limit=100_000) as running:
        yield running


@pytest.fixture(autouse=True)
def _afresh(simulator: Served) -> None:
    simulator.admin("/reset")


def free(simulator: Served, event_type_id: int, **more: str) -> list[str]:
    days = simulator.slots(event_type_id, *SPAN, **more)
    return [slot["start"] for day in days.values() for slot in day]


def call(
    simulator: Served,
    method: str,
    path: str,
    body: Any = None,
    *,
    by: str | None = None,
    version: str = "2024-08-13",
) -> httpx2.Response:
    headers = {"cal-api-version": version, **simulator.key(by)}
    return simulator.api.request(method, path, headers=headers, json=body)


def wish(start: str, event_type_id: int = 101, **more: Any) -> dict[str, Any]:
    attendee = {"name": "Guest", "email": "guest@example.org", "timeZone": "Europe/Paris"}
    return {"start": start, "eventTypeId": event_type_id, "attendee": attendee, **more}


def book(simulator: Served, start: str, event_type_id: int = 101, **more: Any) -> Any:
    response = call(simulator, "POST", "/v2/bookings", wish(start, event_type_id, **more))
    assert response.status_code == 201, response.text
    conforms(response, "POST", "/v2/bookings")
    return response.json()["data"]


def error(response: httpx2.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["message"]


# Create


def test_a_booking_is_accepted_and_can_be_read_back(simulator: Served) -> None:
    start = free(simulator, 101)[0]
    made = book(simulator, start, guests=["second@example.org"], metadata={"k": "v"})
    assert (made["status"], made["start"], made["duration"]) == ("accepted", start, 30)
    assert (made["guests"], made["metadata"]) == (["second@example.org"], {"k": "v"})
    assert [host["username"] for host in made["hosts"]] == ["ada"]
    read = call(simulator, "GET", f"/v2/bookings/{made['uid']}")
    conforms(read, "GET", "/v2/bookings/{bookingUid}")
    assert read.json()["data"] == made
    assert start not in free(simulator, 101)


def test_a_write_tells_the_version_it_made(simulator: Served) -> None:
    before = simulator.stats()["version"]
    response = call(simulator, "POST", "/v2/bookings", wish(free(simulator, 101)[0]))
    assert response.headers["x-sim-version"] == str(before + 1)
    refused = call(simulator, "POST", "/v2/bookings", wish("2020-01-01T09:00:00Z"))
    assert refused.headers["x-sim-version"] == str(before + 1)
    assert "x-sim-version" not in call(simulator, "GET", "/v2/bookings").headers


def test_a_start_without_a_zone_is_utc(simulator: Served) -> None:
    start = free(simulator, 101)[0]
    assert book(simulator, start.removesuffix(".000Z"))["start"] == start


def test_event_types_can_be_named_by_slug(simulator: Served) -> None:
    start = free(simulator, 105)[0]
    body = wish(start) | {"eventTypeSlug": "demo", "teamSlug": "sales"}
    del body["eventTypeId"]
    made = call(simulator, "POST", "/v2/bookings", body).json()["data"]
    assert made["eventTypeId"] == 105
    # Contract 5.3: only the organizer is a host; the others stand among the attendees.
    assert len(made["hosts"]) == 1
    assert len(made["attendees"]) == 3


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (wish("2020-01-06T09:00:00Z"), 400, "Attempting to book a meeting in the past."),
        (
            wish("2026-01-10T03:00:00Z"),
            400,
            "User either already has booking at this time or is not available",
        ),
        (
            wish("2026-01-10T03:00:00Z", 105),
            400,
            "One of the hosts either already has booking at this time or is not available",
        ),
        (wish("2026-01-07T09:00:00Z", 9999), 404, "Event Type not found"),
        ({}, 400, "start must be a valid ISO 8601 date string"),
        (wish("2026-01-07T09:00:00Z", colour="red"), 400, "property colour should not exist"),
        (wish("x"), 400, "start must be a valid ISO 8601 date string"),
        (wish("2026-01-07T09:00:00Z", guests=["x"]), 400, "each value in guests must be an email"),
        (wish("2026-01-07T09:00:00Z", lengthInMinutes=45), 400, "Can't specify 'lengthInMinutes'"),
        (
            wish("2026-01-07T09:00:00Z", metadata={str(n): "" for n in range(51)}),
            400,
            "metadata must have at most 50 keys",
        ),
    ],
)
def test_a_booking_is_refused_in_cal_coms_words(
    simulator: Served, body: dict[str, Any], status: int, message: str
) -> None:
    version = simulator.stats()["version"]
    found, text = error(call(simulator, "POST", "/v2/bookings", body))
    assert found == status
    assert message.lower() in text.lower()
    assert simulator.stats()["version"] == version


def test_the_same_slot_cannot_be_booked_twice(simulator: Served) -> None:
    start = free(simulator, 101)[0]
    book(simulator, start)
    assert error(call(simulator, "POST", "/v2/bookings", wish(start))) == (
        400,
        "User either already has booking at this time or is not available",
    )


def test_a_booking_of_a_host_takes_time_from_the_hosts_other_types(simulator: Served) -> None:
    start = next(s for s in free(simulator, 105) if s in free(simulator, 101))
    book(simulator, start, 101)
    assert start not in free(simulator, 105)


# Reschedule, cancel, confirm, decline, reassign


def test_a_reschedule_makes_a_new_booking_and_leaves_a_cancelled_one(simulator: Served) -> None:
    first, second = free(simulator, 101)[0], free(simulator, 101)[6]
    old = book(simulator, first)
    response = call(
        simulator,
        "POST",
        f"/v2/bookings/{old['uid']}/reschedule",
        {"start": second, "reschedulingReason": "later"},
    )
    conforms(response, "POST", "/v2/bookings/{bookingUid}/reschedule")
    new = response.json()["data"]
    assert response.status_code == 201
    assert new["uid"] != old["uid"]
    assert (new["start"], new["rescheduledFromUid"], new["reschedulingReason"]) == (
        second,
        old["uid"],
        "later",
    )
    left = call(simulator, "GET", f"/v2/bookings/{old['uid']}").json()["data"]
    assert (left["status"], left["rescheduledToUid"]) == ("cancelled", new["uid"])
    now = free(simulator, 101)
    assert first in now
    assert second not in now


def test_a_cancelled_booking_frees_its_time(simulator: Served) -> None:
    start = free(simulator, 101)[0]
    made = book(simulator, start)
    response = call(simulator, "POST", f"/v2/bookings/{made['uid']}/cancel", {"cancellationReason": "ill"})
    conforms(response, "POST", "/v2/bookings/{bookingUid}/cancel")
    assert response.status_code == 200
    assert response.json()["data"]["status"] == "cancelled"
    assert response.json()["data"]["cancellationReason"] == "ill"
    assert start in free(simulator, 101)


def test_anybody_with_the_uid_may_cancel(simulator: Served) -> None:
    made = book(simulator, free(simulator, 101)[0])
    response = simulator.api.post(f"/v2/bookings/{made['uid']}/cancel", headers=BOOKINGS, json={})
    assert response.status_code == 200


def test_a_request_to_reschedule_cancels(simulator: Served) -> None:
    made = book(simulator, free(simulator, 101)[0])
    response = call(simulator, "POST", f"/v2/bookings/{made['uid']}/request-reschedule", {"reason": "x"})
    assert (response.status_code, response.json()["data"]["status"]) == (200, "cancelled")


@pytest.mark.parametrize(("verb", "status"), [("confirm", "accepted"), ("decline", "rejected")])
def test_a_pending_booking_is_confirmed_or_declined(simulator: Served, verb: str, status: str) -> None:
    made = book(simulator, free(simulator, 114)[0], 114)
    assert made["status"] == "pending"
    response = call(simulator, "POST", f"/v2/bookings/{made['uid']}/{verb}", {}, by="farid")
    conforms(response, "POST", f"/v2/bookings/{{bookingUid}}/{verb}")
    assert (response.status_code, response.json()["data"]["status"]) == (200, status)


def test_a_reassignment_names_the_new_host_and_nothing_else(simulator: Served) -> None:
    # At a time when all hosts of the collective type are free, somebody else can take over.
    start = next(s for s in free(simulator, 105) if s in free(simulator, 106))
    made = book(simulator, start, 106)
    before = made["hosts"][0]["id"]
    response = call(simulator, "POST", f"/v2/bookings/{made['uid']}/reassign")
    assert response.status_code == 200, response.text
    data = response.json()["data"]
    assert set(data) == {"bookingUid", "reassignedTo"}
    assert data["reassignedTo"]["id"] != before


# Seats and recurrence


def test_seats_join_one_booking(simulator: Served) -> None:
    start = free(simulator, 108)[0]
    first, second = (
        book(simulator, start, 108),
        book(simulator, start, 108, attendee={"name": "B", "email": "b@example.org", "timeZone": "UTC"}),
    )
    assert first["uid"] == second["uid"]
    assert first["seatUid"] != second["seatUid"]
    by_seat = call(simulator, "GET", f"/v2/bookings/by-seat/{second['seatUid']}", by="elena")
    assert by_seat.json()["data"]["uid"] == first["uid"]
    gone = call(
        simulator, "POST", f"/v2/bookings/{first['uid']}/cancel", {"seatUid": second["seatUid"]}, by="elena"
    )
    assert gone.json()["data"]["status"] == "accepted"


def test_a_recurrence_is_a_list_and_is_cancelled_from_one_on(simulator: Served) -> None:
    made = book(simulator, free(simulator, 109)[0], 109, recurrenceCount=3)
    assert len(made) == 3
    series = made[0]["recurringBookingUid"]
    read = call(simulator, "GET", f"/v2/bookings/{series}")
    conforms(read, "GET", "/v2/bookings/{bookingUid}")
    assert {one["uid"] for one in read.json()["data"]} == {one["uid"] for one in made}
    cancelled = call(
        simulator,
        "POST",
        f"/v2/bookings/{made[1]['uid']}/cancel",
        {"cancelSubsequentBookings": True},
    ).json()["data"]
    assert {one["uid"] for one in cancelled} == {one["uid"] for one in made[1:]}


# Parts of a booking


def test_guests_attendees_and_location_can_change(simulator: Served) -> None:
    made = book(simulator, free(simulator, 101)[0])
    base = f"/v2/bookings/{made['uid']}"
    guests = call(simulator, "POST", base + "/guests", {"guests": [{"email": "g@example.org"}]})
    assert "g@example.org" in guests.json()["data"]["guests"]
    place = {"location": {"type": "link", "link": "https://meet.example/x"}}
    moved = call(simulator, "PATCH", base + "/location", place)
    conforms(moved, "PATCH", "/v2/bookings/{bookingUid}/location")
    assert moved.json()["data"]["location"] == "https://meet.example/x"
    person = {"name": "N", "email": "n@example.org", "timeZone": "UTC"}
    added = call(simulator, "POST", base + "/attendees", person)
    conforms(added, "POST", "/v2/bookings/{bookingUid}/attendees")
    listed = call(simulator, "GET", base + "/attendees")
    conforms(listed, "GET", "/v2/bookings/{bookingUid}/attendees")
    number = added.json()["data"]["id"]
    assert number in [a["id"] for a in listed.json()["data"]]
    assert call(simulator, "DELETE", f"{base}/attendees/{number}").status_code == 200
    assert call(simulator, "GET", f"{base}/attendees/{number}").status_code == 404


def test_absence_is_marked_only_after_the_start() -> None:
    with served() as simulator:
        _mark_absence(simulator)


def _mark_absence(simulator: Served) -> None:
    made = book(simulator, free(simulator, 101)[0])
    path = f"/v2/bookings/{made['uid']}/mark-absent"
    body = {"host": True, "attendees": [{"email": "guest@example.org", "absent": True}]}
    assert call(simulator, "POST", path, body).status_code == 400
    simulator.clock.advance(14 * 86_400)
    done = call(simulator, "POST", path, body)
    conforms(done, "POST", "/v2/bookings/{bookingUid}/mark-absent")
    assert done.json()["data"]["absentHost"] is True
    assert done.json()["data"]["attendees"][0]["absent"] is True


@pytest.mark.parametrize(
    "part", ["calendar-links", "references", "conferencing-sessions", "recordings", "transcripts"]
)
def test_attachments_are_lists(simulator: Served, part: str) -> None:
    made = book(simulator, free(simulator, 101)[0])
    response = call(simulator, "GET", f"/v2/bookings/{made['uid']}/{part}")
    assert response.status_code == 200
    assert isinstance(response.json()["data"], list)
    assert call(simulator, "GET", f"/v2/bookings/nothing/{part}").status_code == 404


# Lists


def test_a_list_has_pages(simulator: Served) -> None:
    first = call(simulator, "GET", "/v2/bookings?take=2&sortStart=asc")
    conforms(first, "GET", "/v2/bookings")
    body = first.json()
    total = body["pagination"]["totalItems"]
    assert total > 2
    assert body["pagination"] == {
        "totalItems": total,
        "remainingItems": total - 2,
        "returnedItems": 2,
        "itemsPerPage": 2,
        "currentPage": 1,
        "totalPages": -(-total // 2),
        "hasNextPage": True,
        "hasPreviousPage": False,
    }
    second = call(simulator, "GET", "/v2/bookings?take=2&skip=2&sortStart=asc").json()
    assert not {b["uid"] for b in body["data"]} & {b["uid"] for b in second["data"]}


def test_filters_and_order_hold(simulator: Served) -> None:
    made = book(simulator, free(simulator, 101)[0])
    for query in (
        f"bookingUid={made['uid']}",
        "attendeeEmail=GUEST@example.org&eventTypeId=101&status=upcoming,unconfirmed",
        f"afterStart={made['start']}&beforeEnd={made['end']}&eventTypeIds=101,102",
    ):
        found = call(simulator, "GET", f"/v2/bookings?{query}").json()["data"]
        assert [b["uid"] for b in found] == [made["uid"]], query
    descending = call(simulator, "GET", "/v2/bookings?sortStart=desc").json()["data"]
    starts = [b["start"] for b in descending]
    assert starts == sorted(starts, reverse=True)
    assert call(simulator, "GET", "/v2/bookings?status=lost").status_code == 400
    assert call(simulator, "GET", "/v2/bookings?take=0").status_code == 400


def test_a_cancelled_booking_moves_to_the_cancelled_ones(simulator: Served) -> None:
    made = book(simulator, free(simulator, 101)[0])
    call(simulator, "POST", f"/v2/bookings/{made['uid']}/cancel", {})
    path = f"/v2/bookings?bookingUid={made['uid']}&status="
    assert call(simulator, "GET", path + "upcoming").json()["data"] == []
    assert len(call(simulator, "GET", path + "cancelled").json()["data"]) == 1


def test_pages_behind_the_end_are_empty() -> None:
    assert page(3, 0, Wish({"take": 2, "skip": 4})) == {
        "totalItems": 3,
        "remainingItems": 0,
        "returnedItems": 0,
        "itemsPerPage": 2,
        "currentPage": 3,
        "totalPages": 2,
        "hasNextPage": False,
        "hasPreviousPage": True,
    }


# Versions


def test_only_2026_keeps_the_attendees_of_a_cancelled_seated_booking(simulator: Served) -> None:
    made = book(simulator, free(simulator, 108)[0], 108)
    path = f"/v2/bookings/{made['uid']}"
    call(simulator, "POST", path + "/cancel", {}, by="elena")
    assert call(simulator, "GET", path, by="elena").json()["data"]["attendees"] == []
    new = call(simulator, "GET", path, by="elena", version="2026-02-25").json()["data"]
    assert len(new["attendees"]) == 1


def test_the_old_shape_has_the_databases_names(simulator: Served) -> None:
    start = free(simulator, 101)[0]
    body = {
        "start": start,
        "eventTypeId": 101,
        "timeZone": "UTC",
        "language": "en",
        "metadata": {},
        "responses": {"name": "G", "email": "g@example.org"},
    }
    made = call(simulator, "POST", "/v2/bookings", body, version="2024-04-15")
    data = made.json()["data"]
    assert (made.status_code, data["startTime"], data["status"]) == (201, start, "ACCEPTED")
    gone = call(simulator, "POST", f"/v2/bookings/{data['uid']}/cancel", {}, version="2024-04-15")
    assert gone.json()["data"]["bookingUid"] == data["uid"]


def test_a_shown_booking_tells_in_which_version_it_became_what_it_is(simulator: Served) -> None:
    first, second = free(simulator, 101)[:2]
    uid, other = (book(simulator, start)["uid"] for start in (first, second))
    version = int(call(simulator, "POST", f"/v2/bookings/{uid}/cancel", {}).headers["x-sim-version"])
    shown = [call(simulator, "GET", f"/v2/bookings/{one}").headers["x-sim-changed"] for one in (uid, other)]
    assert shown == [str(version), str(version - 1)]
    listed = call(simulator, "GET", f"/v2/bookings?bookingUid={uid}")
    assert listed.headers["x-sim-changed"] == str(version)
