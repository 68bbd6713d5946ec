"""External calendars (contract 8, rows 18 and 21)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from calcom.simulator.model import CalendarConnection, ExternalBusy
from calcom.simulator.outcomes import Outcome
from calcom.simulator.refusals import refuse
from calcom.simulator.settings import user_of
from calcom.simulator.state import State


def connect(state: State, draft: CalendarConnection) -> Outcome[CalendarConnection]:
    """Connects a calendar; the draft's id is ignored."""
    user_of(state, draft.user_id)
    state, number = state.fresh()
    return _put(state, replace(draft, id=number))


def disconnect(state: State, connection_id: int) -> Outcome[CalendarConnection]:
    """Forgets a calendar and its events."""
    connection = connection_of(state, connection_id)
    external = state.external
    for event in state.external.values():
        if event.connection_id == connection_id:
            external = external.without(event.uid)
    state = replace(state, calendars=state.calendars.without(connection_id), external=external)
    return Outcome(state, connection)


def select(state: State, connection_id: int, selected: bool) -> Outcome[CalendarConnection]:
    """Lets a calendar block, or not."""
    return _put(state, replace(connection_of(state, connection_id), selected=selected))


def put_event(state: State, draft: ExternalBusy) -> Outcome[ExternalBusy]:
    """Adds an event, or changes the one of the same uid; a draft without a uid gets one."""
    connection_of(state, draft.connection_id)
    if not draft.uid:
        state, number = state.fresh()
        draft = replace(draft, uid=state.uid("external", number))
    return Outcome(replace(state, external=state.external.set(draft.uid, draft)), draft)


def delete_event(state: State, uid: str) -> Outcome[None]:
    """Removes an event. Raises Refused 404 for an unknown uid."""
    if uid not in state.external:
        raise refuse(404, f"Calendar event with uid={uid} not found")
    return Outcome(replace(state, external=state.external.without(uid)), None)


def set_broken(state: State, user_id: int, broken: bool) -> Outcome[None]:
    """Makes all of a user's calendars unreadable, or readable again. A user without one gets one."""
    mine = [one for one in state.calendars.values() if one.user_id == user_id]
    if not mine:
        user = user_of(state, user_id)
        draft = CalendarConnection(0, user_id, "google_calendar", user.email, user.name, primary=True)
        made = connect(state, draft)
        state, mine = made.state, [made.result]
    for one in mine:
        state = _put(state, replace(one, broken=broken)).state
    return Outcome(state, None)


def busy_times(
    state: State, connection_ids: Iterable[int], start: datetime, end: datetime
) -> tuple[ExternalBusy, ...]:
    """Events of these calendars that touch [start, end), by start."""
    wanted = set(connection_ids)
    touching = (
        one
        for one in state.external.values()
        if one.connection_id in wanted and one.start < end and one.end > start
    )
    return tuple(sorted(touching, key=lambda one: (one.start, one.uid)))


def connection_of(state: State, connection_id: int) -> CalendarConnection:
    """Raises Refused 404 for an unknown id."""
    if connection_id not in state.calendars:
        raise refuse(404, f"Calendar connection with ID={connection_id} not found")
    return state.calendars[connection_id]


def _put(state: State, connection: CalendarConnection) -> Outcome[CalendarConnection]:
    calendars = state.calendars.set(connection.id, connection)
    return Outcome(replace(state, calendars=calendars), connection)
