"""What an answer tells of its account (contract 6.2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from calcom.account import reading
from calcom.account.facts import (
    AccountMap,
    EventTypeFacts,
    ScheduleFacts,
    TeamFacts,
    UserFacts,
)
from calcom.account.forgetting import forget
from calcom.account.places import number, place

DEFAULT_PAGE: Final = 100
"""The shortest list of memberships that may be one page of several, when the query names no `take`."""


@dataclass(slots=True)
class _News:
    """What one answer says, before it is laid over the map."""

    event_types: dict[int, EventTypeFacts] = field(default_factory=dict)
    users: dict[int, UserFacts] = field(default_factory=dict)
    teams: dict[int, TeamFacts] = field(default_factory=dict)
    schedules: dict[int, ScheduleFacts] = field(default_factory=dict)
    complete: set[str] = field(default_factory=set)
    incomplete: set[str] = field(default_factory=set)

    def over(self, account: AccountMap) -> AccountMap:
        return account.following(
            replace(
                account,
                event_types={**account.event_types, **self.event_types},
                users={**account.users, **self.users},
                teams={**account.teams, **self.teams},
                schedules={**account.schedules, **self.schedules},
                complete=(account.complete - self.incomplete) | self.complete,
            )
        )


def learn(
    account: AccountMap,
    method: str,
    path: str,
    query: Mapping[str, str],
    api_version: str,
    status: int,
    body: object,
) -> AccountMap:
    """The map after an answer; the very same object when there is nothing new in it.

    `path` is normalised, `query` the decoded query parameters, `body` the parsed JSON. A write first takes
    away what it may have changed, whatever its status, and its answer counts as a reading afterwards.
    Answers in shapes of older API versions teach nothing: `api_version` is taken as said by whoever asked,
    and a record is read only if it has the current shape's own fields.
    """
    if method not in ("GET", "HEAD"):
        account = forget(account, method, path, body)
    if method == "DELETE" and 200 <= status < 300:
        account = _without_type(account, place(path))
    data = body.get("data") if isinstance(body, dict) else None
    if not 200 <= status < 300 or data is None or method == "DELETE":
        return account
    parts = place(path)
    news = _News()
    match parts:
        case (
            ("event-types",)
            | ("event-types", _)
            | ("teams", _, "event-types")
            | ("teams", _, "event-types", _)
        ):
            _event_types(account, news, parts, method, query, data)
        case ("me",) | ("users",) | ("users", _):
            _users(account, news, (reading.user(one) for one in reading.records(data)))
        case ("teams",) | ("teams", _):
            for record in reading.records(data):
                found = reading.team(record, account.teams.get(record.get("id", 0)))
                if found is not None:
                    news.teams[found.id] = found
        case ("teams", _, "memberships") | ("teams", _, "memberships", _):
            _members(account, news, parts, method, query, data)
        case (
            ("schedules",)
            | ("schedules", _)
            | ("teams", _, "schedules")
            | ("users", _, "schedules")
            | ("users", _, "schedules", _)
            | ("organizations", _, "schedules")
        ):
            for record in reading.records(data):
                schedule = reading.schedule(record)
                if schedule is not None:
                    news.schedules[schedule.id] = schedule
        case _:
            return account
    return news.over(account)


def _without_type(account: AccountMap, parts: tuple[str, ...]) -> AccountMap:
    """Without an event type that is gone for certain: its answers are touched by the delete itself."""
    gone = number(parts, len(parts) - 1) if parts[-2:-1] == ("event-types",) else None
    if gone is None:
        return account
    kept = {one: facts for one, facts in account.event_types.items() if one != gone}
    return account.following(replace(account, event_types=kept))


def _event_types(
    account: AccountMap,
    news: _News,
    parts: tuple[str, ...],
    method: str,
    query: Mapping[str, str],
    data: Any,
) -> None:
    cut = query.get("hostsLimit")
    cut_at = None if cut is None else int(cut) if cut.isascii() and cut.isdigit() else 0
    for record in reading.records(data):
        facts = reading.event_type(record, account.event_types.get(record.get("id", 0)), cut_at)
        if facts is None:
            continue
        news.event_types[facts.id] = facts
        (news.complete if facts.hosts is not None else news.incomplete).add(f"hosts:{facts.id}")
    if method != "GET" or not isinstance(data, list):
        return
    if parts[0] == "teams" and len(parts) == 3 and not query.keys() - {"sortCreatedAt", "hostsLimit"}:
        news.complete.add(f"team_event_types:{parts[1]}")
    owners = {facts.owner_id for facts in news.event_types.values()}
    if parts == ("event-types",) and not query.keys() - {"sortCreatedAt"} and len(owners) == 1:
        # Only the owner's own list, which names no one, shows the hidden ones too.
        news.complete.add(f"event_types:{owners.pop()}")


def _users(account: AccountMap, news: _News, found: Iterable[UserFacts | None]) -> None:
    for user in found:
        if user is None:
            continue
        former = account.users.get(user.id)
        if former is not None:
            user = UserFacts(
                user.id,
                user.username or former.username,
                user.email or former.email,
                user.default_schedule_id or former.default_schedule_id,
            )
        news.users[user.id] = user


def _members(
    account: AccountMap,
    news: _News,
    parts: tuple[str, ...],
    method: str,
    query: Mapping[str, str],
    data: Any,
) -> None:
    team_id = number(parts, 1)
    if team_id is None:
        return
    people = [person for one in reading.records(data) if (person := reading.member(one)) is not None]
    _users(account, news, people)
    former = account.teams.get(team_id, TeamFacts(team_id))
    listed = frozenset(person.id for person in people)
    news.teams[team_id] = replace(former, members=former.members | listed)
    if method != "GET" or len(parts) != 3 or not isinstance(data, list):
        return
    take = query.get("take", str(DEFAULT_PAGE))
    whole_list = query.get("skip", "0") == "0" and "emails" not in query and len(people) == len(data)
    if whole_list and take.isascii() and take.isdigit() and len(data) < int(take):
        news.teams[team_id] = replace(former, members=listed)
        news.complete.add(f"members:{team_id}")
