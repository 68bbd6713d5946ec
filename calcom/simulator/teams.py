"""Teams and who is in them (contract 8, rows 6 and 19)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from calcom.simulator.model import Membership, Role, Team
from calcom.simulator.outcomes import Outcome
from calcom.simulator.refusals import refuse
from calcom.simulator.settings import sync_children, user_of
from calcom.simulator.state import State


def create_team(state: State, draft: Team, owner_id: int) -> Outcome[Team]:
    """A new team, its id given here, with one owner. Raises Refused 400 for a slug that is taken."""
    user_of(state, owner_id)
    state, number = state.fresh()
    team = replace(draft, id=number)
    _check_slug(state, team)
    state = replace(state, teams=state.teams.set(number, team))
    return Outcome(create_membership(state, number, owner_id, "OWNER", accepted=True).state, team)


def update_team(state: State, team_id: int, changes: Mapping[str, Any]) -> Outcome[Team]:
    """Changes a team, its booking limits among other things."""
    team = replace(team_of(state, team_id), **changes)
    _check_slug(state, team)
    return Outcome(replace(state, teams=state.teams.set(team_id, team)), team)


def delete_team(state: State, team_id: int) -> Outcome[Team]:
    """Deletes a team, its memberships and its event types with their children."""
    team = team_of(state, team_id)
    memberships, event_types = state.memberships, state.event_types
    for one in state.memberships.values():
        if one.team_id == team_id:
            memberships = memberships.without(one.id)
    doomed = {one.id for one in event_types.values() if one.team_id == team_id}
    for event_type in state.event_types.values():
        if event_type.id in doomed or event_type.parent_id in doomed:
            event_types = event_types.without(event_type.id)
    state = replace(
        state, teams=state.teams.without(team_id), memberships=memberships, event_types=event_types
    )
    return Outcome(state, team)


def create_membership(
    state: State, team_id: int, user_id: int, role: Role, *, accepted: bool
) -> Outcome[Membership]:
    """Takes a user into a team; an accepted one hosts its event types that are for all members."""
    team_of(state, team_id)
    user_of(state, user_id)
    if any(one.team_id == team_id and one.user_id == user_id for one in state.memberships.values()):
        raise refuse(409, f"User with ID={user_id} is a member of team with ID={team_id} already.")
    state, number = state.fresh()
    membership = Membership(number, team_id, user_id, role, accepted)
    state = replace(state, memberships=state.memberships.set(number, membership))
    return Outcome(_resynced(state, team_id), membership)


def update_membership(state: State, membership_id: int, changes: Mapping[str, Any]) -> Outcome[Membership]:
    """Changes role or acceptance."""
    membership = replace(membership_of(state, membership_id), **changes)
    state = replace(state, memberships=state.memberships.set(membership_id, membership))
    return Outcome(_resynced(state, membership.team_id), membership)


def delete_membership(state: State, membership_id: int) -> Outcome[Membership]:
    """Takes a user out of a team and off the hosts of its event types."""
    membership = membership_of(state, membership_id)
    event_types = state.event_types
    for one in state.event_types.values():
        if one.team_id == membership.team_id:
            hosts = tuple(host for host in one.hosts if host.user_id != membership.user_id)
            if hosts != one.hosts:
                event_types = event_types.set(one.id, replace(one, hosts=hosts))
    state = replace(state, memberships=state.memberships.without(membership_id), event_types=event_types)
    return Outcome(_resynced(state, membership.team_id), membership)


def team_of(state: State, team_id: int) -> Team:
    """Raises Refused 404 for an unknown id."""
    if team_id not in state.teams:
        raise refuse(404, f"Team with ID={team_id} not found")
    return state.teams[team_id]


def membership_of(state: State, membership_id: int) -> Membership:
    """Raises Refused 404 for an unknown id."""
    if membership_id not in state.memberships:
        raise refuse(404, f"Membership with ID={membership_id} not found")
    return state.memberships[membership_id]


def _check_slug(state: State, team: Team) -> None:
    if any(other.slug == team.slug and other.id != team.id for other in state.teams.values()):
        raise refuse(400, f"Team with slug {team.slug} already exists.")


def _resynced(state: State, team_id: int) -> State:
    for event_type in state.event_types.values():
        if event_type.team_id == team_id:
            state = sync_children(state, event_type)
    return state
