"""Schedules, absences, profiles and event types (contract 6.1, 8 rows 16 and 17)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from calcom.simulator import refusals
from calcom.simulator.facts import WebhookFact
from calcom.simulator.model import EventType, OutOfOffice, Override, Rule, Schedule, User
from calcom.simulator.outcomes import UNCOMMITTED, Outcome
from calcom.simulator.refusals import refuse
from calcom.simulator.selection import users_by_name
from calcom.simulator.state import State


def create_schedule(
    state: State,
    user_id: int,
    name: str,
    time_zone: str,
    availability: tuple[Rule, ...],
    overrides: tuple[Override, ...],
    is_default: bool,
) -> Outcome[Schedule]:
    """A new schedule; a user's first is the default whatever was asked."""
    user = user_of(state, user_id)
    state, number = state.fresh()
    schedule = Schedule(number, user_id, name, time_zone, availability, overrides)
    state = replace(state, schedules=state.schedules.set(number, schedule))
    if is_default or user.default_schedule_id is None:
        state = _with_user(state, replace(user, default_schedule_id=number))
    return Outcome(state, schedule)


def update_schedule(
    state: State, schedule_id: int, changes: Mapping[str, Any], make_default: bool
) -> Outcome[Schedule]:
    """Changes a schedule, and makes it the default if asked."""
    schedule = replace(schedule_of(state, schedule_id), **changes)
    state = replace(state, schedules=state.schedules.set(schedule_id, schedule))
    if make_default:
        user = state.users[schedule.user_id]
        state = _with_user(state, replace(user, default_schedule_id=schedule_id))
    return Outcome(state, schedule)


def delete_schedule(state: State, schedule_id: int) -> Outcome[None]:
    """Deletes a schedule; event types that used it fall back on their host's default, and a deleted default
    on the user's oldest other schedule."""
    schedule = schedule_of(state, schedule_id)
    state = replace(state, schedules=state.schedules.without(schedule_id))
    user = state.users[schedule.user_id]
    if user.default_schedule_id == schedule_id:
        others = (one.id for one in state.schedules.values() if one.user_id == user.id)
        state = _with_user(state, replace(user, default_schedule_id=min(others, default=None)))
    for event_type in state.event_types.values():
        if event_type.schedule_id == schedule_id:
            state = _with_event_type(state, replace(event_type, schedule_id=None))
    return Outcome(state, None)


def create_out_of_office(state: State, draft: OutOfOffice, now: datetime) -> Outcome[OutOfOffice]:
    """A new absence; id and uid of the draft are ignored. Raises Refused 400 for one that ends before it
    begins, for a redirect to oneself, and 409 for one that overlaps another."""
    user_of(state, draft.user_id)
    _check_absence(state, draft)
    state, number = state.fresh()
    entry = replace(draft, id=number, uid=state.uid("ooo", number))
    state = replace(state, out_of_office=state.out_of_office.set(number, entry))
    return Outcome(state, entry, (WebhookFact("OOO_CREATED", now, UNCOMMITTED, out_of_office=entry),))


def update_out_of_office(
    state: State, out_of_office_id: int, changes: Mapping[str, Any]
) -> Outcome[OutOfOffice]:
    """Changes an absence; no webhook tells of it (contract 7)."""
    entry = replace(_absence(state, out_of_office_id), **changes)
    _check_absence(state, entry)
    return Outcome(replace(state, out_of_office=state.out_of_office.set(entry.id, entry)), entry)


def delete_out_of_office(state: State, out_of_office_id: int) -> Outcome[OutOfOffice]:
    """Ends an absence for good; no webhook tells of it (contract 7)."""
    entry = _absence(state, out_of_office_id)
    return Outcome(replace(state, out_of_office=state.out_of_office.without(entry.id)), entry)


def update_user(state: State, user_id: int, changes: Mapping[str, Any]) -> Outcome[User]:
    """Changes a profile. A new time zone moves the default schedule with it, as PATCH /v2/me does.

    Raises Refused 400 for a username or a default schedule that is someone else's.
    """
    user = replace(user_of(state, user_id), **changes)
    if users_by_name(state.users).get(user.username.lower(), user).id != user_id:
        raise refuse(400, f"Username {user.username} is taken.")
    if user.default_schedule_id is not None:
        schedule = schedule_of(state, user.default_schedule_id)
        if schedule.user_id != user_id:
            raise refuse(400, f"Schedule with id={schedule.id} is not one of user with id={user_id}.")
        if "time_zone" in changes:
            moved = replace(schedule, time_zone=user.time_zone)
            state = replace(state, schedules=state.schedules.set(moved.id, moved))
    return Outcome(_with_user(state, user), user)


