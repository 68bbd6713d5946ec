"""The slots calculation: a pure function of its inputs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from calcom.simulator import windows, zones
from calcom.simulator.availability import HostInputs, free
from calcom.simulator.grid import Grid
from calcom.simulator.inputs import LOOK_AHEAD, Inputs
from calcom.simulator.intervals import Span, clip, intersect, merge, subtract
from calcom.simulator.limits import closed
from calcom.simulator.query import Slot, SlotsQuery, SlotsResult, bounds

__all__ = ["Slot", "SlotsQuery", "SlotsResult", "answer", "bounds", "open_spans_of_hosts"]


def answer(inputs: Inputs) -> SlotsResult:
    """The slots, by day of the booker's zone."""
    event_type = inputs.event_type
    grid = Grid(
        length=inputs.length,
        step=event_type.slot_interval or inputs.length,
        offset=event_type.offset_start,
        optimized=event_type.optimized_slots,
        zone=inputs.zone,
    )
    starts = [start for start in grid.starts(_open_spans(inputs), inputs.cut) if start >= inputs.cut]
    starts = _unreserved(starts, inputs)
    seats = _seats_taken(inputs)
    if event_type.seats is not None:
        total = event_type.seats.per_time_slot
        starts = [start for start in starts if seats.get(start, (0, None))[0] < total]
    days = _by_day(starts, inputs.zone)
    if event_type.first_slot_only:
        days = {day: starts[:1] for day, starts in days.items()}
    days = _within_window(days, inputs)
    shown = event_type.seats if event_type.seats and event_type.seats.show_availability_count else None
    length = inputs.length * 60
    result: dict[str, tuple[Slot, ...]] = {}
    for day, chosen in days.items():
        slots = [
            Slot(start, start + length)
            if shown is None
            else Slot(
                start,
                start + length,
                seats.get(start, (0, None))[0],
                shown.per_time_slot,
                seats.get(start, (0, None))[1],
            )
            for start in chosen
            if start >= inputs.start
        ]
        if slots:
            result[date.fromordinal(day).isoformat()] = tuple(slots)
    return SlotsResult(result, event_type.id or None)


def open_spans_of_hosts(inputs: Inputs) -> dict[int, list[Span]]:
    """Per host, the spans of [low, high) it can take, limits included: what a booking is checked against."""
    full = _closed(inputs, inputs.low, inputs.high)
    return {
        host.user_id: subtract(_free(inputs, host, inputs.low, inputs.high), full) for host in inputs.hosts
    }


def _open_spans(inputs: Inputs) -> list[Span]:
    """Spans to lay slots in. Those of a round robin may overlap: one per host, so that no slot is offered
    which begins in one host's time and ends in another's."""
    rotating = inputs.preferred
    if rotating is not None and _falls_back(inputs, rotating):
        rotating = None
    return _aggregate(inputs, rotating, inputs.low, inputs.high)


def _falls_back(inputs: Inputs, preferred: frozenset[int]) -> bool:
    """Whether the preferred hosts have nothing in reach, so that all hosts stand in (contract 8, row 11)."""
    horizon = inputs.now + LOOK_AHEAD
    if inputs.low < horizon:
        spans = _aggregate(inputs, preferred, min(inputs.low, inputs.cut), max(inputs.high, horizon))
        spans = clip(spans, inputs.cut, max(inputs.high, horizon))
        return not spans or spans[0][0] >= horizon + zones.DAY
    if _aggregate(inputs, preferred, inputs.low, inputs.high):
        return False
    return not clip(_aggregate(inputs, preferred, inputs.now, horizon), inputs.cut, horizon)


def _aggregate(inputs: Inputs, rotating: frozenset[int] | None, low: int, high: int) -> list[Span]:
    if not inputs.hosts or low >= high:
        return []
    common: list[Span] | None = None
    for host in inputs.hosts:
        if host.fixed:
            mine = _free(inputs, host, low, high)
            common = mine if common is None else intersect(common, mine)
            if not common:
                return []
    full = _closed(inputs, low, high)
    turns = [
        host for host in inputs.hosts if not host.fixed and (rotating is None or host.user_id in rotating)
    ]
    if all(host.fixed for host in inputs.hosts):
        return subtract(common or [], full)
    spans: set[Span] = set()
    for host in turns:
        mine = _free(inputs, host, low, high)
        spans.update(subtract(mine if common is None else intersect(common, mine), full))
    return sorted(spans)


def _free(inputs: Inputs, host: HostInputs, low: int, high: int) -> list[Span]:
    return free(host, inputs.event_type, inputs.event_types, low, high, inputs.ignored_booking)


def _closed(inputs: Inputs, low: int, high: int) -> list[Span]:
    return merge(span for one in inputs.ceilings for span in closed(one, low, high, inputs.ignored_booking))


def _unreserved(starts: list[int], inputs: Inputs) -> list[int]:
    """Without the slots that another caller's reservation overlaps; it holds all event types of its host."""
    busy = [
        (zones.seconds_of(one.start), zones.seconds_of(one.end))
        for one in inputs.reservations
        if not one.seated
    ]
    length = inputs.length * 60
    return [start for start in starts if not any(low < start + length and start < high for low, high in busy)]


def _seats_taken(inputs: Inputs) -> dict[int, tuple[int, str | None]]:
    """Seats gone by start, reserved ones included, with the uid of the booking that holds them."""
    taken: dict[int, tuple[int, str | None]] = {}
    if inputs.event_type.seats is None:
        return taken
    for bucket in inputs.type_buckets:
        for start, _, booking in bucket:
            if booking.status == "accepted" and booking.event_type_id == inputs.event_type.id:
                taken[start] = (len(booking.attendees), booking.uid)
    for reservation in inputs.reservations:
        if reservation.seated and reservation.event_type_id == inputs.event_type.id:
            start = zones.seconds_of(reservation.start)
            count, uid = taken.get(start, (0, None))
            taken[start] = (count + 1, uid)
    return taken


def _by_day(starts: Iterable[int], zone: str) -> dict[int, list[int]]:
    days: dict[int, list[int]] = {}
    ordinal, ends = 0, 0
    current: list[int] = []
    for start in starts:
        if start >= ends:
            ordinal = zones.ordinal_at(zone, start)
            ends = zones.midnight(zone, ordinal + 1)
            current = days.setdefault(ordinal, [])
        current.append(start)
    return days


def _within_window(days: dict[int, list[int]], inputs: Inputs) -> dict[int, list[int]]:
    window = inputs.event_type.window
    if window is None:
        return days
    first, last = 0, windows.FAR
    if window.rolling and window.type != "range":
        last = windows.rolling_end(window, inputs.zone, inputs.now, days)
    else:
        first, last = windows.fixed_window(window, inputs.event_zone, inputs.now)
    return {day: [start for start in starts if first <= start < last] for day, starts in days.items()}
