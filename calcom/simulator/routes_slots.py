"""Slots and reservations, today's and the legacy paths (contract 4)."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from calcom.simulator import envelope, versions
from calcom.simulator.commands import Reserve
from calcom.simulator.model import Reservation
from calcom.simulator.query import Slot, SlotsQuery, SlotsResult, bounds
from calcom.simulator.refusals import INVALID_RANGE, Refused, refuse
from calcom.simulator.routing import Call, Endpoint, Reply, Work
from calcom.simulator.validation import (
    Field,
    Invalid,
    Shape,
    body_of,
    comma_list,
    instant,
    iso_text,
    number_text,
    one_of,
    query_whole,
    text,
    whole,
    zone,
)

Format = Literal["time", "range"]

#: The "no matter how long" of a duration; longer than any day makes no slot anyway.
_LONGEST: Final = 60 * 24 * 7
_MOST_DAYS: Final = 1500
_UID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


def _format(name: str, value: Any) -> str:
    lowered = value.lower() if isinstance(value, str) else value
    return str(one_of("time", "range")(name, lowered))


def _usernames(name: str, value: Any) -> list[str]:
    names = [part for part in comma_list(text)(name, value) if part]
    if len(names) < 2:
        raise Invalid(f"{name} must contain at least 2 elements")
    return names


_COMMON: Final = {
    "start": Field(iso_text, required=True),
    "end": Field(iso_text, required=True),
    "timeZone": Field(zone),
    "duration": Field(query_whole(1, _LONGEST)),
    "format": Field(_format),
    "bookingUidToReschedule": Field(text),
    "rrHostSubsetIds": Field(comma_list(number_text)),
}
_ORGANIZATION: Final = {"organizationSlug": Field(text)}

#: Contract 4.1, selectors A to D.
_BY_ID: Final = Shape({"eventTypeId": Field(number_text, required=True), **_COMMON}, closed=True)
_BY_USER: Final = Shape(
    {
        "eventTypeSlug": Field(text, required=True),
        "username": Field(text, required=True),
        **_ORGANIZATION,
        **_COMMON,
    },
    closed=True,
)
_BY_TEAM: Final = Shape(
    {
        "eventTypeSlug": Field(text, required=True),
        "teamSlug": Field(text, required=True),
        **_ORGANIZATION,
        **_COMMON,
    },
    closed=True,
)
_BY_GROUP: Final = Shape(
    {"usernames": Field(_usernames, required=True), **_ORGANIZATION, **_COMMON}, closed=True
)


def _shape_for(query: dict[str, Any]) -> Shape:
    """`eventTypeId` decides first (contract 4.1)."""
    if "eventTypeId" in query:
        return _BY_ID
    if "eventTypeSlug" in query:
        return _BY_TEAM if "teamSlug" in query and "username" not in query else _BY_USER
    return _BY_GROUP if "usernames" in query else _BY_ID


def _bounds(start_text: str, end_text: str) -> tuple[datetime, datetime]:
    """Contract 4.1; and no more than a few years, since Cal.com's limit is unknown (contract 13) and a century of
    slots would stall everybody else here."""
    start, end = bounds(start_text, end_text)
    if (end - start).days > _MOST_DAYS:
        raise refuse(400, INVALID_RANGE)
    return start, end


def parse_query(query: dict[str, Any]) -> tuple[SlotsQuery, Format]:
    """The validated question and the wished format. Raises Refused 400."""
    values = _shape_for(query).read_strictly(query)
    start, end = _bounds(values["start"], values["end"])
    parsed = SlotsQuery(
        start=start,
        end=end,
        event_type_id=values.get("eventTypeId"),
        slug=values.get("eventTypeSlug"),
        username=values.get("username"),
        team_slug=values.get("teamSlug"),
        usernames=tuple(values.get("usernames", ())),
        organization_slug=values.get("organizationSlug"),
        time_zone=values.get("timeZone"),
        duration=values.get("duration"),
        booking_uid_to_reschedule=values.get("bookingUidToReschedule"),
        rr_host_subset=tuple(values.get("rrHostSubsetIds", ())),
    )
    return parsed, "range" if values.get("format") == "range" else "time"


def cache_key(query: SlotsQuery, *, path: str, style: str) -> bytes:
    """The JSON of the parsed input, which is what Cal.com keys its two-second cache by (contract 4.1)."""
    parsed = {name: getattr(query, name) for name in SlotsQuery.__slots__ if getattr(query, name) is not None}
    return envelope.dump({"path": path, "format": style, **parsed})


def writer_of_times(time_zone: str | None) -> Callable[[int], str]:
    """How a Unix second is written: `…Z` without a zone, with the zone's offset otherwise (contract 4.1)."""
    if time_zone is None or time_zone.lower() in ("utc", "gmt"):
        return lambda seconds: f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.000Z"
    info = ZoneInfo(time_zone)
    return lambda seconds: datetime.fromtimestamp(seconds, info).isoformat(timespec="milliseconds")


