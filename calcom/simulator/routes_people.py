"""The caller, teams, memberships and absences (contract 6)."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from calcom.simulator import envelope, presenters, versions
from calcom.simulator.model import Credential, Limits, Membership, OutOfOffice, Team
from calcom.simulator.refusals import refuse
from calcom.simulator.routing import Call, Endpoint, Reply, Work
from calcom.simulator.validation import (
    Field,
    Invalid,
    Shape,
    body_of,
    boolean,
    comma_list,
    email,
    full_text,
    instant,
    mapping,
    nested,
    one_of,
    path_int,
    query_whole,
    text,
    whole,
    zone,
)

_T = TypeVar("_T")
_WEEK: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_PAGE: Final = {"take": Field(query_whole(1, 250)), "skip": Field(query_whole(0, 2**31))}

# The caller


def _time_format(name: str, value: Any) -> int:
    if value not in (12, 24) or isinstance(value, bool):
        raise Invalid(f"{name} must be one of the following values: 12, 24")
    return int(value)


_ME: Final = {
    "email": ("email", email),
    "name": ("name", text),
    "timeFormat": ("time_format", _time_format),
    "defaultScheduleId": ("default_schedule_id", whole()),
    "weekStart": ("week_start", one_of(*_WEEK)),
    "timeZone": ("time_zone", zone),
    "locale": ("locale", text),
    "avatarUrl": ("avatar_url", text),
    "bio": ("bio", text),
    "metadata": ("metadata", mapping),
}
_UPDATE_ME: Final = Shape({name: Field(check) for name, (_, check) in _ME.items()})


def get_me(call: Call) -> Work:
    """GET /v2/me."""
    return lambda: Reply(200, envelope.success(presenters.me(call.sim.world.state.users[call.user_id])))


def update_me(call: Call) -> Work:
    """PATCH /v2/me: zone and default schedule move slots (contract 8, row 16)."""
    changes = {_ME[name][0]: value for name, value in _UPDATE_ME.read(body_of(call.body)).items()}

    def work() -> Reply:
        world = call.sim.world
        wished = changes.get("default_schedule_id")
        if wished is not None:
            schedule = world.state.schedules.get(wished)
            if schedule is None or schedule.user_id != call.user_id:
                raise refuse(404, f"Schedule with id {wished} not found")
        return Reply(
            200, envelope.success(presenters.me(world.update_user(call.user_id, changes, call.now())))
        )

    return work


def refresh_key(call: Call) -> Work:
    """POST /v2/api-keys/refresh: a new key, and the old one stops working (contract 1)."""

    def work() -> Reply:
        sim = call.sim
        if call.caller.kind != "api_key":
            raise refuse(401, "Only an API key can be refreshed")
        sim.keyring.revoke(call.headers[b"authorization"].decode("latin-1").split()[-1])
        key = f"cal_live_{sim.id_random.getrandbits(128):032x}"
        sim.keyring.add(Credential(key=key, user_id=call.user_id))
        return Reply(200, envelope.success({"apiKey": key}))

    return work


# Absences

_REASONS: Final = one_of("unspecified", "vacation", "travel", "sick", "public_holiday")
_ABSENCE: Final = {
    "start": ("start", instant),
    "end": ("end", instant),
    "reason": ("reason", _REASONS),
    "toUserId": ("to_user_id", whole()),
    "notes": ("notes", text),
}
_CREATE_ABSENCE: Final = Shape(
    {name: Field(check, required=name in ("start", "end")) for name, (_, check) in _ABSENCE.items()}
)
_UPDATE_ABSENCE: Final = Shape(
    {name: Field(check, nullable=name in ("toUserId", "notes")) for name, (_, check) in _ABSENCE.items()}
)
_ABSENCE_PAGE: Final = Shape(
    {**_PAGE, "sortStart": Field(one_of("asc", "desc")), "sortEnd": Field(one_of("asc", "desc"))}
)


def _own_absence(call: Call) -> OutOfOffice:
    absence_id = path_int(call.params, "oooId")
    found = call.sim.world.state.out_of_office.get(absence_id)
    if found is None or found.user_id != call.user_id:
        raise refuse(404, f"Out-of-office entry with id {absence_id} not found")
    return found


def list_absences(call: Call) -> Work:
    """GET /v2/me/ooo."""
    values = _ABSENCE_PAGE.read(call.query)

    def work() -> Reply:
        entries = call.sim.world.state.out_of_office.values()
        mine = sorted((o for o in entries if o.user_id == call.user_id), key=lambda o: (o.start, o.id))
        shown = _page(mine, values)
        return Reply(200, envelope.success([presenters.out_of_office(o) for o in shown]))

    return work


def create_absence(call: Call) -> Work:
    """POST /v2/me/ooo."""
    values = _CREATE_ABSENCE.read(body_of(call.body))
    draft = OutOfOffice(
        id=0,
        uid="",
        user_id=call.user_id,
        **{_ABSENCE[name][0]: value for name, value in values.items()},
    )

    def work() -> Reply:
        made = call.sim.world.create_out_of_office(draft, call.now())
        return Reply(201, envelope.success(presenters.out_of_office(made)))

    return work


def update_absence(call: Call) -> Work:
    """PATCH /v2/me/ooo/{oooId}."""
    values = _UPDATE_ABSENCE.read(body_of(call.body))
    changes = {_ABSENCE[name][0]: value for name, value in values.items()}

    def work() -> Reply:
        found = _own_absence(call)
        changed = call.sim.world.update_out_of_office(found.id, changes, call.now())
        return Reply(200, envelope.success(presenters.out_of_office(changed)))

    return work


def delete_absence(call: Call) -> Work:
    """DELETE /v2/me/ooo/{oooId}."""

    def work() -> Reply:
        gone = call.sim.world.delete_out_of_office(_own_absence(call).id, call.now())
        return Reply(200, envelope.success(presenters.out_of_office(gone)))

    return work


# Teams

_LIMITS: Final = Shape({period: Field(whole(1)) for period in ("day", "week", "month", "year")})


def _limits(name: str, value: Any) -> Limits:
    return Limits(**nested(_LIMITS)(name, value))


_TEAM: Final = {
    "name": ("name", full_text),
    "slug": ("slug", full_text),
    "timeZone": ("time_zone", zone),
    "bio": ("bio", text),
    "metadata": ("metadata", mapping),
    "bookingLimits": ("booking_limits", _limits),
    "includeManagedEventsInLimits": ("limits_include_managed", boolean),
}
_CREATE_TEAM: Final = Shape(
    {name: Field(check, required=name == "name") for name, (_, check) in _TEAM.items()}
)
_UPDATE_TEAM: Final = Shape({name: Field(check) for name, (_, check) in _TEAM.items()})


def membership_of(call: Call, team_id: int, *, admin: bool = False) -> Membership:
    """The caller's membership. Raises Refused: 404 without the team, 403 without the standing."""
    state = call.sim.world.state
    if team_id not in state.teams:
        raise refuse(404, f"Team with id {team_id} not found")
    for membership in state.memberships.values():
        if membership.team_id == team_id and membership.user_id == call.user_id:
            if admin and membership.role == "MEMBER":
                break
            return membership
    raise refuse(403, f"User is not {'an admin' if admin else 'a member'} of the team with id {team_id}")


