"""Finding a booking again by its request."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from calcom import repeats
from calcom.repeats import Changed, is_create, wanted

VERSION = "2024-08-13"
REQUEST = {"eventTypeId": 7, "start": "2027-02-01T10:00:00+02:00", "attendee": {"email": "a+b@example.org"}}
RECORD = {
    "eventTypeId": 7,
    "start": "2027-02-01T08:00:00.000Z",
    "status": "accepted",
    "uid": "x",
    "createdAt": "2027-01-01T12:00:00.000Z",
}
SINCE = datetime(2027, 1, 1, 12, tzinfo=UTC)
LAST = {"hasNextPage": False}


@pytest.mark.parametrize("path", ["/v2/bookings", "/v2/bookings/", "/api/v2/Bookings", "/v2/ee/bookings"])
def test_a_post_to_bookings_makes_one_however_it_is_spelt(path: str) -> None:
    assert is_create("POST", path)
    assert not is_create("GET", path)
    assert not is_create("POST", path.rstrip("/") + "/x/cancel")


def test_the_list_is_asked_by_attendee_and_time() -> None:
    found = wanted(VERSION, REQUEST)
    assert found is not None
    assert found.target == (
        "/v2/bookings?attendeeEmail=a%2Bb%40example.org&afterStart=2027-02-01T07%3A59%3A59.000Z"
        "&beforeEnd=2027-02-03T08%3A00%3A00.000Z&take=100&eventTypeId=7"
    )


@pytest.mark.parametrize(
    ("changes", "is_it"),
    [
        ({}, True),
        ({"status": "pending"}, True),
        ({"status": "cancelled"}, True),
        ({"eventTypeId": 8}, False),
        ({"start": "2027-02-01T08:15:00.000Z"}, False),
        ({"start": None}, False),
    ],
)
def test_a_record_is_it_when_time_and_type_are_whatever_became_of_it(
    changes: dict[str, Any], is_it: bool
) -> None:
    found = wanted(VERSION, REQUEST)
    assert found is not None
    record = RECORD | changes
    assert found.found_in({"data": ["odd", record], "pagination": LAST}, SINCE) == (
        (record if is_it else None),
        True,
    )


def test_one_made_before_is_another_and_one_that_does_not_say_when_proves_nothing() -> None:
    found = wanted(VERSION, REQUEST)
    assert found is not None
    listed = {"data": [RECORD], "pagination": LAST}
    assert found.found_in(listed, SINCE + timedelta(seconds=59)) == (RECORD, True)
    assert found.found_in(listed, SINCE + timedelta(seconds=61)) == (None, True)
    silent = {name: value for name, value in RECORD.items() if name != "createdAt"}
    assert found.found_in({"data": [silent], "pagination": LAST}, SINCE) == (None, False)


@pytest.mark.parametrize("pages", [None, {}, {"hasNextPage": True}])
def test_a_page_that_is_not_the_last_proves_nothing(pages: Any) -> None:
    found = wanted(VERSION, REQUEST)
    assert found is not None
    assert found.found_in({"data": [], "pagination": pages}, SINCE) == (None, False)


def test_by_slug_any_type_of_that_time_will_do() -> None:
    found = wanted(VERSION, {**REQUEST, "eventTypeId": None, "eventTypeSlug": "intro", "username": "ada"})
    assert found is not None
    assert found.found_in({"data": [RECORD]}, SINCE) == (RECORD, True)


@pytest.mark.parametrize(
    ("version", "request_json"),
    [
        ("2024-04-15", REQUEST),
        (VERSION, None),
        (VERSION, {**REQUEST, "attendee": {"phoneNumber": "+49"}}),
        (VERSION, {**REQUEST, "start": "soon"}),
        (VERSION, {**REQUEST, "start": "0001-01-01T00:00:00+05:00"}),
        (VERSION, {**REQUEST, "start": "9999-12-31T23:59:59-05:00"}),
        (VERSION, {**REQUEST, "recurrenceCount": 3}),
    ],
)
def test_what_could_not_be_found_again_is_not_looked_for(version: str, request_json: Any) -> None:
    assert wanted(version, request_json) is None


@pytest.mark.parametrize("document", [None, [], {"data": None}, {"data": {"uid": "x"}}])
def test_an_answer_that_is_no_list_shows_nothing(document: Any) -> None:
    found = wanted(VERSION, REQUEST)
    assert found is not None
    assert found.found_in(document, SINCE) == (None, False)


CANCEL, MOVE = "/v2/bookings/uid-1/cancel", "/v2/bookings/uid-1/reschedule"
LATER = {"start": "2050-09-06T09:00:00Z"}


def shown(**record: Any) -> dict[str, Any]:
    return {"status": "success", "data": record}


def change(path: str, document: Any, version: str = "2024-08-13") -> Changed:
    found = repeats.changed("POST", path, version, document)
    assert found is not None
    return found


def test_a_cancelled_booking_shows_that_it_is() -> None:
    cancel = change(CANCEL, {"cancellationReason": "no"})
    assert cancel.target == "/v2/bookings/uid-1"
    assert cancel.is_done_by(shown(status="cancelled"))
    assert not cancel.is_done_by(shown(status="accepted"))
    assert not cancel.is_done_by(shown(status="cancelled", rescheduledToUid="other")), "it was moved"
    assert not cancel.is_done_by({"data": []})


def test_a_moved_booking_shows_where_it_went() -> None:
    move = change(MOVE, LATER)
    assert move.successor_in(shown(status="accepted")) is None
    successor = move.successor_in(shown(status="cancelled", rescheduledToUid="uid-2"))
    assert successor is not None
    assert successor.target == "/v2/bookings/uid-2"
    assert successor.is_done_by(shown(status="accepted", start="2050-09-06T09:00:00.000Z"))
    assert not successor.is_done_by(shown(status="accepted", start="2050-09-07T09:00:00.000Z")), "by another"
    assert not successor.is_done_by(shown(status="cancelled", start="2050-09-06T09:00:00.000Z"))


@pytest.mark.parametrize(
    ("path", "document", "version"),
    [
        (CANCEL, {"seatUid": "s"}, "2024-08-13"),
        (CANCEL, {"cancelSubsequentBookings": True}, "2024-08-13"),
        (CANCEL, {}, "2024-06-14"),
        (MOVE, {}, "2024-08-13"),
        (MOVE, None, "2024-08-13"),
        ("/v2/bookings/uid-1/confirm", {}, "2024-08-13"),
        ("/v2/bookings/a%2Fb/cancel", {}, "2024-08-13"),
    ],
)
def test_what_one_look_would_not_show_is_not_looked_for(path: str, document: Any, version: str) -> None:
    assert repeats.changed("POST", path, version, document) is None


def test_a_successor_of_an_odd_name_is_not_asked_for() -> None:
    assert change(MOVE, LATER).successor_in(shown(rescheduledToUid="../me")) is None


def test_only_a_living_one_will_do_where_that_is_asked() -> None:
    found = wanted(VERSION, REQUEST)
    assert found is not None
    gone = {"data": [RECORD | {"status": "cancelled"}], "pagination": LAST}
    assert found.found_in(gone, SINCE)[0] is not None
    assert found.found_in(gone, SINCE, is_live=True) == (None, True)


def test_a_living_one_comes_before_one_that_was_given_up() -> None:
    found = wanted(VERSION, REQUEST)
    assert found is not None
    both = {"data": [RECORD | {"status": "cancelled", "uid": "gone"}, RECORD], "pagination": LAST}
    assert found.found_in(both, SINCE) == (RECORD, True)
