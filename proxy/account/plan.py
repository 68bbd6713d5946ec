"""What the refresh asks for and when. Pure."""

from __future__ import annotations

from typing import Final

from proxy.account.aged import Aged

TYPES_VERSION: Final = "2024-06-14"
SCHEDULES_VERSION: Final = "2024-06-11"

ME: Final = "/v2/me"
EVENT_TYPES: Final = "/v2/event-types"
TEAMS: Final = "/v2/teams"
SCHEDULES: Final = "/v2/schedules"


def first_due(aged: Aged, now: float, max_age: float) -> list[str]:
    """What has to be asked for once, in order; the teams' own paths come after it.

    People and teams are told of in parts, by several paths. Asked for apart, each part would lean on the
    other's age for ever, so when one of these is due all are.
    """
    parts = [ME, TEAMS, *(members_of(team) for team in aged.account.teams)]
    people = [ME, TEAMS] if any(_is_due(aged, one, now, max_age) for one in parts) else []
    return people + [one for one in (EVENT_TYPES, SCHEDULES) if _is_due(aged, one, now, max_age)]


def team_due(aged: Aged, team: int, now: float, max_age: float, *, people: bool) -> list[str]:
    """What has to be asked for of one team; `people`: its part of what is told of people too."""
    paths = [types_of(team)] if _is_due(aged, types_of(team), now, max_age) else []
    return [*paths, members_of(team)] if people else paths


def anything_due(aged: Aged, now: float, max_age: float) -> bool:
    """Whether there is something to ask for."""
    if first_due(aged, now, max_age):
        return True
    return any(team_due(aged, team, now, max_age, people=False) for team in aged.account.teams)


def members_of(team: int) -> str:
    """The path of a team's memberships."""
    return f"/v2/teams/{team}/memberships"


def types_of(team: int) -> str:
    """The path of a team's event types."""
    return f"/v2/teams/{team}/event-types"


def stands_alone(path: str) -> bool:
    """Whether what a path tells leans on no other path, and so need not be laid over the map again with it."""
    return path.endswith(("/event-types", "/schedules"))


def version_of(path: str) -> str:
    """The API version to ask for a path with (contract 3)."""
    return SCHEDULES_VERSION if path == SCHEDULES else TYPES_VERSION


def _is_due(aged: Aged, path: str, now: float, max_age: float) -> bool:
    return aged.asked.get(path, float("-inf")) <= now - max_age / 2
