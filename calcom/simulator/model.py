"""The nouns of the simulated Cal.com: frozen records without behaviour beyond what their own fields say.

Lengths are whole minutes unless the name says otherwise; instants are aware UTC datetimes; times of day are
minutes after local midnight (1440 = the next midnight); weekdays count from Monday = 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

SchedulingType = Literal["individual", "roundRobin", "collective", "managed"]
BookingStatus = Literal["accepted", "pending", "awaiting_host", "cancelled", "rejected"]
Role = Literal["MEMBER", "ADMIN", "OWNER"]
Period = Literal["day", "week", "month", "year"]
WindowType = Literal["businessDays", "calendarDays", "range"]

PERIODS: tuple[Period, ...] = ("day", "week", "month", "year")


@dataclass(frozen=True, slots=True)
class User:
    """One account holder. `default_schedule_id` serves every event type that names no schedule."""

    id: int
    username: str
    email: str
    name: str
    time_zone: str
    default_schedule_id: int | None = None
    week_start: str = "Sunday"
    time_format: int = 12
    locale: str = "en"
    bio: str | None = None
    avatar_url: str | None = None
    metadata: Mapping[str, object] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """A ceiling per calendar period; None is no ceiling. Unit: bookings, or minutes for duration limits."""

    day: int | None = None
    week: int | None = None
    month: int | None = None
    year: int | None = None

    def of(self, period: Period) -> int | None:
        """The ceiling of one period."""
        return {"day": self.day, "week": self.week, "month": self.month, "year": self.year}[period]

    def __bool__(self) -> bool:
        return (self.day, self.week, self.month, self.year) != (None, None, None, None)


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Team:
    """A team. `booking_limits` count all its event types together (contract 8, row 6)."""

    id: int
    slug: str
    name: str
    booking_limits: Limits = NO_LIMITS
    limits_include_managed: bool = False
    time_zone: str = "Europe/London"
    bio: str | None = None
    metadata: Mapping[str, object] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Membership:
    """A user's place in a team; one that is not `accepted` hosts nothing."""

    id: int
    team_id: int
    user_id: int
    role: Role = "MEMBER"
    accepted: bool = True


@dataclass(frozen=True, slots=True)
class Rule:
    """Weekly working hours: [start, end) in minutes after local midnight, on weekdays from Monday = 0."""

    days: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Override:
    """Replaces the weekly hours of one local date; start == end means the date is closed."""

    day: date
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """Working hours of one user, in the schedule's own zone."""

    id: int
    user_id: int
    name: str
    time_zone: str
    availability: tuple[Rule, ...] = ()
    overrides: tuple[Override, ...] = ()


@dataclass(frozen=True, slots=True)
class OutOfOffice:
    """[start, end): `user_id` hosts nothing. `to_user_id` is whom bookers are pointed at instead; it
    changes no slots of that user."""

    id: int
    uid: str
    user_id: int
    start: datetime
    end: datetime
    reason: str = "unspecified"
    notes: str | None = None
    to_user_id: int | None = None


@dataclass(frozen=True, slots=True)
class CalendarConnection:
    """An external calendar. Only `selected` ones block; a `broken` one makes its user unavailable."""

    id: int
    user_id: int
    integration: str
    external_id: str
    name: str
    selected: bool = True
    primary: bool = False
    broken: bool = False


@dataclass(frozen=True, slots=True)
class ExternalBusy:
    """One event [start, end) in an external calendar."""

    uid: str
    connection_id: int
    start: datetime
    end: datetime
    title: str = "Busy"


@dataclass(frozen=True, slots=True)
class Host:
    """A host of a team event type. Mandatory ones of a round robin are its fixed hosts."""

    user_id: int
    mandatory: bool = False
    priority: Literal["lowest", "low", "medium", "high", "highest"] = "medium"


@dataclass(frozen=True, slots=True)
class BookingWindow:
    """How far ahead one may book: `value` days from today, or the dates `start`..`end` inclusive for `range`.

    With `rolling`, only days that still have a slot count towards `value` (contract 8, row 7).
    """

    type: WindowType
    value: int = 0
    rolling: bool = False
    start: date | None = None
    end: date | None = None


@dataclass(frozen=True, slots=True)
class ConfirmationPolicy:
    """When a booking starts as pending: always, or when it begins within `notice_threshold` minutes."""

    type: Literal["always", "time"]
    notice_threshold: int = 0
    blocks_unconfirmed: bool = False


