"""How far a change of free time spreads within one event type: from changed instants to those of slots."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from calcom.account.facts import AccountMap, EventTypeFacts
from calcom.reach.results import UNMAPPED, Reach, Touch
from calcom.reach.rules import RULES
from calcom.reach.spans import DAY, Stretch

STAND_IN_LOOK_AHEAD: Final = timedelta(days=21)
"""How far ahead a round robin may look before it lets other hosts stand in: "about two weeks" (contract 8,
row 11), and as this is not verified, half as much again."""

_LOCAL_STEPS: Final = frozenset({5, 10, 15, 20, 30, 60})
"""Distances of slots that divide the hour: slots then begin at fixed minutes, wherever free time begins."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What every rule looks at: the map, the time, and the rules that are switched off, which only tests do."""

    account: AccountMap
    now: datetime
    off: frozenset[str] = frozenset()

    def on(self, rule: str) -> bool:
        """Whether a rule applies."""
        return rule not in self.off

    def touch(
        self, event_type: int | None, stretch: Stretch | None, rule: str, detail: str = ""
    ) -> Iterator[Touch]:
        """One touch in the name of a rule, or none when it is switched off."""
        if self.on(rule):
            reason = RULES[rule].reason
            if stretch is not None and stretch.days() is None:
                stretch = None
            yield Touch(event_type, stretch, rule, f"{reason}: {detail}" if detail else reason)

    def everything(self, rule: str, detail: str = "") -> list[Touch]:
        """The whole account on all days."""
        return list(self.touch(None, None, rule, detail))

    def reach(self, touches: list[Touch]) -> Reach:
        """The reach of a change that may matter: unmapped event types are always in it, even if none of the
        mapped ones is."""
        return Reach((*touches, *self.touch(UNMAPPED, None, "unmapped-types")))


def spread(
    scene: Scene, facts: EventTypeFacts, stretch: Stretch | None, rule: str, detail: str = ""
) -> Iterator[Touch]:
    """The touches on one event type whose free time changes within `stretch` (None: on all days).

    `rule` has switched itself off by the time this is called. What spreads further does so on top of the
    stretch itself.
    """
    if stretch is None:
        yield from scene.touch(facts.id, None, rule, detail)
        return
    if _is_vague(facts):
        yield from scene.touch(facts.id, None, "unknown-settings")
        yield from scene.touch(facts.id, stretch, rule, detail)
        return
    yield from _further(scene, facts, stretch)
    reached: Stretch | None = stretch
    if scene.on("slot-length"):
        reached = stretch.grown(timedelta(minutes=max(facts.lengths or {0})), timedelta(0))
    yield from scene.touch(facts.id, reached, rule, detail)
    if reached is None:
        return
    if facts.first_slot_only:
        yield from scene.touch(facts.id, reached.grown(DAY, DAY), "first-slot")
    if not _is_local(facts):
        bounded = _free_time_ends_daily(scene.account, facts)
        yield from scene.touch(facts.id, reached.grown(DAY, DAY) if bounded else None, "alignment")


def _further(scene: Scene, facts: EventTypeFacts, stretch: Stretch) -> Iterator[Touch]:
    if facts.window is not None and facts.window.rolling:
        yield from scene.touch(facts.id, None, "rolling-window")
    if facts.scheduling == "roundRobin" and facts.id not in scene.account.promises.plain_round_robins:
        try:
            until = scene.now + STAND_IN_LOOK_AHEAD
        except OverflowError:
            until = stretch.end
        if stretch.meets(Stretch(scene.now - DAY, until)):
            yield from scene.touch(facts.id, None, "stand-in")


def _is_vague(facts: EventTypeFacts) -> bool:
    """Whether something is not known that could spread a change."""
    return (
        facts.scheduling is None
        or not facts.lengths
        or facts.window is None
        or facts.first_slot_only is None
        or facts.optimized_slots is None
        or facts.slot_interval is None
        or facts.offset is None
    )


def _is_local(facts: EventTypeFacts) -> bool:
    """Whether slots begin at fixed minutes of the hour, so that each stands or falls by its own time."""
    steps = {facts.slot_interval} if facts.slot_interval else set(facts.lengths or ())
    return steps <= _LOCAL_STEPS and facts.offset == 0 and facts.optimized_slots is False


def _free_time_ends_daily(account: AccountMap, facts: EventTypeFacts) -> bool:
    """Whether no free time of the type outlasts a local day. One host's hours decide where all are needed."""
    if facts.scheduling == "roundRobin":
        return False  # one host's slots can follow on another's, round the clock
    if facts.schedule_id:
        schedule = account.schedules.get(facts.schedule_id)
        return schedule is not None and not schedule.overnight
    for host in facts.hosts or ():
        user = account.users.get(host)
        default = None if user is None else user.default_schedule_id
        for one in account.schedules.values():
            is_theirs = one.id == default or (default is None and one.owner_id == host and one.is_default)
            if is_theirs and not one.overnight:
                return True
    return False
