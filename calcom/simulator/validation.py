"""Input checks with the texts of Cal.com's validators (contract 4.1, 5.6).

A `Shape` is the data-transfer object of one input. Checking it gives plain values, or problems in one of the two
forms Cal.com answers with: a text (slots and bookings, which check in pipes of their own) or `{errors: […]}`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cache
from typing import Any, Final
from zoneinfo import available_timezones

import orjson

from calcom.simulator.refusals import refuse


class Invalid(Exception):
    """A value fails its check; `text` follows the property's name, `children` are problems inside it."""

    def __init__(self, text: str, children: Sequence["Problem"] = ()) -> None:
        super().__init__(text)
        self.text = text
        self.children = tuple(children)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one property."""

    name: str
    text: str
    value: Any = None
    children: tuple["Problem", ...] = ()

    def line(self) -> str:
        """The text form: `X property is wrong,property X should not exist`."""
        inner = ", ".join(child.line() for child in self.children)
        return f"{self.name} property is wrong,{self.text} {inner}".rstrip()

    def describe(self) -> dict[str, Any]:
        """The form inside `{errors: […]}`."""
        return {
            "property": self.name,
            "value": self.value,
            "constraints": {} if self.children else {"isValid": self.text},
            "children": [child.describe() for child in self.children],
        }


Check = Callable[[str, Any], Any]


@dataclass(frozen=True, slots=True)
class Field:
    """One property. `check(name, value)` returns the parsed value or raises Invalid."""

    check: Check
    required: bool = False
    nullable: bool = False


class Shape:
    """The properties an input may have. With `closed`, others are problems; otherwise they are dropped."""

    def __init__(self, fields: Mapping[str, Field], *, closed: bool = False) -> None:
        self._fields = dict(fields)
        self._closed = closed

    def problems_and_values(self, data: Mapping[str, Any]) -> tuple[list[Problem], dict[str, Any]]:
        """All problems, and the values that are good."""
        problems: list[Problem] = []
        values: dict[str, Any] = {}
        if self._closed:
            problems += [
                Problem(name, f"property {name} should not exist", data[name])
                for name in data
                if name not in self._fields
            ]
        for name, field in self._fields.items():
            value = data.get(name)
            if value is None:
                if name in data and field.nullable:
                    values[name] = None
                elif field.required:
                    problems.append(self._missing(name, field))
                continue
            try:
                values[name] = field.check(name, value)
            except Invalid as error:
                problems.append(Problem(name, error.text, value, error.children))
        return problems, values

    @staticmethod
    def _missing(name: str, field: Field) -> Problem:
        try:
            field.check(name, None)
        except Invalid as error:
            return Problem(name, error.text, None)
        return Problem(name, f"{name} should not be empty", None)

    def read_strictly(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The values; raises Refused 400 with the text form."""
        problems, values = self.problems_and_values(data)
        if problems:
            raise refuse(400, ", ".join(problem.line() for problem in problems))
        return values

    def read(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The values; raises Refused 400 with `{errors: […]}`."""
        problems, values = self.problems_and_values(data)
        if problems:
            errors = {"errors": [problem.describe() for problem in problems]}
            raise refuse(400, "Bad Request Exception", errors)
        return values


def body_of(body: bytes) -> dict[str, Any]:
    """The JSON object of a request body; an empty body is `{}`. Raises Refused 400."""
    if not body.strip():
        return {}
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise refuse(400, f"{error.msg} in JSON at position {error.pos}") from None
    if not isinstance(parsed, dict):
        raise refuse(400, "The request body must be a JSON object")
    return parsed


def path_int(params: Mapping[str, str], name: str) -> int:
    """A numeric path parameter. Raises Refused 400 with the framework's text."""
    text = params[name]
    if not re.fullmatch(r"-?\d{1,15}", text, re.ASCII):
        raise refuse(400, "Validation failed (numeric string is expected)")
    return int(text)


def text(name: str, value: Any) -> str:
    """Any string."""
    if not isinstance(value, str):
        raise Invalid(f"{name} must be a string")
    return value


def full_text(name: str, value: Any) -> str:
    """A string with something in it."""
    if not isinstance(value, str) or not value.strip():
        raise Invalid(f"{name} should not be empty")
    return value


_INTEGER: Final = re.compile(r"-?\d{1,15}", re.ASCII)


def number_text(name: str, value: Any) -> int:
    """A whole number in a query."""
    if not isinstance(value, str) or not _INTEGER.fullmatch(value):
        raise Invalid(f"{name} must be a number conforming to the specified constraints")
    return int(value)


def whole(least: int | None = None, most: int | None = None) -> Check:
    """A JSON integer, or a float without a fraction, within bounds."""

    def check(name: str, value: Any) -> int:
        if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**53:
            raise Invalid(f"{name} must be an integer number")
        if least is not None and value < least:
            raise Invalid(f"{name} must not be less than {least}")
        if most is not None and value > most:
            raise Invalid(f"{name} must not be greater than {most}")
        return value

    return check


def query_whole(least: int, most: int) -> Check:
    """A whole number in a query within bounds."""
    bounded = whole(least, most)
    return lambda name, value: bounded(name, number_text(name, value))


def boolean(name: str, value: Any) -> bool:
    """A JSON boolean."""
    if not isinstance(value, bool):
        raise Invalid(f"{name} must be a boolean value")
    return value


def mapping(name: str, value: Any) -> dict[str, Any]:
    """Any JSON object."""
    if not isinstance(value, dict):
        raise Invalid(f"{name} must be an object")
    return value


def one_of(*allowed: str) -> Check:
    """One of these texts."""

    def check(name: str, value: Any) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise Invalid(f"{name} must be one of the following values: {', '.join(allowed)}")
        return value

    return check


def list_of(inner: Check, *, least: int = 0) -> Check:
    """A JSON array whose every element passes."""

    def check(name: str, value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise Invalid(f"{name} must be an array")
        if len(value) < least:
            raise Invalid(f"{name} must contain at least {least} elements")
        return [inner(f"each value in {name}", element) for element in value]

    return check


def nested(shape: Shape) -> Check:
    """A JSON object of a given shape."""

    def check(name: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Invalid(f"nested property {name} must be either object or array")
        problems, values = shape.problems_and_values(value)
        if problems:
            raise Invalid("", problems)
        return values

    return check


_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+", re.ASCII)


def email(name: str, value: Any) -> str:
    """Something shaped like an address."""
    if not isinstance(value, str) or not _EMAIL.fullmatch(value):
        raise Invalid(f"{name} must be an email")
    return value


def url(name: str, value: Any) -> str:
    """An absolute http or https URL."""
    if not isinstance(value, str) or not re.match(r"https?://[^\s/]+", value):
        raise Invalid(f"{name} must be a URL address")
    return value


@cache
def _zones() -> Mapping[str, str]:
    """Lower-case names to names: zone names are compared without case (contract 4.1)."""
    return {name.lower(): name for name in available_timezones()}


def zone(name: str, value: Any) -> str:
    """An IANA zone, in its canonical spelling."""
    canonical = _zones().get(value.lower()) if isinstance(value, str) else None
    if canonical is None:
        raise Invalid(f"{name} must be a valid IANA time-zone")
    return canonical


_ISO: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?(Z|[+-]\d{2}(:?\d{2})?)?)?", re.ASCII
)


#: Beyond these, adding a zone or a length may leave the calendar.
_YEARS: Final = range(1000, 9000)


def iso_text(name: str, value: Any) -> str:
    """An ISO 8601 date or date-time that exists in the calendar, as it was sent."""
    if isinstance(value, str) and _ISO.fullmatch(value):
        try:
            year = datetime.fromisoformat(value).year
        except ValueError:
            pass
        else:
            if year in _YEARS:
                return value
    raise Invalid(f"{name} must be a valid ISO 8601 date string")


def instant(name: str, value: Any) -> datetime:
    """An ISO 8601 instant as aware UTC; without a zone it is read as UTC (contract 5.2)."""
    parsed = datetime.fromisoformat(iso_text(name, value))
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def day(name: str, value: Any) -> date:
    """A date YYYY-MM-DD."""
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise Invalid(f"{name} must be a valid ISO 8601 date string")


def minutes_of_day(name: str, value: Any) -> int:
    """Minutes after midnight of a local time HH:MM; 24:00 is not one."""
    if isinstance(value, str) and re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value, re.ASCII):
        parsed = time.fromisoformat(value)
        return parsed.hour * 60 + parsed.minute
    raise Invalid(f"{name} must match HH:MM format")


def comma_list(inner: Check) -> Check:
    """A query value like `a,b`, or the same name several times."""

    def check(name: str, value: Any) -> list[Any]:
        parts = value if isinstance(value, list) else value.split(",") if isinstance(value, str) else None
        if parts is None:
            raise Invalid(f"{name} must be a string")
        return [inner(name, part.strip() if isinstance(part, str) else part) for part in parts]

    return check
