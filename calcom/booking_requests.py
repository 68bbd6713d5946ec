"""What Cal.com certainly refuses of a request to book, move, cancel or hold a time, told without asking it.

Every check lets through more than Cal.com's own (contract 4.3, 5.2, 5.4 and the OpenAPI description): what might be
accepted passes, so that at worst a call is spent on a refusal. Only the versions whose validators are known are
looked at, and only JSON. The checks are tables made once; a body costs microseconds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson

from calcom import versions
from calcom.paths import normalise

IN_THE_PAST: Final = "Attempting to book a meeting in the past."
_NO_EVENT_TYPE: Final = (
    "Either eventTypeId or eventTypeSlug + username or eventTypeSlug + teamSlug must be provided."
)
_NOT_AN_OBJECT: Final = "The request body must be a JSON object"

# Cal.com's clock and ours may differ by so much; a time without a zone is UTC, but might be read as anybody's.
_SKEW: Final = timedelta(minutes=5)
_ANY_ZONE: Final = timedelta(hours=15)

_MOST_METADATA_KEYS: Final = 50


@dataclass(frozen=True, slots=True)
class Certain:
    """A refusal that Cal.com would give, always 400: its text, and its details where these are not the usual."""

    message: str
    details: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class _Problem:
    """What is wrong with one property: a text, or problems inside it."""

    name: str
    text: str
    value: Any = None
    children: tuple[_Problem, ...] = ()

    def line(self) -> str:
        inner = ", ".join(child.line() for child in self.children)
        return f"{self.name} property is wrong,{self.text} {inner}".rstrip()

    def described(self) -> dict[str, Any]:
        return {
            "property": self.name,
            "value": self.value,
            "constraints": {} if self.children else {"isValid": self.text},
            "children": [child.described() for child in self.children],
        }


# A check is given the property's name and its value, and says what is wrong or that it may do.
_Check = Callable[[str, Any], "str | Sequence[_Problem] | None"]


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    check: _Check
    is_required: bool = False


def _problems(fields: Sequence[_Field], data: Mapping[str, Any]) -> list[_Problem]:
    found = []
    for one in fields:
        value = data.get(one.name)
        # An optional property that is null counts as left out.
        if value is None and not one.is_required:
            continue
        wrong = one.check(one.name, value)
        if wrong is None:
            continue
        text, children = (wrong, ()) if isinstance(wrong, str) else ("", tuple(wrong))
        found.append(_Problem(one.name, text, value, children))
    return found


def _text(name: str, value: Any) -> str | None:
    # A number or a boolean might be taken for its own text.
    return f"{name} must be a string" if value is None or isinstance(value, (list, dict)) else None


def _full_text(name: str, value: Any) -> str | None:
    return _text(name, value) and f"{name} should not be empty"


_ZONE: Final = re.compile(r"[A-Za-z0-9_+\-:/]+")


def _zone(name: str, value: Any) -> str | None:
    # Which names there are is for Cal.com to say; this is what no name is made of.
    is_one = isinstance(value, str) and _ZONE.fullmatch(value)
    return None if is_one else f"{name} must be a valid IANA time-zone"


def _email(name: str, value: Any) -> str | None:
    return None if isinstance(value, str) and "@" in value else f"{name} must be an email"


# Any form of ISO 8601 begins with a year and has no other signs than these.
_LIKE_ISO: Final = re.compile(r"[+-]?\d{4}[0-9TtWwZz:.,+\-\s]*", re.ASCII)
_DATED: Final = re.compile(r"\d{4}-(\d{2})-(\d{2})(?!\d)")


def _start(name: str, value: Any) -> str | None:
    wrong = f"{name} must be a valid ISO 8601 date string"
    if not isinstance(value, str) or not _LIKE_ISO.fullmatch(value):
        return wrong
    dated = _DATED.match(value)
    is_wrong = dated is not None and not (1 <= int(dated[1]) <= 12 and 1 <= int(dated[2]) <= 31)
    return wrong if is_wrong else None


def _number(name: str, value: Any) -> str | None:
    # A text of digits might be taken for its number, and so might true and false.
    is_odd = isinstance(value, str) and not value.strip().lstrip("+-").replace(".", "", 1).isdigit()
    is_part = isinstance(value, float) and not value.is_integer()
    is_none = value is None or isinstance(value, (list, dict))
    return f"{name} must be an integer number" if is_odd or is_part or is_none else None


def _emails(name: str, value: Any) -> str | None:
    if not isinstance(value, list):
        return f"{name} must be an array"
    is_odd = any(one is None or isinstance(one, (list, dict)) for one in value)
    return f"each value in {name} must be an email" if is_odd else None


def _object(name: str, value: Any) -> str | None:
    return None if isinstance(value, dict) else f"{name} must be an object"


def _metadata(name: str, value: Any) -> str | None:
    if isinstance(value, dict) and len(value) > _MOST_METADATA_KEYS:
        return f"{name} must have at most {_MOST_METADATA_KEYS} keys"
    return _object(name, value)


_ATTENDEE: Final = (
    _Field("name", _full_text, is_required=True),
    _Field("timeZone", _zone, is_required=True),
    _Field("email", _email),
    _Field("phoneNumber", _text),
    _Field("language", _text),
)


def _attendee(name: str, value: Any) -> str | Sequence[_Problem] | None:
    if isinstance(value, list):
        # Each of none is in order.
        return None
    if not isinstance(value, dict):
        return f"nested property {name} must be either object or array"
    return _problems(_ATTENDEE, value) or None


_CREATE: Final = (
    _Field("start", _start, is_required=True),
    _Field("attendee", _attendee, is_required=True),
    _Field("eventTypeId", _number),
    _Field("eventTypeSlug", _text),
    _Field("username", _text),
    _Field("teamSlug", _text),
    _Field("organizationSlug", _text),
    _Field("lengthInMinutes", _number),
    _Field("guests", _emails),
    _Field("meetingUrl", _text),
    _Field("metadata", _metadata),
    _Field("bookingFieldsResponses", _object),
    _Field("routing", _object),
    _Field("emailVerificationCode", _text),
    _Field("recurrenceCount", _number),
)
_RESCHEDULE: Final = (
    _Field("start", _start, is_required=True),
    _Field("rescheduledBy", _text),
    _Field("reschedulingReason", _text),
    _Field("seatUid", _text),
    _Field("emailVerificationCode", _text),
)
_CANCEL: Final = (_Field("cancellationReason", _text), _Field("seatUid", _text))
_RESERVE: Final = (
    _Field("eventTypeId", _number, is_required=True),
    _Field("slotStart", _start, is_required=True),
    _Field("slotDuration", _number),
    _Field("reservationDuration", _number),
)


def certainly_refused(
    method: str, path: str, headers: Mapping[str, str], body: bytes, now: float
) -> Certain | None:
    """The refusal that Cal.com would answer this with, or `None` where it might accept it.

    *headers* by lower-case name, *now* in Unix seconds.
    """
    if method != "POST" or "%" in path or not _is_plain_json(headers):
        return None
    version = versions.effective(headers.get("cal-api-version"))
    match normalise(path).split("/")[2:]:
        case ["bookings"] if version == versions.BOOKINGS:
            return _in_words(_CREATE, body, now, _unnamed)
        case ["bookings", _, "reschedule"] if version == versions.BOOKINGS:
            return _in_words(_RESCHEDULE, body, now, _nothing)
        case ["bookings", _, "cancel"] if version == versions.BOOKINGS:
            return _in_words(_CANCEL, body, now, _nothing)
        case ["slots", "reservations"] if version == versions.SLOTS:
            return _in_errors(_RESERVE, body)
    return None


def _is_plain_json(headers: Mapping[str, str]) -> bool:
    """Whether Cal.com will read the body as JSON in UTF-8. Forms are read as well, and other text not at all."""
    media, _, more = headers.get("content-type", "").lower().partition(";")
    if media.strip() != "application/json" or headers.get("content-encoding", "identity") != "identity":
        return False
    return "charset" not in more or "utf-8" in more


def _in_words(
    fields: Sequence[_Field],
    body: bytes,
    now: float,
    more: Callable[[Mapping[str, Any]], Certain | None],
) -> Certain | None:
    """As bookings are refused, whose bodies are checked in pipes of their own: everything in one text."""
    data = _object_in(body)
    if data is None or isinstance(data, Certain):
        return data
    problems = _problems(fields, data)
    if problems:
        return Certain(", ".join(problem.line() for problem in problems))
    return more(data) or (Certain(IN_THE_PAST) if _is_past(data.get("start"), now) else None)


def _in_errors(fields: Sequence[_Field], body: bytes) -> Certain | None:
    """As everything else is refused: a list of what is wrong (contract 5.6)."""
    data = _object_in(body)
    if data is None or isinstance(data, Certain):
        return data
    errors = [problem.described() for problem in _problems(fields, data)]
    return Certain("Bad Request Exception", {"errors": errors}) if errors else None


def _unnamed(data: Mapping[str, Any]) -> Certain | None:
    has_slug = data.get("eventTypeSlug") is not None
    by_slug = has_slug and (data.get("username") is not None or data.get("teamSlug") is not None)
    return None if by_slug or data.get("eventTypeId") is not None else Certain(_NO_EVENT_TYPE)


def _nothing(data: Mapping[str, Any]) -> Certain | None:
    return None


def _object_in(body: bytes) -> dict[str, Any] | Certain | None:
    """The object in a body; the refusal of one that holds none; None where Cal.com may read what we cannot."""
    if not body.strip():
        return {}
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _not_json(body)
    return found if isinstance(found, dict) else Certain(_NOT_AN_OBJECT)


def _not_json(body: bytes) -> Certain | None:
    # Our reader is stricter than JavaScript's with halves of surrogate pairs and wrong UTF-8, the library's is laxer.
    try:
        json.loads(body.decode("utf-8", "replace").removeprefix("\ufeff"))
    except json.JSONDecodeError as error:
        return Certain(f"Unexpected token in JSON at position {error.pos}")
    except (ValueError, RecursionError):
        pass
    return None


_INSTANT: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?", re.ASCII
)


def _is_past(start: object, now: float) -> bool:
    """Whether a start is over by whatever clock and in whatever zone it may be read."""
    if not isinstance(start, str) or not _INSTANT.fullmatch(start):
        return False
    try:
        at = datetime.fromisoformat(start)
    except ValueError:
        return False
    latest = datetime.fromtimestamp(now, UTC) - _SKEW
    return at < latest if at.tzinfo else at.replace(tzinfo=UTC) < latest - _ANY_ZONE
