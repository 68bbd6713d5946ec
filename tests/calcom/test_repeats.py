"""Finding a booking again by its request."""

from typing import Any

import pytest

from calcom.repeats import is_create, wanted

VERSION = "2024-08-13"
REQUEST = {"eventTypeId": 7, "start": "2027-02-01T10:00:00+02:00", "attendee": {"email": "a+b@example.org"}}
RECORD = {"eventTypeId": 7, "start": "2027-02-01T08:00:00.000Z", "status": "accepted", "uid": "x"}


@pytest.mark.parametrize("path", ["/v2/bookings", "/v2/bookings/", "/api/v2/Bookings", "/v2/ee/bookings"])
def test_a_post_to_bookings_makes_one_however_it_is_spelt(path: str) -> None:
    assert is_create("POST", path)
    assert not is_create("GET", path)
    assert not is_create("POST", path.rstrip("/") + "/x/cancel")


def test_the_list_is_asked_by_attendee_and_time() -> None:
    found = wanted(VERSION, REQUEST)
    assert found is not None
    assert found.target == (
        "/v2/bookings?attendeeEmail=a%2Bb%40example.org&afterStart=2027-02-01T07%3A59%3A59.000Z&take=100"
    )


@pytest.mark.parametrize(
    ("changes", "is_it"),
    [
        ({}, True),
        ({"status": "pending"}, True),
        ({"status": "cancelled"}, False),
        ({"eventTypeId": 8}, False),
        ({"start": "2027-02-01T08:15:00.000Z"}, False),
        ({"start": None}, False),
    ],
)
def test_a_record_is_it_when_time_and_type_are_and_it_lives(changes: dict[str, Any], is_it: bool) -> None:
    found = wanted(VERSION, REQUEST)
    assert found is not None
    record = RECORD | changes
    assert (found.found_in({"data": ["odd", record]}) == record) is is_it


def test_by_slug_any_type_of_that_time_will_do() -> None:
    found = wanted(VERSION, {**REQUEST, "eventTypeId": None, "eventTypeSlug": "intro", "username": "ada"})
    assert found is not None
    assert found.found_in({"data": [RECORD]}) == RECORD


@pytest.mark.parametrize(
    ("version", "request_json"),
    [
        ("2024-04-15", REQUEST),
        (VERSION, None),
        (VERSION, {**REQUEST, "attendee": {"phoneNumber": "+49"}}),
        (VERSION, {**REQUEST, "start": "soon"}),
        (VERSION, {**REQUEST, "recurrenceCount": 3}),
    ],
)
def test_what_could_not_be_found_again_is_not_looked_for(version: str, request_json: Any) -> None:
    assert wanted(version, request_json) is None


@pytest.mark.parametrize("document", [None, [], {"data": None}, {"data": {"uid": "x"}}])
def test_an_answer_that_is_no_list_shows_nothing(document: Any) -> None:
    found = wanted(VERSION, REQUEST)
    assert found is not None
    assert found.found_in(document) is None