def list_teams(call: Call) -> Work:
    """GET /v2/teams: those the caller is in."""

    def work() -> Reply:
        state = call.sim.world.state
        ids = sorted({m.team_id for m in state.memberships.values() if m.user_id == call.user_id})
        return Reply(200, envelope.success([presenters.team(state.teams[i]) for i in ids]))

    return work


def get_team(call: Call) -> Work:
    """GET /v2/teams/{teamId}."""
    team_id = path_int(call.params, "teamId")

    def work() -> Reply:
        membership_of(call, team_id)
        return Reply(200, envelope.success(presenters.team(call.sim.world.state.teams[team_id])))

    return work


def create_team(call: Call) -> Work:
    """POST /v2/teams."""
    values = {_TEAM[name][0]: value for name, value in _CREATE_TEAM.read(body_of(call.body)).items()}
    slug = values.setdefault("slug", "-".join(values["name"].lower().split()))

    def work() -> Reply:
        world = call.sim.world
        if any(team.slug == slug for team in world.state.teams.values()):
            raise refuse(409, f"A team with slug {slug} already exists")
        made = world.create_team(Team(id=0, **values), call.user_id, call.now())
        return Reply(201, envelope.success(presenters.team(made)))

    return work


def update_team(call: Call) -> Work:
    """PATCH /v2/teams/{teamId}: booking limits reach all its event types (contract 8, row 6)."""
    team_id = path_int(call.params, "teamId")
    changes = {_TEAM[name][0]: value for name, value in _UPDATE_TEAM.read(body_of(call.body)).items()}

    def work() -> Reply:
        membership_of(call, team_id, admin=True)
        changed = call.sim.world.update_team(team_id, changes, call.now())
        return Reply(200, envelope.success(presenters.team(changed)))

    return work


