"""What the account map does not know, in words: every line of it widens some reach. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from calcom.account import AccountMap
from proxy.account.shelf import Held

_LINES: Final = 50


def gaps(held: Held | None, account: AccountMap) -> list[str]:
    """At most fifty lines, the widest gaps first. `account` is what is known of `held` now."""
    if held is None:
        return ["the shared map has not been looked at yet"]
    lines = [f"{held.changing} writes under way may change the map"] if held.changing else []
    if not (account.event_types or account.users or account.teams):
        return [*lines, "nothing is known: every write reaches the whole account"]
    lines += islice(_each(account), _LINES)
    return lines[:_LINES]


def _each(account: AccountMap) -> Iterator[str]:
    for one, facts in sorted(account.event_types.items()):
        if account.hosts_of(one) is None:
            yield f"event type {one}: hosts not known"
        elif facts.lengths is None or facts.limit_periods is None or facts.window is None:
            yield f"event type {one}: settings not known"
    for team in sorted(account.teams):
        for what, words in (("team_event_types", "event types"), ("members", "members")):
            if f"{what}:{team}" not in account.complete:
                yield f"team {team}: {words} not known in full"
        if account.teams[team].limits is None and team not in account.promises.unlimited_teams:
            yield f"team {team}: booking limits not known"
    for user, who in sorted(account.users.items()):
        if f"event_types:{user}" not in account.complete:
            yield f"user {user}: event types not known in full"
        if who.email is None:
            yield f"user {user}: e-mail address not known"
