"""Event types of users and teams, today's shape and the old one (contract 3, 6)."""

from collections.abc import Callable
from typing import Any, Final

from calcom.simulator import envelope, event_type_presenters, versions
from calcom.simulator.event_type_inputs import create_fields, update_fields
from calcom.simulator.model import EventType, User
from calcom.simulator.refusals import EVENT_TYPE_NOT_FOUND, refuse
from calcom.simulator.routing import Call, Endpoint, Reply, Work
from calcom.simulator.state import State
from calcom.simulator.validation import (
    Field,
    Shape,
    body_of,
    comma_list,
    number_text,
    one_of,
    path_int,
    query_whole,
    text,
)

_LIST: Final = Shape(
    {
        "username": Field(text),
        "eventSlug": Field(text),
        "usernames": Field(comma_list(text)),
        "orgSlug": Field(text),
        "orgId": Field(number_text),
        "sortCreatedAt": Field(one_of("asc", "desc")),
    }
)
_TEAM_LIST: Final = Shape(
    {
        "eventSlug": Field(text),
        "hostsLimit": Field(query_whole(1, 10_000)),
        "sortCreatedAt": Field(one_of("asc", "desc")),
    }
)


def _user_named(username: str, state: State) -> User:
    for user in state.users.values():
        if user.username == username:
            return user
    raise refuse(404, f"User with username {username} not found")


def _own(user_id: int, state: State) -> list[EventType]:
    found = [e for e in state.event_types.values() if e.owner_id == user_id]
    return sorted(found, key=lambda e: e.id)


def _wished(call: Call) -> Callable[[], list[EventType]]:
    """Which event types a list asks for; hidden ones are for their owner only (contract 1)."""
    values = _LIST.read(call.query)

    def find() -> list[EventType]:
        state = call.sim.world.state
        if "usernames" in values:
            users = [_user_named(name, state) for name in values["usernames"]]
        elif "username" in values:
            users = [_user_named(values["username"], state)]
        elif call.caller.user_id is not None:
            users = [state.users[call.caller.user_id]]
        else:
            users = []
        found = [
            e
            for user in users
            for e in _own(user.id, state)
            if (not e.hidden or user.id == call.caller.user_id) and values.get("eventSlug", e.slug) == e.slug
        ]
        return found[::-1] if values.get("sortCreatedAt") == "desc" else found

    return find


def list_event_types(call: Call) -> Work:
    """GET /v2/event-types."""
    find = _wished(call)

    def work() -> Reply:
        state = call.sim.world.state
        return Reply(200, envelope.success([event_type_presenters.event_type(e, state) for e in find()]))

    return work


def list_old(call: Call) -> Work:
    """GET /v2/event-types before 2024-06-14: grouped by profile."""
    find = _wished(call)

    def work() -> Reply:
        shown = [event_type_presenters.old_event_type(e) for e in find()]
        user_id = call.caller.user_id
        user = call.sim.world.state.users.get(user_id) if user_id is not None else None
        profile = {"slug": user.username, "name": user.name} if user else {"slug": "", "name": ""}
        groups = [{"teamId": None, "profile": profile, "eventTypes": shown}]
        return Reply(200, envelope.success({"eventTypeGroups": groups, "profiles": [profile]}))

    return work


def _visible(call: Call, event_type_id: int) -> EventType:
    """An event type the caller owns or manages. Raises Refused 404."""
    state = call.sim.world.state
    found = state.event_types.get(event_type_id)
    if found is None:
        raise refuse(404, EVENT_TYPE_NOT_FOUND)
    hosts = any(h.user_id == call.user_id for h in found.hosts)
    if not hosts and not event_type_presenters.manages(call.user_id, found, state):
        raise refuse(403, "User is not authorized to access this event type")
    return found


def get(call: Call) -> Work:
    """GET /v2/event-types/{eventTypeId}."""
    event_type_id = path_int(call.params, "eventTypeId")

    def work() -> Reply:
        shown = event_type_presenters.event_type(_visible(call, event_type_id), call.sim.world.state)
        return Reply(200, envelope.success(shown))

    return work


def get_old(call: Call) -> Work:
    """GET /v2/event-types/{eventTypeId} before 2024-06-14."""
    event_type_id = path_int(call.params, "eventTypeId")

    def work() -> Reply:
        shown = event_type_presenters.old_event_type(_visible(call, event_type_id))
        return Reply(200, envelope.success({"eventType": shown}))

    return work


def create(call: Call) -> Work:
    """POST /v2/event-types."""
    fields = create_fields(body_of(call.body))

    def work() -> Reply:
        world = call.sim.world
        made = world.create_event_type(EventType(id=0, owner_id=call.user_id, **fields), call.now())
        return Reply(201, envelope.success(event_type_presenters.event_type(made, world.state)))

    return work


def update(call: Call) -> Work:
    """PATCH /v2/event-types/{eventTypeId}."""
    event_type_id = path_int(call.params, "eventTypeId")
    changes = update_fields(body_of(call.body))

    def work() -> Reply:
        world = call.sim.world
        _visible(call, event_type_id)
        changed = world.update_event_type(event_type_id, changes, call.now())
        return Reply(200, envelope.success(event_type_presenters.event_type(changed, world.state)))

    return work


