"""Writes of every kind, made up by a random number generator to fit the world as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from calcom.simulator.envelope import iso
from calcom.simulator.model import Booking
from calcom.simulator.presenters import DAYS
from calcom.simulator.query import SlotsQuery
from loadtest.scenarios.site import BOOKINGS, OLD, SCHEDULES, SLOTS, TYPES, Request, Site

STRANGERS: Final = ("lee@example.org", "kim@example.org", "pat@example.org")
NEW: Final = "2026-02-25"
Kind = Callable[[Site, Random], Request | None]


def slot(site: Site, chance: Random, event_type: int) -> datetime | None:
    """A time that is free, sooner or later."""
    first = site.now + timedelta(days=chance.choice((0, 0, 2, 5, 14, 25)))
    result = site.world.slots(SlotsQuery(first, first + timedelta(days=14), event_type), site.now)
    free = [one.start for day in result.days.values() for one in day]
    return chance.choice(free) if free else None


def person(site: Site, chance: Random) -> str:
    """An address: a stranger's, or that of somebody with event types of their own."""
    users = [one.email for one in site.world.state.users.values()]
    return chance.choice((*STRANGERS, chance.choice(users)))


def bookable(site: Site, chance: Random) -> int:
    """Some event type that is no managed parent."""
    types: list[int] = [
        one.id for one in site.world.state.event_types.values() if one.scheduling != "managed"
    ]
    return chance.choice(sorted(types))


def booked(site: Site, chance: Random, *status: str, **wanted: Any) -> Booking | None:
    """Some future booking in one of these states."""
    found = [
        one
        for one in site.world.state.bookings.values()
        if one.status in (status or ("accepted", "pending"))
        and one.start > site.now
        and all(
            getattr(site.world.state.event_types.get(one.event_type_id), name, None) == value
            for name, value in wanted.items()
        )
    ]
    return chance.choice(found) if found else None


def book(site: Site, chance: Random) -> Request | None:
    """A create of any sort."""
    event_type = site.world.state.event_types[bookable(site, chance)]
    start = slot(site, chance, event_type.id)
    if start is None:
        return None
    if chance.random() < 0.2:
        responses = {"name": "Old", "email": person(site, chance)}
        if chance.random() < 0.4:
            responses["guests"] = [person(site, chance)]  # type: ignore[assignment]
        body = {
            "start": iso(start),
            "eventTypeId": event_type.id,
            "timeZone": "UTC",
            "language": "en",
            "metadata": {},
            "responses": responses,
        }
        if event_type.recurrence and chance.random() < 0.5:
            return Request("POST", "/v2/bookings/recurring", [body, body, body], version=OLD)
        rest = "/instant" if event_type.team_id and chance.random() < 0.3 else ""
        return Request("POST", "/v2/bookings" + rest, body, version=OLD)
    made: dict[str, Any] = {
        "start": iso(start),
        "attendee": {"name": "New", "timeZone": "UTC", "email": person(site, chance)},
        "eventTypeId": event_type.id,
    }
    if event_type.length_options:
        made["lengthInMinutes"] = chance.choice(event_type.length_options)
    if event_type.recurrence and chance.random() < 0.7:
        made["recurrenceCount"] = chance.randint(1, event_type.recurrence.occurrences)
    if chance.random() < 0.3:
        made["guests"] = [person(site, chance)]
    if event_type.slug == "demo" and chance.random() < 0.5:
        del made["eventTypeId"]
        made |= {"eventTypeSlug": "demo", "teamSlug": "sales"}
    return Request("POST", "/v2/bookings", made, version=chance.choice((BOOKINGS, NEW)))


def book_often(site: Site, chance: Random) -> Request | None:
    """A create on an event type whose bookings reach far."""
    event_type = chance.choice((103, 104, 106, 111, 116, 121))
    if event_type not in site.world.state.event_types:
        return None
    start = slot(site, chance, event_type)
    if start is None:
        return None
    attendee = {"name": "Again", "timeZone": "UTC", "email": chance.choice(STRANGERS)}
    return Request(
        "POST", "/v2/bookings", {"start": iso(start), "attendee": attendee, "eventTypeId": event_type}
    )


