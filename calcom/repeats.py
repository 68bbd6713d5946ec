"""Whether a booking that may have been made was: what to ask for, and how to know it in the answer (contract 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from calcom.paths import normalise

_LISTED: Final = "2024-08-13"
"""Answers to creating and to listing bookings look alike from this version on."""

_MOST: Final = 100
_SKEW: Final = timedelta(seconds=60)
"""Cal.com's clock and ours may differ by so much."""

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

    def found_in(self, document: Any, since: datetime) -> tuple[Mapping[str, Any] | None, bool]:
        """Its record in the answer to `target`, if it was made after *since*, and whether it would be there.

        One that was cancelled or moved in the meantime was made all the same.
        """
        data = document.get("data") if isinstance(document, dict) else None
        if not isinstance(document, dict) or not isinstance(data, list):
            return None, False
        pages = document.get("pagination")
        is_all = len(data) < _MOST and isinstance(pages, dict) and pages.get("hasNextPage") is False
        for one in data:
            if isinstance(one, dict) and self._is(one):
                made = _instant(one.get("createdAt"))
                if made is None:
                    is_all = False
                elif made >= since - _SKEW:
                    return one, True
        return None, is_all

    def _is(self, record: Mapping[str, Any]) -> bool:
        kind = record.get("eventTypeId")
        return _instant(record.get("start")) == self.start and self.event_type in (None, kind)


def is_create(method: str, path: str) -> bool:
    """Whether the request makes a booking, so that sent twice it may make two."""
    return method == "POST" and normalise(path) == "/v2/bookings"


def wanted(version: str, document: Any) -> Wanted | None:
    """What a request to make a booking asks for; `None` where that could not be found again."""
    if version < _LISTED or not isinstance(document, dict):
        return None
    attendee = document.get("attendee")
    email = attendee.get("email") if isinstance(attendee, dict) else None
    start, kind = _instant(document.get("start")), document.get("eventTypeId")
    if start is None or not isinstance(email, str) or not email or "recurrenceCount" in document:
        return None
    return Wanted(start, email, kind if isinstance(kind, int) else None)


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
