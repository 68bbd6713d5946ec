"""For each rule of reach a scene that needs it: a write after which some answer is untrue that no other rule touches.

A scene is a generator of steps, so that it can be played on a desk (tests) as on a gateway before a simulated
Cal.com (`exposing.py`). What comes back from a step is the `data` of its answer.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from calcom.simulator.envelope import iso
from calcom.simulator.query import SlotsQuery
from loadtest.scenarios.site import BOOKINGS, SCHEDULES, SLOTS, TYPES, Request, Site

UNSEEN_HERE: Final[Mapping[str, str]] = {
    "slot-length": "the simulator lays slots inside the asked range only",
    "first-slot": "the simulator picks the first slot among those inside the asked range",
    "alignment": "the simulator cuts free time at the asked range before it lays slots",
}
"""Rules that answer to Cal.com's code and not to anything the simulator does: no write can escape there."""

MADE: Final[tuple[int, ...]] = (200, 201)
_OF_A_TEAM: Final = ("", "/memberships", "/event-types")


class Learn(NamedTuple):
    """The account is learned: from these reads, or, without any, from all there are."""

    reads: tuple[Request, ...] = ()


class Behind(NamedTuple):
    """Done at Cal.com itself, so that the gateway does not hear of it."""

    request: Request


class Heard(NamedTuple):
    """Done through the gateway, in preparation; answered with one of these statuses."""

    request: Request
    statuses: tuple[int, ...] = MADE


class Written(NamedTuple):
    """Done through the gateway; what it changed must go."""

    request: Request


Step = Learn | Behind | Heard | Written
Steps = Generator[Step, Any, None]


@dataclass(frozen=True, slots=True)
class Scene:
    """`watch` are event types whose answers the write makes untrue; `knows` whether the gateway knows these types
    by then.
    """

    rule: str
    watch: tuple[int, ...]
    steps: Callable[[Site], Steps]
    knows: bool = True


SCENES: dict[str, Scene] = {}


def _scene(
    rule: str, *watch: int, knows: bool = True
) -> Callable[[Callable[[Site], Steps]], Callable[[Site], Steps]]:
    def note(steps: Callable[[Site], Steps]) -> Callable[[Site], Steps]:
        SCENES[rule] = Scene(rule, watch, steps, knows)
        return steps

    return note


def free(site: Site, event_type: int, days: int = 4, alike: int | None = None) -> datetime:
    """The first time from so many days on that is free, on both event types if two are given."""
    first = site.now.replace(hour=0) + timedelta(days=days)
    times: list[set[datetime]] = []
    for one in (event_type, alike or event_type):
        days_of = site.world.slots(SlotsQuery(first, first + timedelta(days=20), one), site.now).days
        times.append({slot.start for slots in days_of.values() for slot in slots})
    return min(times[0] & times[1])


def booking(start: datetime, event_type: int, email: str = "lee@example.org", **more: Any) -> Request:
    """A create."""
    attendee = {"name": "Lee", "timeZone": "UTC", "email": email}
    body = {"start": iso(start), "eventTypeId": event_type, "attendee": attendee, **more}
    return Request("POST", "/v2/bookings", body)


def changed_type(event_type: int, user: int, **fields: Any) -> Request:
    """A PATCH of a user's event type."""
    return Request("PATCH", f"/v2/event-types/{event_type}", fields, user, TYPES)


def everything(site: Site) -> tuple[Request, ...]:
    """Reads of all there is to know, each user's own things with their own key."""
    state = site.world.state
    own = (
        ("/v2/me", BOOKINGS),
        ("/v2/event-types", TYPES),
        ("/v2/schedules", SCHEDULES),
        ("/v2/bookings", BOOKINGS),
    )
    teams = [f"/v2/teams/{one}{rest}" for one in sorted(state.teams) for rest in _OF_A_TEAM]
    return (
        *(Request("GET", path, None, user, version) for user in sorted(state.users) for path, version in own),
        *(Request("GET", path) for path in ("/v2/teams", *teams)),
    )


def types_of(*users: int) -> tuple[Request, ...]:
    """Reads of these users' event types."""
    return tuple(Request("GET", "/v2/event-types", user=user, version=TYPES) for user in users)


@_scene("own-type", 108)
def another_seat(site: Site) -> Steps:
    yield Learn()
    made = yield Heard(booking(free(site, 108), 108))
    attendee = {"name": "Kim", "timeZone": "UTC", "email": "kim@example.org"}
    yield Written(Request("POST", f"/v2/bookings/{made['uid']}/attendees", attendee, user=5))


@_scene("shared-host", 102)
def books_a_shared_host(site: Site) -> Steps:
    yield Learn()
    yield Written(booking(free(site, 101), 101))


@_scene("attendee-host", 114)
def books_with_a_host_of_another_type(site: Site) -> Steps:
    yield Learn()
    yield Written(booking(free(site, 101, alike=114), 101, "farid@example.com"))


@_scene("unknown-email", 114)
def books_with_somebody_whose_address_nobody_told(site: Site) -> Steps:
    yield Learn(types_of(*range(1, 8)))
    yield Written(booking(free(site, 101, alike=114), 101, "farid@example.com"))


