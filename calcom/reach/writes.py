"""The reach of a write: the one place that knows which rules answer for which path."""

from __future__ import annotations

from datetime import datetime

from calcom.account.facts import AccountMap
from calcom.paths import classify
from calcom.reach.booking_writes import reach_of_booking
from calcom.reach.reservation_writes import reach_of_reservation
from calcom.reach.results import Reach, Touch
from calcom.reach.settings_writes import (
    reach_of_absence,
    reach_of_calendar,
    reach_of_event_type,
    reach_of_profile,
    reach_of_schedule,
    reach_of_team,
)
from calcom.reach.spread import Scene
from calcom.reach.writing import REFUSED, Write


def reach_of_write(
    account: AccountMap, write: Write, now: datetime, *, without: frozenset[str] = frozenset()
) -> Reach:
    """Every (event type, days) whose slots a write may have changed, whatever became of it.

    `account` is the map from before the write: what `learn` makes of its answer comes afterwards. `now` is
    aware. An outcome that is not known counts as done, as does every error but the refusals of contract 5.4.
    `without` names rules to leave out, which is what a test of the rules is for.
    """
    if write.status in REFUSED or not classify(write.method, write.path).touches_slots:
        return Reach()
    scene = Scene(account, now, without)
    return scene.reach(_dispatch(scene, write))


def _dispatch(scene: Scene, write: Write) -> list[Touch]:
    if "%" in write.path:
        # An escaped slash belongs to an id upstream: the parts seen here may not be the parts Cal.com sees.
        return scene.everything("unknown-write", "the path has escapes")
    match write.parts:
        case ("bookings", *_):
            return reach_of_booking(scene, write)
        case ("slots", *_):
            return reach_of_reservation(scene, write)
        case ("schedules",) | ("schedules", _) | ("users", _, "schedules") | ("users", _, "schedules", _):
            return reach_of_schedule(scene, write)
        case ("me", "ooo") | ("me", "ooo", _) | ("users", _, "ooo") | ("users", _, "ooo", _):
            return reach_of_absence(scene, write)
        case ("me",):
            return reach_of_profile(scene, write)
        case (
            ("event-types",)
            | ("event-types", _)
            | ("teams", _, "event-types")
            | ("teams", _, "event-types", _)
        ):
            return reach_of_event_type(scene, write)
        case ("teams", _) | ("teams",) | ("teams", _, "memberships" | "invite", *_):
            return reach_of_team(scene, write)
        case ("calendars", *_) | ("selected-calendars",) | ("destination-calendars",):
            return reach_of_calendar(scene, write)
    return scene.everything("unknown-write", f"{write.method} {write.path}")
