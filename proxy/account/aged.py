"""The account map with the age of every fact in it, so that nothing stale is ever taken for known. Pure.

Ages are Unix seconds of when an answer was asked for: it cannot tell of anything later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from calcom.account import AccountMap, EventTypeFacts, Promises, forget, learn
from calcom.account.places import place

REMEMBERED_SECONDS: Final = 86_400.0
"""How long an event type is known by its id after it was last heard of: longer than any answer is kept."""

_LEFT_ALONE: Final = frozenset({"ooo", "webhooks", "private-links", "workflows", "conferencing"})
_CHANGED: Final = frozenset(
    {"event-types", "teams", "me", "schedules", "users", "organizations", "oauth-clients"}
)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of Cal.com: `path` normalised, `query` decoded, `began` when it was asked for."""

    method: str
    path: str
    query: Mapping[str, str]
    api_version: str
    status: int
    body: object
    began: float


@dataclass(frozen=True, slots=True, eq=False)
class Aged:
    """A map, when each of its records was told, and when each source of the refresh was last asked."""

    account: AccountMap = field(default_factory=AccountMap.empty)
    told: Mapping[str, float] = field(default_factory=dict)
    asked: Mapping[str, float] = field(default_factory=dict)

    def young(self, now: float, max_age: float) -> Aged:
        """Without what is older than `max_age` seconds; event types stay, by their ids, for a day."""
        account, oldest = self.account, now - max_age
        types: dict[int, EventTypeFacts] = {}
        for one, facts in account.event_types.items():
            told = self.told.get(_type(one), now)
            if told > oldest:
                types[one] = facts
            elif told > now - REMEMBERED_SECONDS:
                types[one] = EventTypeFacts(one)

        def fresh(kind: str, one: object) -> bool:
            return self.told.get(f"{kind}:{one}", 0.0) > oldest

        young = replace(
            account,
            event_types=types,
            users={one: facts for one, facts in account.users.items() if fresh("user", one)},
            teams={one: facts for one, facts in account.teams.items() if fresh("team", one)},
            schedules={one: facts for one, facts in account.schedules.items() if fresh("schedule", one)},
            complete=frozenset(one for one in account.complete if fresh("all", one)),
        )
        return Aged(young, self.told, self.asked).tidy()

    def tidy(self) -> Aged:
        """With ages for what is in the map only, and completeness only of what is there."""
        account = self.account
        complete = frozenset(one for one in account.complete if _holds(account, one))
        if complete != account.complete:
            account = replace(account, complete=complete)
        kept = frozenset(_names(account))
        return Aged(account, {one: told for one, told in self.told.items() if one in kept}, self.asked)

    @property
    def knows_nothing(self) -> bool:
        """Whether event types are known by their ids at most."""
        account = self.account
        if account.users or account.teams or account.schedules or account.complete:
            return False
        return all(facts == EventTypeFacts(one) for one, facts in account.event_types.items())

    def oldest_after(self, moment: float) -> float | None:
        """The earliest age later than `moment`; None without one."""
        return min((told for told in self.told.values() if told > moment), default=None)


def from_ids(ids: Iterable[int], now: float, promises: Promises) -> Aged:
    """A map that knows which event types there are, and nothing of them."""
    types = {one: EventTypeFacts(one) for one in ids}
    return Aged(replace(AccountMap.empty(promises), event_types=types), {_type(one): now for one in types})


def laid_over(
    base: Aged, answers: Iterable[Answer], now: float, max_age: float, *, asked_for: bool = False
) -> Aged:
    """`base` and what the answers tell. Raises what a malformed answer makes `learn` raise.

    `asked_for` says that they are the refresh's own, which need not ask for them again soon.

    A record that the answers alone would give is as old as they are. One that leans on what was known before
    keeps the age of that: or it would never grow old, however long ago its other half was told.
    """
    young = base.young(now, max_age)
    merged, nothing = young.account, AccountMap.empty()
    alone = nothing
    heard: dict[str, float] = {}
    asked = dict(young.asked)
    for one in answers:
        said = _learned(nothing, one)
        for name in _names(said):
            heard[name] = min(one.began, heard.get(name, one.began))
        merged = _learned(merged, one)
        alone = said if alone is nothing else _learned(alone, one)
        if asked_for:
            asked[one.path] = one.began
    told = dict(young.told)
    for name, began in heard.items():
        if name not in told or _record(merged, name) == _record(alone, name):
            told[name] = began
    return Aged(merged, told, asked).tidy()


def without(base: Aged, method: str, path: str) -> Aged:
    """`base` without what a write to a normalised path may change; the refresh has to ask for it again."""
    parts = place(path)
    again = {"event-types": ("/event-types",), "schedules": ("/schedules", "/me")}.get(parts[0], ("",))
    asked = {one: began for one, began in base.asked.items() if not one.endswith(again)}
    return Aged(forget(base.account, method, path), base.told, asked).tidy()


def changes_map(method: str, path: str) -> bool:
    """Whether a write to a normalised path may make facts of the map untrue."""
    parts = place(path)
    if method in ("GET", "HEAD", "OPTIONS") or not parts or parts[0] not in _CHANGED:
        return False
    return not _LEFT_ALONE & set(parts)


def teaches(method: str, path: str) -> bool:
    """Whether the answer to a call of a normalised path may tell something for the map."""
    parts = place(path)
    if method != "GET" or not parts:
        return False
    match parts:
        case ("me" | "teams" | "users" | "event-types" | "schedules",):
            return True
        case ("teams" | "users" | "event-types" | "schedules", _):
            return True
        case ("teams" | "users", _, "event-types" | "memberships" | "schedules", *rest):
            return len(rest) <= 1
        case ("organizations", _, "users" | "schedules", *rest):
            return len(rest) <= 1
    return False


def is_same(one: Aged, other: Aged, tolerance: float) -> bool:
    """Whether `other` brings nothing new: the same facts, and none younger by more than `tolerance` seconds."""
    if not one.account.same_facts(other.account) or one.told.keys() != other.told.keys():
        return False
    if one.asked.keys() != other.asked.keys():
        return False
    if any(began - one.asked[name] > tolerance for name, began in other.asked.items()):
        return False
    return all(told - one.told[name] <= tolerance for name, told in other.told.items())


def _learned(account: AccountMap, one: Answer) -> AccountMap:
    return learn(account, one.method, one.path, one.query, one.api_version, one.status, one.body)


def _type(number: int) -> str:
    return f"type:{number}"


def _names(account: AccountMap) -> Iterator[str]:
    """What has an age, by a name of its own."""
    yield from (_type(one) for one in account.event_types)
    yield from (f"user:{one}" for one in account.users)
    yield from (f"team:{one}" for one in account.teams)
    yield from (f"schedule:{one}" for one in account.schedules)
    yield from (f"all:{one}" for one in account.complete)


def _record(account: AccountMap, name: str) -> object:
    kind, _, one = name.partition(":")
    match kind:
        case "all":
            return one in account.complete
        case "type":
            return account.event_types.get(int(one))
        case "user":
            return account.users.get(int(one))
        case "team":
            return account.teams.get(int(one))
    return account.schedules.get(int(one))


def _holds(account: AccountMap, complete: str) -> bool:
    kind, _, one = complete.partition(":")
    if not one.isdigit():
        return False
    match kind:
        case "members":
            return int(one) in account.teams
        case "hosts":
            facts = account.event_types.get(int(one))
            return facts is not None and facts.hosts is not None
    return True