def _item(slot: Slot, write: Callable[[int], str], style: Format) -> dict[str, Any]:
    item: dict[str, Any] = {"start": write(slot.start_seconds)}
    if style == "range":
        item["end"] = write(slot.end_seconds)
    if slot.seats_total is not None:
        item |= {
            "seatsBooked": slot.seats_booked,
            "seatsRemaining": slot.seats_remaining,
            "seatsTotal": slot.seats_total,
        }
    if slot.booking_uid is not None:
        item["bookingUid"] = slot.booking_uid
    return item


def present(result: SlotsResult, time_zone: str | None, style: Format) -> dict[str, list[dict[str, Any]]]:
    """`data` of GET /v2/slots; days without slots are absent."""
    write = writer_of_times(time_zone)
    return {day: [_item(slot, write, style) for slot in slots] for day, slots in result.days.items()}


def get_slots(call: Call) -> Work:
    """GET /v2/slots."""
    query, style = parse_query(call.query)
    key = call.cache_key = cache_key(query, path="slots", style=style)

    def work() -> Reply:
        call.sim.stats.computed(key)
        data = present(call.sim.world.slots(query, call.now()), query.time_zone, style)
        return Reply(200, envelope.success({} if call.calendar_broken else data))

    return work


# Reservations (contract 4.3)

_RESERVATION: Final = Shape(
    {
        "eventTypeId": Field(whole(), required=True),
        "slotStart": Field(instant, required=True),
        "slotDuration": Field(whole(1, _LONGEST)),
        "reservationDuration": Field(whole(1, 60 * 24)),
    }
)


def _reserve_command(call: Call) -> Reserve:
    values = _RESERVATION.read(body_of(call.body))
    if "reservationDuration" in values and call.caller.user_id is None:
        raise refuse(401, "reservationDuration can only be used for authenticated requests.")
    return Reserve(
        event_type_id=values["eventTypeId"],
        start=values["slotStart"],
        slot_length=values.get("slotDuration"),
        hold=values.get("reservationDuration"),
        caller_id=call.caller.user_id,
    )


