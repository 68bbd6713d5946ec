"""Each rule is needed: left out, a write escapes that is touched with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

import pytest

from calcom.account import AccountMap
from calcom.reach import RULES
from calcom.simulator.envelope import iso
from calcom.simulator.query import SlotsQuery
from tests.calcom.reach.desk import NOW, SCHEDULES, SLOTS, TYPES, Desk, Request
from tests.calcom.reach.desk import escaped as escaped_looks
from tests.calcom.reach.test_soundness import all_looks, told

UNSEEN_HERE: Final = {
    "slot-length": "the simulator lays slots inside the asked range only",
    "first-slot": "the simulator picks the first slot among those inside the asked range",
    "alignment": "the simulator cuts free time at the asked range before it lays slots",
}
"""Rules that answer to Cal.com's code and not to anything the simulator does: no write can escape there."""

Scene = Callable[[Desk], Request]
SCENES: dict[str, Scene] = {}


def scene(rule: str) -> Callable[[Scene], Scene]:
    """Names the rule that a scene needs. It prepares the desk and gives the write."""

    def note(made: Scene) -> Scene:
        SCENES[rule] = made
        return made

    return note


def free(desk: Desk, event_type: int, days: int = 4, alike: int | None = None) -> datetime:
    """The first time from so many days on that is free, on both event types if two are given."""
    first = desk.now.replace(hour=0) + timedelta(days=days)
    times: list[set[datetime]] = []
    for one in (event_type, alike or event_type):
        days_of = desk.world.slots(SlotsQuery(first, first + timedelta(days=20), one), desk.now).days
        times.append({slot.start for slots in days_of.values() for slot in slots})
    return min(times[0] & times[1])


def booking(start: datetime, event_type: int, email: str = "lee@example.org", **more: Any) -> Request:
    """A create."""
    attendee = {"name": "Lee", "timeZone": "UTC", "email": email}
    body = {"start": iso(start), "eventTypeId": event_type, "attendee": attendee, **more}
    return Request("POST", "/v2/bookings", body)


def prepared(desk: Desk, *requests: Request) -> Any:
    """The data of the last of some writes that succeed and that the desk has seen."""
    data = None
    for request in requests:
        answer = desk.do(request).answer
        assert answer.status in (200, 201), (request, answer)
        data = answer.data
    return data


def changed_type(event_type: int, user: int, **fields: Any) -> Request:
    """A PATCH of a user's event type."""
    return Request("PATCH", f"/v2/event-types/{event_type}", fields, user, TYPES)


@scene("own-type")
def another_seat(desk: Desk) -> Request:
    made = prepared(desk, booking(free(desk, 108), 108))
    attendee = {"name": "Kim", "timeZone": "UTC", "email": "kim@example.org"}
    return Request("POST", f"/v2/bookings/{made['uid']}/attendees", attendee, user=5)


@scene("shared-host")
def books_a_shared_host(desk: Desk) -> Request:
    return booking(free(desk, 101), 101)


@scene("attendee-host")
def books_with_a_host_of_another_type(desk: Desk) -> Request:
    return booking(free(desk, 101, alike=114), 101, "farid@example.com")


@scene("unknown-email")
def books_with_somebody_whose_address_nobody_told(desk: Desk) -> Request:
    desk.account = AccountMap.empty()
    for user in range(1, 9):
        desk.read("/v2/event-types", user, TYPES)
    return booking(free(desk, 101, alike=114), 101, "farid@example.com")


@scene("unseen-people")
def gives_up_a_seat(desk: Desk) -> Request:
    made = prepared(desk, booking(free(desk, 108, alike=111), 108, "grace@example.com"))
    desk.index.clear()
    return Request("POST", f"/v2/bookings/{made['uid']}/cancel", {"seatUid": made["seatUid"]}, user=5)


@scene("buffers")
def books_next_to_a_long_buffer(desk: Desk) -> Request:
    prepared(desk, changed_type(102, 1, afterEventBuffer=6000))
    return booking(free(desk, 101, 25), 101)


@scene("booking-limits")
def fills_a_week(desk: Desk) -> Request:
    prepared(desk, changed_type(103, 2, bookingLimitsCount={"week": 1}))
    return booking(free(desk, 103, 7), 103)


