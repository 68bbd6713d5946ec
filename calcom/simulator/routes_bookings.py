"""Bookings of 2024-08-13 and 2026-02-25 (contract 5)."""

from collections.abc import Callable
from typing import Any, Final

from calcom.simulator import booking_lists, booking_presenters, bookings, envelope, versions
from calcom.simulator.commands import Booker, Cancel, CreateBooking, EventTypeSelector, Reschedule
from calcom.simulator.model import Booking
from calcom.simulator.refusals import Refused, refuse
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
    path_int,
    text,
    whole,
    zone,
)

MAX_METADATA_KEYS: Final = 50


def _metadata(name: str, value: Any) -> dict[str, Any]:
    found = mapping(name, value)
    if len(found) > MAX_METADATA_KEYS:
        raise Invalid(f"{name} must have at most {MAX_METADATA_KEYS} keys")
    return found


def location_text(name: str, value: Any) -> str:
    """A location as the world keeps it: one text, from a plain one or from one of the typed objects."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and isinstance(value.get("type"), str):
        for key in ("link", "address", "phone", "location", "integration"):
            if isinstance(value.get(key), str):
                return f"integrations:{value[key]}" if key == "integration" else str(value[key])
        return str(value["type"])
    raise Invalid(f"{name} must be a string or an object with a type")


_ATTENDEE: Final = Shape(
    {
        "name": Field(full_text, required=True),
        "timeZone": Field(zone, required=True),
        "email": Field(email),
        "phoneNumber": Field(text),
        "language": Field(text),
    }
)
_CREATE: Final = Shape(
    {
        "start": Field(instant, required=True),
        "attendee": Field(nested(_ATTENDEE), required=True),
        "eventTypeId": Field(whole()),
        "eventTypeSlug": Field(text),
        "username": Field(text),
        "teamSlug": Field(text),
        "organizationSlug": Field(text),
        "lengthInMinutes": Field(whole(1)),
        "guests": Field(list_of(email)),
        "location": Field(location_text),
        "meetingUrl": Field(text),
        "metadata": Field(_metadata),
        "bookingFieldsResponses": Field(mapping),
        "routing": Field(mapping),
        "emailVerificationCode": Field(text),
        "recurrenceCount": Field(whole(1)),
        "instant": Field(boolean),
        "allowConflicts": Field(boolean),
        "allowBookingOutOfBounds": Field(boolean),
    },
    closed=True,
)


def selector_of(values: dict[str, Any]) -> EventTypeSelector:
    """The event type a booking names. Raises Refused 400 when it names none."""
    by_slug = "eventTypeSlug" in values and ("username" in values or "teamSlug" in values)
    if "eventTypeId" not in values and not by_slug:
        raise refuse(
            400,
            "Either eventTypeId or eventTypeSlug + username or eventTypeSlug + teamSlug must be provided.",
        )
    if "eventTypeId" in values:
        return EventTypeSelector(event_type_id=values["eventTypeId"])
    username = values.get("username")
    return EventTypeSelector(
        slug=values["eventTypeSlug"],
        username=username,
        team_slug=None if username is not None else values.get("teamSlug"),
        organization_slug=values.get("organizationSlug"),
    )


def create_command(call: Call) -> CreateBooking:
    """The validated body of POST /v2/bookings."""
    values = _CREATE.read_strictly(body_of(call.body))
    person = values["attendee"]
    if "email" not in person and "phoneNumber" not in person:
        raise refuse(400, "attendee property is wrong,email must be an email")
    hosts_wishes = call.version == "2026-02-25"
    return CreateBooking(
        start=values["start"],
        event_type=selector_of(values),
        booker=Booker(
            name=person["name"],
            time_zone=person["timeZone"],
            email=person.get("email"),
            phone_number=person.get("phoneNumber"),
            language=person.get("language", "en"),
        ),
        guests=tuple(values.get("guests", ())),
        length=values.get("lengthInMinutes"),
        location=values.get("location", values.get("meetingUrl")),
        metadata=values.get("metadata", {}),
        responses=values.get("bookingFieldsResponses", {}),
        recurrence_count=values.get("recurrenceCount"),
        instant=values.get("instant", False),
        allow_conflicts=hosts_wishes and values.get("allowConflicts", False),
        allow_out_of_bounds=hosts_wishes and values.get("allowBookingOutOfBounds", False),
        caller_id=call.caller.user_id,
    )


def _present(call: Call, booking: Booking, seat_uid: str | None = None) -> dict[str, Any]:
    return booking_presenters.booking(
        booking,
        call.sim.world.state,
        version=call.version,
        caller_id=call.caller.user_id,
        seat_uid=seat_uid,
    )


def _success(call: Call, booking: Booking, status: int = 200, seat_uid: str | None = None) -> Reply:
    return Reply(status, envelope.success(_present(call, booking, seat_uid)))


def create(call: Call) -> Work:
    """POST /v2/bookings: ordinary, recurring, instant and seated by one body."""
    command = create_command(call)
    seen = call.sim.world.state if call.blind else None

    def work() -> Reply:
        if seen is not None:
            # The look at the calendar, and what it refuses, are those of the arrival.
            bookings.create(seen, command, call.now())
        made = call.sim.world.create_booking(command, call.now(), racy=call.racy or call.blind)
        shown = [_present(call, booking, made.seat_uid) for booking in made.bookings]
        recurring = made.bookings[0].recurring_uid is not None
        return Reply(201, envelope.success(shown if recurring else shown[0]))

    return work


def get(call: Call) -> Work:
    """GET /v2/bookings/{uid}: the uid of a recurrence gives all its bookings."""
    uid = call.params["bookingUid"]

    def work() -> Reply:
        world = call.sim.world
        try:
            booking = world.booking(uid)
        except Refused:
            series = world.recurrences(uid)
            if not series:
                raise
            return Reply(200, envelope.success([_present(call, one) for one in series]))
        shown = envelope.success(_present(call, booking))
        return Reply(200, shown, booking_lists.changed(call, [booking]))

    return work


def get_by_seat(call: Call) -> Work:
    """GET /v2/bookings/by-seat/{seatUid}."""
    return lambda: _success(call, call.sim.world.booking_by_seat(call.params["seatUid"]))


_RESCHEDULE: Final = Shape(
    {
        "start": Field(instant, required=True),
        "rescheduledBy": Field(text),
        "reschedulingReason": Field(text),
        "seatUid": Field(text),
        "emailVerificationCode": Field(text),
    }
)


def reschedule(call: Call) -> Work:
    """POST …/reschedule: a new booking with a new uid."""
    values = _RESCHEDULE.read_strictly(body_of(call.body))
    command = Reschedule(
        start=values["start"],
        reason=values.get("reschedulingReason"),
        rescheduled_by=values.get("rescheduledBy"),
        seat_uid=values.get("seatUid"),
        caller_id=call.caller.user_id,
    )

    def work() -> Reply:
        booking = call.sim.world.reschedule(call.params["bookingUid"], command, call.now())
        # A moved seat has a new uid; it is the booking's newest.
        seat = booking.attendees[-1].seat_uid if booking.attendees else None
        return _success(call, booking, 201, seat)

    return work


_REASON: Final = Shape(
    {"reschedulingReason": Field(text), "rescheduledBy": Field(text), "reason": Field(text)}
)


def request_reschedule(call: Call) -> Work:
    """POST …/request-reschedule: the booking is cancelled and its booker asked for another time."""
    values = _REASON.read(body_of(call.body))
    reason = values.get("reschedulingReason", values.get("reason"))
    return lambda: _success(
        call,
        call.sim.world.request_reschedule(call.params["bookingUid"], reason, call.caller.user_id, call.now()),
    )


_CANCEL: Final = Shape(
    {
        "cancellationReason": Field(text),
        "cancelSubsequentBookings": Field(boolean),
        "seatUid": Field(text),
    }
)


def cancel(call: Call) -> Work:
    """POST …/cancel: the booking, one seat of it, or it and all later ones of its recurrence."""
    values = _CANCEL.read_strictly(body_of(call.body))
    caller = call.caller.user_id
    user = None if caller is None else call.sim.world.state.users.get(caller)
    command = Cancel(
        reason=values.get("cancellationReason"),
        seat_uid=values.get("seatUid"),
        subsequent=values.get("cancelSubsequentBookings", False),
        cancelled_by=user.email if user else None,
        caller_id=caller,
    )

    def work() -> Reply:
        cancelled = call.sim.world.cancel(call.params["bookingUid"], command, call.now())
        shown = [_present(call, booking) for booking in cancelled]
        return Reply(200, envelope.success(shown if command.subsequent else shown[0]))

    return work


def confirm(call: Call) -> Work:
    """POST …/confirm."""
    return lambda: _success(
        call, call.sim.world.confirm(call.params["bookingUid"], call.caller.user_id, call.now())
    )


def decline(call: Call) -> Work:
    """POST …/decline."""
    reason = _REASON.read(body_of(call.body)).get("reason")
    return lambda: _success(
        call, call.sim.world.decline(call.params["bookingUid"], reason, call.caller.user_id, call.now())
    )


def reassign(call: Call) -> Work:
    """POST …/reassign[/{userId}]: the reply names the new host and nothing else (contract 5.3)."""
    to_user = path_int(call.params, "userId") if "userId" in call.params else None

    def work() -> Reply:
        world = call.sim.world
        uid = call.params["bookingUid"]
        before = world.booking(uid).host_ids
        booking = world.reassign(uid, to_user, call.caller.user_id, call.now())
        # With fixed hosts the organizer stays and another one moves.
        moved = next((one for one in booking.host_ids if one not in before), booking.user_id)
        user = world.state.users[moved]
        return Reply(
            200,
            envelope.success(
                {
                    "bookingUid": booking.uid,
                    "reassignedTo": {
                        "id": user.id,
                        "name": user.name,
                        "email": user.email,
                        "displayEmail": user.email,
                    },
                }
            ),
        )

    return work


_ABSENT_ONE: Final = Shape({"email": Field(text, required=True), "absent": Field(boolean, required=True)})
_ABSENT: Final = Shape({"host": Field(boolean), "attendees": Field(list_of(nested(_ABSENT_ONE)))})


def mark_absent(call: Call) -> Work:
    """POST …/mark-absent."""
    values = _ABSENT.read(body_of(call.body))
    absent = {one["email"]: one["absent"] for one in values.get("attendees", ())}
    return lambda: _success(
        call,
        call.sim.world.mark_absent(call.params["bookingUid"], values.get("host"), absent, call.now()),
    )


_GUEST: Final = Shape(
    {
        "email": Field(email, required=True),
        "name": Field(text),
        "timeZone": Field(zone),
        "phoneNumber": Field(text),
        "language": Field(text),
    }
)
_GUESTS: Final = Shape({"guests": Field(list_of(nested(_GUEST), least=1), required=True)})


def add_guests(call: Call) -> Work:
    """POST …/guests."""
    guests = [one["email"] for one in _GUESTS.read(body_of(call.body))["guests"]]
    return lambda: _success(call, call.sim.world.add_guests(call.params["bookingUid"], guests, call.now()))


_LOCATION: Final = Shape({"location": Field(location_text)})


def update_location(call: Call) -> Work:
    """PATCH …/location."""
    location = _LOCATION.read(body_of(call.body)).get("location")

    def work() -> Reply:
        world, uid = call.sim.world, call.params["bookingUid"]
        if location is None:
            return _success(call, world.booking(uid))
        return _success(call, world.update_location(uid, location, call.now()))

    return work


def get_attendees(call: Call) -> Work:
    """GET …/attendees."""

    def work() -> Reply:
        booking = call.sim.world.booking(call.params["bookingUid"])
        return Reply(
            200, envelope.success([booking_presenters.attendee_with_id(a) for a in booking.attendees])
        )

    return work


def get_attendee(call: Call) -> Work:
    """GET …/attendees/{attendeeId}."""
    attendee_id = path_int(call.params, "attendeeId")

    def work() -> Reply:
        booking = call.sim.world.booking(call.params["bookingUid"])
        for attendee in booking.attendees:
            if attendee.id == attendee_id:
                return Reply(200, envelope.success(booking_presenters.attendee_with_id(attendee)))
        raise refuse(404, f"Attendee with id {attendee_id} not found in booking {booking.uid}")

    return work


def add_attendee(call: Call) -> Work:
    """POST …/attendees."""
    values = _ATTENDEE.read(body_of(call.body))
    if "email" not in values:
        raise refuse(400, "email must be an email")
    booker = Booker(
        name=values["name"],
        time_zone=values["timeZone"],
        email=values["email"],
        phone_number=values.get("phoneNumber"),
        language=values.get("language", "en"),
    )

    def work() -> Reply:
        world, uid = call.sim.world, call.params["bookingUid"]
        attendee = world.add_attendee(uid, booker, call.now())
        shown = {**booking_presenters.attendee_with_id(attendee), "bookingId": world.booking(uid).id}
        return Reply(201, envelope.success(shown))

    return work


def remove_attendee(call: Call) -> Work:
    """DELETE …/attendees/{attendeeId}."""
    attendee_id = path_int(call.params, "attendeeId")

    def work() -> Reply:
        world, uid = call.sim.world, call.params["bookingUid"]
        booking_id = world.booking(uid).id
        attendee = world.remove_attendee(uid, attendee_id, call.now())
        shown = {**booking_presenters.attendee_with_id(attendee), "bookingId": booking_id}
        return Reply(200, envelope.success(shown))

    return work


def calendar_links(call: Call) -> Work:
    """GET …/calendar-links."""

    def work() -> Reply:
        booking = call.sim.world.booking(call.params["bookingUid"])
        stamp = f"{booking.start:%Y%m%dT%H%M%SZ}/{booking.end:%Y%m%dT%H%M%SZ}"
        link = f"https://calendar.google.com/calendar/r/eventedit?dates={stamp}"
        return Reply(200, envelope.success([{"label": "Google Calendar", "link": link}]))

    return work


def nothing_attached(call: Call) -> Work:
    """GET …/references, /recordings, /transcripts, /conferencing-sessions: this Cal.com attaches nothing."""

    def work() -> Reply:
        call.sim.world.booking(call.params["bookingUid"])
        return Reply(200, envelope.success([]))

    return work


def list_mine(call: Call) -> Work:
    """GET /v2/bookings."""
    wish = booking_lists.parse(call.query)

    def work() -> Reply:
        mine = booking_lists.of_user(call.user_id, call.sim.world.state)
        return booking_lists.reply(call, mine, wish)

    return work


def list_of_team(call: Call) -> Work:
    """GET /v2/teams/{teamId}/bookings."""
    team_id = path_int(call.params, "teamId")
    wish = booking_lists.parse(call.query)
    return lambda: booking_lists.reply(call, booking_lists.of_team(team_id, call.sim.world.state), wish)


def _booking(method: str, rest: str, handler: Callable[[Call], Work], **more: Any) -> Endpoint:
    settings: dict[str, Any] = {
        "versions": versions.BOOKINGS,
        "endpoint_class": "bookings",
        "writes": method != "GET",
        "latency": "other" if method == "GET" else "booking",
        **more,
    }
    return Endpoint(method, "/v2/bookings" + rest, handler, **settings)


_ONE: Final = "/{bookingUid}"
_PART: Final = {"versions": versions.BOOKING_PARTS}

ENDPOINTS: Final = (
    _booking("POST", "", create, guard="optional"),
    _booking("GET", "", list_mine),
    _booking("GET", _ONE, get, guard="optional"),
    _booking("GET", "/by-seat/{seatUid}", get_by_seat, guard="optional"),
    _booking("POST", _ONE + "/reschedule", reschedule, guard="optional"),
    _booking("POST", _ONE + "/request-reschedule", request_reschedule),
    _booking("POST", _ONE + "/cancel", cancel, guard="optional"),
    _booking("POST", _ONE + "/confirm", confirm),
    _booking("POST", _ONE + "/decline", decline),
    _booking("POST", _ONE + "/reassign", reassign),
    _booking("POST", _ONE + "/reassign/{userId}", reassign),
    _booking("POST", _ONE + "/mark-absent", mark_absent),
    _booking("POST", _ONE + "/guests", add_guests, side_limit="booking_guests_add", **_PART),
    _booking("PATCH", _ONE + "/location", update_location, side_limit="booking_location_update", **_PART),
    _booking("GET", _ONE + "/attendees", get_attendees, **_PART),
    _booking("GET", _ONE + "/attendees/{attendeeId}", get_attendee, **_PART),
    _booking("POST", _ONE + "/attendees", add_attendee, side_limit="booking_attendees_add", **_PART),
    _booking(
        "DELETE",
        _ONE + "/attendees/{attendeeId}",
        remove_attendee,
        side_limit="booking_attendees_add",
        **_PART,
    ),
    _booking("GET", _ONE + "/calendar-links", calendar_links),
    _booking("GET", _ONE + "/references", nothing_attached),
    _booking("GET", _ONE + "/recordings", nothing_attached),
    _booking("GET", _ONE + "/transcripts", nothing_attached),
    _booking("GET", _ONE + "/conferencing-sessions", nothing_attached),
    Endpoint(
        "GET",
        "/v2/teams/{teamId}/bookings",
        list_of_team,
        versions.ANY,
        "bookings",
    ),
)