def present_reservation(reservation: Reservation) -> dict[str, Any]:
    """`data` of the reservation calls."""
    return {
        "eventTypeId": reservation.event_type_id,
        "slotStart": envelope.iso(reservation.start),
        "slotEnd": envelope.iso(reservation.end),
        "slotDuration": int((reservation.end - reservation.start).total_seconds() // 60),
        "reservationUid": reservation.uid,
        "reservationDuration": reservation.minutes,
        "reservationUntil": envelope.iso(reservation.until),
    }


def reserve(call: Call) -> Work:
    """POST /v2/slots/reservations."""
    command = _reserve_command(call)
    return lambda: Reply(
        201, envelope.success(present_reservation(call.sim.world.reserve(command, call.now())))
    )


def get_reservation(call: Call) -> Work:
    """GET /v2/slots/reservations/{uid}: an unknown uid is an empty answer, not a 404."""

    def work() -> Reply:
        found = call.sim.world.reservation(call.params["uid"], call.now())
        return Reply(200, envelope.success(None if found is None else present_reservation(found)))

    return work


def patch_reservation(call: Call) -> Work:
    """PATCH /v2/slots/reservations/{uid}."""
    command = _reserve_command(call)
    uid = call.params["uid"]
    return lambda: Reply(
        200,
        envelope.success(present_reservation(call.sim.world.patch_reservation(uid, command, call.now()))),
    )


def delete_reservation(call: Call) -> Work:
    """DELETE /v2/slots/reservations/{uid}: also for an unknown uid."""

    def work() -> Reply:
        call.sim.world.delete_reservation(call.params["uid"], call.now())
        return Reply(200, b'{"status":"success"}')

    return work


# Legacy paths (contract 4.2): open shapes, other names, and a cookie instead of a uid.


def _booleanish(name: str, value: Any) -> bool:
    return bool(one_of("true", "false")(name, value) == "true")


_LEGACY: Final = Shape(
    {
        "startTime": Field(iso_text, required=True),
        "endTime": Field(iso_text, required=True),
        "eventTypeId": Field(number_text),
        "eventTypeSlug": Field(text),
        "usernameList": Field(comma_list(text)),
        "isTeamEvent": Field(_booleanish),
        "duration": Field(query_whole(1, _LONGEST)),
        "rescheduleUid": Field(text),
        "timeZone": Field(zone),
        "orgSlug": Field(text),
        "slotFormat": Field(_format),
        "routedTeamMemberIds": Field(comma_list(number_text)),
    }
)


def _cookie_uid(call: Call) -> str | None:
    raw = call.headers.get(b"cookie")
    if raw is None:
        return None
    try:
        morsel = SimpleCookie(raw.decode("latin-1")).get("uid")
    except CookieError:
        return None
    # Whatever else a cookie may hold, this goes back out in a header.
    return morsel.value if morsel is not None and _UID.fullmatch(morsel.value) else None


def _legacy_query(call: Call) -> tuple[SlotsQuery, Format]:
    values = _LEGACY.read(call.query)
    start, end = _bounds(values["startTime"], values["endTime"])
    names: list[str] = values.get("usernameList", [])
    parsed = SlotsQuery(
        start=start,
        end=end,
        time_zone=values.get("timeZone"),
        duration=values.get("duration"),
        booking_uid_to_reschedule=values.get("rescheduleUid"),
        organization_slug=values.get("orgSlug"),
        rr_host_subset=tuple(values.get("routedTeamMemberIds", ())),
        cookie_uid=_cookie_uid(call),
    )
    style: Format = "range" if values.get("slotFormat") == "range" else "time"
    slug = values.get("eventTypeSlug")
    if "eventTypeId" in values:
        return replace(parsed, event_type_id=values["eventTypeId"]), style
    if slug is None or not names:
        raise refuse(400, "Either eventTypeId or eventTypeSlug and usernameList must be provided.")
    if len(names) > 1:
        return replace(parsed, usernames=tuple(names)), style
    if values.get("isTeamEvent"):
        # On team pages the one name in the list is the team's slug.
        return replace(parsed, slug=slug, team_slug=names[0]), style
    return replace(parsed, slug=slug, username=names[0]), style


def get_slots_legacy(call: Call) -> Work:
    """GET /v2/slots/available."""
    query, style = _legacy_query(call)
    key = call.cache_key = cache_key(query, path="available", style=style)

    def work() -> Reply:
        call.sim.stats.computed(key)
        try:
            result = call.sim.world.slots(query, call.now())
        except Refused as refusal:
            if refusal.status == 404:
                raise Refused(404, "TRPCError", "NOT_FOUND") from refusal
            raise
        write = writer_of_times(query.time_zone)
        days = {} if call.calendar_broken else result.days
        data = {day: [_legacy_item(slot, write, style) for slot in slots] for day, slots in days.items()}
        return Reply(200, envelope.success({"slots": data}))

    return work


def _legacy_item(slot: Slot, write: Callable[[int], str], style: Format) -> dict[str, Any]:
    item: dict[str, Any]
    if style == "range":
        item = {"startTime": write(slot.start_seconds), "endTime": write(slot.end_seconds)}
    else:
        item = {"time": write(slot.start_seconds)}
    if slot.seats_booked:
        item["attendees"] = slot.seats_booked
    if slot.booking_uid is not None:
        item["bookingUid"] = slot.booking_uid
    return item


_LEGACY_RESERVATION: Final = Shape(
    {
        "eventTypeId": Field(whole(), required=True),
        "slotUtcStartDate": Field(instant, required=True),
        "slotUtcEndDate": Field(instant, required=True),
    }
)


def reserve_legacy(call: Call) -> Work:
    """POST /v2/slots/reserve: the uid travels in a cookie, and is re-used when it is sent along."""
    values = _LEGACY_RESERVATION.read(body_of(call.body))
    command = Reserve(
        event_type_id=values["eventTypeId"],
        start=values["slotUtcStartDate"],
        caller_id=call.caller.user_id,
        uid=_cookie_uid(call),
    )

    def work() -> Reply:
        uid = call.sim.world.reserve(command, call.now()).uid
        return Reply(201, envelope.success(uid), ((b"Set-Cookie", f"uid={uid}; Path=/".encode()),))

    return work


def delete_selected(call: Call) -> Work:
    """DELETE /v2/slots/selected-slot: the cookie wins over the query."""
    uid = _cookie_uid(call) or call.query.get("uid")
    if not isinstance(uid, str) or not uid:
        return lambda: Reply(200, envelope.success("OK"))

    def work() -> Reply:
        call.sim.world.delete_reservation(uid, call.now())
        return Reply(200, envelope.success("OK"))

    return work


def _slots(method: str, template: str, handler: Callable[[Call], Work], **more: Any) -> Endpoint:
    settings: dict[str, Any] = {
        "versions": versions.SLOTS,
        "endpoint_class": "reservations",
        "guard": "none",
        "writes": method != "GET",
        **more,
    }
    return Endpoint(method, template, handler, **settings)


ENDPOINTS: Final = (
    _slots("GET", "/v2/slots", get_slots, endpoint_class="slots", latency="slots"),
    _slots("POST", "/v2/slots/reservations", reserve, guard="optional"),
    _slots("GET", "/v2/slots/reservations/{uid}", get_reservation),
    _slots("PATCH", "/v2/slots/reservations/{uid}", patch_reservation),
    _slots("DELETE", "/v2/slots/reservations/{uid}", delete_reservation),
    _slots(
        "GET",
        "/v2/slots/available",
        get_slots_legacy,
        endpoint_class="slots",
        latency="slots",
        versions=versions.SLOTS_OLD,
    ),
    _slots("POST", "/v2/slots/reserve", reserve_legacy, versions=versions.SLOTS_OLD),
    _slots("DELETE", "/v2/slots/selected-slot", delete_selected, versions=versions.SLOTS_OLD),
)
