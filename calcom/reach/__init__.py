"""Which slots a change may touch: (event type, instants), by the mechanisms of contract section 8."""

from calcom.reach.bookings import BookingFacts, bookings_in, expires_at, still_known, uid_of
from calcom.reach.results import UNMAPPED, Reach, Touch
from calcom.reach.rules import RULES, Rule
from calcom.reach.spans import Span, Stretch
from calcom.reach.webhooks import reach_of_webhook
from calcom.reach.writes import reach_of_write
from calcom.reach.writing import Write

__all__ = [
    "RULES",
    "UNMAPPED",
    "BookingFacts",
    "Reach",
    "Rule",
    "Span",
    "Stretch",
    "Touch",
    "Write",
    "bookings_in",
    "expires_at",
    "reach_of_webhook",
    "reach_of_write",
    "still_known",
    "uid_of",
]
