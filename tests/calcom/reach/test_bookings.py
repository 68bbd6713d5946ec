"""What answers tell of bookings is kept, with an honest word on what they leave out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from calcom.reach import bookings_in, expires_at, uid_of
from loadtest.scenarios.rules import booking, free
from loadtest.scenarios.site import OLD, SLOTS, Request
from tests.calcom.reach.desk import Desk, prepared

START, END = datetime(2026, 3, 5, 9, tzinfo=UTC), datetime(2026, 3, 5, 9, 30, tzinfo=UTC)


@pytest.fixture
def desk() -> Desk:
    return Desk(1)


def test_a_collective_booking_shows_its_organizer_and_the_addresses_of_the_rest(desk: Desk) -> None:
    made = prepared(desk, booking(free(desk, 105), 105, guests=["Pat@example.org"]))
    facts = desk.index[made["uid"]]
    assert facts.host_ids == frozenset({1})
    assert {"bela@example.com", "daniel@example.com", "lee@example.org", "pat@example.org"} <= facts.emails
    assert "ada@example.com" not in facts.emails
    assert facts.hosts_complete
    assert facts.emails_complete


def test_a_seated_booking_does_not_show_everybody(desk: Desk) -> None:
    made = prepared(desk, booking(free(desk, 108), 108))
    facts = desk.index[made["uid"]]
    assert (facts.hosts_complete, facts.emails_complete) == (False, False)


def test_an_old_answer_does_not_show_everybody(desk: Desk) -> None:
    made = prepared(desk, booking(free(desk, 105), 105))
    answer = desk.read(f"/v2/bookings/{made['uid']}", version=OLD)
    (facts,) = bookings_in("GET", "/v2/bookings/x", answer.json)
    assert facts.is_placed
    assert facts.host_ids == frozenset({1})
    assert not facts.hosts_complete


def test_lists_of_either_shape_are_read(desk: Desk) -> None:
    new = desk.read("/v2/bookings", 1)
    old = desk.read("/v2/bookings", 1, OLD)
    shown = bookings_in("GET", "/v2/bookings", old.json)
    assert shown
    assert {one.uid for one in shown} <= {
        one.uid for one in bookings_in("GET", "/v2/teams/11/bookings", new.json)
    }


def test_a_held_slot_is_known_by_its_uid_and_when_it_ends(desk: Desk) -> None:
    body = {"eventTypeId": 101, "slotStart": free(desk, 101).isoformat(), "reservationDuration": 7}
    done = desk.do(Request("POST", "/v2/slots/reservations", body, version=SLOTS))
    uid = done.answer.data["reservationUid"]
    assert desk.index[uid].event_type == 101
    until = expires_at(done.answer.json)
    assert until is not None
    assert (until - desk.now).total_seconds() == 7 * 60


@pytest.mark.parametrize("answer", [None, [], {"data": None}, {"data": {"reservationUntil": 5}}])
def test_an_answer_without_a_hold_ends_never(answer: Any) -> None:
    assert expires_at(answer) is None


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/v2/bookings/AbC/cancel", {}, "AbC"),
        ("/api/v2/bookings/AbC/reassign/7", None, "AbC"),
        ("/v2/ee/bookings/AbC/confirm", None, "AbC"),
        ("/v2/bookings", {"rescheduleUid": "Old"}, "Old"),
        ("/v2/bookings", {"start": "2026-03-05"}, None),
        ("/v2/bookings/recurring", [{}], None),
        ("/v2/slots/reservations/AbC", None, "AbC"),
        ("/v2/slots/reservations", None, None),
        ("/v2/schedules/5", None, None),
    ],
)
def test_a_write_names_the_booking_to_look_up_as_it_was_written(
    path: str, body: Any, expected: str | None
) -> None:
    assert uid_of(path, body) == expected


def test_times_are_read_in_every_way_they_are_written() -> None:
    for start, end in (
        ("2026-03-05T09:00:00Z", "2026-03-05T09:30:00.000Z"),
        ("2026-03-05T10:00:00+01:00", "2026-03-05T10:30:00+01:00"),
        ("2026-03-05T09:00:00", "2026-03-05T09:30:00"),
    ):
        (facts,) = bookings_in("GET", "/v2/bookings/u", {"data": {"uid": "u", "start": start, "end": end}})
        assert (facts.start, facts.end) == (START, END)


@pytest.mark.parametrize("data", [None, 5, [5], {"id": 1}, {"uid": ""}, {"uid": 5}])
def test_what_is_no_booking_is_none(data: Any) -> None:
    assert bookings_in("GET", "/v2/bookings", {"data": data}) == []
    assert bookings_in("GET", "/v2/schedules", {"data": {"uid": "u"}}) == []
