"""Whether a booking that may have been made, moved or cancelled was: what to ask for, and how to know it in the
answer (contract 5)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from calcom import versions
from calcom.paths import normalise

_MOST: Final = 100
_LIVE: Final = frozenset({"accepted", "pending"})
_SKEW: Final = timedelta(seconds=60)
"""Cal.com's clock and ours may differ by so much."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_CHANGING: Final = re.compile(rf"(?:/api)?/v2/bookings/({_PLAIN.pattern})/(cancel|reschedule)", re.IGNORECASE)
_PARTLY: Final = ("seatUid", "cancelSubsequentBookings")

# Room for what is added to it; nobody books outside.
_YEARS: Final = range(1970, 9000)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A booking as its request describes it."""

    start: datetime
    email: str
    event_type: int | None

    @property
    def target(self) -> str:
        """The list that shows it if it was made."""
        around = {
            "attendeeEmail": self.email,
            "afterStart": _text(self.start - timedelta(seconds=1)),
            "beforeEnd": _text(self.start + timedelta(days=2)),
            "take": str(_MOST),
        }
        if self.event_type is not None:
            around["eventTypeId"] = str(self.event_type)
        return f"/v2/bookings?{urlencode(around)}"

    def found_in(
        self, document: Any, since: datetime, *, is_live: bool = False
    ) -> tuple[Mapping[str, Any] | None, bool]:
        """Its record in the answer to `target`, if it was made after *since*, and whether it would be there.

        One that was cancelled or moved in the meantime was made all the same, unless only one that *is_live* will do.
        """
        data = document.get("data") if isinstance(document, dict) else None
        if not isinstance(document, dict) or not isinstance(data, list):
            return None, False
        pages = document.get("pagination")
        is_all = len(data) < _MOST and isinstance(pages, dict) and pages.get("hasNextPage") is False
        gone = None
        for one in data:
            if not isinstance(one, dict) or not self._is(one):
                continue
            made = _instant(one.get("createdAt"))
            if made is None:
                is_all = False
            elif made >= since - _SKEW:
                if one.get("status") in _LIVE:
                    return one, True
                # It may be one that was made and given up just before.
                gone = gone or one
        if gone is not None and not is_live:
            return gone, True
        return None, is_all

    def _is(self, record: Mapping[str, Any]) -> bool:
        kind = record.get("eventTypeId")
        return _instant(record.get("start")) == self.start and self.event_type in (None, kind)


@dataclass(frozen=True, slots=True)
class Changed:
    """A booking that its request cancels, or moves to `start`."""

    uid: str
    start: datetime | None = None

    @property
    def target(self) -> str:
        """Where it is shown, as it is now."""
        return f"/v2/bookings/{self.uid}"

    def successor_in(self, document: Any) -> Changed | None:
        """What it was moved to, which then is to be looked at, by the answer to `target`."""
        uid = _record(document).get("rescheduledToUid")
        return Changed(uid, self.start) if isinstance(uid, str) and _PLAIN.fullmatch(uid) else None

    def is_done_by(self, document: Any) -> bool:
        """Whether the answer to `target` shows what the request asked for, of the successor where it moves."""
        record = _record(document)
        if self.start is None:
            return record.get("status") == "cancelled" and record.get("rescheduledToUid") is None
        return record.get("status") in _LIVE and _instant(record.get("start")) == self.start


def changed(method: str, path: str, version: str, document: Any) -> Changed | None:
    """The booking that a request cancels or moves; None where one look would not show whether it did.

    A seat leaves its booking as it was, and with later ones of its series one answer does not show them all.
    """
    found = _CHANGING.fullmatch(path)
    asked = document if isinstance(document, dict) else {}
    if (
        method != "POST"
        or version < versions.BOOKINGS
        or found is None
        or any(asked.get(one) for one in _PARTLY)
    ):
        return None
    if found[2].lower() == "cancel":
        return Changed(found[1])
    start = _instant(asked.get("start"))
    return None if start is None else Changed(found[1], start)


def is_create(method: str, path: str) -> bool:
    """Whether the request makes a booking, so that sent twice it may make two."""
    return method == "POST" and normalise(path) == "/v2/bookings"


def wanted(version: str, document: Any) -> Wanted | None:
    """What a request to make a booking asks for; `None` where that could not be found again."""
    if version < versions.BOOKINGS or not isinstance(document, dict):
        return None
    attendee = document.get("attendee")
    email = attendee.get("email") if isinstance(attendee, dict) else None
    start, kind = _instant(document.get("start")), document.get("eventTypeId")
    if start is None or not isinstance(email, str) or not email or "recurrenceCount" in document:
        return None
    return Wanted(start, email, kind if isinstance(kind, int) else None)


def _record(document: Any) -> Mapping[str, Any]:
    data = document.get("data") if isinstance(document, dict) else None
    return data if isinstance(data, dict) else {}


def _instant(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if at is None or at.year not in _YEARS:
        return None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