def delete(call: Call) -> Work:
    """DELETE /v2/event-types/{eventTypeId}."""
    event_type_id = path_int(call.params, "eventTypeId")

    def work() -> Reply:
        _visible(call, event_type_id)
        gone = call.sim.world.delete_event_type(event_type_id, call.now())
        shown = {"id": gone.id, "lengthInMinutes": gone.length, "slug": gone.slug, "title": gone.title}
        return Reply(200, envelope.success(shown))

    return work


# Team event types


def _of_team(call: Call, team_id: int, event_type_id: int) -> EventType:
    found = call.sim.world.state.event_types.get(event_type_id)
    if found is None or found.team_id != team_id:
        raise refuse(404, f"Event type with id {event_type_id} not found in team {team_id}")
    return found


def _member(call: Call, team_id: int) -> None:
    """Raises Refused: 404 without the team, 403 for strangers to it."""
    state = call.sim.world.state
    if team_id not in state.teams:
        raise refuse(404, f"Team with id {team_id} not found")
    if not any(m.team_id == team_id and m.user_id == call.user_id for m in state.memberships.values()):
        raise refuse(403, f"User is not a member of the team with id {team_id}")


def list_of_team(call: Call) -> Work:
    """GET /v2/teams/{teamId}/event-types: lists the hosts, the source of a host map."""
    team_id = path_int(call.params, "teamId")
    values = _TEAM_LIST.read(call.query)

    def work() -> Reply:
        _member(call, team_id)
        state = call.sim.world.state
        found = sorted(
            (
                e
                for e in state.event_types.values()
                if e.team_id == team_id and e.parent_id is None and values.get("eventSlug", e.slug) == e.slug
            ),
            key=lambda e: e.id,
            reverse=values.get("sortCreatedAt") == "desc",
        )
        shown = [event_type_presenters.event_type(e, state) for e in found]
        for one in shown:
            one["hosts"] = one["hosts"][: values.get("hostsLimit")]
        return Reply(200, envelope.success(shown))

    return work


def get_of_team(call: Call) -> Work:
    """GET /v2/teams/{teamId}/event-types/{eventTypeId}."""
    team_id, event_type_id = path_int(call.params, "teamId"), path_int(call.params, "eventTypeId")

    def work() -> Reply:
        _member(call, team_id)
        shown = event_type_presenters.event_type(_of_team(call, team_id, event_type_id), call.sim.world.state)
        return Reply(200, envelope.success(shown))

    return work


def create_of_team(call: Call) -> Work:
    """POST /v2/teams/{teamId}/event-types."""
    team_id = path_int(call.params, "teamId")
    fields = create_fields(body_of(call.body), team=True)

    def work() -> Reply:
        _member(call, team_id)
        world = call.sim.world
        made = world.create_event_type(EventType(id=0, team_id=team_id, **fields), call.now())
        return Reply(201, envelope.success(event_type_presenters.event_type(made, world.state)))

    return work


def update_of_team(call: Call) -> Work:
    """PATCH /v2/teams/{teamId}/event-types/{eventTypeId}."""
    team_id, event_type_id = path_int(call.params, "teamId"), path_int(call.params, "eventTypeId")
    changes = update_fields(body_of(call.body), team=True)

    def work() -> Reply:
        _member(call, team_id)
        _of_team(call, team_id, event_type_id)
        world = call.sim.world
        changed = world.update_event_type(event_type_id, changes, call.now())
        return Reply(200, envelope.success(event_type_presenters.event_type(changed, world.state)))

    return work


def delete_of_team(call: Call) -> Work:
    """DELETE /v2/teams/{teamId}/event-types/{eventTypeId}."""
    team_id, event_type_id = path_int(call.params, "teamId"), path_int(call.params, "eventTypeId")

    def work() -> Reply:
        _member(call, team_id)
        _of_team(call, team_id, event_type_id)
        gone = call.sim.world.delete_event_type(event_type_id, call.now())
        return Reply(200, envelope.success({"id": gone.id, "title": gone.title}))

    return work


def _endpoint(
    method: str,
    template: str,
    handler: Callable[[Call], Work],
    served: frozenset[str] = versions.EVENT_TYPES,
    **more: Any,
) -> Endpoint:
    return Endpoint(method, template, handler, served, "event_types", writes=method != "GET", **more)


_MINE: Final = "/v2/event-types"
_TEAM: Final = "/v2/teams/{teamId}/event-types"

ENDPOINTS: Final = (
    _endpoint("GET", _MINE, list_event_types, guard="optional"),
    _endpoint("POST", _MINE, create),
    _endpoint("GET", _MINE + "/{eventTypeId}", get),
    _endpoint("PATCH", _MINE + "/{eventTypeId}", update),
    _endpoint("DELETE", _MINE + "/{eventTypeId}", delete),
    _endpoint("GET", _MINE, list_old, versions.EVENT_TYPES_OLD, guard="optional"),
    _endpoint("GET", _MINE + "/{eventTypeId}", get_old, versions.EVENT_TYPES_OLD),
    _endpoint("GET", _TEAM, list_of_team, versions.ANY),
    _endpoint("POST", _TEAM, create_of_team, versions.ANY),
    _endpoint("GET", _TEAM + "/{eventTypeId}", get_of_team, versions.ANY),
    _endpoint("PATCH", _TEAM + "/{eventTypeId}", update_of_team, versions.ANY),
    _endpoint("DELETE", _TEAM + "/{eventTypeId}", delete_of_team, versions.ANY),
)
