"""The answer of a look, cut out of its windows' answers byte for byte."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

import orjson

from calcom.ranges.looks import Look
from calcom.ranges.zones import told

NONE_LEFT: Final = b'{"status":"success","data":{}}'
"""What is cut out where nothing is left. Cal.com may put a message into such an answer."""

_HEAD: Final = b'{"status":"success","data":{'
_TAIL: Final = b"}}"
_ONE_DAY: Final = re.compile(rb'"(\d{4}-\d\d-\d\d)":\[\{[^\[\]]*\}\]')
_START: Final = b'"start":"'
_FIELDS: Final = frozenset({"start", "end", "seatsBooked", "seatsRemaining", "seatsTotal", "bookingUid"})


@dataclass(frozen=True, slots=True)
class Days:
    """An answer taken apart: each day's text, such as `"2026-03-03":[{"start":…}]`, by its name, ascending."""

    texts: Mapping[str, bytes]


def split(body: bytes) -> Days | None:
    """An answer's days; None when it is not one of contract 4.1 to the letter: not a success, further fields
    such as a message, days that are empty, anything out of order."""
    if not (body.startswith(_HEAD) and body.endswith(_TAIL)):
        return None
    inside = body[len(_HEAD) : -len(_TAIL)]
    texts = {one[1].decode(): one[0] for one in _ONE_DAY.finditer(inside)}
    if b",".join(texts.values()) != inside or list(texts) != sorted(texts):
        return None
    try:
        days = orjson.loads(body)["data"].values()
        fields = {name for slots in days for slot in slots for name in slot}
        is_ordered = all(_ascend([slot["start"] for slot in slots]) for slots in days)
    except (KeyError, TypeError, ValueError):
        return None
    return Days(texts) if fields <= _FIELDS and is_ordered else None


def retold(days: Days, look: Look) -> Days | None:
    """The days of a window as the look's own zone has them; None when they are not understood.

    The first and the last may lack slots, which no look takes from a window.
    """
    if not look.is_told:
        return days
    found: dict[bytes, list[bytes]] = {}
    for text in days.texts.values():
        parts = told(text, look.zone)
        if parts is None:
            return None
        for day, slots in parts:
            found.setdefault(day, []).append(slots)
    return Days({day.decode(): b'"%b":[%b]' % (day, b",".join(slots)) for day, slots in found.items()})


def join(look: Look, parts: Sequence[Days]) -> bytes | None:
    """The look's own answer from those of its windows, in their order and in its zone; None when it must be asked for.

    `NONE_LEFT` only where each window has slots on other days: a calendar that cannot be read empties all (contract
    4.1).
    """
    if len(parts) != len(look.windows):
        return None
    # All but the days at either end are copied as they are; in between, every slot is in the range.
    begin = str(look.earliest.astimezone(look.zone).date())
    end = str(look.latest.astimezone(look.zone).date())
    found: list[bytes] = []
    for window, days in zip(look.windows, parts, strict=True):
        first, last = str(window.first), str(window.last)
        for day, text in days.texts.items():
            if first <= day <= last:
                kept = _cut(look, text) if day in (begin, end) else text
                if kept is None:
                    return None
                if kept:
                    found.append(kept)
    if not found:
        return NONE_LEFT if all(days.texts for days in parts) else None
    return b"%b%b%b" % (_HEAD, b",".join(found), _TAIL)


def slice_answer(look: Look, bodies: Sequence[bytes]) -> bytes | None:
    """`join` of the windows' answers as they came."""
    parts = []
    for body in bodies:
        days = split(body)
        part = None if days is None else retold(days, look)
        if part is None:
            return None
        parts.append(part)
    return join(look, parts)


def _ascend(starts: Sequence[str]) -> bool:
    """Whether slots are in order; their texts need not be when clocks go back."""
    return all(a < b for a, b in pairwise(starts)) or all(
        a < b for a, b in pairwise([datetime.fromisoformat(one) for one in starts])
    )


def _cut(look: Look, text: bytes) -> bytes | None:
    """A day's text without the slots outside the look, empty if none are left; None when that is not certain."""
    try:
        first, last = _instant(text, text.index(_START)), _instant(text, text.rindex(_START))
        if look.earliest <= first and last <= look.latest:
            return text
        if last < look.within or first > look.latest:
            return b""
        opening = text.index(b"[") + 2
        slots = text[opening:-2].split(b"},{")
        starts = [_instant(one, one.index(_START)) for one in slots]
    except (TypeError, ValueError):
        return None
    within, earliest, latest = look.within, look.earliest, look.latest
    if any(within <= start < earliest for start in starts):
        return None
    kept = [slot for slot, start in zip(slots, starts, strict=True) if earliest <= start <= latest]
    return b"%b%b}]" % (text[:opening], b"},{".join(kept)) if kept else b""


def _instant(text: bytes, at: int) -> datetime:
    """The begin of the slot whose `start` is at this place. Raises ValueError, or TypeError later for one that
    names no zone."""
    at += len(_START)
    return datetime.fromisoformat(text[at : text.index(b'"', at)].decode())
