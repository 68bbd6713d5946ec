"""The organization's view of users, teams and bookings: the same operations under longer paths (contract 6.1).

The seeded account is one organization, and the owners and admins of its teams administer it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from calcom.simulator import (
    booking_lists,
    envelope,
    presenters,
    routes_event_types,
    routes_people,
    routes_schedules,
    versions,
)
from calcom.simulator.refusals import refuse
from calcom.simulator.routing import Call, Endpoint, Handler, Reply, Work
from calcom.simulator.validation import path_int

ORGANIZATION_ID: Final = 1


def _checked(call: Call) -> None:
    """Raises Refused: 404 for another organization, 403 for callers without a say in it."""
    if path_int(call.params, "orgId") != ORGANIZATION_ID:
        raise refuse(404, f"Organization with id {call.params['orgId']} not found")
    memberships = call.sim.world.state.memberships.values()
    if not any(m.user_id == call.user_id and m.role in ("OWNER", "ADMIN") for m in memberships):
        raise refuse(403, "User is not an admin of the organization")


def _inside(handler: Handler) -> Handler:
    """The same operation behind the organization's door."""

    def handle(call: Call) -> Work:
        _checked(call)
        return handler(call)

    return handle


def _as_user(handler: Handler) -> Handler:
    """The operation of a user on their own things, done by an admin for the user in the path."""

    def handle(call: Call) -> Work:
        _checked(call)
        user_id = path_int(call.params, "userId")
        if user_id not in call.sim.world.state.users:
            raise refuse(404, f"User with id {user_id} not found")
        # The organization's answers have one shape, whatever version is asked for.
        caller = replace(call.caller, user_id=user_id)
        return handler(replace(call, caller=caller, version="2024-06-14"))

    return handle


def list_users(call: Call) -> Work:
    """GET …/users."""
    _checked(call)

    def work() -> Reply:
        users = sorted(call.sim.world.state.users.values(), key=lambda u: u.id)
        return Reply(200, envelope.success([presenters.me(u) for u in users]))

    return work


def list_teams(call: Call) -> Work:
    """GET …/teams."""
    _checked(call)

    def work() -> Reply:
        teams = sorted(call.sim.world.state.teams.values(), key=lambda t: t.id)
        return Reply(200, envelope.success([presenters.team(t) for t in teams]))

    return work


def list_bookings(call: Call) -> Work:
    """GET …/bookings, …/teams/{teamId}/bookings, …/users/{userId}/bookings."""
    _checked(call)
    wish = booking_lists.parse(call.query)

    def work() -> Reply:
        state = call.sim.world.state
        if "teamId" in call.params:
            found = booking_lists.of_team(path_int(call.params, "teamId"), state)
        elif "userId" in call.params:
            found = booking_lists.of_user(path_int(call.params, "userId"), state)
        else:
            found = state.bookings.values()
        return booking_lists.reply(call, found, wish)

    return work


def list_schedules(call: Call) -> Work:
    """GET …/schedules."""
    _checked(call)

    def work() -> Reply:
        state = call.sim.world.state
        found = sorted(state.schedules.values(), key=lambda s: s.id)
        return Reply(200, envelope.success([presenters.schedule(s, state) for s in found]))

    return work


def list_absences(call: Call) -> Work:
    """GET …/ooo."""
    _checked(call)

    def work() -> Reply:
        found = sorted(call.sim.world.state.out_of_office.values(), key=lambda o: o.id)
        return Reply(200, envelope.success([presenters.out_of_office(o) for o in found]))

    return work


_ORG: Final = "/v2/organizations/{orgId}"
_USER: Final = _ORG + "/users/{userId}"
_TEAM: Final = _ORG + "/teams/{teamId}"


def _rows(
    base: str, one: str, wrap: Callable[[Handler], Handler], handlers: Sequence[Handler | None]
) -> list[tuple[str, str, Handler]]:
    """The five usual operations on a collection: list, create, get, update, delete; None leaves one out."""
    methods = (("GET", base), ("POST", base), ("GET", one), ("PATCH", one), ("DELETE", one))
    return [
        (method, path, wrap(handler))
        for (method, path), handler in zip(methods, handlers, strict=True)
        if handler is not None
    ]


_TABLE: Final[dict[str, list[tuple[str, str, Handler]]]] = {
    "people": [
        ("GET", _ORG + "/users", list_users),
        ("GET", _ORG + "/teams", list_teams),
        ("POST", _ORG + "/teams", _inside(routes_people.create_team)),
        ("GET", _ORG + "/teams/me", _inside(routes_people.list_teams)),
        ("GET", _TEAM, _inside(routes_people.get_team)),
        ("PATCH", _TEAM, _inside(routes_people.update_team)),
        ("POST", _TEAM + "/invite", _inside(routes_people.invite)),
        ("GET", _ORG + "/ooo", list_absences),
        *_rows(
            _TEAM + "/memberships",
            _TEAM + "/memberships/{membershipId}",
            _inside,
            (
                routes_people.list_memberships,
                routes_people.create_membership,
                routes_people.get_membership,
                routes_people.update_membership,
                routes_people.delete_membership,
            ),
        ),
        *_rows(
            _USER + "/ooo",
            _USER + "/ooo/{oooId}",
            _as_user,
            (
                routes_people.list_absences,
                routes_people.create_absence,
                None,
                routes_people.update_absence,
                routes_people.delete_absence,
            ),
        ),
    ],
    "schedules": [
        ("GET", _ORG + "/schedules", list_schedules),
        ("GET", _TEAM + "/schedules", _inside(routes_schedules.list_of_team)),
        *_rows(
            _USER + "/schedules",
            _USER + "/schedules/{scheduleId}",
            _as_user,
            (
                routes_schedules.list_mine,
                routes_schedules.create,
                routes_schedules.get,
                routes_schedules.update,
                routes_schedules.delete,
            ),
        ),
    ],
    "event_types": _rows(
        _TEAM + "/event-types",
        _TEAM + "/event-types/{eventTypeId}",
        _inside,
        (
            routes_event_types.list_of_team,
            routes_event_types.create_of_team,
            routes_event_types.get_of_team,
            routes_event_types.update_of_team,
            routes_event_types.delete_of_team,
        ),
    ),
    "bookings": [
        ("GET", _ORG + "/bookings", list_bookings),
        ("GET", _TEAM + "/bookings", list_bookings),
        ("GET", _USER + "/bookings", list_bookings),
    ],
}

ENDPOINTS: Final = (
    *(
        Endpoint(method, path, handler, versions.ANY, endpoint_class, writes=method != "GET")
        for endpoint_class, rows in _TABLE.items()
        for method, path, handler in rows
    ),
    Endpoint(
        "DELETE",
        _TEAM,
        _inside(routes_people.delete_team),
        versions.ANY,
        "people",
        writes=True,
        side_limit="org_teams_delete",
    ),
)
