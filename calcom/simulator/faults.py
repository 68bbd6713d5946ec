"""Faults on command: which of the coming requests go wrong, and how."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

#: What each kind does to a request.
KINDS: Final[dict[str, str]] = {
    "error": "500 in the usual envelope",
    "unhandled": "500 in the shape without a status field (contract 5.6)",
    "bad_gateway": "502 as an HTML page, as the edge sends it",
    "hang": "no answer at all until the caller leaves",
    "reset": "the TCP connection is reset",
    "empty": "200 without slots, as when a calendar cannot be read (contract 4.1); only slots calls",
    "race": "a booking made without a look at the calendar, as one of two concurrent ones (contract 5.5)",
    "blind": "a booking checked when it arrives and made when it ends: concurrent ones do not see one another",
}
#: These change what the work sees instead of what the caller gets; the first class is what they are for.
SOFT: Final = {"empty": "slots", "race": "bookings", "blind": "bookings"}
CLASSES: Final = (
    "slots",
    "reservations",
    "bookings",
    "event_types",
    "schedules",
    "people",
    "calendars",
    "webhooks",
)
MOMENTS: Final = ("before", "after")


class FaultError(ValueError):
    """A fault cannot be understood; the text says which part and what is allowed."""


@dataclass(slots=True)
class Fault:
    """One standing order. It ends when `left` requests have been hit or simulated time reaches `until`.

    `when="after"` lets the request do its work first, so that a write is done although the reply says otherwise
    (contract 5.4)."""

    kind: str
    classes: frozenset[str]
    method: str | None
    left: int | None
    until: float | None
    when: str
    hits: int = 0

    def describe(self) -> dict[str, Any]:
        """JSON-ready."""
        return {**asdict(self), "classes": sorted(self.classes)}


def parse(body: Mapping[str, Any], now: float) -> Fault:
    """A fault from the admin port's JSON: `kind`, and optionally `classes`, `method`, `count`, `seconds`, `when`.

    Without count and seconds it hits one request. Raises FaultError."""
    unknown = set(body) - {"kind", "classes", "method", "count", "seconds", "when"}
    if unknown:
        raise FaultError(
            f"unknown: {', '.join(sorted(unknown))}; allowed: kind, classes, method, count, seconds, when"
        )
    kind = body.get("kind")
    if kind not in KINDS:
        raise FaultError(f"kind: {kind!r} is not one of {', '.join(KINDS)}")
    classes = body.get("classes", [SOFT[kind]] if kind in SOFT else list(CLASSES))
    if not isinstance(classes, list) or not classes or not set(classes) <= set(CLASSES):
        raise FaultError(f"classes: a list of some of {', '.join(CLASSES)}")
    method = body.get("method")
    if method is not None and method not in {"GET", "POST", "PATCH", "PUT", "DELETE"}:
        raise FaultError(f"method: {method!r} is not an HTTP method in capitals")
    count, seconds = body.get("count"), body.get("seconds")
    if count is not None and (not isinstance(count, int) or count < 1):
        raise FaultError(f"count: {count!r} is not a positive whole number")
    if seconds is not None and (not isinstance(seconds, int | float) or seconds <= 0):
        raise FaultError(f"seconds: {seconds!r} is not a positive number of simulated seconds")
    when = body.get("when", "before")
    if when not in MOMENTS:
        raise FaultError(f"when: {when!r} is not one of {', '.join(MOMENTS)}")
    return Fault(
        kind=kind,
        classes=frozenset(classes),
        method=method,
        left=1 if count is None and seconds is None else count,
        until=None if seconds is None else now + seconds,
        when=when,
    )


class Faults:
    """The standing orders, oldest first."""

    def __init__(self) -> None:
        self._standing: list[Fault] = []

    def __repr__(self) -> str:
        return f"Faults({[f.kind for f in self._standing]})"

    def add(self, fault: Fault) -> None:
        """Add an order behind the standing ones."""
        self._standing.append(fault)

    def take(self, endpoint_class: str, method: str, now: float) -> Fault | None:
        """The fault this request suffers, if any, counted as one hit."""
        if not self._standing:
            return None
        self._standing = [f for f in self._standing if f.until is None or now < f.until]
        for fault in self._standing:
            if endpoint_class in fault.classes and fault.method in (None, method):
                fault.hits += 1
                if fault.left is not None:
                    fault.left -= 1
                    if fault.left == 0:
                        self._standing.remove(fault)
                return fault
        return None

    def list(self) -> list[dict[str, Any]]:
        """All standing orders, JSON-ready."""
        return [fault.describe() for fault in self._standing]

    def clear(self) -> None:
        """Back to a healthy Cal.com."""
        self._standing.clear()
