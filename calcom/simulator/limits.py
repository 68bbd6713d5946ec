"""Booking limits: the periods that are full (contract 8, rows 5 and 6)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from calcom.simulator import zones
from calcom.simulator.intervals import Span
from calcom.simulator.model import PERIODS, EventType, Limits, Period, Team
from calcom.simulator.selection import types_of_team
from calcom.simulator.state import Bucket, State


@dataclass(frozen=True, slots=True)
class Ceiling:
    """A limit over some periods, and the bookings that may count towards it.

    `minutes` None counts bookings; otherwise durations are summed and `minutes` is what one more would add.
    """

    limits: Limits
    zone: str
    buckets: tuple[Bucket, ...]
    minutes: int | None = None


def gather_ceilings(
    state: State, event_type: EventType, team: Team | None, zone: str, length: int, low: int, high: int
) -> tuple[Ceiling, ...]:
    """Every ceiling that binds `event_type` within [low, high]; one booking takes `length` minutes."""
    ceilings: list[Ceiling] = []
    own = (event_type.id,)
    if event_type.limits_count:
        buckets = _buckets(state, own, event_type.limits_count, zone, low, high)
        ceilings.append(Ceiling(event_type.limits_count, zone, buckets))
    if event_type.limits_duration:
        buckets = _buckets(state, own, event_type.limits_duration, zone, low, high)
        ceilings.append(Ceiling(event_type.limits_duration, zone, buckets, minutes=length))
    if team is not None:
        ids = types_of_team(state.event_types, team.id, team.limits_include_managed)
        buckets = _buckets(state, ids, team.booking_limits, zone, low, high)
        ceilings.append(Ceiling(team.booking_limits, zone, buckets))
    return tuple(ceilings)


def closed(ceiling: Ceiling, low: int, high: int, ignored_booking: int | None = None) -> Iterator[Span]:
    """The periods touching [low, high] in which nothing more may be booked.

    Only accepted bookings count, by the period their start falls in.
    """
    counted = {
        held.booking.id: held
        for bucket in ceiling.buckets
        for held in bucket
        if held.booking.status == "accepted" and held.booking.id != ignored_booking
    }
    for period in PERIODS:
        limit = ceiling.limits.of(period)
        if limit is None:
            continue
        for start, end in _periods(ceiling.zone, period, low, high):
            inside = [held for held in counted.values() if start <= held.start < end]
            if ceiling.minutes is None:
                full = len(inside) >= limit
            else:
                full = ceiling.minutes + sum(held.end - held.start for held in inside) // 60 > limit
            if full:
                yield start, end


def _periods(zone: str, period: Period, low: int, high: int) -> Iterator[Span]:
    ordinal = zones.ordinal_at(zone, low)
    while True:
        start, end, ordinal = zones.period_at(zone, period, ordinal)
        yield start, end
        if end > high:
            return


def _buckets(
    state: State, type_ids: tuple[int, ...], limits: Limits, zone: str, low: int, high: int
) -> tuple[Bucket, ...]:
    longest = next(period for period in reversed(PERIODS) if limits.of(period) is not None)
    first = min(_periods(zone, longest, low, low))[0]
    last = max(_periods(zone, longest, high, high))[1]
    if limits.week is not None:  # a week may reach out of the month or year that it begins or ends in
        first, last = first - 7 * zones.DAY, last + 7 * zones.DAY
    return tuple(bucket for type_id in type_ids for bucket in state.buckets("type", type_id, first, last))
