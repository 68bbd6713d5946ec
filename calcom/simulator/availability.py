"""When one host is free: working hours less everything that keeps a person busy (contract 8, first lines)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from calcom.simulator import zones
from calcom.simulator.intervals import Span, clip, merge, subtract
from calcom.simulator.model import (
    Booking,
    CalendarConnection,
    EventType,
    ExternalBusy,
    OutOfOffice,
    Schedule,
    User,
)
from calcom.simulator.persistent import PersistentMap
from calcom.simulator.state import Bucket, State


@dataclass(frozen=True, slots=True)
class HostInputs:
    """All that decides when one host is free, gathered from one state."""

    user_id: int
    fixed: bool
    schedule: Schedule | None
    buckets: tuple[Bucket, ...]
    away: Sequence[Span]
    external: Sequence[Span]
    broken: bool


def gather_host(
    state: State, event_type: EventType, user: User, *, fixed: bool, low: int, high: int
) -> HostInputs:
    """What bears on `user` when `event_type` is asked for within [low, high] (epoch seconds)."""
    reach = 60 * (longest_buffer(state.event_types) + event_type.before_buffer + event_type.after_buffer)
    first, last = low - reach, high + reach
    schedule_id = event_type.schedule_id or user.default_schedule_id
    return HostInputs(
        user_id=user.id,
        fixed=fixed,
        schedule=None if schedule_id is None else state.schedules.get(schedule_id),
        buckets=(
            *state.buckets("host", user.id, first, last),
            *state.buckets("email", user.email.lower(), first, last),
        ),
        away=_away_by_user(state.out_of_office).get(user.id, ()),
        external=_external_by_user(state.external, state.calendars).get(user.id, ()),
        broken=user.id in _broken_users(state.calendars),
    )


def free(
    host: HostInputs,
    event_type: EventType,
    event_types: PersistentMap[int, EventType],
    low: int,
    high: int,
    ignored_booking: int | None = None,
) -> list[Span]:
    """The spans of [low, high) in which the host can take a booking of `event_type`."""
    if host.broken or host.schedule is None:
        return []  # a calendar that cannot be read counts as busy, contract 4.1
    work = clip(working_hours(host.schedule, low, high), low, high)
    if not work:
        return []
    busy = list(_booked(host.buckets, event_type, event_types, ignored_booking))
    before, after = event_type.before_buffer * 60, event_type.after_buffer * 60
    busy += [(start - after, end + before) for start, end in host.external if start - after < high]
    busy += host.away
    return subtract(work, merge(busy))


def blocks(booking: Booking, event_type: EventType | None) -> bool:
    """Whether a live booking keeps its people busy: accepted always, pending only by policy."""
    if booking.status == "accepted":
        return True
    policy = None if event_type is None else event_type.confirmation
    return booking.status == "pending" and policy is not None and policy.blocks_unconfirmed


def working_hours(schedule: Schedule, low: int, high: int) -> Sequence[Span]:
    """The schedule's disjoint hours over every local day that [low, high] touches."""
    first = zones.ordinal_at(schedule.time_zone, low)
    return _expanded(schedule, first, zones.ordinal_at(schedule.time_zone, high))


@lru_cache(maxsize=64)
def longest_buffer(event_types: PersistentMap[int, EventType]) -> int:
    """The longest buffer of any event type, in minutes: how far beyond a range a booking can be felt."""
    return max((max(one.before_buffer, one.after_buffer) for one in event_types.values()), default=0)


def _booked(
    buckets: tuple[Bucket, ...],
    asked: EventType,
    event_types: PersistentMap[int, EventType],
    ignored_booking: int | None,
) -> Iterator[Span]:
    for bucket in buckets:
        for start, end, booking in bucket:
            if booking.id == ignored_booking:
                continue
            its = event_types.get(booking.event_type_id)
            if not blocks(booking, its):
                continue
            before = 60 * ((its.before_buffer if its else 0) + asked.after_buffer)
            after = 60 * ((its.after_buffer if its else 0) + asked.before_buffer)
            if (
                asked.seats is not None
                and booking.event_type_id == asked.id
                and len(booking.attendees) < asked.seats.per_time_slot
            ):
                # Others may still join at this very time; only the room around it is taken.
                yield start - before, start
                yield end, end + after
            else:
                yield start - before, end + after


@lru_cache(maxsize=16_384)
def _expanded(schedule: Schedule, first: int, last: int) -> Sequence[Span]:
    overrides: dict[date, list[tuple[int, int]]] = {}
    for override in schedule.overrides:
        overrides.setdefault(override.day, []).append((override.start, override.end))
    weekly: dict[int, list[tuple[int, int]]] = {}
    for rule in schedule.availability:
        for day in rule.days:
            weekly.setdefault(day, []).append((rule.start, rule.end))
    spans: list[Span] = []
    for ordinal in range(first, last + 1):
        today = date.fromordinal(ordinal)
        for start, end in overrides.get(today, weekly.get(today.weekday(), [])):
            begin = zones.local_time(schedule.time_zone, ordinal, start)
            spans.append((begin, zones.local_time(schedule.time_zone, ordinal, end)))
    return merge(spans)


@lru_cache(maxsize=64)
def _away_by_user(entries: PersistentMap[int, OutOfOffice]) -> Mapping[int, Sequence[Span]]:
    away: dict[int, list[Span]] = {}
    for entry in entries.values():
        span = (zones.seconds_of(entry.start), zones.seconds_of(entry.end))
        away.setdefault(entry.user_id, []).append(span)
    return {user_id: merge(spans) for user_id, spans in away.items()}


@lru_cache(maxsize=64)
def _external_by_user(
    events: PersistentMap[str, ExternalBusy], calendars: PersistentMap[int, CalendarConnection]
) -> Mapping[int, Sequence[Span]]:
    busy: dict[int, list[Span]] = {}
    for event in events.values():
        calendar = calendars.get(event.connection_id)
        if calendar is not None and calendar.selected:
            span = (zones.seconds_of(event.start), zones.seconds_of(event.end))
            busy.setdefault(calendar.user_id, []).append(span)
    return {user_id: merge(spans) for user_id, spans in busy.items()}


@lru_cache(maxsize=64)
def _broken_users(calendars: PersistentMap[int, CalendarConnection]) -> frozenset[int]:
    return frozenset(one.user_id for one in calendars.values() if one.selected and one.broken)