def delete_team(call: Call) -> Work:
    """DELETE /v2/teams/{teamId}."""
    team_id = path_int(call.params, "teamId")

    def work() -> Reply:
        membership_of(call, team_id, admin=True)
        gone = call.sim.world.delete_team(team_id, call.now())
        return Reply(200, envelope.success(presenters.team(gone)))

    return work


def invite(call: Call) -> Work:
    """POST /v2/teams/{teamId}/invite: a link only; joining happens later and outside the API."""
    team_id = path_int(call.params, "teamId")

    def work() -> Reply:
        membership_of(call, team_id, admin=True)
        token = f"{call.sim.id_random.getrandbits(256):064x}"
        link = f"https://app.cal.com/teams?token={token}"
        return Reply(200, envelope.success({"token": token, "inviteLink": link}))

    return work


# Memberships

_ROLE: Final = one_of("MEMBER", "OWNER", "ADMIN")
_CREATE_MEMBERSHIP: Final = Shape(
    {
        "userId": Field(whole(), required=True),
        "accepted": Field(boolean),
        "role": Field(_ROLE),
        "disableImpersonation": Field(boolean),
    }
)
_UPDATE_MEMBERSHIP: Final = Shape(
    {"accepted": Field(boolean), "role": Field(_ROLE), "disableImpersonation": Field(boolean)}
)
_MEMBERS_PAGE: Final = Shape({**_PAGE, "emails": Field(comma_list(text))})


def _membership(call: Call, team_id: int) -> Membership:
    membership_id = path_int(call.params, "membershipId")
    found = call.sim.world.state.memberships.get(membership_id)
    if found is None or found.team_id != team_id:
        raise refuse(404, f"Membership with id {membership_id} within team id {team_id} not found")
    return found


def _show(call: Call, membership: Membership, status: int = 200) -> Reply:
    return Reply(status, envelope.success(presenters.membership(membership, call.sim.world.state)))


def list_memberships(call: Call) -> Work:
    """GET /v2/teams/{teamId}/memberships."""
    team_id = path_int(call.params, "teamId")
    values = _MEMBERS_PAGE.read(call.query)

    def work() -> Reply:
        membership_of(call, team_id)
        state = call.sim.world.state
        wanted = values.get("emails")
        found = sorted(
            (
                m
                for m in state.memberships.values()
                if m.team_id == team_id and (wanted is None or state.users[m.user_id].email in wanted)
            ),
            key=lambda m: m.id,
        )
        return Reply(200, envelope.success([presenters.membership(m, state) for m in _page(found, values)]))

    return work


