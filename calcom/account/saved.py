"""A map as JSON and back, for keeping it across restarts and sharing it between processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, Final, TypeVar

from calcom.account.facts import (
    AccountMap,
    EventTypeFacts,
    Promises,
    ScheduleFacts,
    TeamFacts,
    UserFacts,
    Window,
)

FORMAT: Final = 1
"""Raised when a reader of older maps would misread them."""

_SETS: Final = frozenset({"hosts", "lengths", "members"})
_LIMITS: Final = frozenset({"limits", "limits_count", "limits_duration"})
_T = TypeVar("_T", EventTypeFacts, UserFacts, TeamFacts, ScheduleFacts)


def saved(account: AccountMap) -> dict[str, Any]:
    """JSON-ready. The operator's promises are configuration and not in it."""
    return {
        "format": FORMAT,
        "version": account.version,
        "complete": sorted(account.complete),
        "event_types": [_plain(one) for one in account.event_types.values()],
        "users": [_plain(one) for one in account.users.values()],
        "teams": [_plain(one) for one in account.teams.values()],
        "schedules": [_plain(one) for one in account.schedules.values()],
    }


def restored(data: object, promises: Promises | None = None) -> AccountMap:
    """The map that `saved` wrote. Raises ValueError for anything else: begin with an empty map then."""
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise ValueError("this is no account map of this version; delete it and it will be learned anew")
    try:
        return AccountMap(
            event_types=_read(data["event_types"], EventTypeFacts),
            users=_read(data["users"], UserFacts),
            teams=_read(data["teams"], TeamFacts),
            schedules=_read(data["schedules"], ScheduleFacts),
            complete=frozenset(data["complete"]),
            promises=promises or Promises(),
            version=int(data["version"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("the account map is damaged; delete it and it will be learned anew") from error


def _plain(facts: EventTypeFacts | UserFacts | TeamFacts | ScheduleFacts) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for one in fields(facts):
        value = getattr(facts, one.name)
        if isinstance(value, frozenset):
            value = sorted(value)
        elif isinstance(value, Window):
            value = [value.kind, value.value, value.rolling]
        elif isinstance(value, tuple):
            value = [list(pair) for pair in value]
        plain[one.name] = value
    return plain


def _read(rows: list[Mapping[str, Any]], make: Callable[..., _T]) -> dict[int, _T]:
    read = [make(**{name: _value(name, value) for name, value in row.items()}) for row in rows]
    return {one.id: one for one in read}


def _value(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in _SETS:
        return frozenset(value)
    if name in _LIMITS:
        return tuple((period, ceiling) for period, ceiling in value)
    return Window(*value) if name == "window" else value