def reschedule(site: Site, chance: Random) -> Request | None:
    """A move, of a seat where there are seats."""
    found = booked(site, chance)
    start = (
        None
        if found is None or found.event_type_id not in site.world.state.event_types
        else slot(site, chance, found.event_type_id)
    )
    if found is None or start is None:
        return None
    if chance.random() < 0.15:
        answers = {"name": "Old", "email": found.attendees[0].email}
        body = {
            "start": iso(start),
            "eventTypeId": found.event_type_id,
            "timeZone": "UTC",
            "language": "en",
            "metadata": {},
            "responses": answers,
            "rescheduleUid": found.uid,
        }
        return Request("POST", "/v2/bookings", body, version=OLD)
    body = {"start": iso(start)}
    seat = found.attendees[0].seat_uid
    if seat is not None:
        body["seatUid"] = seat
    return Request("POST", f"/v2/bookings/{found.uid}/reschedule", body, user=_manager(found, chance))


def cancel(site: Site, chance: Random) -> Request | None:
    """A cancellation: whole, of a seat, of the rest of a series."""
    found = booked(site, chance)
    if found is None:
        return None
    if chance.random() < 0.2:
        return Request(
            "POST",
            f"/v2/bookings/{found.uid}/cancel",
            {"allRemainingBookings": bool(found.recurring_uid)},
            version=OLD,
        )
    body: dict[str, Any] = {}
    if found.attendees[0].seat_uid and chance.random() < 0.7:
        body["seatUid"] = found.attendees[0].seat_uid
    if found.recurring_uid and chance.random() < 0.6:
        body["cancelSubsequentBookings"] = True
    return Request(
        "POST",
        f"/v2/bookings/{found.uid}/cancel",
        body,
        user=_manager(found, chance),
        version=chance.choice((BOOKINGS, NEW)),
    )


def decide(site: Site, chance: Random) -> Request | None:
    """A pending booking confirmed or declined."""
    found = booked(site, chance, "pending")
    if found is None:
        return None
    verb = chance.choice(("confirm", "decline"))
    return Request("POST", f"/v2/bookings/{found.uid}/{verb}", {}, user=found.user_id)


def ask_again(site: Site, chance: Random) -> Request | None:
    """A host asks for another time."""
    found = booked(site, chance)
    if found is None:
        return None
    return Request("POST", f"/v2/bookings/{found.uid}/request-reschedule", {}, user=found.user_id)


def reassign(site: Site, chance: Random) -> Request | None:
    """A round robin booking goes to another host."""
    found = booked(site, chance, scheduling="roundRobin")
    if found is None:
        return None
    to = chance.choice(("", *(f"/{one}" for one in (1, 2, 3, 4, 5, 6, 7))))
    return Request("POST", f"/v2/bookings/{found.uid}/reassign{to}", {}, user=found.user_id)


def people(site: Site, chance: Random) -> Request | None:
    """Guests and attendees come and go."""
    found = booked(site, chance)
    if found is None:
        return None
    base = f"/v2/bookings/{found.uid}"
    if chance.random() < 0.5:
        return Request(
            "POST", base + "/guests", {"guests": [{"email": person(site, chance)}]}, user=found.user_id
        )
    if len(found.attendees) > 1 and chance.random() < 0.6:
        return Request("DELETE", f"{base}/attendees/{found.attendees[-1].id}", user=found.user_id)
    attendee = {"name": "More", "timeZone": "UTC", "email": person(site, chance)}
    return Request("POST", base + "/attendees", attendee, user=found.user_id)


def hold(site: Site, chance: Random) -> Request | None:
    """A slot held, moved or let go."""
    live = [one for one in site.world.state.reservations.values() if one.until > site.now]
    live.sort(key=lambda one: str(one.uid))
    if live and chance.random() < 0.3:
        return Request(
            "DELETE", f"/v2/slots/reservations/{chance.choice(live).uid}", user=None, version=SLOTS
        )
    event_type = bookable(site, chance)
    start = slot(site, chance, event_type)
    if start is None:
        return None
    body = {"eventTypeId": event_type, "slotStart": iso(start)}
    if live and chance.random() < 0.4:
        return Request(
            "PATCH", f"/v2/slots/reservations/{chance.choice(live).uid}", body, user=None, version=SLOTS
        )
    if chance.random() < 0.3:
        end = start + timedelta(minutes=30)
        legacy = {"eventTypeId": event_type, "slotUtcStartDate": iso(start), "slotUtcEndDate": iso(end)}
        return Request("POST", "/v2/slots/reserve", legacy, user=None, version=OLD)
    return Request("POST", "/v2/slots/reservations", body, user=None, version=SLOTS)


