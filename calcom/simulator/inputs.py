"""All that one answer depends on, collected from one state by reference.

Because it holds references, an answer may be remembered by the identity of its inputs: two versions of the
world that agree on them need one calculation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from calcom.simulator import windows, zones
from calcom.simulator.availability import HostInputs, gather_host
from calcom.simulator.limits import Ceiling, gather_ceilings
from calcom.simulator.model import Booking, EventType, Reservation
from calcom.simulator.persistent import PersistentMap
from calcom.simulator.query import SlotsQuery
from calcom.simulator.selection import HostRole, hosts_of, limiting_team, select
from calcom.simulator.state import Bucket, State

LOOK_AHEAD = 14 * zones.DAY  # how far a round robin looks before it falls back on all hosts


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """Everything one answer depends on. Instants are epoch seconds, lengths minutes.

    `cut` is the earliest instant that notice allows; `low` and `high` bound the search, which for a rolling
    window begins today. `preferred` are the round robin hosts tried first, when not all of them.
    """

    event_type: EventType
    event_types: PersistentMap[int, EventType]
    length: int
    start: int
    low: int
    high: int
    cut: int
    now: int
    zone: str
    event_zone: str
    hosts: tuple[HostInputs, ...]
    preferred: frozenset[int] | None
    ceilings: tuple[Ceiling, ...]
    type_buckets: tuple[Bucket, ...]
    reservations: tuple[Reservation, ...]
    ignored_booking: int | None

    def fingerprint(self) -> tuple[object, ...]:
        """Equal for two inputs only if their answers are equal; valid while both are alive."""
        clock: tuple[int, ...] = ()
        if self.cut > self.low or self.preferred is not None or rolls(self.event_type):
            clock = (self.cut // 60, -(-self.cut // 60))
        window = self.event_type.window
        if window is not None:
            clock = (
                *clock,
                zones.ordinal_at(self.event_zone, self.now),
                zones.ordinal_at(self.zone, self.now),
            )
        return (
            id(self.event_type),
            id(self.event_types),
            self.length,
            self.start,
            self.high,
            self.zone,
            clock,
            self.preferred,
            self.ignored_booking,
            tuple(map(_host_print, self.hosts)),
            tuple((one.minutes, tuple(map(id, one.buckets)), one.zone, one.limits) for one in self.ceilings),
            tuple(map(id, self.type_buckets)),
            tuple(map(id, self.reservations)),
        )


def gather(state: State, query: SlotsQuery, now: datetime) -> Inputs:
    """What the answer to `query` depends on at `now`. Raises Refused 404 when it names nothing."""
    event_type = select(
        state,
        event_type_id=query.event_type_id,
        slug=query.slug,
        username=query.username,
        team_slug=query.team_slug,
        usernames=query.usernames,
        organization_slug=query.organization_slug,
    )
    length = event_type.length
    if query.duration is not None and (event_type.id == 0 or query.duration in event_type.length_options):
        length = query.duration
    ignored = None
    if query.booking_uid_to_reschedule is not None:
        ignored = state.booking_ids.get(query.booking_uid_to_reschedule)
    return _gathered(
        state,
        event_type,
        length,
        zones.seconds_of(now),
        zones.seconds_of(query.start),
        zones.seconds_of(query.end),
        zone=query.time_zone or "UTC",
        subset=query.rr_host_subset,
        ignored_booking=ignored,
        cookie_uid=query.cookie_uid,
        rolling=rolls(event_type),
    )


def gather_exactly(
    state: State,
    event_type: EventType,
    start: datetime,
    end: datetime,
    now: datetime,
    ignored_booking: int | None,
) -> Inputs:
    """What decides whether [start, end) itself can be booked at `now`."""
    low, high = zones.seconds_of(start), zones.seconds_of(end)
    length = (high - low) // 60
    moment = zones.seconds_of(now)
    return _gathered(state, event_type, length, moment, low, high, ignored_booking=ignored_booking)


def _gathered(
    state: State,
    event_type: EventType,
    length: int,
    now: int,
    start: int,
    high: int,
    *,
    zone: str = "UTC",
    subset: Sequence[int] = (),
    ignored_booking: int | None = None,
    cookie_uid: str | None = None,
    rolling: bool = False,
) -> Inputs:
    cut = now + 60 * (event_type.minimum_notice or 1)
    low = start
    if rolling:
        # Which day is the last depends on every day from today on, whatever was asked for.
        low, high = cut, min(high, now + (windows.ROLLING_DAYS_CHECKED + 2) * zones.DAY)
    high = max(low, high)
    roles = hosts_of(state, event_type)
    preferred = _preferred(state, event_type, roles, subset, now)
    # A round robin that may fall back looks at the first two weeks as well.
    first = low if preferred is None else min(low, now)
    last = high if preferred is None else max(high, now + LOOK_AHEAD + zones.DAY)
    hosts = tuple(
        gather_host(state, event_type, state.users[role.user_id], fixed=role.fixed, low=first, high=last)
        for role in roles
    )
    event_zone = zone_of(state, event_type, roles)
    team = limiting_team(state, event_type)
    held = tuple(
        reservation
        for role in roles
        for reservation in state.reserved_by_host.get(role.user_id, ())
        if zones.seconds_of(reservation.until) > now and reservation.uid != cookie_uid
    )
    return Inputs(
        event_type=event_type,
        event_types=state.event_types,
        length=length,
        start=start,
        low=low,
        high=high,
        cut=cut,
        now=now,
        zone=zone,
        event_zone=event_zone,
        hosts=hosts,
        preferred=preferred,
        ceilings=gather_ceilings(state, event_type, team, event_zone, length, first, last),
        type_buckets=tuple(state.buckets("type", event_type.id, low, high)) if event_type.seats else (),
        reservations=held,
        ignored_booking=ignored_booking,
    )


def zone_of(state: State, event_type: EventType, roles: Sequence[HostRole]) -> str:
    """The zone an event type counts its days in: its schedule's, else its first host's."""
    if event_type.schedule_id is not None and event_type.schedule_id in state.schedules:
        return state.schedules[event_type.schedule_id].time_zone
    if not roles:
        return "UTC"
    user = state.users[roles[0].user_id]
    if user.default_schedule_id is not None and user.default_schedule_id in state.schedules:
        return state.schedules[user.default_schedule_id].time_zone
    return user.time_zone


def bookings_this_month(state: State, event_type: EventType, now: int) -> dict[int, int]:
    """Accepted bookings of an event type per host, by start in the running month (UTC)."""
    first, last, _ = zones.period_at("UTC", "month", zones.ordinal_at("UTC", now))
    counted: dict[int, Booking] = {}
    for bucket in state.buckets("type", event_type.id, first, last):
        for held in bucket:
            if held.booking.status == "accepted" and first <= held.start < last:
                counted[held.booking.id] = held.booking
    counts: dict[int, int] = {}
    for booking in counted.values():
        for host_id in booking.host_ids:
            counts[host_id] = counts.get(host_id, 0) + 1
    return counts


def rolls(event_type: EventType) -> bool:
    """Whether the event type has a rolling window."""
    return event_type.window is not None and event_type.window.rolling


def _host_print(host: HostInputs) -> tuple[object, ...]:
    return (
        host.user_id,
        host.fixed,
        id(host.schedule),
        tuple(map(id, host.buckets)),
        id(host.away),
        id(host.external),
        host.broken,
    )


def _preferred(
    state: State, event_type: EventType, roles: Sequence[HostRole], subset: Sequence[int], now: int
) -> frozenset[int] | None:
    """The rotating hosts tried first, or None for all: a subset asked for, or those fairness allows."""
    if event_type.scheduling != "roundRobin":
        return None
    rotating = [role.user_id for role in roles if not role.fixed]
    chosen = [user_id for user_id in rotating if user_id in subset] if subset else rotating
    if event_type.max_lead is not None and chosen:
        counts = bookings_this_month(state, event_type, now)
        least = min(counts.get(user_id, 0) for user_id in chosen)
        chosen = [one for one in chosen if counts.get(one, 0) - least <= event_type.max_lead]
    return frozenset(chosen) if len(chosen) < len(rotating) else None
