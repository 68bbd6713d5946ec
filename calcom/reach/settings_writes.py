"""The reach of changed settings (contract 6.1, 8 rows 16 to 19)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from calcom.account import reading
from calcom.account.facts import EventTypeFacts
from calcom.account.places import number
from calcom.account.reading import whole
from calcom.reach.bookings import instant
from calcom.reach.busy import limited_with, may_have_managed
from calcom.reach.results import Touch
from calcom.reach.spans import Stretch
from calcom.reach.spread import Scene, spread
from calcom.reach.writing import Write

WHOLE_DAYS: Final = timedelta(hours=38)
"""Out of office may be counted in whole days of any zone: a day, and what zones are from UTC."""


def reach_of_schedule(scene: Scene, write: Write) -> list[Touch]:
    """A schedule made, changed or deleted."""
    at = 1 if write.parts[0] == "schedules" else 3
    schedule_id = number(write.parts, at)
    account = scene.account
    known = None if schedule_id is None else account.schedules.get(schedule_id)
    owner = whole(write.record.get("ownerId"))
    if owner is None and write.parts[0] == "users":
        owner = number(write.parts, 1)
    if owner is None and known is not None:
        owner = known.owner_id
    if owner is None:
        return scene.everything("unknown-user", "a schedule of nobody in the map")
    return _on_schedules_of(scene, owner, schedule_id, "schedule")


def reach_of_profile(scene: Scene, write: Write) -> list[Touch]:
    """A changed profile: zone, default schedule, address."""
    user_id = whole(write.record.get("id"))
    if user_id is None:
        return scene.everything("unknown-user", "the answer names no user")
    return _on_schedules_of(scene, user_id, None, "profile")


def reach_of_absence(scene: Scene, write: Write) -> list[Touch]:
    """Out of office. A changed one may have been anywhere before."""
    user_id = number(write.parts, 1) if write.parts[0] == "users" else None
    told = whole(write.record.get("userId"))
    user_id = told if told is not None else user_id
    if user_id is None:
        return scene.everything("unknown-user", "the answer names no user")
    source = write.record if write.method == "DELETE" or write.record else write.request
    stretch = None if write.method == "PATCH" else absence(source.get("start"), source.get("end"))
    return away(scene, user_id, stretch)


def absence(start: object, end: object) -> Stretch | None:
    """The instants that an absence may block; None when they cannot be told."""
    first, last = instant(start), instant(end)
    if first is None or last is None or last < first:
        return None
    return Stretch(first, last).grown(WHOLE_DAYS, WHOLE_DAYS)


def away(scene: Scene, user_id: int, stretch: Stretch | None) -> list[Touch]:
    """A user who hosts nothing within a stretch (None: at times that are not known)."""
    account = scene.account
    return [
        touch
        for one in sorted(account.hosted_by(frozenset({user_id})))
        for touch in spread(scene, account.event_types[one], stretch, "out-of-office")
    ]


def reach_of_calendar(scene: Scene, write: Write) -> list[Touch]:
    """A calendar or an event in one. Only some answers tell whose it is."""
    user_id = whole(write.record.get("userId"))
    if user_id is None or write.record.get("teamId") is not None:
        return scene.everything("unknown-user", "the answer does not tell whose calendar it is")
    return _all_days(scene, scene.account.hosted_by(frozenset({user_id})), "calendar")


def reach_of_event_type(scene: Scene, write: Write) -> list[Touch]:
    """An event type made, changed or deleted."""
    account = scene.account
    if write.method == "POST":
        return _made_type(scene, write)
    event_type_id = number(write.parts, len(write.parts) - 1)
    facts = None if event_type_id is None else account.event_types.get(event_type_id)
    if event_type_id is None or facts is None:
        return scene.everything("unknown-type", f"event type {event_type_id}")
    touches = list(scene.touch(event_type_id, None, "event-type"))
    if facts.scheduling in (None, "managed"):
        return [*touches, *scene.everything("managed-children")]
    after = _gone(facts) if write.method == "DELETE" else reading.event_type(write.record, facts)
    if write.method == "PATCH" and after is None:
        return [*touches, *scene.everything("event-type-around", "the answer does not show what it became")]
    if after is not None and after.scheduling == "managed":
        return [*touches, *scene.everything("managed-children", "it became a managed one")]
    if after is None or _keeps_busy(facts) is None or _keeps_busy(facts) != _keeps_busy(after):
        # Whoever is at one of its bookings, hosts and attendees alike, is busy for longer or shorter.
        touches += scene.everything("event-type-around")
    elif (facts.limits_count, facts.limits_duration) != (after.limits_count, after.limits_duration):
        hosts = account.hosts_of(event_type_id)
        types = frozenset(account.event_types) if hosts is None else account.hosted_by(hosts)
        touches += _all_days(scene, types, "event-type-around")
    if write.method == "DELETE":
        touches += _all_days(scene, {one for one, _ in limited_with(account, facts)}, "team-limits")
    return touches


def reach_of_team(scene: Scene, write: Write) -> list[Touch]:
    """A team or its members made, changed or deleted."""
    account = scene.account
    team_id = number(write.parts, 1)
    if write.method == "POST" and write.parts[2:] == ("invite",):
        return []  # a link only; whoever joins does so elsewhere (contract 6.1)
    is_team = len(write.parts) <= 2
    rule = "team" if is_team else "membership"
    if team_id is None or (is_team and write.method != "PATCH"):
        return scene.everything(rule)
    if may_have_managed(account, team_id):
        children = account.possible_children(team_id) if is_team else None
        if children is None:
            return scene.everything("managed-children", f"team {team_id}")
        return _all_days(scene, account.types_of_team(team_id) | children, rule)
    return _all_days(scene, account.types_of_team(team_id), rule)


def _made_type(scene: Scene, write: Write) -> list[Touch]:
    made = reading.event_type(write.record, None)
    if made is None or made.scheduling in (None, "managed"):
        return scene.everything("managed-children" if made is not None else "event-type")
    return list(scene.touch(made.id, None, "event-type"))


def _keeps_busy(facts: EventTypeFacts) -> tuple[int, int, bool] | None:
    """How the bookings of a type keep people busy; None when that is not known."""
    if facts.before_buffer is None or facts.after_buffer is None or facts.blocks_pending is None:
        return None
    return facts.before_buffer, facts.after_buffer, facts.blocks_pending


def _gone(facts: EventTypeFacts) -> EventTypeFacts:
    """A deleted type: its bookings stay, without buffers and policy."""
    return EventTypeFacts(facts.id, before_buffer=0, after_buffer=0, blocks_pending=False)


def _on_schedules_of(scene: Scene, user_id: int, schedule_id: int | None, rule: str) -> list[Touch]:
    """Types that the user hosts, and those of others that name one of the user's schedules."""
    account = scene.account
    theirs = {one.id for one in account.schedules.values() if one.owner_id in (user_id, None)}
    theirs |= {schedule_id} if schedule_id is not None else set()
    unknown = {
        one.id
        for one in account.event_types.values()
        if one.schedule_id is None
        or one.schedule_id in theirs
        or (one.schedule_id and one.schedule_id not in account.schedules)
    }
    return _all_days(scene, account.hosted_by(frozenset({user_id})) | unknown, rule)


def _all_days(scene: Scene, event_types: Iterable[int], rule: str) -> list[Touch]:
    return [touch for one in sorted(event_types) for touch in scene.touch(one, None, rule)]
