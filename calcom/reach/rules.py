"""The rules by name: which mechanism of contract 8 each answers to, and why it must widen.

Rows 20 and 21 need no rule: what the clock and what unseen calendars change is bounded by an entry's life.
Row 22 (`maxActiveBookings`) changes what is accepted, never what is offered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Rule:
    """One reason for touching more than the obvious. `row` is that of contract section 8, or its section."""

    name: str
    row: str
    reason: str


_TABLE: Final = (
    Rule("own-type", "8.1", "the event type that was booked"),
    Rule("shared-host", "8.1", "a host of the booking hosts this event type too"),
    Rule("attendee-host", "8.2", "somebody at the booking hosts this event type"),
    Rule("unknown-email", "8.2", "a host's e-mail address is not known, so that host may be at the booking"),
    Rule("unseen-people", "8.2", "the answer does not show everybody at the booking"),
    Rule("buffers", "8.3", "buffers of both event types reach beyond the booking"),
    Rule("slot-length", "8.3", "a slot that begins earlier runs into the changed time"),
    Rule("booking-limits", "8.5", "the booking counts towards a limit over this period"),
    Rule("team-limits", "8.6", "the booking counts towards its team's limit over this period"),
    Rule("rolling-window", "8.7", "a rolling window ends elsewhere when a day fills or empties"),
    Rule("first-slot", "8.8", "only the first slot of a day is shown, so another takes its place"),
    Rule("alignment", "8.9", "slots of the same free time shift with where it begins or ends"),
    Rule("stand-in", "8.11", "other hosts stand in when the preferred ones have nothing soon"),
    Rule("turns", "8.11", "bookings of a round robin decide whose turn it is on every day"),
    Rule("recurrence", "8.12", "one write books or ends many dates"),
    Rule("old-time", "8.13", "the time that the booking leaves"),
    Rule("reservation", "8.15", "a held time is taken from every event type of its host"),
    Rule("schedule", "8.16", "hours of this user or schedule decide this event type's slots"),
    Rule("out-of-office", "8.16", "the user hosts nothing while away"),
    Rule("profile", "8.16", "zone and default schedule of a host decide this event type's slots"),
    Rule("event-type", "8.17", "its own settings were changed"),
    Rule("event-type-around", "8.17", "its bookings keep people busy by its buffers and policy, on all days"),
    Rule(
        "managed-children", "8.17", "a managed event type changes its children, which the API does not mark"
    ),
    Rule("calendar", "8.18", "a calendar of a host was connected, chosen, changed or given up"),
    Rule("membership", "8.19", "the members of its team were changed"),
    Rule("team", "8.19", "its team was changed"),
    Rule("unmapped-types", "8", "event types that the account map does not know may share a host"),
    Rule("unknown-type", "8", "the event type is not in the account map"),
    Rule("unknown-hosts", "8", "hosts are not in the account map"),
    Rule("unknown-settings", "8", "settings that decide how far it reaches are not in the account map"),
    Rule("unknown-time", "8.13", "neither the answer nor earlier ones tell when the booking was"),
    Rule("unknown-user", "8.16", "the answer does not tell whose setting it was"),
    Rule("unknown-write", "6.1", "no rule knows this write"),
)

RULES: Final[Mapping[str, Rule]] = {rule.name: rule for rule in _TABLE}