@_scene("unseen-people", 111)
def gives_up_a_seat(site: Site) -> Steps:
    yield Learn()
    made = yield Behind(booking(free(site, 108, alike=111), 108, "grace@example.com"))
    gone = {"seatUid": made["seatUid"]}
    yield Written(Request("POST", f"/v2/bookings/{made['uid']}/cancel", gone, user=5))


@_scene("buffers", 102)
def books_next_to_a_long_buffer(site: Site) -> Steps:
    yield Behind(changed_type(102, 1, afterEventBuffer=6000))
    yield Learn()
    yield Written(booking(free(site, 101, 25), 101))


@_scene("booking-limits", 103)
def fills_a_week(site: Site) -> Steps:
    yield Behind(changed_type(103, 2, bookingLimitsCount={"week": 1}))
    yield Learn()
    yield Written(booking(free(site, 103, 7), 103))


@_scene("team-limits", 105)
def fills_a_week_of_a_team(site: Site) -> Steps:
    yield Behind(Request("PATCH", "/v2/teams/11", {"bookingLimits": {"week": 1}}))
    yield Learn()
    yield Written(booking(free(site, 105, 14), 105))


@_scene("rolling-window", 111)
def fills_a_day_of_a_rolling_window(site: Site) -> Steps:
    yield Behind(changed_type(111, 7, bookingLimitsCount={"day": 1}))
    yield Learn()
    yield Written(booking(free(site, 111, 1), 111))


@_scene("turns", 116)
def overtakes_the_others(site: Site) -> Steps:
    hosts = (3, 5)
    yield _helpdesk_of(*hosts)
    yield Learn()
    for _ in range(12):
        before = _preferred(site, 116, hosts)
        yield Written(booking(free(site, 116, 22), 116))  # further off than anybody looks ahead
        if _preferred(site, 116, hosts) != before:
            return
    raise AssertionError("nobody ever gets ahead")


@_scene("stand-in", 116)
def takes_the_last_time_of_the_preferred(site: Site) -> Steps:
    yield _helpdesk_of(3, 5)
    for _ in range(12):
        if len(_preferred(site, 116, (3, 5))) == 1:
            break
        yield Behind(booking(free(site, 116, 3), 116))
    (preferred,) = _preferred(site, 116, (3, 5))
    assert preferred == 3, "the hours below are one slot in Chitra's zone"
    hours = {
        "availability": [{"days": ["Thursday"], "startTime": "10:10", "endTime": "10:30"}],
        "overrides": [],
    }
    yield Behind(Request("PATCH", f"/v2/schedules/{300 + preferred}", hours, preferred, SCHEDULES))
    made = {"lengthInMinutes": 20, "title": "Short", "slug": "short", "minimumBookingNotice": 0}
    yield Behind(Request("POST", "/v2/event-types", made, preferred, TYPES))
    yield Learn()
    short = next(one.id for one in site.world.state.event_types.values() if one.slug == "short")
    soon = SlotsQuery(site.now, site.now + timedelta(days=13), short)
    times = site.world.slots(soon, site.now).days.values()
    last, *others = [slot.start for slots in times for slot in slots]
    for one in others:
        yield Behind(booking(one, short))
    yield Written(booking(last, short))


@_scene("recurrence", 109)
def books_a_series(site: Site) -> Steps:
    yield Learn()
    week = timedelta(days=7)
    soon = SlotsQuery(site.now, site.now + timedelta(days=28), 109)
    times = {slot.start for slots in site.world.slots(soon, site.now).days.values() for slot in slots}
    yield Written(booking(min(one for one in times if one + week in times), 109, recurrenceCount=2))


@_scene("old-time", 101)
def moves_a_booking_far(site: Site) -> Steps:
    yield Learn()
    made = yield Heard(booking(free(site, 101), 101))
    yield Written(_moved(made, free(site, 101, 20)))


@_scene("unknown-time", 101)
def moves_a_booking_nobody_has_seen(site: Site) -> Steps:
    yield Learn()
    made = yield Behind(booking(free(site, 101), 101))
    yield Written(_moved(made, free(site, 101, 20)))


@_scene("reservation", 101)
def holds_a_slot(site: Site) -> Steps:
    yield Learn()
    body = {"eventTypeId": 101, "slotStart": iso(free(site, 101))}
    yield Written(Request("POST", "/v2/slots/reservations", body, version=SLOTS))


@_scene("schedule", 101)
def changes_hours(site: Site) -> Steps:
    yield Learn()
    hours = [{"days": ["Monday"], "startTime": "06:00", "endTime": "07:00"}]
    yield Written(Request("PATCH", "/v2/schedules/301", {"availability": hours}, 1, SCHEDULES))


@_scene("out-of-office", 101)
def goes_away(site: Site) -> Steps:
    yield Learn()
    yield Written(_absence(site, user=1))


@_scene("profile", 101)
def moves_to_another_zone(site: Site) -> Steps:
    yield Learn()
    yield Written(Request("PATCH", "/v2/me", {"timeZone": "Asia/Tokyo"}))


