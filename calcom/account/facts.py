"""What is known of an account, as values. Whatever is not known is `None`, and `None` always widens.

Lengths are whole minutes. An empty tuple of limits means "known to have none".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

Scheduling = Literal["individual", "roundRobin", "collective", "managed"]
Limits = tuple[tuple[str, int], ...]
"""(period, ceiling) pairs; the periods are day, week, month and year."""

NO_SCHEDULE: Final = 0
"""The schedule id of an event type that is known to name none and so follows its hosts' defaults."""

NO_PARENT: Final = 0
"""The parent id of an event type that is known to be nobody's managed child."""


@dataclass(frozen=True, slots=True)
class Window:
    """How far ahead one may book. `kind` is none, businessDays, calendarDays or range; `value` as sent."""

    kind: str
    value: str = ""
    rolling: bool = False


@dataclass(frozen=True, slots=True)
class EventTypeFacts:
    """One event type. An instance with an id alone stands for one of which only the existence is known.

    `hosts` are the user ids that may host it, the owner of an individual one included; with
    `assigns_all_members` they are the members of the team besides. `parent_id` is that of a managed child.
    `seats` is 0 for a type without seats, `notice` how long before its start a slot is offered last.
    """

    id: int
    slug: str | None = None
    scheduling: Scheduling | None = None
    owner_id: int | None = None
    team_id: int | None = None
    parent_id: int | None = None
    hosts: frozenset[int] | None = None
    assigns_all_members: bool | None = None
    lengths: frozenset[int] | None = None
    slot_interval: int | None = None
    offset: int | None = None
    before_buffer: int | None = None
    after_buffer: int | None = None
    limits_count: Limits | None = None
    limits_duration: Limits | None = None
    window: Window | None = None
    first_slot_only: bool | None = None
    optimized_slots: bool | None = None
    seats: int | None = None
    recurs: bool | None = None
    confirms: bool | None = None
    blocks_pending: bool | None = None
    schedule_id: int | None = None
    hidden: bool | None = None
    notice: int | None = None

    @property
    def limit_periods(self) -> frozenset[str] | None:
        """The periods over which this type's own bookings are limited; None when that is not known."""
        if self.limits_count is None or self.limits_duration is None:
            return None
        return frozenset(period for period, _ in (*self.limits_count, *self.limits_duration))

    @property
    def is_individual(self) -> bool:
        """Whether it is known to have one host, its owner."""
        return self.scheduling == "individual" and self.owner_id is not None


@dataclass(frozen=True, slots=True)
class UserFacts:
    """One person. `email` is in lower case; None when it is not known."""

    id: int
    username: str | None = None
    email: str | None = None
    default_schedule_id: int | None = None


@dataclass(frozen=True, slots=True)
class TeamFacts:
    """One team. `limits` count the bookings of all its event types together (contract 8, row 6), those of
    managed children too with `limits_managed`. `members` holds user ids, invited ones included."""

    id: int
    slug: str | None = None
    limits: Limits | None = None
    limits_managed: bool | None = None
    members: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class ScheduleFacts:
    """One schedule. `overnight` tells whether its hours may run on over a local midnight."""

    id: int
    owner_id: int | None = None
    time_zone: str | None = None
    overnight: bool = True
    is_default: bool | None = None


@dataclass(frozen=True, slots=True)
class Promises:
    """What the operator vouches for because the API does not show it.

    `plain_round_robins`: ids of round robins without contact owner, segments and lead threshold, so that no
    host stands in for another. `unlimited_teams`: ids of teams without booking limits of their own.
    """

    plain_round_robins: frozenset[int] = frozenset()
    unlimited_teams: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class AccountMap:
    """Everything known of one account. Treat the mappings as frozen: a change is a new map.

    `complete` names what is known in full: `event_types:<user>`, `team_event_types:<team>`,
    `members:<team>`, `hosts:<event type>`. An event type once in the map stays in it, if only by its id,
    until its deletion is confirmed: so an answer stored under an older map is still reached.
    """

    event_types: Mapping[int, EventTypeFacts] = field(default_factory=dict)
    users: Mapping[int, UserFacts] = field(default_factory=dict)
    teams: Mapping[int, TeamFacts] = field(default_factory=dict)
    schedules: Mapping[int, ScheduleFacts] = field(default_factory=dict)
    complete: frozenset[str] = frozenset()
    promises: Promises = Promises()
    version: int = 0

    def __repr__(self) -> str:
        sizes = f"{len(self.event_types)} event types, {len(self.users)} users, {len(self.teams)} teams"
        return f"AccountMap(version={self.version}, {sizes})"

    @staticmethod
    def empty(promises: Promises | None = None) -> AccountMap:
        """A map that knows nothing: every reach computed from it is the whole account."""
        return AccountMap(promises=promises or Promises())

    def same_facts(self, other: AccountMap) -> bool:
        """Whether both know the same, whatever their versions."""
        return (
            self.event_types == other.event_types
            and self.users == other.users
            and self.teams == other.teams
            and self.schedules == other.schedules
            and self.complete == other.complete
            and self.promises == other.promises
        )

    def following(self, changed: AccountMap) -> AccountMap:
        """`changed` as this map's successor: this very map when nothing is new, else one version on."""
        return self if self.same_facts(changed) else replace(changed, version=self.version + 1)

    def hosts_of(self, event_type_id: int) -> frozenset[int] | None:
        """Everybody who may host an event type; None when anybody might."""
        facts = self.event_types.get(event_type_id)
        if facts is None or facts.hosts is None or facts.assigns_all_members is None:
            return None
        if not facts.assigns_all_members:
            return facts.hosts
        team = None if facts.team_id is None else self.teams.get(facts.team_id)
        if team is None or f"members:{team.id}" not in self.complete:
            return None
        return facts.hosts | team.members

    def email_of(self, user_id: int) -> str | None:
        """The address of a user; None when it is not known."""
        user = self.users.get(user_id)
        return None if user is None else user.email

    def hosted_by(self, users: frozenset[int]) -> frozenset[int]:
        """The event types that any of these users hosts or might host."""
        return frozenset(
            one
            for one in self.event_types
            for hosts in (self.hosts_of(one),)
            if hosts is None or hosts & users
        )

    def types_of_team(self, team_id: int) -> frozenset[int]:
        """The event types of a team and those that might be; children of managed ones are not among them."""
        return frozenset(
            one.id
            for one in self.event_types.values()
            if one.team_id == team_id or (one.team_id is None and one.owner_id is None)
        )

    def possible_children(self, team_id: int) -> frozenset[int] | None:
        """Event types that may be managed children of the team's; None when they cannot be told.

        The API does not mark children as such, so every type of a member counts that is not known to be
        free of a parent.
        """
        team = self.teams.get(team_id)
        if team is None or f"members:{team_id}" not in self.complete:
            return None
        return frozenset(
            one.id
            for one in self.event_types.values()
            if one.team_id is None
            and one.parent_id != NO_PARENT
            and (one.owner_id is None or one.owner_id in team.members)
        )


def conflict_set(account: AccountMap, event_type_id: int) -> frozenset[int]:
    """The event types that share a host, or might, with one, itself included (contract 8, row 1)."""
    hosts = account.hosts_of(event_type_id)
    if hosts is None:
        return frozenset(account.event_types) | {event_type_id}
    return account.hosted_by(hosts) | {event_type_id}
