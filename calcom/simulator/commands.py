"""What can be asked of the world: validated values, no HTTP. `caller_id` None is an anonymous caller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from calcom.simulator.model import Booking


@dataclass(frozen=True, slots=True)
class EventTypeSelector:
    """Names an event type: by id, slug + username, or slug + team slug (contract 4.1, selectors A to C)."""

    event_type_id: int | None = None
    slug: str | None = None
    username: str | None = None
    team_slug: str | None = None
    organization_slug: str | None = None


@dataclass(frozen=True, slots=True)
class Booker:
    """The person who books."""

    name: str
    time_zone: str
    email: str | None = None
    phone_number: str | None = None
    language: str = "en"


@dataclass(frozen=True, slots=True)
class CreateBooking:
    """POST /v2/bookings (contract 5.2). `length` only for variable-length types."""

    start: datetime
    event_type: EventTypeSelector
    booker: Booker
    guests: tuple[str, ...] = ()
    length: int | None = None
    location: str | None = None
    metadata: Mapping[str, object] = field(default_factory=dict, hash=False)
    responses: Mapping[str, object] = field(default_factory=dict, hash=False)
    recurrence_count: int | None = None
    instant: bool = False
    allow_conflicts: bool = False
    allow_out_of_bounds: bool = False
    caller_id: int | None = None


@dataclass(frozen=True, slots=True)
class Reschedule:
    """POST /v2/bookings/{uid}/reschedule."""

    start: datetime
    reason: str | None = None
    rescheduled_by: str | None = None
    seat_uid: str | None = None
    caller_id: int | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """POST /v2/bookings/{uid}/cancel: whole, one seat, or this and all later occurrences."""

    reason: str | None = None
    seat_uid: str | None = None
    subsequent: bool = False
    cancelled_by: str | None = None
    caller_id: int | None = None


@dataclass(frozen=True, slots=True)
class Reserve:
    """POST/PATCH /v2/slots/reservations. `hold` is the life of the reservation in minutes (default 5).

    `uid` re-uses a reservation of the legacy call's cookie.
    """

    event_type_id: int
    start: datetime
    slot_length: int | None = None
    hold: int | None = None
    caller_id: int | None = None
    uid: str | None = None


class Created(NamedTuple):
    """What a create made. `existing` is true when a repeat returned what was there (contract 5.5)."""

    bookings: tuple[Booking, ...]
    seat_uid: str | None = None
    existing: bool = False
