"""Finding a booking again by its request."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from calcom.repeats import is_create, wanted

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