def schedule(site: Site, chance: Random) -> Request | None:
    """Hours made, changed, made the default, deleted."""
    found = chance.choice(sorted(site.world.state.schedules.values(), key=lambda one: one.id))
    hours = chance.choice(
        (
            [{"days": ["Monday", "Wednesday"], "startTime": "07:00", "endTime": "11:00"}],
            [{"days": list(DAYS), "startTime": "00:00", "endTime": "23:59"}],
        )
    )
    match chance.randrange(4):
        case 0:
            body = {
                "name": "More",
                "timeZone": "Asia/Tokyo",
                "isDefault": chance.random() < 0.5,
                "availability": hours,
            }
            return Request("POST", "/v2/schedules", body, found.user_id, SCHEDULES)
        case 1:
            return Request("DELETE", f"/v2/schedules/{found.id}", None, found.user_id, SCHEDULES)
        case 2:
            body = {"isDefault": True, "timeZone": "Europe/London"}
            return Request("PATCH", f"/v2/schedules/{found.id}", body, found.user_id, SCHEDULES)
    return Request("PATCH", f"/v2/schedules/{found.id}", {"availability": hours}, found.user_id, SCHEDULES)


def profile(site: Site, chance: Random) -> Request | None:
    """A profile's zone or address."""
    user = chance.choice(sorted(site.world.state.users))
    change = chance.choice(({"timeZone": "America/Denver"}, {"email": chance.choice(STRANGERS)}))
    return Request("PATCH", "/v2/me", change, user)


def absence(site: Site, chance: Random) -> Request | None:
    """Out of office, made, changed, ended."""
    entries = sorted(site.world.state.out_of_office.values(), key=lambda one: one.id)
    start = site.now + timedelta(days=chance.randrange(25), hours=chance.randrange(24))
    body = {"start": iso(start), "end": iso(start + timedelta(hours=chance.choice((3, 24, 60))))}
    if entries and chance.random() < 0.5:
        entry = chance.choice(entries)
        path = f"/v2/me/ooo/{entry.id}"
        if chance.random() < 0.5:
            return Request("DELETE", path, user=entry.user_id)
        return Request("PATCH", path, body, user=entry.user_id)
    if chance.random() < 0.3:
        user = chance.choice(sorted(site.world.state.users))
        return Request("POST", f"/v2/organizations/1/users/{user}/ooo", body, 1)
    return Request("POST", "/v2/me/ooo", body, chance.choice(sorted(site.world.state.users)))


CHANGES: Final[tuple[Mapping[str, Any], ...]] = (
    {"lengthInMinutes": 50},
    {"afterEventBuffer": 45},
    {"beforeEventBuffer": 0, "afterEventBuffer": 0},
    {"bookingLimitsCount": {"day": 1, "week": 3}},
    {"bookingLimitsCount": {"disabled": True}},
    {"bookingWindow": {"type": "calendarDays", "value": 4, "rolling": True}},
    {"onlyShowFirstAvailableSlot": True},
    {"slotInterval": 25},
    {"confirmationPolicy": {"type": "always", "blockUnconfirmedBookingsInBooker": True}},
    {"confirmationPolicy": {"disabled": True}},
    {"title": "Another"},
    {"seats": {"seatsPerTimeSlot": 2, "showAttendeeInfo": False, "showAvailabilityCount": True}},
    {"showOptimizedSlots": True, "offsetStart": 10},
    {"lengthInMinutes": 45, "lengthInMinutesOptions": [15, 45, 240]},
    {"recurrence": {"interval": 1, "occurrences": 4, "frequency": "weekly"}},
    {"beforeEventBuffer": 1500, "minimumBookingNotice": 0},
)


