"""A slots question and its answer, as values (contract 4.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, NamedTuple

from calcom.simulator import refusals
from calcom.simulator.refusals import refuse


@dataclass(frozen=True, slots=True)
class SlotsQuery:
    """A validated slots query; `start` and `end` are aware UTC and come from `bounds`.

    Exactly one selector: `event_type_id`, `slug` + `username`, `slug` + `team_slug`, or two or more
    `usernames` (dynamic group). `cookie_uid` is the legacy call's own reservation, which does not hide
    its slot from its holder (contract 1, 4.2).
    """

    start: datetime
    end: datetime
    event_type_id: int | None = None
    slug: str | None = None
    username: str | None = None
    team_slug: str | None = None
    usernames: tuple[str, ...] = ()
    organization_slug: str | None = None
    time_zone: str | None = None
    duration: int | None = None
    booking_uid_to_reschedule: str | None = None
    rr_host_subset: tuple[int, ...] = ()
    cookie_uid: str | None = None


class Slot(NamedTuple):
    """One offered time. `seats_*` are None unless the type is seated and shows its count."""

    start_seconds: int
    end_seconds: int
    seats_booked: int | None = None
    seats_total: int | None = None
    booking_uid: str | None = None

    @property
    def start(self) -> datetime:
        """Begin, aware UTC."""
        return datetime.fromtimestamp(self.start_seconds, UTC)

    @property
    def end(self) -> datetime:
        """End, aware UTC."""
        return datetime.fromtimestamp(self.end_seconds, UTC)

    @property
    def seats_remaining(self) -> int | None:
        """Seats still free."""
        if self.seats_total is None or self.seats_booked is None:
            return None
        return self.seats_total - self.seats_booked


@dataclass(frozen=True, slots=True)
class SlotsResult:
    """Days (YYYY-MM-DD in the query's zone, UTC without one; ascending, never empty) to slots, ascending.

    `event_type_id` is None for a dynamic group.
    """

    days: Mapping[str, tuple[Slot, ...]]
    event_type_id: int | None = None

    def canonical(self) -> frozenset[tuple[object, ...]]:
        """What an answer is compared by: (day, start) or (day, start, seats booked, seats total, uid)."""
        return frozenset(
            (day, slot.start_seconds)
            if slot.seats_total is None and slot.booking_uid is None
            else (day, slot.start_seconds, slot.seats_booked, slot.seats_total, slot.booking_uid)
            for day, slots in self.days.items()
            for slot in slots
        )


def canonical_of_body(data: Mapping[str, Iterable[Mapping[str, Any]]]) -> frozenset[tuple[object, ...]]:
    """The same from the `data` of a 2024-09-04 answer in either format, so that both can be compared."""
    return frozenset(
        (day, int(datetime.fromisoformat(slot["start"]).timestamp()))
        if "seatsTotal" not in slot
        else (
            day,
            int(datetime.fromisoformat(slot["start"]).timestamp()),
            slot["seatsBooked"],
            slot["seatsTotal"],
            slot.get("bookingUid"),
        )
        for day, slots in data.items()
        for slot in slots
    )


def bounds(start_text: str, end_text: str) -> tuple[datetime, datetime]:
    """Both ends as aware UTC under contract 4.1: an `end` at midnight moves to 23:59:59 of that day.

    Raises Refused 400 when either is not ISO 8601 or the range runs backwards.
    """
    start, end = _instant(start_text), _instant(end_text)
    if end.time() == time(0):
        end = end.replace(hour=23, minute=59, second=59)
    if end < start:
        raise refuse(400, refusals.INVALID_RANGE)
    return start, end


def _instant(text: str) -> datetime:
    try:
        if len(text) == 10:
            return datetime.combine(date.fromisoformat(text), time(0), UTC)
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise refuse(400, refusals.INVALID_RANGE) from None
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
