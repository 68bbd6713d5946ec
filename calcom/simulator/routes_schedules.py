"""Schedules (contract 6; versions of contract 3)."""

from collections.abc import Callable
from datetime import date
from typing import Any, Final

from calcom.simulator import envelope, presenters, versions
from calcom.simulator.model import Override, Rule, Schedule
from calcom.simulator.presenters import DAYS
from calcom.simulator.refusals import refuse
from calcom.simulator.routing import Call, Endpoint, Reply, Work
from calcom.simulator.validation import (
    Field,
    Shape,
    body_of,
    boolean,
    day,
    full_text,
    list_of,
    minutes_of_day,
    nested,
    one_of,
    path_int,
    zone,
)

_RULE: Final = Shape(
    {
        "days": Field(list_of(one_of(*DAYS)), required=True),
        "startTime": Field(minutes_of_day, required=True),
        "endTime": Field(minutes_of_day, required=True),
    }
)
_OVERRIDE: Final = Shape(
    {
        "date": Field(day, required=True),
        "startTime": Field(minutes_of_day, required=True),
        "endTime": Field(minutes_of_day, required=True),
    }
)


def _rule(name: str, value: Any) -> Rule:
    values = nested(_RULE)(name, value)
    return Rule(tuple(DAYS.index(d) for d in values["days"]), values["startTime"], values["endTime"])


def _override(name: str, value: Any) -> Override:
    values = nested(_OVERRIDE)(name, value)
    found: date = values["date"]
    return Override(found, values["startTime"], values["endTime"])


_CHANGEABLE: Final = {
    "availability": Field(list_of(_rule)),
    "overrides": Field(list_of(_override)),
}
_CREATE: Final = Shape(
    {
        "name": Field(full_text, required=True),
        "timeZone": Field(zone, required=True),
        "isDefault": Field(boolean, required=True),
        **_CHANGEABLE,
    }
)
_UPDATE: Final = Shape(
    {"name": Field(full_text), "timeZone": Field(zone), "isDefault": Field(boolean), **_CHANGEABLE}
)

#: What a schedule without hours of its own starts with: Monday to Friday, nine to five.
_OFFICE_HOURS: Final = (Rule((0, 1, 2, 3, 4), 9 * 60, 17 * 60),)


def _own(call: Call, schedule_id: int) -> Schedule:
    """Raises Refused 404, 403."""
    found = call.sim.world.state.schedules.get(schedule_id)
    if found is None:
        raise refuse(404, f"Schedule with id {schedule_id} not found")
    if found.user_id != call.user_id:
        raise refuse(403, f"User with id {call.user_id} does not own schedule with id {schedule_id}")
    return found


def _mine(call: Call) -> list[Schedule]:
    schedules = call.sim.world.state.schedules.values()
    return sorted((s for s in schedules if s.user_id == call.user_id), key=lambda s: s.id)


def _show(call: Call, schedule: Schedule) -> dict[str, Any]:
    present = presenters.old_schedule if call.version in versions.SCHEDULES_OLD else presenters.schedule
    return present(schedule, call.sim.world.state)


def list_mine(call: Call) -> Work:
    """GET /v2/schedules."""
    return lambda: Reply(200, envelope.success([_show(call, s) for s in _mine(call)]))


def get_default(call: Call) -> Work:
    """GET /v2/schedules/default: null when there is none."""

    def work() -> Reply:
        user = call.sim.world.state.users[call.user_id]
        for schedule in _mine(call):
            if schedule.id == user.default_schedule_id:
                return Reply(200, envelope.success(_show(call, schedule)))
        return Reply(200, envelope.success(None))

    return work


def get(call: Call) -> Work:
    """GET /v2/schedules/{scheduleId}."""
    schedule_id = path_int(call.params, "scheduleId")
    return lambda: Reply(200, envelope.success(_show(call, _own(call, schedule_id))))


def create(call: Call) -> Work:
    """POST /v2/schedules."""
    values = _CREATE.read(body_of(call.body))
    rules = tuple(values["availability"]) if "availability" in values else _OFFICE_HOURS

    def work() -> Reply:
        made = call.sim.world.create_schedule(
            call.user_id,
            values["name"],
            values["timeZone"],
            rules,
            tuple(values.get("overrides", ())),
            values["isDefault"],
            call.now(),
        )
        return Reply(201, envelope.success(_show(call, made)))

    return work


def update(call: Call) -> Work:
    """PATCH /v2/schedules/{scheduleId}."""
    schedule_id = path_int(call.params, "scheduleId")
    values = _UPDATE.read(body_of(call.body))
    names = {"name": "name", "timeZone": "time_zone"}
    changes: dict[str, Any] = {names[k]: v for k, v in values.items() if k in names}
    changes |= {k: tuple(v) for k, v in values.items() if k in _CHANGEABLE}

    def work() -> Reply:
        _own(call, schedule_id)
        changed = call.sim.world.update_schedule(
            schedule_id, changes, call.now(), make_default=values.get("isDefault", False)
        )
        return Reply(200, envelope.success(_show(call, changed)))

    return work


def delete(call: Call) -> Work:
    """DELETE /v2/schedules/{scheduleId}."""
    schedule_id = path_int(call.params, "scheduleId")

    def work() -> Reply:
        _own(call, schedule_id)
        call.sim.world.delete_schedule(schedule_id, call.now())
        return Reply(200, b'{"status":"success"}')

    return work


def list_of_team(call: Call) -> Work:
    """GET /v2/teams/{teamId}/schedules: those of its members."""
    team_id = path_int(call.params, "teamId")

    def work() -> Reply:
        state = call.sim.world.state
        if team_id not in state.teams:
            raise refuse(404, f"Team with id {team_id} not found")
        members = {m.user_id for m in state.memberships.values() if m.team_id == team_id}
        if call.user_id not in members:
            raise refuse(403, f"User is not a member of the team with id {team_id}")
        found = sorted((s for s in state.schedules.values() if s.user_id in members), key=lambda s: s.id)
        return Reply(200, envelope.success([presenters.schedule(s, state) for s in found]))

    return work


def _endpoint(
    method: str, rest: str, handler: Callable[[Call], Work], served: frozenset[str] = versions.SCHEDULES
) -> Endpoint:
    return Endpoint(method, "/v2/schedules" + rest, handler, served, "schedules", writes=method != "GET")


_EITHER: Final = versions.SCHEDULES | versions.SCHEDULES_OLD

ENDPOINTS: Final = (
    _endpoint("GET", "", list_mine, _EITHER),
    _endpoint("POST", "", create),
    _endpoint("GET", "/default", get_default, _EITHER),
    _endpoint("GET", "/{scheduleId}", get, _EITHER),
    _endpoint("PATCH", "/{scheduleId}", update),
    _endpoint("DELETE", "/{scheduleId}", delete, _EITHER),
    Endpoint("GET", "/v2/teams/{teamId}/schedules", list_of_team, versions.ANY, "schedules"),
)
