"""What one write took from each event type, where taking is all it did.

An old answer less what was taken is served only for seconds, and only where it shows nothing that Cal.com would not
offer. So an event type has an overlay only if the reach touches it by rules that act through somebody's time alone:
whatever widens further, by limits, windows, turns or the grid, also changes slots at other times, and then nothing
can be said. What a write frees is missing from the old answer, which shows too little and never too much.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from calcom.account import AccountMap, EventTypeFacts
from calcom.reach import UNMAPPED, BookingFacts, Reach, Write, bookings_in

_BY_TIME: Final = frozenset(
    {"own-type", "shared-host", "attendee-host", "unknown-email", "unseen-people"}
    | {"buffers", "slot-length", "recurrence", "reservation", "old-time"}
)
"""Rules that act on a slot only through the time of somebody who hosts it."""

_TAKEN_BY: Final = frozenset({"reschedule", "confirm"})
_FREED_BY: Final = frozenset({"cancel", "decline", "request-reschedule"})

Gone = tuple[tuple[int, int], ...]
"""Stretches in which no slot may begin: from one Unix second up to, not including, another."""


@dataclass(frozen=True, slots=True)
class Overlay:
    """What one write took, by event type. A type that is missing has none, whatever was written; one with nothing
    in it lost nothing."""

    gone: Mapping[int, Gone] = field(default_factory=dict)


def overlay_of(account: AccountMap, write: Write, reach: Reach) -> Overlay | None:
    """What *write* took, given its *reach*, not merged, by the same map; `None` when that cannot be said."""
    taken = _taken(write)
    if taken is None or any(touch.event_type is None for touch in reach.touches):
        return None
    booked = [account.event_types.get(one.event_type or 0) for one in taken]
    if None in booked:
        return None
    padded = [(one, facts) for one, facts in zip(taken, booked, strict=True) if facts is not None]
    touched = {touch.event_type for touch in reach.touches} - {UNMAPPED, None}
    overlay: dict[int, Gone] = {}
    for event_type in touched:
        facts = account.event_types.get(event_type or 0)
        touches = [touch for touch in reach.touches if touch.event_type == event_type]
        if facts is None or any(one.rule not in _BY_TIME or one.stretch is None for one in touches):
            continue
        gone = _gone(facts, padded)
        if gone is not None:
            overlay[facts.id] = gone
    return Overlay(overlay) if overlay else None


def dumped(overlay: Overlay) -> str:
    """As text, for Redis."""
    return orjson.dumps({str(one): gone for one, gone in overlay.gone.items()}).decode()


def loaded(text: str) -> Overlay:
    """What was dumped."""
    document: dict[str, Any] = orjson.loads(text)
    return Overlay({int(one): tuple((a, b) for a, b in gone) for one, gone in document.items()})


def _taken(write: Write) -> list[BookingFacts] | None:
    """The times a write took, none for one that only frees; `None` when that is not known."""
    if not write.succeeded or write.method != "POST":
        return None
    match write.parts:
        case ("bookings", _, verb) if verb in _FREED_BY:
            return []
        case ("bookings",) | ("bookings", "recurring" | "instant") | ("slots", "reservations"):
            pass
        case ("bookings", _, verb) if verb in _TAKEN_BY:
            pass
        case _:
            return None
    made = bookings_in(write.method, write.path, write.response_json)
    return made if made and all(one.is_placed for one in made) else None


def _gone(facts: EventTypeFacts, taken: Iterable[tuple[BookingFacts, EventTypeFacts]]) -> Gone | None:
    """When no slot of a type may begin any more: none that would run into a taken time, buffers of both counted
    (contract 8, row 3); `None` when its settings do not tell."""
    if facts.seats is None or not facts.lengths or facts.before_buffer is None or facts.after_buffer is None:
        return None
    length = timedelta(minutes=max(facts.lengths))
    gone = []
    for one, booked in taken:
        if one.start is None or one.end is None:
            return None
        if booked.before_buffer is None or booked.after_buffer is None:
            return None
        if facts.seats and booked.id == facts.id:
            # Whoever shares the time takes a seat: the slot stays, and shows one less.
            return None
        before = timedelta(minutes=booked.before_buffer + facts.after_buffer)
        after = timedelta(minutes=booked.after_buffer + facts.before_buffer)
        gone.append((_second(one.start - before - length) + 1, _second(one.end + after)))
    return tuple(gone)


def _second(at: datetime) -> int:
    return int(at.timestamp())
