"""Slots and reservations over HTTP (contract 4)."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from calcom.simulator.routes_slots import parse_query, writer_of_times
from tests.calcom.simulator.served import BOOKINGS, SLOTS, Served, served

DAY = ("2026-01-06", "2026-01-06")


@pytest.fixture(scope="module")
def simulator() -> Iterator[Served]:
    with served(rate_limit=100_000) as running:
        yield running


@pytest.fixture(autouse=True)
def _afresh(simulator: Served) -> None:
    simulator.admin("/reset")


def refused(simulator: Served, path: str) -> tuple[int, str]:
    response = simulator.api.get(path, headers=SLOTS)
    return response.status_code, response.json()["error"]["message"]


# Selectors and parameters


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (
            "eventTypeId=101&eventTypeSlug=intro",
            "eventTypeSlug property is wrong,property eventTypeSlug should not exist",
        ),
        ("eventTypeId=101&username=ada", "username property is wrong,property username should not exist"),
        ("eventTypeId=101&colour=red", "colour property is wrong,property colour should not exist"),
        (
            "eventTypeSlug=intro&username=ada&usernames=ada,bela",
            "usernames property is wrong,property usernames should not exist",
        ),
        ("eventTypeSlug=intro", "username property is wrong,username must be a string"),
        ("usernames=ada", "usernames property is wrong,usernames must contain at least 2 elements"),
        ("eventTypeId=x", "eventTypeId must be a number"),
        ("eventTypeId=101&duration=0", "duration must not be less than 1"),
        ("eventTypeId=101&format=list", "format must be one of the following values: time, range"),
        ("eventTypeId=101&timeZone=Mars/Base", "timeZone must be a valid IANA time-zone"),
        ("", "eventTypeId must be a number"),
    ],
)
def test_a_query_is_validated_strictly(simulator: Served, query: str, message: str) -> None:
    status, text = refused(simulator, f"/v2/slots?start=2026-01-06&end=2026-01-07&{query}")
    assert status == 400
    assert message in text


@pytest.mark.parametrize(
    "bad", ["tomorrow", "2026-13-01", "2026-02-30", "2026-1-6", "20260106", "", "2026-01-06T25:00"]
)
def test_bounds_must_be_iso_8601(simulator: Served, bad: str) -> None:
    status, text = refused(simulator, f"/v2/slots?eventTypeId=101&start={bad}&end=2026-01-07")
    assert (status, text) == (400, "start property is wrong,start must be a valid ISO 8601 date string")


@pytest.mark.parametrize("end", ["2026-01-06", "2999-01-01"])
def test_a_range_that_makes_no_sense_has_its_own_text(simulator: Served, end: str) -> None:
    assert refused(simulator, f"/v2/slots?eventTypeId=101&start=2026-01-08&end={end}") == (
        400,
        "Invalid time range given - check the 'start' and 'end' query parameters.",
    )


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("eventTypeId=9", "Event Type not found"),
        ("eventTypeSlug=intro&username=nobody", "User with username nobody not found"),
        ("eventTypeSlug=intro&teamSlug=nobody", "Team with slug nobody not found"),
    ],
)
def test_what_does_not_exist_is_a_404(simulator: Served, selector: str, message: str) -> None:
    status, text = refused(simulator, f"/v2/slots?start=2026-01-06&end=2026-01-07&{selector}")
    assert (status, text) == (404, message)


def test_selectors_of_the_same_event_type_agree(simulator: Served) -> None:
    by_id = simulator.slots(105, "2026-01-06", "2026-01-09")
    response = simulator.api.get(
        "/v2/slots?eventTypeSlug=demo&teamSlug=sales&start=2026-01-06&end=2026-01-09", headers=SLOTS
    )
    assert by_id
    assert response.json() == {"status": "success", "data": by_id}


def test_a_dynamic_group_is_the_intersection_of_its_members(simulator: Served) -> None:
    response = simulator.api.get(
        "/v2/slots?usernames=ada,bela&start=2026-01-06&end=2026-01-06&duration=60", headers=SLOTS
    )
    assert response.status_code == 200
    assert response.json()["data"]


# Times


def test_without_a_zone_times_are_utc_with_milliseconds(simulator: Served) -> None:
    first = simulator.slots(101, *DAY)["2026-01-06"][0]
    assert set(first) == {"start"}
    assert datetime.fromisoformat(first["start"]).tzinfo == UTC
    assert first["start"].endswith(":00.000Z")


@pytest.mark.parametrize(
    "zone", ["Asia/Kolkata", "Pacific/Chatham", "America/St_Johns", "europe/london", "UTC"]
)
def test_with_a_zone_the_same_instants_stand_under_its_dates(simulator: Served, zone: str) -> None:
    plain = simulator.slots(101, "2026-01-05", "2026-01-09")
    zoned = simulator.slots(101, "2026-01-05", "2026-01-09", timeZone=zone)
    instants = {datetime.fromisoformat(s["start"]) for day in plain.values() for s in day}
    for day, slots in zoned.items():
        for slot in slots:
            moment = datetime.fromisoformat(slot["start"])
            # Only in zones of quarter hours do starts fall elsewhere.
            assert moment in instants or zone == "Pacific/Chatham"
            canonical = "Europe/London" if zone == "europe/london" else zone
            assert moment.astimezone(ZoneInfo(canonical)).date().isoformat() == day == slot["start"][:10]


def test_the_offset_is_written_out() -> None:
    summer = int(datetime(2050, 9, 5, 9, tzinfo=UTC).timestamp())
    assert writer_of_times(None)(summer) == "2050-09-05T09:00:00.000Z"
    assert writer_of_times("Europe/Berlin")(summer) == "2050-09-05T11:00:00.000+02:00"
    assert writer_of_times("Asia/Kolkata")(summer) == "2050-09-05T14:30:00.000+05:30"
    assert writer_of_times("UTC")(summer) == "2050-09-05T09:00:00.000Z"


@pytest.mark.parametrize("word", ["range", "RANGE", "Range"])
def test_the_range_format_adds_the_end(simulator: Served, word: str) -> None:
    for slot in simulator.slots(102, *DAY, format=word)["2026-01-06"]:
        length = datetime.fromisoformat(slot["end"]) - datetime.fromisoformat(slot["start"])
        assert length.total_seconds() == 45 * 60


def test_days_without_slots_are_absent_and_nothing_is_an_empty_object(simulator: Served) -> None:
    assert simulator.slots(101, "2026-01-10", "2026-01-11") == {}
    assert "2026-01-10" not in simulator.slots(101, "2026-01-09", "2026-01-12")


def test_a_seated_type_shows_its_counts(simulator: Served) -> None:
    slots = [s for day in simulator.slots(108, "2026-01-05", "2026-01-16").values() for s in day]
    free = next(s for s in slots if s["seatsBooked"] == 0)
    assert free["seatsRemaining"] == free["seatsTotal"]
    assert "bookingUid" not in free
    book(simulator, 108, free["start"])
    taken = [s for d in simulator.slots(108, "2026-01-05", "2026-01-16").values() for s in d]
    now = next(s for s in taken if s["start"] == free["start"])
    assert now["seatsBooked"] == 1
    assert now["bookingUid"]


def book(simulator: Served, event_type_id: int, start: str, **more: Any) -> Any:
    body = {
        "start": start,
        "eventTypeId": event_type_id,
        "attendee": {"name": "Guest", "email": "guest@example.org", "timeZone": "UTC"},
        **more,
    }
    response = simulator.api.post("/v2/bookings", headers=BOOKINGS | simulator.key(), json=body)
    assert response.status_code == 201, response.text
    return response.json()["data"]


def test_a_booked_slot_is_gone_and_free_for_its_own_reschedule(simulator: Served) -> None:
    start = simulator.slots(101, *DAY)["2026-01-06"][2]["start"]
    booking = book(simulator, 101, start)
    assert {"start": start} not in simulator.slots(101, *DAY)["2026-01-06"]
    assert {"start": start} in simulator.slots(101, *DAY, bookingUidToReschedule=booking["uid"])["2026-01-06"]


def test_the_parsed_query_is_what_the_cache_is_keyed_by() -> None:
    one, _ = parse_query({"eventTypeId": "1", "start": "2026-01-06", "end": "2026-01-07"})
    same, _ = parse_query({"end": "2026-01-07", "start": "2026-01-06T00:00:00Z", "eventTypeId": "1"})
    assert one == same


# Reservations


def reserve(simulator: Served, start: str, event_type_id: int = 101, **more: Any) -> Any:
    body = {"eventTypeId": event_type_id, "slotStart": start, **more}
    return simulator.api.post("/v2/slots/reservations", headers=SLOTS, json=body)


def test_a_reservation_hides_its_slot_until_it_is_deleted(simulator: Served) -> None:
    start = simulator.slots(101, *DAY)["2026-01-06"][0]["start"]
    made = reserve(simulator, start)
    assert made.status_code == 201
    data = made.json()["data"]
    assert data["slotStart"] == start
    assert (data["slotDuration"], data["reservationDuration"]) == (30, 5)
    assert made.headers["x-sim-version"] == str(simulator.stats()["version"])
    assert {"start": start} not in simulator.slots(101, *DAY)["2026-01-06"]
    path = f"/v2/slots/reservations/{data['reservationUid']}"
    assert simulator.api.get(path, headers=SLOTS).json()["data"] == data
    assert simulator.api.delete(path, headers=SLOTS).json() == {"status": "success"}
    assert {"start": start} in simulator.slots(101, *DAY)["2026-01-06"]


def test_an_unknown_reservation_is_empty_to_read_missing_to_patch_and_fine_to_delete(
    simulator: Served,
) -> None:
    path = "/v2/slots/reservations/nothing"
    start = simulator.slots(101, *DAY)["2026-01-06"][0]["start"]
    assert simulator.api.get(path, headers=SLOTS).json() == {"status": "success", "data": None}
    patch = simulator.api.patch(path, headers=SLOTS, json={"eventTypeId": 101, "slotStart": start})
    assert patch.status_code == 404
    assert simulator.api.delete(path, headers=SLOTS).status_code == 200


def test_reserving_twice_is_a_conflict(simulator: Served) -> None:
    start = simulator.slots(101, *DAY)["2026-01-06"][0]["start"]
    assert reserve(simulator, start).status_code == 201
    again = reserve(simulator, start)
    assert again.status_code == 422
    assert again.json()["error"]["message"] == (
        "This time slot is already reserved by another user. Please choose a different time."
    )


def test_reserving_what_is_booked_is_a_conflict(simulator: Served) -> None:
    start = simulator.slots(101, *DAY)["2026-01-06"][0]["start"]
    book(simulator, 101, start)
    answer = reserve(simulator, start)
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        422,
        "Can't reserve a slot if the event is already booked.",
    )


def test_the_life_of_a_reservation_is_for_callers_with_a_name(simulator: Served) -> None:
    start = simulator.slots(101, *DAY)["2026-01-06"][0]["start"]
    assert reserve(simulator, start, reservationDuration=9).status_code == 401
    response = simulator.api.post(
        "/v2/slots/reservations",
        headers=SLOTS | simulator.key(),
        json={"eventTypeId": 101, "slotStart": start, "reservationDuration": 9},
    )
    assert response.json()["data"]["reservationDuration"] == 9


# Legacy paths (contract 4.2)


def test_the_legacy_call_has_its_own_shape(simulator: Served) -> None:
    response = simulator.api.get(
        "/v2/slots/available?startTime=2026-01-06&endTime=2026-01-06&eventTypeId=101"
    )
    today = [s["start"] for s in simulator.slots(101, *DAY)["2026-01-06"]]
    assert [s["time"] for s in response.json()["data"]["slots"]["2026-01-06"]] == today


def test_a_missing_event_type_is_a_trpc_error_there(simulator: Served) -> None:
    response = simulator.api.get("/v2/slots/available?startTime=2026-01-06&endTime=2026-01-06&eventTypeId=9")
    assert response.status_code == 404
    assert (response.json()["error"]["code"], response.json()["error"]["message"]) == (
        "TRPCError",
        "NOT_FOUND",
    )


def test_ones_own_legacy_reservation_does_not_hide_the_slot(simulator: Served) -> None:
    start = simulator.slots(101, *DAY)["2026-01-06"][0]["start"]
    end = simulator.slots(101, *DAY, format="range")["2026-01-06"][0]["end"]
    made = simulator.api.post(
        "/v2/slots/reserve",
        json={"eventTypeId": 101, "slotUtcStartDate": start, "slotUtcEndDate": end},
    )
    uid = made.json()["data"]
    assert made.status_code == 201
    assert made.headers["set-cookie"].startswith(f"uid={uid}")
    path = "/v2/slots/available?startTime=2026-01-06&endTime=2026-01-06&eventTypeId=101"
    simulator.api.cookies.clear()
    others = simulator.api.get(path).json()["data"]["slots"]["2026-01-06"]
    own = simulator.api.get(path, headers={"Cookie": f"uid={uid}"}).json()["data"]["slots"]["2026-01-06"]
    assert {"time": start} not in others
    assert {"time": start} in own
    gone = simulator.api.delete("/v2/slots/selected-slot?uid=other", headers={"Cookie": f"uid={uid}"})
    assert gone.status_code == 200
    assert {"time": start} in simulator.api.get(path).json()["data"]["slots"]["2026-01-06"]
