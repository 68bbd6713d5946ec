"""Slots answers without the slots that begin within certain stretches (contract 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson


def subtract(body: bytes, gone: Sequence[tuple[int, int]]) -> bytes | None:
    """The answer *body* of version 2024-09-04 without the slots that begin from a first second up to, not including, a
    last one; `None` when it is not understood. Days without slots are absent, as Cal.com leaves them out.
    """
    try:
        document: Any = orjson.loads(body)
        if not isinstance(document, dict) or document.get("status") != "success":
            return None
        data = document["data"]
        kept = {day: left for day, slots in data.items() if (left := _left(slots, gone))}
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    if all(len(kept.get(day, ())) == len(slots) for day, slots in data.items()):
        return body
    return orjson.dumps({**document, "data": kept})


def _left(slots: Any, gone: Sequence[tuple[int, int]]) -> list[Any]:
    left = []
    for slot in slots:
        begins = datetime.fromisoformat(slot["start"]).timestamp()
        if not any(first <= begins < last for first, last in gone):
            left.append(slot)
    return left
