"""Bookings of 2024-04-15 to 2024-06-14: other shapes, and paths of their own (contract 3, 5.1)."""

from collections.abc import Callable
from typing import Any, Final

import orjson

from calcom.simulator import booking_lists, booking_presenters, envelope, versions
from calcom.simulator.commands import Booker, Cancel, CreateBooking, EventTypeSelector, Reschedule
from calcom.simulator.model import Booking
from calcom.simulator.refusals import refuse
from calcom.simulator.routes_bookings import location_text
from calcom.simulator.routing import Call, Endpoint, Reply, Work
from calcom.simulator.validation import (
    Field,
    Invalid,
    Shape,
    body_of,
    boolean,
    email,
    full_text,
    instant,
    list_of,
    mapping,
    nested,
    one_of,
    query_whole,
    text,
    whole,
    zone,
)


def _location(name: str, value: Any) -> str:
    """Old clients nest it: `{"optionValue": …, "value": "integrations:daily"}`."""
    if isinstance(value, dict) and isinstance(value.get("value"), str):
        return str(value["value"])
    return location_text(name, value)


_RESPONSES: Final = Shape(
    {
        "name": Field(full_text, required=True),
        "email": Field(email, required=True),
        "guests": Field(list_of(email)),
        "location": Field(_location),
    }
)
_CREATE: Final = Shape(
    {
        "start": Field(instant, required=True),
        "end": Field(instant),
        "eventTypeId": Field(whole(), required=True),
        "timeZone": Field(zone, required=True),
        "language": Field(text, required=True),
        "metadata": Field(mapping, required=True),
        "responses": Field(nested(_RESPONSES), required=True),
        "rescheduleUid": Field(text),
    }
)


def _command(call: Call, values: dict[str, Any], **more: Any) -> CreateBooking:
    answers = values["responses"]
    return CreateBooking(
        start=values["start"],
        event_type=EventTypeSelector(event_type_id=values["eventTypeId"]),
        booker=Booker(answers["name"], values["timeZone"], answers["email"], language=values["language"]),
        guests=tuple(answers.get("guests", ())),
        location=answers.get("location"),
        metadata=values["metadata"],
        caller_id=call.caller.user_id,
        **more,
    )


def _success(call: Call, booking: Booking, status: int = 200) -> Reply:
    return Reply(status, envelope.success(booking_presenters.old_booking(booking, call.sim.world.state)))


def create(call: Call) -> Work:
    """POST /v2/bookings; with `rescheduleUid` it moves that booking instead."""
    values = _CREATE.read(body_of(call.body))
    moved = values.get("rescheduleUid")
    if moved is not None:
        command = Reschedule(start=values["start"], caller_id=call.caller.user_id)
        return lambda: _success(call, call.sim.world.reschedule(moved, command, call.now()), 201)
    wish = _command(call, values)
    return lambda: _success(call, call.sim.world.create_booking(wish, call.now()).bookings[0], 201)


def create_instant(call: Call) -> Work:
    """POST /v2/bookings/instant."""
    wish = _command(call, _CREATE.read(body_of(call.body)), instant=True)

    def work() -> Reply:
        made = call.sim.world.create_booking(wish, call.now()).bookings[0]
        shown = {"bookingId": made.id, "bookingUid": made.uid, "meetingTokenId": made.id}
        return Reply(201, envelope.success(shown))

    return work


def create_recurring(call: Call) -> Work:
    """POST /v2/bookings/recurring: a list with one body per occurrence; the first one's start counts."""
    try:
        bodies = orjson.loads(call.body)
    except orjson.JSONDecodeError as error:
        raise refuse(400, f"{error.msg} in JSON at position {error.pos}") from None
    if not isinstance(bodies, list) or not bodies or not all(isinstance(one, dict) for one in bodies):
        raise refuse(400, "A list of bookings is expected")
    wish = _command(call, _CREATE.read(bodies[0]), recurrence_count=len(bodies))

    def work() -> Reply:
        world = call.sim.world
        made = world.create_booking(wish, call.now()).bookings
        return Reply(201, envelope.success([booking_presenters.old_booking(b, world.state) for b in made]))

    return work


