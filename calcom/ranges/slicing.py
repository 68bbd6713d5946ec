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

_HEAD: Final = b'{"status":"success","data":{'
_TAIL: Final = b"}}"
_ONE_DAY: Final = re.compile(rb'"(\d{4}-\d\d-\d\d)":\[\{[^\[\]]*\}\]')
_FIELDS: Final = frozenset({"start", "end", "seatsBooked", "seatsRemaining", "seatsTotal", "bookingUid"})


@dataclass(frozen=True, slots=True)
class Days:
    """An answer taken apart: each day's text, such as `"2026-03-03":[{"start":…}]`, by its name, ascending."""

    texts: Mapping[str, bytes]


def split(body: bytes) -> Days | None:
    """An answer's days; None when it is not one of contract 4.1 to the letter: not a success, further fields
    such as a message, days that are empty or out of order."""
    if not (body.startswith(_HEAD) and body.endswith(_TAIL)):
        return None
    inside = body[len(_HEAD) : -len(_TAIL)]
    texts = {one[1].decode(): one[0] for one in _ONE_DAY.finditer(inside)}
    if b",".join(texts.values()) != inside or list(texts) != sorted(texts):
        return None
    try:
        fields = {name for slots in orjson.loads(body)["data"].values() for slot in slots for name in slot}
    except (ValueError, TypeError):
        return None
    return Days(texts) if fields <= _FIELDS else None


def join(look: Look, parts: Sequence[Days]) -> bytes | None:
    """The look's own answer from those of its windows, in their order; None when it must be asked for.

    An empty answer must: Cal.com may put a message into it, and it is suspicious (contract 4.1).
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
            if not first <= day <= last:
                continue
            kept: bytes | None = text
            if day in (begin, end):
                kept = _cut(look, text)
                if kept is None:
                    return None
            if kept:
                found.append(kept)
    return b"%b%b%b" % (_HEAD, b",".join(found), _TAIL) if found else None


def slice_answer(look: Look, bodies: Sequence[bytes]) -> bytes | None:
    """`join` of the windows' answers as they came."""
    parts = [split(body) for body in bodies]
    return None if None in parts else join(look, [one for one in parts if one is not None])


def _cut(look: Look, text: bytes) -> bytes | None:
    """A day's text without the slots outside the look, empty if there are none left; None when that is not
    certain."""
    opening = text.index(b"[") + 1
    slots = text[opening + 1 : -2].split(b"},{")
    try:
        starts = [datetime.fromisoformat(one["start"]) for one in orjson.loads(text[opening - 1 :])]
        if len(starts) != len(slots) or any(a >= b for a, b in pairwise(starts)):
            return None
        if any(look.within <= start < look.earliest for start in starts):
            return None
        kept = [
            slot for slot, start in zip(slots, starts, strict=True) if look.earliest <= start <= look.latest
        ]
    except (KeyError, TypeError, ValueError):
        return None
    if len(kept) == len(slots):
        return text
    return b"%b{%b}]" % (text[:opening], b"},{".join(kept)) if kept else b""
