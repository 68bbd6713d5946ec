"""Whether any range of an event type can be cut out of a longer one (contract 8, rows 3 to 11 and its end).

What decides is known settings alone; what they do not show is left to comparisons (trust.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Final

from calcom.account import AccountMap, EventTypeFacts, conflict_set
from calcom.reach.busy import limited_with

DAY_MARGIN: Final = 1
"""Days beyond both ends of a window that make the days inside whole in every zone."""

BUFFER_MARGIN: Final = 2
"""The same where a booking outside the days keeps somebody busy inside them."""

LONGEST_BUFFERS: Final = 720
"""Minutes of buffers, of both bookings together, that this margin holds beside the longest slot."""

WEEK_MARGIN: Final = 8
"""The same for types with limits per day or week. The week around a slot of the first day, from Sunday or from
Monday and in the event's zone, begins up to eight days before that day."""

LONGEST_SLOT: Final = 720
"""Minutes. A longer slot could begin on a window's last day and end beyond its margin."""

_LOCAL_STEPS: Final = frozenset({5, 10, 15, 20, 30, 60})
"""Steps that divide the hour: slots then begin at the same minutes wherever a range cuts the free time."""

_WINDOWS: Final = frozenset({"none", "range", "calendarDays", "businessDays"})
_INSIDE: Final = frozenset({"day", "week"})
"""Periods of limits that lie wholly inside a window with `WEEK_MARGIN`."""

_OF_NO_WEIGHT: Final = frozenset({"slug", "hidden"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a type's ranges may be shared as far as settings tell, and if not, why: "" for those that may.

    `margin` is how many days a window must reach beyond the days it is used for.
    """

    why: str = ""
    margin: int = DAY_MARGIN

    def __bool__(self) -> bool:
        return not self.why


def is_additive(account: AccountMap, event_type: int) -> Verdict:
    """Whether the answer for a range is the same as that part of the answer for a longer one."""
    facts = account.event_types.get(event_type)
    if facts is None:
        return Verdict("it is not in the account map")
    why = next(_against(account, facts), "")
    if why:
        return Verdict(why)
    periods = _limits(account, facts)
    if periods is None:
        return Verdict("it is not known which limits count its bookings")
    if not periods <= _INSIDE:
        return Verdict(f"its bookings are limited per {', '.join(sorted(periods - _INSIDE))}")
    if periods:
        return Verdict(margin=WEEK_MARGIN)
    return Verdict(margin=BUFFER_MARGIN if _longest_buffers(account, facts) else DAY_MARGIN)


def length_of(facts: EventTypeFacts, duration: str | None) -> int | None:
    """Minutes of the slots that a query with this `duration` gets; None when that is not certain."""
    if not facts.lengths:
        return None
    if duration is None:
        return next(iter(facts.lengths)) if len(facts.lengths) == 1 else None
    asked = int(duration) if duration.isascii() and duration.isdigit() else None
    return asked if asked in facts.lengths else None


def digest_of(facts: EventTypeFacts) -> str:
    """Changes whenever a setting does: what was proven under other settings is not proven."""
    told = {
        name: sorted(value) if isinstance(value, frozenset) else value
        for name, value in asdict(facts).items()
        if name not in _OF_NO_WEIGHT
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def _against(account: AccountMap, facts: EventTypeFacts) -> Iterator[str]:
    """What speaks against it besides limits, the plainest first."""
    if facts.scheduling is None:
        yield "it is not known who hosts it"
    if facts.scheduling == "managed":
        yield "a managed event type has no slots of its own"
    if facts.scheduling == "roundRobin" and facts.id not in account.promises.plain_round_robins:
        yield "other hosts may stand in, which depends on other days; promise it plain if not"
    if facts.window is None or facts.window.kind not in _WINDOWS:
        yield "its booking window is not known"
    elif facts.window.rolling:
        yield "its rolling window depends on days that were not asked for"
    if facts.first_slot_only is not False:
        yield "it shows the first slot of a day, and a range may begin within one"
    if not _begins_at_fixed_minutes(facts):
        yield "where its slots begin depends on where the range cuts the free time"
    if max(facts.lengths or {0}) > LONGEST_SLOT:
        yield "its slots are longer than the margin of a window"
    if facts.seats is None:
        yield "it is not known whether it has seats"
    yield from _against_buffers(account, facts)


def _begins_at_fixed_minutes(facts: EventTypeFacts) -> bool:
    if facts.offset != 0 or facts.optimized_slots is not False or facts.slot_interval is None:
        return False
    steps = {facts.slot_interval} if facts.slot_interval else facts.lengths
    return bool(facts.lengths) and steps is not None and steps <= _LOCAL_STEPS


def _against_buffers(account: AccountMap, facts: EventTypeFacts) -> Iterator[str]:
    """Cal.com does not always look for bookings beyond a range by the length of their buffers. A window does, for
    the days it is used for: where the two disagree, it is the stricter one."""
    if account.hosts_of(facts.id) is None:
        yield "it is not known who hosts it"
    longest = _longest_buffers(account, facts)
    if longest is None:
        yield "the buffers of an event type which may share a host are not known"
    elif longest > LONGEST_BUFFERS:
        yield "buffers around bookings are longer than the margin of a window"


def _longest_buffers(account: AccountMap, facts: EventTypeFacts) -> int | None:
    """The most minutes by which a booking of a shared host reaches beyond its own time; None if not known."""
    around = [account.event_types.get(one, EventTypeFacts(one)) for one in conflict_set(account, facts.id)]
    padded = [(one.before_buffer, one.after_buffer) for one in (facts, *around)]
    known = [max(before, after) for before, after in padded if before is not None and after is not None]
    if len(known) < len(padded):
        return None
    return known[0] + max(known)


def _limits(account: AccountMap, facts: EventTypeFacts) -> frozenset[str] | None:
    """The periods of all limits that count its bookings, its own and its team's."""
    periods = facts.limit_periods
    for one, shared in limited_with(account, facts):
        if one == facts.id:
            periods = None if periods is None or shared is None else periods | shared
    return periods
