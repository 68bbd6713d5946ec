"""Small worlds for tests: four users, two teams, working hours 09:00 to 12:00 on weekdays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from calcom.simulator.commands import Booker, CreateBooking, EventTypeSelector
from calcom.simulator.model import Booking, EventType, Host, Membership, Rule, Schedule, Team, User
from calcom.simulator.persistent import PersistentMap
from calcom.simulator.query import SlotsQuery, bounds
from calcom.simulator.state import State
from calcom.simulator.world import World

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)  # a Monday
MORNING = ["09:00", "09:30", "10:00", "10:30", "11:00", "11:30"]
USERS = ((1, "ann", "UTC"), (2, "bob", "UTC"), (3, "cat", "Asia/Kolkata"), (4, "dan", "Pacific/Chatham"))
MEMBERS = {11: (1, 2, 3), 12: (1, 2)}


def individual(number: int = 101, owner: int = 1, **fields: Any) -> EventType:
    """A 30 minute event type of one user."""
    values: dict[str, Any] = {"slug": f"type-{number}", "title": "T", "length": 30, "owner_id": owner}
    return EventType(number, **(values | fields))


def team_type(number: int, scheduling: Any, hosts: tuple[Host, ...], **fields: Any) -> EventType:
    """A 30 minute event type of team 11."""
    return individual(
        number, **{"owner_id": None, "team_id": 11, "scheduling": scheduling, "hosts": hosts} | fields
    )


def collective(number: int, *user_ids: int, **fields: Any) -> EventType:
    """All of these users at once."""
    return team_type(number, "collective", tuple(Host(one, mandatory=True) for one in user_ids), **fields)


def round_robin(number: int, *user_ids: int, fixed: tuple[int, ...] = (), **fields: Any) -> EventType:
    """One of these users at a time, with the fixed ones always there."""
    hosts = (*(Host(one, mandatory=True) for one in fixed), *(Host(one) for one in user_ids))
    return team_type(number, "roundRobin", hosts, **fields)


def small_world(*event_types: EventType, hours: tuple[int, int] = (540, 720), **maps: Any) -> World:
    """A world of exactly these event types; 101 of user 1 if none is given."""
    weekdays = (0, 1, 2, 3, 4)
    state = State(
        users=PersistentMap(
            (number, User(number, name, f"{name}@example.com", name.title(), zone, 300 + number))
            for number, name, zone in USERS
        ),
        schedules=PersistentMap(
            (300 + number, Schedule(300 + number, number, "Hours", zone, (Rule(weekdays, *hours),)))
            for number, _, zone in USERS
        ),
        teams=PersistentMap((number, Team(number, f"team-{number}", f"Team {number}")) for number in MEMBERS),
        memberships=PersistentMap(
            (
                10 * team_id + user_id,
                Membership(10 * team_id + user_id, team_id, user_id, "OWNER" if user_id == 1 else "MEMBER"),
            )
            for team_id, user_ids in MEMBERS.items()
            for user_id in user_ids
        ),
        event_types=PersistentMap((one.id, one) for one in event_types or (individual(),)),
        **maps,
    )
    return World(state, NOW)


def query(
    event_type_id: int | None = 101, start: str = "2026-03-03", end: str = "2026-03-03", **fields: Any
) -> SlotsQuery:
    """A query over whole days; 3 March 2026 is a Tuesday."""
    first, last = bounds(start, end)
    return SlotsQuery(first, last, event_type_id, **fields)


def times(
    world: World, event_type_id: int | None = 101, day: str = "2026-03-03", now: datetime = NOW, **fields: Any
) -> list[str]:
    """Start times (UTC, HH:MM) of every slot the query for one day shows."""
    result = world.slots(query(event_type_id, day, day, **fields), now)
    return [slot.start.strftime("%H:%M") for slots in result.days.values() for slot in slots]


def days(
    world: World, event_type_id: int | None, start: str, end: str, now: datetime = NOW, **fields: Any
) -> list[str]:
    """The days that have slots."""
    return list(world.slots(query(event_type_id, start, end, **fields), now).days)


def command(
    start: str, event_type_id: int = 101, email: str = "booker@example.org", **fields: Any
) -> CreateBooking:
    """A booking of a UTC time such as 2026-03-03T10:00."""
    return CreateBooking(
        start=instant(start),
        event_type=EventTypeSelector(event_type_id),
        booker=Booker("Booker", "UTC", email),
        **fields,
    )


def book(
    world: World,
    start: str,
    event_type_id: int = 101,
    email: str = "booker@example.org",
    now: datetime = NOW,
    **fields: Any,
) -> Booking:
    """Books and returns the (first) booking."""
    return world.create_booking(command(start, event_type_id, email, **fields), now).bookings[0]


def instant(text: str) -> datetime:
    """An aware UTC datetime from 2026-03-03T10:00."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def later(**delta: float) -> datetime:
    """NOW plus that much."""
    return NOW + timedelta(**delta)
