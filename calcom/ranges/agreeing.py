"""Whether an answer that was cut out of others is the one that Cal.com gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Agreement:
    """`agrees` None: nothing can be said. `detail` names the first day and slot that differ."""

    agrees: bool | None
    detail: str = ""


def compare(exact: bytes, derived: bytes | None) -> Agreement:
    """Compare as JSON: the order of slots counts, that of fields does not.

    Nothing is said by an answer that is no success, nor where nothing was derived. Both must be good for the
    same generation; what the clock or an unseen hand changed in between looks like a difference, so one alone
    proves nothing (trust.py).
    """
    asked = _data(exact)
    if derived is None or asked is None:
        return Agreement(None)
    if exact == derived:
        return Agreement(True)
    cut = _data(derived)
    if cut is None:
        return Agreement(None)
    if asked == cut:
        return Agreement(True)
    day = min(day for day in asked.keys() | cut.keys() if asked.get(day) != cut.get(day))
    return Agreement(False, f"{day}: {_first(asked.get(day), cut.get(day))}")


def _data(body: bytes) -> Mapping[str, Any] | None:
    try:
        answer = orjson.loads(body)
    except ValueError:
        return None
    if not isinstance(answer, dict) or answer.get("status") != "success":
        return None
    data = answer.get("data")
    return data if isinstance(data, dict) else None


def _first(asked: Any, cut: Any) -> str:
    """The first slot of a day that only one of the two has."""
    exact, derived = (one if isinstance(one, list) else [] for one in (asked, cut))
    for one in exact:
        if one not in derived:
            return f"{orjson.dumps(one).decode()} is missing"
    for one in derived:
        if one not in exact:
            return f"{orjson.dumps(one).decode()} is not Cal.com's"
    return "the order differs"