def get(call: Call) -> Work:
    """GET /v2/bookings/{uid}."""
    return lambda: _success(call, call.sim.world.booking(call.params["bookingUid"]))


_LIST: Final = Shape(
    {
        "limit": Field(query_whole(1, 250)),
        "cursor": Field(query_whole(0, 2**31)),
    }
)
_STATUS: Final = one_of(*booking_lists.STATUSES)


def list_mine(call: Call) -> Work:
    """GET /v2/bookings: `filters[status]`, `limit`, `cursor`."""
    filters = call.query.get("filters", {})
    wished = filters.get("status", "upcoming") if isinstance(filters, dict) else "upcoming"
    try:
        status = _STATUS("filters.status", wished)
    except Invalid as error:
        raise refuse(400, error.text) from None
    page = _LIST.read(call.query)
    skip, take = page.get("cursor", 0), page.get("limit", 100)
    wish = booking_lists.Wish({"status": [status], "skip": skip, "take": take})

    def work() -> Reply:
        state = call.sim.world.state
        mine = booking_lists.of_user(call.user_id, state)
        shown, total = booking_lists.select(mine, wish, state, call.now())
        data = {
            "bookings": [booking_presenters.old_booking(b, state) for b in shown],
            "recurringInfo": [],
            "nextCursor": skip + take if skip + take < total else None,
        }
        return Reply(200, envelope.success(data))

    return work


_CANCEL: Final = Shape(
    {
        "cancellationReason": Field(text),
        "allRemainingBookings": Field(boolean),
        "seatReferenceUid": Field(text),
    }
)


def cancel(call: Call) -> Work:
    """POST /v2/bookings/{uid}/cancel."""
    values = _CANCEL.read(body_of(call.body))
    command = Cancel(
        reason=values.get("cancellationReason"),
        seat_uid=values.get("seatReferenceUid"),
        subsequent=values.get("allRemainingBookings", False),
        caller_id=call.caller.user_id,
    )

    def work() -> Reply:
        cancelled = call.sim.world.cancel(call.params["bookingUid"], command, call.now())[0]
        shown = {
            "bookingId": cancelled.id,
            "bookingUid": cancelled.uid,
            "message": "Booking successfully cancelled.",
        }
        return Reply(201, envelope.success(shown))

    return work


_NO_SHOW_ONE: Final = Shape({"email": Field(text, required=True), "noShow": Field(boolean, required=True)})
_NO_SHOW: Final = Shape({"noShowHost": Field(boolean), "attendees": Field(list_of(nested(_NO_SHOW_ONE)))})


def mark_no_show(call: Call) -> Work:
    """POST /v2/bookings/{uid}/mark-no-show."""
    values = _NO_SHOW.read(body_of(call.body))
    absent = {one["email"]: one["noShow"] for one in values.get("attendees", ())}

    def work() -> Reply:
        call.sim.world.mark_absent(call.params["bookingUid"], values.get("noShowHost"), absent, call.now())
        shown = {"message": "Updated", "noShowHost": values.get("noShowHost", False), "attendees": absent}
        return Reply(201, envelope.success(shown))

    return work


def _booking(method: str, rest: str, handler: Callable[[Call], Work], **more: Any) -> Endpoint:
    settings: dict[str, Any] = {
        "versions": versions.BOOKINGS_OLD,
        "endpoint_class": "bookings",
        "writes": method != "GET",
        "latency": "other" if method == "GET" else "booking",
        "guard": "optional",
        **more,
    }
    return Endpoint(method, "/v2/bookings" + rest, handler, **settings)


ENDPOINTS: Final = (
    _booking("POST", "", create),
    _booking("POST", "/recurring", create_recurring),
    _booking("POST", "/instant", create_instant),
    _booking("GET", "", list_mine, guard="required"),
    _booking("GET", "/{bookingUid}", get),
    _booking("POST", "/{bookingUid}/cancel", cancel),
    _booking("POST", "/{bookingUid}/mark-no-show", mark_no_show, guard="required"),
)