def create_event_type(state: State, draft: EventType) -> Outcome[EventType]:
    """A new event type; the draft's id is ignored. A managed one gives each of its hosts a child.

    Raises Refused 400 when owner and team do not fit the scheduling, or the slug is taken.
    """
    if (draft.owner_id is None) == (draft.team_id is None):
        raise refuse(400, "An event type has either an owner or a team.")
    if (draft.team_id is None) != (draft.scheduling == "individual"):
        raise refuse(
            400, "An event type of a team is collective, roundRobin or managed; a user's is neither."
        )
    state, number = state.fresh()
    event_type = replace(draft, id=number)
    _check_slug(state, event_type)
    state = _with_event_type(state, event_type)
    return Outcome(sync_children(state, event_type), event_type)


def update_event_type(state: State, event_type_id: int, changes: Mapping[str, Any]) -> Outcome[EventType]:
    """Changes an event type, and the children of a managed one with it."""
    event_type = replace(event_type_of(state, event_type_id), **changes)
    _check_slug(state, event_type)
    state = _with_event_type(state, event_type)
    return Outcome(sync_children(state, event_type), event_type)


def delete_event_type(state: State, event_type_id: int) -> Outcome[EventType]:
    """Deletes an event type and its children. Its bookings stay, and keep their hosts busy."""
    event_type = event_type_of(state, event_type_id)
    kept = state.event_types.without(event_type_id)
    for child in children_of(state, event_type_id):
        kept = kept.without(child.id)
    return Outcome(replace(state, event_types=kept), event_type)


def sync_children(state: State, parent: EventType) -> State:
    """Makes the children of a managed event type fit it: one per host, alike but for owner and schedule."""
    if parent.scheduling != "managed":
        return state
    members = {
        one.user_id for one in state.memberships.values() if one.team_id == parent.team_id and one.accepted
    }
    chosen = members if parent.assign_all_members else {one.user_id for one in parent.hosts} & members
    there = {child.owner_id: child for child in children_of(state, parent.id)}
    for owner_id in sorted(chosen):
        if owner_id in there:
            number, schedule_id = there[owner_id].id, there[owner_id].schedule_id
        else:
            state, number = state.fresh()
            schedule_id = None
        child = replace(
            parent,
            id=number,
            owner_id=owner_id,
            team_id=None,
            parent_id=parent.id,
            scheduling="individual",
            hosts=(),
            assign_all_members=False,
            schedule_id=schedule_id,
        )
        if there.get(owner_id) != child:
            state = _with_event_type(state, child)
    for owner, child in there.items():
        if owner not in chosen:
            state = replace(state, event_types=state.event_types.without(child.id))
    return state


def children_of(state: State, parent_id: int) -> list[EventType]:
    """The children of a managed event type, by id."""
    return sorted(
        (one for one in state.event_types.values() if one.parent_id == parent_id), key=lambda one: one.id
    )


def user_of(state: State, user_id: int) -> User:
    """Raises Refused 404 for an unknown id."""
    if user_id not in state.users:
        raise refuse(404, f"User with ID={user_id} not found")
    return state.users[user_id]


def schedule_of(state: State, schedule_id: int) -> Schedule:
    """Raises Refused 404 for an unknown id."""
    if schedule_id not in state.schedules:
        raise refuse(404, f"Schedule with ID={schedule_id} does not exist.")
    return state.schedules[schedule_id]


def event_type_of(state: State, event_type_id: int) -> EventType:
    """Raises Refused 404 for an unknown id."""
    if event_type_id not in state.event_types:
        raise refuse(404, refusals.EVENT_TYPE_NOT_FOUND)
    return state.event_types[event_type_id]


def _absence(state: State, out_of_office_id: int) -> OutOfOffice:
    if out_of_office_id not in state.out_of_office:
        raise refuse(404, f"Out of office entry with ID={out_of_office_id} not found")
    return state.out_of_office[out_of_office_id]


def _check_absence(state: State, entry: OutOfOffice) -> None:
    if entry.end <= entry.start:
        raise refuse(400, "Start date must be before end date.")
    if entry.to_user_id is not None:
        if entry.to_user_id == entry.user_id:
            raise refuse(400, "Cannot redirect to self.")
        user_of(state, entry.to_user_id)
    for other in state.out_of_office.values():
        mine = other.user_id == entry.user_id and other.id != entry.id
        if mine and other.start < entry.end and entry.start < other.end:
            raise refuse(409, "Ooo entry already exists.")


def _check_slug(state: State, event_type: EventType) -> None:
    for other in state.event_types.values():
        same = (other.slug, other.owner_id, other.team_id) == (
            event_type.slug,
            event_type.owner_id,
            event_type.team_id,
        )
        if same and other.id != event_type.id:
            raise refuse(400, f"Event type with slug {event_type.slug} already exists.")


def _with_user(state: State, user: User) -> State:
    return replace(state, users=state.users.set(user.id, user))


def _with_event_type(state: State, event_type: EventType) -> State:
    return replace(state, event_types=state.event_types.set(event_type.id, event_type))
