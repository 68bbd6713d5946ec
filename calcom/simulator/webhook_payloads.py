"""Webhook bodies and their signature (contract 7). Pure."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from hmac import new as hmac
from typing import Any, Final

import orjson

from calcom.simulator.envelope import iso
from calcom.simulator.facts import WebhookFact
from calcom.simulator.model import Booking
from calcom.simulator.state import State

#: Contract 7: what a subscription may name.
TRIGGERS: Final = (
    "BOOKING_CREATED",
    "BOOKING_PAYMENT_INITIATED",
    "BOOKING_PAID",
    "BOOKING_RESCHEDULED",
    "BOOKING_REQUESTED",
    "BOOKING_CANCELLED",
    "BOOKING_REJECTED",
    "BOOKING_NO_SHOW_UPDATED",
    "FORM_SUBMITTED",
    "FORM_SUBMITTED_NO_EVENT",
    "MEETING_STARTED",
    "MEETING_ENDED",
    "RECORDING_READY",
    "RECORDING_TRANSCRIPTION_GENERATED",
    "INSTANT_MEETING",
    "OOO_CREATED",
    "AFTER_HOSTS_CAL_VIDEO_NO_SHOW",
    "AFTER_GUESTS_CAL_VIDEO_NO_SHOW",
    "ROUTING_FORM_FALLBACK_HIT",
    "DELEGATION_CREDENTIAL_ERROR",
    "WRONG_ASSIGNMENT_REPORT",
)
VERSION: Final = "2021-10-20"
NO_SECRET: Final = "no-secret-provided"  # noqa: S105 - a literal of the contract

_SCHEDULING: Final = {"roundRobin": "ROUND_ROBIN", "collective": "COLLECTIVE", "managed": "MANAGED"}


def sign(body: bytes, secret: str | None) -> str:
    """`X-Cal-Signature-256`: lower-case hex HMAC-SHA256 of the raw body, or the literal that says there is none."""
    return hmac(secret.encode(), body, sha256).hexdigest() if secret else NO_SECRET


def short_iso(moment: datetime) -> str:
    """`2026-05-02T09:00:00Z`: webhooks write booking times without milliseconds."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z"


def body(fact: WebhookFact, state: State) -> dict[str, Any]:
    """The JSON object a subscriber without a template gets."""
    head: dict[str, Any] = {"triggerEvent": fact.trigger, "createdAt": iso(fact.created_at)}
    if fact.trigger in ("MEETING_STARTED", "MEETING_ENDED"):
        # These two are flat: no payload member.
        return {**head, **(_booking(fact.booking, state) if fact.booking else {})}
    return {**head, "payload": _payload(fact, state)}


def _payload(fact: WebhookFact, state: State) -> dict[str, Any]:
    away = fact.out_of_office
    if away is not None:
        return {
            "oooEntry": {
                "id": away.id,
                "uuid": away.uid,
                "start": iso(away.start),
                "end": iso(away.end),
                "createdAt": iso(fact.created_at),
                "notes": away.notes,
                "reason": {"reason": away.reason},
                "user": _person(away.user_id, state),
                "toUser": None if away.to_user_id is None else _person(away.to_user_id, state),
            }
        }
    booking = fact.booking
    if booking is None:
        return dict(fact.extra)
    if fact.trigger == "BOOKING_NO_SHOW_UPDATED":
        return {
            "bookingUid": booking.uid,
            "bookingId": booking.id,
            "attendees": [{"email": a.email, "noShow": a.absent} for a in booking.attendees],
            "message": "Attendees updated",
            **fact.extra,
        }
    payload = _booking(booking, state)
    previous = fact.previous
    if previous is not None:
        payload |= {
            "rescheduleUid": previous.uid,
            "rescheduleId": previous.id,
            "rescheduleStartTime": short_iso(previous.start),
            "rescheduleEndTime": short_iso(previous.end),
        }
    return {**payload, **fact.extra}


def _booking(booking: Booking, state: State) -> dict[str, Any]:
    event_type = state.event_types.get(booking.event_type_id)
    team = None
    if event_type is not None and event_type.team_id is not None:
        record = state.teams.get(event_type.team_id)
        others = [_person(user_id, state) for user_id in booking.host_ids if user_id != booking.user_id]
        team = {"name": record.name if record else "", "members": others}
    return {
        "uid": booking.uid,
        "bookingId": booking.id,
        "eventTypeId": booking.event_type_id,
        "type": event_type.slug if event_type else "",
        "title": booking.title,
        "status": booking.status.upper(),
        "startTime": short_iso(booking.start),
        "endTime": short_iso(booking.end),
        "length": booking.duration,
        "organizer": _person(booking.user_id, state),
        "attendees": [
            {"email": a.email, "name": a.name, "timeZone": a.time_zone, "language": {"locale": a.language}}
            for a in booking.attendees
        ],
        "team": team,
        "schedulingType": _SCHEDULING.get(event_type.scheduling) if event_type else None,
        "seatsPerTimeSlot": event_type.seats.per_time_slot if event_type and event_type.seats else None,
        "location": booking.location,
        "metadata": dict(booking.metadata),
    }


def _person(user_id: int, state: State) -> dict[str, Any]:
    user = state.users.get(user_id)
    if user is None:
        return {"id": user_id, "email": "", "username": "", "name": "", "timeZone": "UTC"}
    return {
        "id": user.id,
        "email": user.email,
        "username": user.username,
        "name": user.name,
        "timeZone": user.time_zone,
    }


_VARIABLE: Final = re.compile(r"\{\{\s*([A-Za-z0-9_.]+)\s*\}\}")


def render(template: str | None, message: Mapping[str, Any]) -> tuple[bytes, str]:
    """(body, content type). A template replaces the body entirely; one that is not JSON goes out form-encoded."""
    if template is None:
        return orjson.dumps(message), "application/json"
    flat = {**message, **message.get("payload", {})}
    filled = _VARIABLE.sub(lambda match: _text(_dig(flat, match[1])), template)
    try:
        orjson.loads(filled)
    except orjson.JSONDecodeError:
        return filled.encode(), "application/x-www-form-urlencoded"
    return filled.encode(), "application/json"


def _dig(value: Any, dotted: str) -> Any:
    for part in dotted.split("."):
        if isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, dict):
            value = value.get(part)
        else:
            return None
    return value


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