@_scene("unknown-user", 101)
def moves_an_event_in_a_calendar(site: Site) -> Steps:
    """The answer shows the event, and not whose calendar it is in."""
    yield Learn()
    uid = min(str(one.uid) for one in site.world.state.external.values() if one.connection_id == 201)
    start = free(site, 101)
    body = {"start": {"time": iso(start)}, "end": {"time": iso(start + timedelta(hours=1))}}
    yield Written(Request("PATCH", f"/v2/calendars/google/events/{uid}", body))


@_scene("event-type", 101)
def gets_longer(site: Site) -> Steps:
    yield Learn()
    yield Written(changed_type(101, 1, lengthInMinutes=60))


@_scene("event-type-around", 102, 105)
def keeps_its_host_longer(site: Site) -> Steps:
    yield Behind(booking(free(site, 101), 101))
    yield Learn()
    yield Written(changed_type(101, 1, afterEventBuffer=90))


@_scene("managed-children", 119, 120)
def changes_its_children(site: Site) -> Steps:
    yield Learn()
    yield Written(Request("PATCH", "/v2/teams/12/event-types/107", {"lengthInMinutes": 60}, 1, TYPES))


@_scene("calendar", 101)
def gives_up_a_calendar(site: Site) -> Steps:
    yield Learn()
    yield Written(Request("POST", "/v2/calendars/google/disconnect", {"id": 201}, 1))


@_scene("membership", 116)
def takes_in_another(site: Site) -> Steps:
    yield Behind(Request("DELETE", "/v2/teams/12/event-types/107", None, 1, TYPES))
    yield Learn()
    yield Written(Request("POST", "/v2/teams/12/memberships", {"userId": 8, "accepted": True}))


@_scene("team", 105)
def may_book_less(site: Site) -> Steps:
    yield Behind(booking(free(site, 105), 105))
    yield Learn()
    yield Written(Request("PATCH", "/v2/teams/11", {"bookingLimits": {"day": 1}}))


@_scene("unknown-type", 102)
def books_what_the_map_lacks(site: Site) -> Steps:
    yield Learn((Request("GET", "/v2/event-types/102", version=TYPES),))
    yield Written(booking(free(site, 101), 101))


@_scene("unmapped-types", 111, knows=False)
def goes_away_from_types_nobody_has_seen(site: Site) -> Steps:
    yield Learn(types_of(1))
    yield Written(_absence(site, user=7))


@_scene("unknown-hosts", 105)
def books_while_members_are_not_known(site: Site) -> Steps:
    body = {"hosts": [], "assignAllTeamMembers": True}
    yield Behind(Request("PATCH", "/v2/teams/11/event-types/105", body, 1, TYPES))
    yield Learn((*types_of(1), Request("GET", "/v2/teams/11/event-types", version=TYPES)))
    yield Written(booking(free(site, 101, alike=105), 101))


@_scene("unknown-settings", 102)
def books_next_to_a_type_that_may_have_changed(site: Site) -> Steps:
    """After a write to it that was refused nobody knows its settings until they are told again."""
    yield Learn(types_of(1))
    yield Behind(changed_type(102, 1, afterEventBuffer=6000))
    yield Heard(changed_type(102, 1, lengthInMinutes="long"), statuses=(400,))
    yield Written(booking(free(site, 101, 25), 101))


@_scene("unknown-write", 101)
def cancels_by_an_escaped_name(site: Site) -> Steps:
    """Cal.com reads the escapes in a path; what they stand for may be anything to those who do not."""
    yield Learn()
    made = yield Heard(booking(free(site, 101), 101))
    uid = made["uid"]
    yield Written(Request("POST", f"/v2/bookings/%{ord(uid[0]):02X}{uid[1:]}/cancel", {}))


def _moved(made: Any, start: datetime) -> Request:
    return Request("POST", f"/v2/bookings/{made['uid']}/reschedule", {"start": iso(start)})


def _absence(site: Site, user: int) -> Request:
    start = free(site, 101)
    body = {"start": iso(start), "end": iso(start + timedelta(days=1))}
    return Request("POST", "/v2/me/ooo", body, user)


def _helpdesk_of(*hosts: int) -> Behind:
    """Leaves a round robin of these hosts, whose lead in bookings the simulator limits to two."""
    body = {"hosts": [{"userId": one} for one in hosts], "assignAllTeamMembers": False}
    return Behind(Request("PATCH", "/v2/teams/12/event-types/116", body, 1, TYPES))


def _preferred(site: Site, event_type: int, hosts: tuple[int, ...]) -> frozenset[int]:
    """The hosts no further ahead than the simulator allows."""
    counts = dict.fromkeys(hosts, 0)
    for made in site.world.state.bookings.values():
        is_counted = made.event_type_id == event_type and made.status == "accepted"
        if is_counted and made.start.month == site.now.month:
            for host in made.host_ids:
                counts[host] = counts.get(host, 0) + 1
    least = min(counts[one] for one in hosts)
    return frozenset(one for one in hosts if counts[one] - least <= 2)
