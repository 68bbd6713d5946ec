"""What a change may have touched."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from calcom.reach.spans import Stretch

UNMAPPED: Final = 0
"""Stands for all event types that the account map does not know. No event type has this id, and every reach
that is not empty touches it on all days: an answer for which `resolve` gave None depends on it."""


@dataclass(frozen=True, slots=True)
class Touch:
    """One event type at some instants: `event_type` None is every event type of the account, `stretch` None is always.
    `rule` names the rule in `rules.RULES` that asked for it, `why` says it for this case."""

    event_type: int | None
    stretch: Stretch | None
    rule: str
    why: str

    def __str__(self) -> str:
        what = "every event type" if self.event_type is None else f"event type {self.event_type}"
        if self.event_type == UNMAPPED:
            what = "event types not in the map"
        return f"{what}, {'all days' if self.stretch is None else self.stretch}: {self.why} ({self.rule})"


@dataclass(frozen=True, slots=True)
class Reach:
    """All that a change may have touched; without touches, provably nothing.

    An answer whose event types are not known to the map (`resolve` gave None) is touched by every reach
    that is not empty, whatever the days: each has a touch on `UNMAPPED`, or on everything.
    """

    touches: tuple[Touch, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing can have changed."""
        return not self.touches

    @property
    def is_whole_account(self) -> bool:
        """Whether everything is touched on all days."""
        return any(one.event_type is None and one.stretch is None for one in self.touches)

    def covers(self, event_types: Iterable[int] | None, asked: Stretch) -> bool:
        """Whether an answer for these event types (None: not known) over what was asked for is touched."""
        if event_types is None:
            return bool(self.touches)
        wanted = frozenset(event_types)
        return any(
            (one.event_type is None or one.event_type in wanted)
            and (one.stretch is None or one.stretch.meets(asked))
            for one in self.touches
        )

    def merged(self) -> Reach:
        """The same coverage with as few touches as possible; each keeps the rule and reason of its widest
        or earliest part."""
        everywhere = [one for one in self.touches if one.event_type is None and one.stretch is None]
        if everywhere:
            return Reach((everywhere[0],))
        by_type: dict[int | None, list[Touch]] = {}
        for one in self.touches:
            by_type.setdefault(one.event_type, []).append(one)
        kept: list[Touch] = []
        for touches in by_type.values():
            kept += _united(touches)
        return Reach(tuple(kept))

    def explain(self) -> list[str]:
        """One line per touch, without repetition."""
        return list(dict.fromkeys(str(one) for one in self.touches))


def _united(touches: list[Touch]) -> list[Touch]:
    bounded: list[tuple[Stretch, Touch]] = []
    for one in touches:
        if one.stretch is None:
            return [one]
        bounded.append((one.stretch, one))
    bounded.sort(key=lambda pair: pair[0])
    united: list[tuple[Stretch, Touch]] = []
    for stretch, touch in bounded:
        if not united or not united[-1][0].meets(stretch):
            united.append((stretch, touch))
        elif stretch.end > united[-1][0].end:
            wider = Stretch(united[-1][0].start, stretch.end)
            united[-1] = (wider, replace(united[-1][1], stretch=wider))
    return [touch for _, touch in united]
