"""What a write may have made untrue. Facts become unknown; event types are never forgotten altogether."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from calcom.account.facts import AccountMap, EventTypeFacts, TeamFacts
from calcom.account.places import number, place


def forget(account: AccountMap, method: str, path: str, body: object = None) -> AccountMap:
    """The map without what a write to a normalised path may have changed; the same object if nothing.

    `body` is the parsed answer, if there was one: it may tell whose profile was changed.
    """
    if method in ("GET", "HEAD", "OPTIONS"):
        return account
    parts = place(path)
    match parts:
        case ("event-types", _) | ("teams", _, "event-types", _):
            return _changed_type(account, number(parts, len(parts) - 1), method)
        case ("event-types",):
            kept = frozenset(one for one in account.complete if not one.startswith("event_types:"))
            return account.following(replace(account, complete=kept))
        case ("teams", _, "event-types"):
            return _without_team(account, number(parts, 1), members=False)
        case ("teams", _) | ("teams", _, "memberships") | ("teams", _, "memberships", _):
            return _without_team(account, number(parts, 1), members=True)
        case ("me",):
            return _changed_profile(account, body)
        case ("schedules", _) | ("users", _, "schedules", _):
            return _changed_schedule(account, number(parts, len(parts) - 1), method)
        case ("teams",) | ("schedules",) | ("users", _, "schedules"):
            return account
        case ("users", *_) if "ooo" in parts:
            return account
        case ("organizations", *_) | ("users", *_) | ("oauth-clients", *_):
            return nothing_certain(account)
        case _:
            return account


def nothing_certain(account: AccountMap) -> AccountMap:
    """The map in which event types are known by their ids only, and nothing else is."""
    return account.following(
        AccountMap(
            event_types={one: EventTypeFacts(one) for one in account.event_types},
            promises=account.promises,
            version=account.version,
        )
    )


def _opaque(account: AccountMap, ids: Iterable[int]) -> dict[int, EventTypeFacts]:
    """The event types, with nothing left of these but what no write can change: whose they are."""
    changed = dict(account.event_types)
    for one in ids:
        facts = changed.get(one)
        if facts is not None and facts.is_individual:
            changed[one] = EventTypeFacts(
                one,
                scheduling="individual",
                owner_id=facts.owner_id,
                parent_id=facts.parent_id,
                hosts=facts.hosts,
                assigns_all_members=False,
            )
        elif facts is not None:
            changed[one] = EventTypeFacts(one, owner_id=facts.owner_id, team_id=facts.team_id)
    return changed


def _changed_type(account: AccountMap, event_type_id: int | None, method: str) -> AccountMap:
    facts = None if event_type_id is None else account.event_types.get(event_type_id)
    if facts is None or event_type_id is None:
        return account
    changed = replace(
        account,
        event_types=_opaque(account, {event_type_id}),
        complete=account.complete - {f"hosts:{event_type_id}"},
    )
    if facts.scheduling not in (None, "managed"):
        return account.following(changed)
    # A managed parent takes its children with it, makes some and drops others.
    return account.following(_children_uncertain(changed, facts.team_id))


def _children_uncertain(account: AccountMap, team_id: int | None) -> AccountMap:
    children = None if team_id is None else account.possible_children(team_id)
    ids = account.event_types if children is None else children
    individual = {one for one in ids if account.event_types[one].team_id is None}
    kept = frozenset(one for one in account.complete if not one.startswith("event_types:"))
    return replace(account, event_types=_opaque(account, individual), complete=kept)


def _without_team(account: AccountMap, team_id: int | None, *, members: bool) -> AccountMap:
    """A new event type of a team, or new members, may have given or taken managed children."""
    gone = {f"team_event_types:{team_id}", *({f"members:{team_id}"} if members else ())}
    changed = _children_uncertain(account, team_id)
    teams: Mapping[int, TeamFacts] = changed.teams
    if members and team_id is not None and team_id in changed.teams:
        teams = {**teams, team_id: TeamFacts(team_id, members=changed.teams[team_id].members)}
    return account.following(replace(changed, teams=teams, complete=changed.complete - gone))


def _changed_profile(account: AccountMap, body: object) -> AccountMap:
    data = body.get("data") if isinstance(body, dict) else None
    who = data.get("id") if isinstance(data, dict) else None
    kept = {one: facts for one, facts in account.users.items() if who is not None and one != who}
    return account.following(replace(account, users=kept))


def _changed_schedule(account: AccountMap, schedule_id: int | None, method: str) -> AccountMap:
    # Another may have become the default, or stopped being it.
    schedules = {
        one: replace(facts, is_default=None) for one, facts in account.schedules.items() if one != schedule_id
    }
    event_types = dict(account.event_types)
    if method == "DELETE":
        for one, facts in account.event_types.items():
            if facts.schedule_id == schedule_id:
                event_types[one] = replace(facts, schedule_id=None)
    users = {one: replace(facts, default_schedule_id=None) for one, facts in account.users.items()}
    return account.following(replace(account, schedules=schedules, event_types=event_types, users=users))