@scene("team-limits")
def fills_a_week_of_a_team(desk: Desk) -> Request:
    prepared(desk, Request("PATCH", "/v2/teams/11", {"bookingLimits": {"week": 1}}))
    desk.learn_everything()
    return booking(free(desk, 105, 14), 105)


@scene("rolling-window")
def fills_a_day_of_a_rolling_window(desk: Desk) -> Request:
    prepared(desk, changed_type(111, 7, bookingLimitsCount={"day": 1}))
    return booking(free(desk, 111, 1), 111)


@scene("turns")
def overtakes_the_others(desk: Desk) -> Request:
    hosts = (3, 5)
    _helpdesk_of(desk, *hosts)
    for _ in range(12):
        request = booking(free(desk, 116, 22), 116)  # further off than anybody looks ahead
        if _preferred(desk, 116, hosts) != _preferred_after(desk, 116, hosts, request):
            return request
        prepared(desk, request)
    raise AssertionError("nobody ever gets ahead")


@scene("stand-in")
def takes_the_last_time_of_the_preferred(desk: Desk) -> Request:
    _helpdesk_of(desk, 3, 5)
    for _ in range(12):
        if len(_preferred(desk, 116, (3, 5))) == 1:
            break
        prepared(desk, booking(free(desk, 116, 3), 116))
    (preferred,) = _preferred(desk, 116, (3, 5))
    assert preferred == 3, "the hours below are one slot in Chitra's zone"
    hours = {
        "availability": [{"days": ["Thursday"], "startTime": "10:10", "endTime": "10:30"}],
        "overrides": [],
    }
    prepared(
        desk,
        Request("PATCH", f"/v2/schedules/{300 + preferred}", hours, preferred, SCHEDULES),
        Request(
            "POST",
            "/v2/event-types",
            {"lengthInMinutes": 20, "title": "Short", "slug": "short", "minimumBookingNotice": 0},
            preferred,
            TYPES,
        ),
    )
    desk.learn_everything()
    short = next(one.id for one in desk.world.state.event_types.values() if one.slug == "short")
    times = desk.world.slots(SlotsQuery(NOW, NOW + timedelta(days=13), short), NOW).days.values()
    last, *others = [slot.start for slots in times for slot in slots]
    prepared(desk, *(booking(one, short) for one in others))
    return booking(last, short)


@scene("recurrence")
def books_a_series(desk: Desk) -> Request:
    week = timedelta(days=7)
    found = desk.world.slots(SlotsQuery(NOW, NOW + timedelta(days=28), 109), NOW).days.values()
    times = {slot.start for slots in found for slot in slots}
    return booking(min(one for one in times if one + week in times), 109, recurrenceCount=2)


@scene("old-time")
def moves_a_booking_far(desk: Desk) -> Request:
    made = prepared(desk, booking(free(desk, 101), 101))
    return Request("POST", f"/v2/bookings/{made['uid']}/reschedule", {"start": iso(free(desk, 101, 20))})


@scene("unknown-time")
def moves_a_booking_nobody_has_seen(desk: Desk) -> Request:
    request = moves_a_booking_far(desk)
    desk.index.clear()
    return request


@scene("reservation")
def holds_a_slot(desk: Desk) -> Request:
    body = {"eventTypeId": 101, "slotStart": iso(free(desk, 101))}
    return Request("POST", "/v2/slots/reservations", body, version=SLOTS)


@scene("schedule")
def changes_hours(desk: Desk) -> Request:
    hours = [{"days": ["Monday"], "startTime": "06:00", "endTime": "07:00"}]
    return Request("PATCH", "/v2/schedules/301", {"availability": hours}, 1, SCHEDULES)


@scene("out-of-office")
def goes_away(desk: Desk) -> Request:
    start = free(desk, 101)
    return Request("POST", "/v2/me/ooo", {"start": iso(start), "end": iso(start + timedelta(days=1))})


@scene("profile")
def moves_to_another_zone(desk: Desk) -> Request:
    return Request("PATCH", "/v2/me", {"timeZone": "Asia/Tokyo"})


@scene("unknown-user")
def moves_to_another_zone_unheard(desk: Desk) -> Request:
    return replace(moves_to_another_zone(desk), lost=True)


@scene("event-type")
def gets_longer(desk: Desk) -> Request:
    return changed_type(101, 1, lengthInMinutes=60)


