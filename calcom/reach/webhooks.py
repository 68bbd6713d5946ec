"""The reach of what a webhook tells (contract 7): changes that went past the gateway, or had been seen."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from calcom.account.facts import AccountMap
from calcom.account.reading import records, whole, words
from calcom.reach.bookings import instant, people_in
from calcom.reach.busy import Busy, touches_of
from calcom.reach.results import Reach, Touch
from calcom.reach.settings_writes import absence, away
from calcom.reach.spans import Stretch
from calcom.reach.spread import Scene

_BOOKINGS: Final = frozenset(
    {
        "BOOKING_CREATED",
        "BOOKING_PAYMENT_INITIATED",
        "BOOKING_PAID",
        "BOOKING_RESCHEDULED",
        "BOOKING_REQUESTED",
        "BOOKING_CANCELLED",
        "BOOKING_REJECTED",
        "INSTANT_MEETING",
    }
)
# A move that needs confirming is told as a request, perhaps without its old time (I#21169).
_MOVES: Final = frozenset({"BOOKING_RESCHEDULED", "BOOKING_REQUESTED"})
_HARMLESS: Final = frozenset(
    {
        "BOOKING_NO_SHOW_UPDATED",
        "FORM_SUBMITTED",
        "FORM_SUBMITTED_NO_EVENT",
        "MEETING_STARTED",
        "MEETING_ENDED",
        "RECORDING_READY",
        "RECORDING_TRANSCRIPTION_GENERATED",
        "AFTER_HOSTS_CAL_VIDEO_NO_SHOW",
        "AFTER_GUESTS_CAL_VIDEO_NO_SHOW",
        "ROUTING_FORM_FALLBACK_HIT",
        "WRONG_ASSIGNMENT_REPORT",
    }
)


def reach_of_webhook(
    account: AccountMap,
    trigger: str,
    payload: Mapping[str, Any],
    now: datetime,
    *,
    without: frozenset[str] = frozenset(),
) -> Reach:
    """Every (event type, days) that an event may have changed. `payload` is the `payload` of the body.

    A trigger that no rule knows touches the whole account.
    """
    scene = Scene(account, now, without)
    if trigger in _HARMLESS:
        return Reach()
    if trigger in _BOOKINGS:
        return scene.reach(_booking(scene, payload, may_be_moved=trigger in _MOVES))
    if trigger == "OOO_CREATED":
        return scene.reach(_absence(scene, payload))
    return scene.reach(scene.everything("unknown-write", f"webhook {trigger}"))


def _booking(scene: Scene, payload: Mapping[str, Any], *, may_be_moved: bool) -> list[Touch]:
    number = whole(payload.get("eventTypeId"))
    facts = None if number is None else scene.account.event_types.get(number)
    if number is None or facts is None:
        return scene.everything("unknown-type", f"event type {number}")
    organizer, team = payload.get("organizer"), payload.get("team")
    people = [
        *([organizer] if isinstance(organizer, dict) else []),
        *(records(team.get("members")) if isinstance(team, dict) else []),
    ]
    responses = payload.get("responses")
    # Guests are not among the attendees here; only the booker's own answers name them.
    guests_shown = isinstance(responses, dict) and "guests" in responses
    seated = whole(payload.get("seatsPerTimeSlot")) is not None or "seatsPerTimeSlot" not in payload
    hosts_shown = facts.is_individual or isinstance(team, dict)
    busy = Busy(
        number,
        _stretch(payload.get("startTime"), payload.get("endTime")),
        hosts=frozenset(one for person in people if (one := whole(person.get("id"))) is not None),
        emails=frozenset(people_in(payload)),
        anyone=seated or not guests_shown or not hosts_shown,
    )
    touches = touches_of(scene, busy)
    moved = words(payload.get("rescheduleUid")) is not None or "rescheduleStartTime" in payload
    if moved or may_be_moved:
        old = _stretch(payload.get("rescheduleStartTime"), payload.get("rescheduleEndTime"))
        before = Busy(
            number,
            old,
            busy.hosts,
            busy.emails,
            # Who hosted it before is not told.
            anyone=busy.anyone or not facts.is_individual,
            rule="old-time" if old is not None else "unknown-time",
        )
        touches += touches_of(scene, before)
    return touches


def _absence(scene: Scene, payload: Mapping[str, Any]) -> list[Touch]:
    entry = payload.get("oooEntry")
    user = entry.get("user") if isinstance(entry, dict) else None
    user_id = whole(user.get("id")) if isinstance(user, dict) else None
    if not isinstance(entry, dict) or user_id is None:
        return scene.everything("unknown-user", "the event names no user")
    return away(scene, user_id, absence(entry.get("start"), entry.get("end")))


def _stretch(start: object, end: object) -> Stretch | None:
    first, last = instant(start), instant(end)
    return None if first is None or last is None else Stretch(first, max(first, last))