def event_type(site: Site, chance: Random) -> Request | None:
    """Event types of users and teams, made, changed, deleted."""
    found = chance.choice(sorted(site.world.state.event_types.values(), key=lambda one: one.id))
    team = found.team_id
    base = "/v2/event-types" if team is None else f"/v2/teams/{team}/event-types"
    user = 1 if team is not None else found.owner_id
    draw = chance.random()
    if draw < 0.2:
        body: dict[str, Any] = {
            "lengthInMinutes": 30,
            "title": "Made",
            "slug": f"made-{chance.randrange(999)}",
        }
        if team is not None:
            body |= {
                "schedulingType": chance.choice(("collective", "roundRobin", "managed")),
                "hosts": [{"userId": 1}],
            }
        return Request("POST", base, body, user, TYPES)
    if draw < 0.35:
        return Request("DELETE", f"{base}/{found.id}", None, user, TYPES)
    change = dict(chance.choice(CHANGES))
    if team is not None and chance.random() < 0.4:
        change = {"hosts": [{"userId": one} for one in chance.sample((1, 2, 3, 4, 6), 2)]}
    return Request("PATCH", f"{base}/{found.id}", change, user, TYPES)


def team(site: Site, chance: Random) -> Request | None:
    """A team's limits, and its end."""
    found = chance.choice((11, 12))
    if chance.random() < 0.1:
        return Request("DELETE", f"/v2/teams/{found}")
    limits = chance.choice(({"day": 1}, {"week": 5}, {"day": 12}))
    return Request(
        "PATCH",
        f"/v2/teams/{found}",
        {"bookingLimits": limits, "includeManagedEventsInLimits": chance.random() < 0.6},
    )


def membership(site: Site, chance: Random) -> Request | None:
    """Members join, are accepted, leave."""
    team_id = chance.choice((11, 12))
    base = f"/v2/teams/{team_id}/memberships"
    there = [
        one for one in site.world.state.memberships.values() if one.team_id == team_id and one.user_id != 1
    ]
    if chance.random() < 0.4 or not there:
        return Request("POST", base, {"userId": chance.randint(2, 8), "accepted": chance.random() < 0.8})
    one = chance.choice(there)
    if chance.random() < 0.5:
        return Request("DELETE", f"{base}/{one.id}")
    return Request("PATCH", f"{base}/{one.id}", {"accepted": not one.accepted})


def calendar(site: Site, chance: Random) -> Request | None:
    """Calendars connected, chosen, given up; an event in one moved."""
    found = sorted(site.world.state.calendars.values(), key=lambda one: one.id)
    if not found or chance.random() < 0.2:
        return Request(
            "POST",
            "/v2/calendars/ics-feed/save",
            {"urls": ["https://example.org/a.ics"]},
            1 + chance.randrange(8),
        )
    one = chance.choice(found)
    names = {"integration": one.integration, "externalId": one.external_id, "credentialId": one.id}
    match chance.randrange(4):
        case 0:
            return Request("POST", "/v2/calendars/google/disconnect", {"id": one.id}, one.user_id)
        case 1:
            return Request("POST", "/v2/selected-calendars", names, one.user_id)
        case 2:
            query = {name: str(value) for name, value in names.items()}
            return Request("DELETE", "/v2/selected-calendars", None, one.user_id, query=query)
    events = [event for event in site.world.state.external.values() if event.connection_id == one.id]
    events.sort(key=lambda event: str(event.uid))  # their map has no order of its own
    if not events:
        return None
    start = site.now + timedelta(days=chance.randrange(20), hours=chance.randrange(6, 16))
    body = {"start": {"time": iso(start)}, "end": {"time": iso(start + timedelta(hours=1))}}
    return Request("PATCH", f"/v2/calendars/google/events/{chance.choice(events).uid}", body, one.user_id)


def _manager(found: Booking, chance: Random) -> int | None:
    return chance.choice((found.user_id, 1, None))


KINDS: Final[Mapping[str, Kind]] = {
    one.__name__: one
    for one in (
        book, book_often, reschedule, cancel, decide, ask_again, reassign, people, hold, schedule,
        profile, absence, event_type, team, membership, calendar,
    )
}  # fmt: skip