@dataclass(frozen=True, slots=True)
class Recurrence:
    """Every `interval` `frequency`s, at most `occurrences` times."""

    interval: int
    occurrences: int
    frequency: Literal["weekly", "monthly", "yearly"] = "weekly"


@dataclass(frozen=True, slots=True)
class Seats:
    """Several bookers share one booking."""

    per_time_slot: int
    show_attendee_info: bool = False
    show_availability_count: bool = True


@dataclass(frozen=True, slots=True)
class EventType:
    """Everything of contract 6.2 that drives slots. Exactly one of `owner_id` and `team_id` is set,
    except that a managed child has its `owner_id` and its parent's `parent_id`."""

    id: int
    slug: str
    title: str
    length: int
    owner_id: int | None = None
    team_id: int | None = None
    scheduling: SchedulingType = "individual"
    hosts: tuple[Host, ...] = ()
    assign_all_members: bool = False
    parent_id: int | None = None
    length_options: tuple[int, ...] = ()
    slot_interval: int | None = None
    offset_start: int = 0
    minimum_notice: int = 120
    before_buffer: int = 0
    after_buffer: int = 0
    schedule_id: int | None = None
    limits_count: Limits = NO_LIMITS
    limits_duration: Limits = NO_LIMITS
    window: BookingWindow | None = None
    first_slot_only: bool = False
    optimized_slots: bool = False
    confirmation: ConfirmationPolicy | None = None
    recurrence: Recurrence | None = None
    seats: Seats | None = None
    hidden: bool = False
    requires_authentication: bool = False
    max_active_bookings: int | None = None
    max_lead: int | None = None  # round robin fairness: hosts further ahead in bookings only stand in
    disable_cancelling: bool = False
    disable_rescheduling: bool = False
    reschedule_notice: int | None = None
    description: str = ""
    location: str = "integrations:daily"
    metadata: Mapping[str, object] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Attendee:
    """A person at a booking; in a seated booking `seat_uid` is that person's seat."""

    id: int
    name: str
    email: str
    time_zone: str = "UTC"
    language: str = "en"
    phone_number: str | None = None
    absent: bool = False
    seat_uid: str | None = None
    metadata: Mapping[str, object] = field(default_factory=dict, hash=False)
    responses: Mapping[str, object] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Booking:
    """One booking. `user_id` is the organizer; `host_ids` are all hosts it occupies, organizer first.

    The REST answer shows only the organizer as host and the co-hosts as attendees (contract 5.3): presenting
    that is the caller's work; `attendees` here holds bookers only, `guests` further e-mail addresses.
    """

    id: int
    uid: str
    status: BookingStatus
    start: datetime
    end: datetime
    event_type_id: int
    user_id: int
    host_ids: tuple[int, ...]
    attendees: tuple[Attendee, ...]
    created_at: datetime
    updated_at: datetime
    title: str = ""
    description: str = ""
    guests: tuple[str, ...] = ()
    location: str = "integrations:daily"
    metadata: Mapping[str, object] = field(default_factory=dict, hash=False)
    responses: Mapping[str, object] = field(default_factory=dict, hash=False)
    recurring_uid: str | None = None
    rescheduled_from_uid: str | None = None
    rescheduled_to_uid: str | None = None
    rescheduled_by: str | None = None
    rescheduling_reason: str | None = None
    cancellation_reason: str | None = None
    cancelled_by: str | None = None
    rejection_reason: str | None = None
    requested_reschedule: bool = False
    absent_host: bool = False
    idempotency_key: str | None = None
    reassigned_by_id: int | None = None

    @property
    def duration(self) -> int:
        """Length in minutes."""
        return int((self.end - self.start).total_seconds() // 60)

    @property
    def live(self) -> bool:
        """Whether it may still take place."""
        return self.status in ("accepted", "pending", "awaiting_host")


@dataclass(frozen=True, slots=True)
class Reservation:
    """A held slot; it stops existing when `until` passes, without any write (contract 4.3)."""

    uid: str
    event_type_id: int
    user_id: int
    start: datetime
    end: datetime
    until: datetime
    minutes: int
    seated: bool = False


@dataclass(frozen=True, slots=True)
class Credential:
    """What a caller shows, and whom it makes them."""

    key: str = field(repr=False)
    user_id: int = 0
    kind: Literal["api_key", "access_token"] = "api_key"
