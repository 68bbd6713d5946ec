"""Lists of bookings: filters, order and pages (contract 5.3)."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from calcom.simulator import booking_presenters, envelope, event_type_presenters
from calcom.simulator.model import Booking
from calcom.simulator.routing import Call, Reply
from calcom.simulator.state import State
from calcom.simulator.validation import (
    Field,
    Shape,
    comma_list,
    instant,
    number_text,
    one_of,
    query_whole,
    text,
)

STATUSES: Final = ("upcoming", "recurring", "past", "cancelled", "unconfirmed")
_MOST_DATED: Final = 10
_ORDER: Final = one_of("asc", "desc")

_SHAPE: Final = Shape(
    {
        "status": Field(comma_list(one_of(*STATUSES))),
        "attendeeEmail": Field(text),
        "attendeeName": Field(text),
        "bookingUid": Field(text),
        "eventTypeIds": Field(comma_list(number_text)),
        "eventTypeId": Field(number_text),
        "teamsIds": Field(comma_list(number_text)),
        "teamId": Field(number_text),
        "afterStart": Field(instant),
        "beforeEnd": Field(instant),
        "afterCreatedAt": Field(instant),
        "beforeCreatedAt": Field(instant),
        "afterUpdatedAt": Field(instant),
        "beforeUpdatedAt": Field(instant),
        "sortStart": Field(_ORDER),
        "sortEnd": Field(_ORDER),
        "sortCreated": Field(_ORDER),
        "sortUpdatedAt": Field(_ORDER),
        "take": Field(query_whole(1, 250)),
        "skip": Field(query_whole(0, 2**31)),
    }
)

_SORTS: Final[dict[str, Callable[[Booking], datetime]]] = {
    "sortStart": lambda b: b.start,
    "sortEnd": lambda b: b.end,
    "sortCreated": lambda b: b.created_at,
    "sortUpdatedAt": lambda b: b.updated_at,
}


@dataclass(frozen=True, slots=True)
class Wish:
    """A validated list query."""

    values: dict[str, Any]

    @property
    def take(self) -> int:
        """Page size, 100 unless told."""
        return int(self.values.get("take", 100))

    @property
    def skip(self) -> int:
        """How many to leave out first."""
        return int(self.values.get("skip", 0))


def parse(query: dict[str, Any]) -> Wish:
    """Raises Refused 400."""
    return Wish(_SHAPE.read(query))


def of_user(user_id: int, state: State) -> Iterable[Booking]:
    """Bookings the user hosts, attends, or manages through a team."""
    user = state.users.get(user_id)
    email = user.email.lower() if user else ""
    for booking in state.bookings.values():
        event_type = state.event_types.get(booking.event_type_id)
        if (
            user_id in booking.host_ids
            or any(a.email.lower() == email for a in booking.attendees)
            or (event_type is not None and event_type_presenters.manages(user_id, event_type, state))
        ):
            yield booking


def of_team(team_id: int, state: State) -> Iterable[Booking]:
    """Bookings of the team's event types."""
    types = {e.id for e in state.event_types.values() if e.team_id == team_id}
    return (b for b in state.bookings.values() if b.event_type_id in types)


def has_status(booking: Booking, status: str, now: datetime) -> bool:
    """Whether a booking belongs under one of the five words; `upcoming` and `past` go by the clock."""
    gone = booking.status in ("cancelled", "rejected")
    match status:
        case "upcoming":
            return not gone and booking.end >= now
        case "recurring":
            return not gone and booking.recurring_uid is not None and booking.end >= now
        case "past":
            return not gone and booking.end <= now
        case "cancelled":
            return gone
        case _:
            return booking.status in ("pending", "awaiting_host") and booking.end >= now


def matches(booking: Booking, values: dict[str, Any], state: State, now: datetime) -> bool:
    """Whether a booking passes every filter given."""
    event_type = state.event_types.get(booking.event_type_id)
    team_id = event_type.team_id if event_type else None
    teams = values.get("teamsIds") or ([values["teamId"]] if "teamId" in values else None)
    types = values.get("eventTypeIds") or ([values["eventTypeId"]] if "eventTypeId" in values else None)
    return (
        ("status" not in values or any(has_status(booking, s, now) for s in values["status"]))
        and _some(values.get("attendeeEmail"), (a.email for a in booking.attendees))
        and _some(values.get("attendeeName"), (a.name for a in booking.attendees))
        and values.get("bookingUid", booking.uid) == booking.uid
        and (types is None or booking.event_type_id in types)
        and (teams is None or team_id in teams)
        and booking.start >= values.get("afterStart", booking.start)
        and booking.end <= values.get("beforeEnd", booking.end)
        and booking.created_at >= values.get("afterCreatedAt", booking.created_at)
        and booking.created_at <= values.get("beforeCreatedAt", booking.created_at)
        and booking.updated_at >= values.get("afterUpdatedAt", booking.updated_at)
        and booking.updated_at <= values.get("beforeUpdatedAt", booking.updated_at)
    )


def _some(wanted: str | None, found: Iterable[str]) -> bool:
    return wanted is None or any(wanted.lower() == one.lower() for one in found)


def page(total: int, returned: int, wish: Wish) -> dict[str, Any]:
    """The `pagination` member."""
    left = max(0, total - wish.skip - returned)
    return {
        "totalItems": total,
        "remainingItems": left,
        "returnedItems": returned,
        "itemsPerPage": wish.take,
        "currentPage": wish.skip // wish.take + 1,
        "totalPages": -(-total // wish.take),
        "hasNextPage": left > 0,
        "hasPreviousPage": wish.skip > 0,
    }


def select(bookings: Iterable[Booking], wish: Wish, state: State, now: datetime) -> tuple[list[Booking], int]:
    """The page's bookings and how many there are in all."""
    found = [b for b in bookings if matches(b, wish.values, state, now)]
    found.sort(key=lambda b: (b.start, b.id))
    for name, key in _SORTS.items():
        if name in wish.values:
            found.sort(key=key, reverse=wish.values[name] == "desc")
    return found[wish.skip : wish.skip + wish.take], len(found)


def reply(call: Call, bookings: Iterable[Booking], wish: Wish) -> Reply:
    """The finished list."""
    state = call.sim.world.state
    shown, total = select(bookings, wish, state, call.now())
    data = [
        booking_presenters.booking(b, state, version=call.version, caller_id=call.caller.user_id)
        for b in shown
    ]
    body = envelope.success(data, {"pagination": page(total, len(shown), wish)})
    return Reply(200, body, changed(call, shown))


def changed(call: Call, shown: Sequence[Booking]) -> tuple[tuple[bytes, bytes], ...]:
    """A header that tells the oracle how new a world these few bookings are proof of."""
    if not 0 < len(shown) <= _MOST_DATED:
        return ()
    return ((b"X-Sim-Changed", b"%d" % max(map(call.sim.world.changed, shown))),)