@scene("event-type-around")
def keeps_its_host_longer(desk: Desk) -> Request:
    prepared(desk, booking(free(desk, 101), 101))
    return changed_type(101, 1, afterEventBuffer=90)


@scene("managed-children")
def changes_its_children(desk: Desk) -> Request:
    return Request("PATCH", "/v2/teams/12/event-types/107", {"lengthInMinutes": 60}, 1, TYPES)


@scene("calendar")
def gives_up_a_calendar(desk: Desk) -> Request:
    return Request("POST", "/v2/calendars/google/disconnect", {"id": 201}, 1)


@scene("membership")
def takes_in_another(desk: Desk) -> Request:
    prepared(desk, Request("DELETE", "/v2/teams/12/event-types/107", None, 1, TYPES))
    desk.learn_everything()
    return Request("POST", "/v2/teams/12/memberships", {"userId": 8, "accepted": True})


@scene("team")
def may_book_less(desk: Desk) -> Request:
    prepared(desk, booking(free(desk, 105), 105))
    return Request("PATCH", "/v2/teams/11", {"bookingLimits": {"day": 1}})


@scene("unknown-type")
def books_what_the_map_lacks(desk: Desk) -> Request:
    desk.account = AccountMap.empty()
    desk.read("/v2/event-types/102", 1, TYPES)
    return booking(free(desk, 101), 101)


@scene("unmapped-types")
def goes_away_from_types_nobody_has_seen(desk: Desk) -> Request:
    desk.account = AccountMap.empty()
    desk.read("/v2/event-types", 1, TYPES)
    return replace(goes_away(desk), user=7)


@scene("unknown-hosts")
def books_while_members_are_not_known(desk: Desk) -> Request:
    body = {"hosts": [], "assignAllTeamMembers": True}
    prepared(desk, Request("PATCH", "/v2/teams/11/event-types/105", body, 1, TYPES))
    desk.account = AccountMap.empty()
    for path in ("/v2/event-types", "/v2/teams/11/event-types"):
        desk.read(path, 1, TYPES)
    return booking(free(desk, 101, alike=105), 101)


@scene("unknown-settings")
def books_next_to_a_type_changed_unheard(desk: Desk) -> Request:
    desk.do(replace(changed_type(102, 1, afterEventBuffer=6000), lost=True))
    return booking(free(desk, 101, 25), 101)


def _helpdesk_of(desk: Desk, *hosts: int) -> None:
    """Leaves a round robin of these hosts, whose lead in bookings the simulator limits to two."""
    body = {"hosts": [{"userId": one} for one in hosts], "assignAllTeamMembers": False}
    prepared(desk, Request("PATCH", "/v2/teams/12/event-types/116", body, 1, TYPES))


def _preferred(desk: Desk, event_type: int, hosts: tuple[int, ...]) -> frozenset[int]:
    """The hosts no further ahead than the simulator allows."""
    counts = dict.fromkeys(hosts, 0)
    for made in desk.world.state.bookings.values():
        if made.event_type_id == event_type and made.status == "accepted" and made.start.month == NOW.month:
            for host in made.host_ids:
                counts[host] = counts.get(host, 0) + 1
    least = min(counts[one] for one in hosts)
    return frozenset(one for one in hosts if counts[one] - least <= 2)


def _preferred_after(desk: Desk, event_type: int, hosts: tuple[int, ...], request: Request) -> frozenset[int]:
    kept = len(desk.world.history)
    desk.call(request)
    after = _preferred(desk, event_type, hosts)
    del desk.world.history[kept:]
    return after


def test_every_rule_has_a_scene_or_a_reason_to_have_none() -> None:
    assert SCENES.keys() | UNSEEN_HERE.keys() | {"unknown-write"} == RULES.keys()


@pytest.mark.parametrize("rule", sorted(SCENES))
def test_a_write_escapes_without_the_rule_and_not_with_it(rule: str) -> None:
    outcomes = []
    for without in ((), (rule,)):
        desk = Desk(1)
        desk.learn_everything()
        request = SCENES[rule](desk)
        done = desk.do(request, without)
        assert done.answer.status in (200, 201), done
        outcomes.append((done, escaped_looks(desk, done, all_looks(desk, done, Random(1)))))
    (done, missed), (_, missed_without) = outcomes
    assert not missed, told(done, missed)
    assert any(touch.rule == rule for touch in done.reach.touches), told(done, [])
    assert missed_without, told(done, [])