def get_membership(call: Call) -> Work:
    """GET /v2/teams/{teamId}/memberships/{membershipId}."""
    team_id = path_int(call.params, "teamId")

    def work() -> Reply:
        membership_of(call, team_id)
        return _show(call, _membership(call, team_id))

    return work


def create_membership(call: Call) -> Work:
    """POST /v2/teams/{teamId}/memberships."""
    team_id = path_int(call.params, "teamId")
    values = _CREATE_MEMBERSHIP.read(body_of(call.body))

    def work() -> Reply:
        membership_of(call, team_id, admin=True)
        world = call.sim.world
        user_id = values["userId"]
        if user_id not in world.state.users:
            raise refuse(404, f"User with id {user_id} not found")
        if any(m.team_id == team_id and m.user_id == user_id for m in world.state.memberships.values()):
            raise refuse(409, f"User with id {user_id} is already a member of team {team_id}")
        made = world.create_membership(
            team_id, user_id, values.get("role", "MEMBER"), values.get("accepted", True), call.now()
        )
        return _show(call, made, 201)

    return work


def update_membership(call: Call) -> Work:
    """PATCH /v2/teams/{teamId}/memberships/{membershipId}."""
    team_id = path_int(call.params, "teamId")
    values = _UPDATE_MEMBERSHIP.read(body_of(call.body))
    changes = {name: value for name, value in values.items() if name != "disableImpersonation"}

    def work() -> Reply:
        membership_of(call, team_id, admin=True)
        found = _membership(call, team_id)
        return _show(call, call.sim.world.update_membership(found.id, changes, call.now()))

    return work


def delete_membership(call: Call) -> Work:
    """DELETE /v2/teams/{teamId}/memberships/{membershipId}."""
    team_id = path_int(call.params, "teamId")

    def work() -> Reply:
        membership_of(call, team_id, admin=True)
        found = _membership(call, team_id)
        return _show(call, call.sim.world.delete_membership(found.id, call.now()))

    return work


def _page(rows: list[_T], values: dict[str, Any]) -> list[_T]:
    skip = values.get("skip", 0)
    return rows[skip : skip + values.get("take", 250)]


def _endpoint(method: str, template: str, handler: Callable[[Call], Work], **more: Any) -> Endpoint:
    return Endpoint(method, template, handler, versions.ANY, "people", writes=method != "GET", **more)


_MEMBERSHIPS: Final = "/v2/teams/{teamId}/memberships"

ENDPOINTS: Final = (
    _endpoint("POST", "/v2/api-keys/refresh", refresh_key),
    _endpoint("GET", "/v2/me", get_me),
    _endpoint("PATCH", "/v2/me", update_me),
    _endpoint("GET", "/v2/me/ooo", list_absences),
    _endpoint("POST", "/v2/me/ooo", create_absence),
    _endpoint("PATCH", "/v2/me/ooo/{oooId}", update_absence),
    _endpoint("DELETE", "/v2/me/ooo/{oooId}", delete_absence),
    _endpoint("GET", "/v2/teams", list_teams),
    _endpoint("POST", "/v2/teams", create_team),
    _endpoint("GET", "/v2/teams/{teamId}", get_team),
    _endpoint("PATCH", "/v2/teams/{teamId}", update_team),
    _endpoint("DELETE", "/v2/teams/{teamId}", delete_team, side_limit="teams_delete"),
    _endpoint("POST", "/v2/teams/{teamId}/invite", invite),
    _endpoint("GET", _MEMBERSHIPS, list_memberships),
    _endpoint("POST", _MEMBERSHIPS, create_membership),
    _endpoint("GET", _MEMBERSHIPS + "/{membershipId}", get_membership),
    _endpoint("PATCH", _MEMBERSHIPS + "/{membershipId}", update_membership),
    _endpoint("DELETE", _MEMBERSHIPS + "/{membershipId}", delete_membership),
)
