"""Which event type a selector names, and who hosts it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from calcom.simulator import refusals
from calcom.simulator.model import EventType, Host, Membership, Team, User
from calcom.simulator.persistent import PersistentMap
from calcom.simulator.refusals import refuse
from calcom.simulator.state import State

DYNAMIC_LENGTH = 30  # minutes, contract 4.1
DYNAMIC_NOTICE = 120


class HostRole(NamedTuple):
    """A host and whether every slot needs it."""

    user_id: int
    fixed: bool
    priority: str = "medium"


def select(
    state: State,
    *,
    event_type_id: int | None = None,
    slug: str | None = None,
    username: str | None = None,
    team_slug: str | None = None,
    usernames: tuple[str, ...] = (),
    organization_slug: str | None = None,
) -> EventType:
    """The event type that a selector of contract 4.1 names; id decides first.

    A dynamic group gives a made-up event type with id 0. Raises Refused 404 with the contract's texts. The
    simulated account has no organization, so any organization slug names nobody.
    """
    if event_type_id is not None:
        found = state.event_types.get(event_type_id)
        if found is None:
            raise refuse(404, refusals.EVENT_TYPE_NOT_FOUND)
        return found
    if usernames:
        return _dynamic(tuple(_user(state, name, organization_slug) for name in usernames))
    if slug is not None and team_slug is not None:
        team = None if organization_slug else teams_by_slug(state.teams).get(team_slug)
        if team is None:
            raise refuse(404, f"Team with slug {team_slug} not found")
        return _by_slug(state, slug, None, team.id)
    if slug is not None and username is not None:
        return _by_slug(state, slug, _user(state, username, organization_slug).id, None)
    raise refuse(404, refusals.EVENT_TYPE_NOT_FOUND)


def hosts_of(state: State, event_type: EventType) -> tuple[HostRole, ...]:
    """Everyone who may host: owner of an individual type, every host of a collective, the fixed and the
    rotating ones of a round robin, none for a managed parent. Only accepted members of the team count."""
    if event_type.scheduling == "individual":
        owner = event_type.owner_id
        return () if owner is None or owner not in state.users else (HostRole(owner, fixed=True),)
    if event_type.scheduling == "managed":
        return ()
    hosts = event_type.hosts
    if event_type.team_id is not None:
        members = members_by_team(state.memberships).get(event_type.team_id, ())
        if event_type.assign_all_members:
            given = {host.user_id: host for host in hosts}
            hosts = tuple(given.get(user_id, Host(user_id)) for user_id in members)
        else:
            hosts = tuple(host for host in hosts if host.user_id in members)
    collective = event_type.scheduling == "collective"
    return tuple(HostRole(host.user_id, collective or host.mandatory, host.priority) for host in hosts)


def limiting_team(state: State, event_type: EventType) -> Team | None:
    """The team whose booking limits bind this event type (contract 8, row 6), if it has any."""
    team_id = event_type.team_id
    managed = False
    if event_type.parent_id is not None and event_type.parent_id in state.event_types:
        team_id, managed = state.event_types[event_type.parent_id].team_id, True
    team = None if team_id is None else state.teams.get(team_id)
    if team is None or not team.booking_limits or (managed and not team.limits_include_managed):
        return None
    return team


@lru_cache(maxsize=64)
def types_of_team(
    event_types: PersistentMap[int, EventType], team_id: int, with_managed: bool
) -> tuple[int, ...]:
    """Ids of the event types whose bookings count towards a team's limits."""
    own = {one.id for one in event_types.values() if one.team_id == team_id}
    children = (one.id for one in event_types.values() if one.parent_id in own)
    return tuple(sorted(own | set(children) if with_managed else own))


@lru_cache(maxsize=64)
def users_by_name(users: PersistentMap[int, User]) -> Mapping[str, User]:
    """Users by lower-case username."""
    return {user.username.lower(): user for user in users.values()}


@lru_cache(maxsize=64)
def users_by_email(users: PersistentMap[int, User]) -> Mapping[str, User]:
    """Users by lower-case e-mail address."""
    return {user.email.lower(): user for user in users.values()}


@lru_cache(maxsize=64)
def teams_by_slug(teams: PersistentMap[int, Team]) -> Mapping[str, Team]:
    """Teams by slug."""
    return {team.slug: team for team in teams.values()}


@lru_cache(maxsize=64)
def members_by_team(memberships: PersistentMap[int, Membership]) -> Mapping[int, tuple[int, ...]]:
    """Accepted members' user ids by team, in the order they joined."""
    members: dict[int, list[int]] = {}
    for membership in sorted(memberships.values(), key=lambda one: one.id):
        if membership.accepted:
            members.setdefault(membership.team_id, []).append(membership.user_id)
    return {team_id: tuple(ids) for team_id, ids in members.items()}


@lru_cache(maxsize=64)
def _types_by_slug(
    event_types: PersistentMap[int, EventType],
) -> Mapping[tuple[str, int | None, int | None], EventType]:
    return {
        (one.slug, one.owner_id, one.team_id): one
        for one in sorted(event_types.values(), key=lambda one: -one.id)
    }


def _by_slug(state: State, slug: str, owner_id: int | None, team_id: int | None) -> EventType:
    found = _types_by_slug(state.event_types).get((slug, owner_id, team_id))
    if found is None:
        raise refuse(404, refusals.EVENT_TYPE_NOT_FOUND)
    return found


def _user(state: State, username: str, organization_slug: str | None) -> User:
    user = None if organization_slug else users_by_name(state.users).get(username.lower())
    if user is None:
        raise refuse(404, f"User with username {username} not found")
    return user


@lru_cache(maxsize=256)
def _dynamic_of(user_ids: tuple[int, ...]) -> EventType:
    return EventType(
        id=0,
        slug="dynamic",
        title="Group Meeting",
        length=DYNAMIC_LENGTH,
        scheduling="collective",
        hosts=tuple(Host(user_id, mandatory=True) for user_id in user_ids),
        minimum_notice=DYNAMIC_NOTICE,
    )


def _dynamic(users: tuple[User, ...]) -> EventType:
    return _dynamic_of(tuple(dict.fromkeys(user.id for user in users)))
