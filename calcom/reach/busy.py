"""Who else's slots change when a booking or a held slot takes or leaves a time (contract 8, rows 1 to 13)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from calcom.account.facts import NO_PARENT, AccountMap, EventTypeFacts
from calcom.reach.results import Touch
from calcom.reach.spans import Stretch, period_around
from calcom.reach.spread import Scene, spread

_ALL_PERIODS: Final = frozenset({"day", "week", "month", "year"})


@dataclass(frozen=True, slots=True)
class Busy:
    """One time taken or left on an event type. `stretch` None: at a time that is not known.

    The hosts of the event type are concerned always, unless it `moves_hosts` not; `hosts` and `emails` are
    people besides. `anyone`: there may be people that nobody named. `counts`: towards booking limits.
    """

    event_type: int
    stretch: Stretch | None
    hosts: frozenset[int] = frozenset()
    emails: frozenset[str] = frozenset()
    anyone: bool = False
    moves_hosts: bool = True
    counts: bool = True
    rule: str | None = None


def touches_of(scene: Scene, busy: Busy) -> list[Touch]:
    """Everything that may change with one busy time."""
    if busy.rule is not None and not scene.on(busy.rule):
        return []
    booked = scene.account.event_types.get(busy.event_type)
    if booked is None:
        return scene.everything("unknown-type", f"event type {busy.event_type}")
    hosts = scene.account.hosts_of(booked.id)
    touches: list[Touch] = []
    for facts in scene.account.event_types.values():
        rule = _met(scene, busy, hosts, facts)
        if rule is not None:
            touches += _padded(scene, busy, booked, facts, rule)
    if busy.counts and busy.moves_hosts:
        touches += _limited(scene, busy, booked)
        touches += _limited_together(scene, busy, booked)
    return touches


def limited_with(account: AccountMap, booked: EventTypeFacts) -> Iterator[tuple[int, frozenset[str] | None]]:
    """(event type, periods) for every type that a booking of `booked` may help to fill; periods None: not
    known, so any."""
    for team_id in _teams_counting(account, booked):
        team = account.teams.get(team_id)
        periods = _team_periods(account, team_id)
        if periods == frozenset():
            continue
        ids = account.types_of_team(team_id)
        if team is None or team.limits_managed is not False:
            children = account.possible_children(team_id)
            ids |= frozenset(account.event_types) if children is None else children
        yield from ((one, periods) for one in sorted(ids))


def _met(scene: Scene, busy: Busy, hosts: frozenset[int] | None, facts: EventTypeFacts) -> str | None:
    """The rule by which an event type has somebody at the booking; None when nobody is."""
    account = scene.account
    if facts.id == busy.event_type and scene.on("own-type"):
        return "own-type"
    theirs = account.hosts_of(facts.id)
    if busy.anyone and scene.on("unseen-people"):
        return "unseen-people"
    if (theirs is None or (hosts is None and busy.moves_hosts)) and scene.on("unknown-hosts"):
        return "unknown-hosts"
    if theirs is None:
        return None
    concerned = busy.hosts | (hosts or frozenset()) if busy.moves_hosts else busy.hosts
    if theirs & concerned and scene.on("shared-host"):
        return "shared-host"
    if not busy.emails:
        return None
    addresses = [account.email_of(host) for host in theirs]
    plain = frozenset(untagged(one) for one in busy.emails)
    if any(one is not None and untagged(one) in plain for one in addresses) and scene.on("attendee-host"):
        return "attendee-host"
    return "unknown-email" if None in addresses and scene.on("unknown-email") else None


def untagged(email: str) -> str:
    """An address without what follows a plus sign, by which Cal.com tells managed users of one address apart."""
    name, at, domain = email.rpartition("@")
    return f"{name.partition('+')[0]}{at}{domain}" if at else email


def _padded(
    scene: Scene, busy: Busy, booked: EventTypeFacts, facts: EventTypeFacts, rule: str
) -> Iterator[Touch]:
    if busy.stretch is None:
        yield from spread(scene, facts, None, busy.rule or rule)
        return
    takes_turns = facts.scheduling == "roundRobin" and busy.counts and busy.moves_hosts
    if facts.id == booked.id and takes_turns and facts.id not in scene.account.promises.plain_round_robins:
        yield from scene.touch(facts.id, None, "turns")
    plain = list(spread(scene, facts, busy.stretch, busy.rule or rule))
    yield from plain
    pads = (booked.before_buffer, booked.after_buffer, facts.before_buffer, facts.after_buffer)
    if any(one is None for one in pads):
        yield from scene.touch(facts.id, None, "unknown-settings")
    elif any(pads) and scene.on("buffers"):
        its_before, its_after, before, after = (one or 0 for one in pads)
        wider = busy.stretch.grown(
            timedelta(minutes=its_before + after), timedelta(minutes=its_after + before)
        )
        same = {one.stretch for one in plain}
        yield from (one for one in spread(scene, facts, wider, "buffers") if one.stretch not in same)


def _limited(scene: Scene, busy: Busy, booked: EventTypeFacts) -> Iterator[Touch]:
    periods = booked.limit_periods
    if periods is None:
        yield from spread(scene, booked, None, "unknown-settings", "booking limits")
    else:
        yield from _over_periods(scene, booked, busy.stretch, periods, "booking-limits")


def _limited_together(scene: Scene, busy: Busy, booked: EventTypeFacts) -> Iterator[Touch]:
    for event_type_id, periods in limited_with(scene.account, booked):
        facts = scene.account.event_types[event_type_id]
        if periods is None:
            yield from spread(scene, facts, None, "team-limits", "limits not known")
        else:
            yield from _over_periods(scene, facts, busy.stretch, periods, "team-limits")


def _over_periods(
    scene: Scene, facts: EventTypeFacts, stretch: Stretch | None, periods: frozenset[str], rule: str
) -> Iterator[Touch]:
    if not scene.on(rule):
        return
    for period in sorted(periods & _ALL_PERIODS):
        reached = None if stretch is None else period_around(period, stretch)
        yield from spread(scene, facts, reached, rule, f"per {period}")


def _team_periods(account: AccountMap, team_id: int) -> frozenset[str] | None:
    if team_id in account.promises.unlimited_teams:
        return frozenset()
    team = account.teams.get(team_id)
    return None if team is None or team.limits is None else frozenset(one for one, _ in team.limits)


def _teams_counting(account: AccountMap, booked: EventTypeFacts) -> frozenset[int]:
    """The teams towards whose limits a booking may count: the type's own, or its managed parent's."""
    if booked.team_id is not None:
        return frozenset({booked.team_id})
    if booked.parent_id == NO_PARENT:
        return frozenset()
    known = {one.team_id for one in account.event_types.values() if one.team_id is not None}
    return frozenset(one for one in known | account.teams.keys() if _may_be_child(account, booked, one))


def _may_be_child(account: AccountMap, booked: EventTypeFacts, team_id: int) -> bool:
    team = account.teams.get(team_id)
    if team is not None and team.limits_managed is False:
        return False
    all_members = team.members if team is not None and f"members:{team_id}" in account.complete else None
    if all_members is not None and booked.owner_id is not None and booked.owner_id not in all_members:
        return False
    return may_have_managed(account, team_id)


def may_have_managed(account: AccountMap, team_id: int) -> bool:
    """Whether a team has, or may have, managed event types."""
    if f"team_event_types:{team_id}" not in account.complete:
        return True
    return any(
        account.event_types[one].scheduling in (None, "managed") for one in account.types_of_team(team_id)
    )
