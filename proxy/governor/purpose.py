"""What a call to Cal.com is for, and how much of the allowance those above it keep from it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final

from calcom.paths import Classified


class Purpose(StrEnum):
    """The classes of calls, highest first: a class is served before all below it."""

    BOOKING = "booking"
    INTERACTIVE = "interactive"
    REVALIDATE = "revalidate"
    LEARN = "learn"
    WARM = "warm"
    AUDIT = "audit"

    @cached_property
    def rank(self) -> int:
        """0 for the highest class."""
        return list(Purpose).index(self)

    @property
    def letter(self) -> str:
        """What marks its calls in the log."""
        return self.value[0]


def purpose_of(kind: Classified) -> Purpose:
    """The class of a client's call: what books, moves, cancels or holds a time comes before everything."""
    is_booking = kind.is_write and kind.endpoint in ("bookings", "slots")
    return Purpose.BOOKING if is_booking else Purpose.INTERACTIVE


_BACKGROUND_PERCENT: Final = 20
"""What refreshing keeps from warming and auditing."""

_AUDIT_FLOOR_PERCENT: Final = 2
"""Audits get this much before anything but bookings and clients: without them staleness would go unseen."""


@dataclass(frozen=True, slots=True)
class Reserves:
    """Percent of the allowance: `booking` for bookings only, `interactive` more for clients only."""

    booking: int = 10
    interactive: int = 20

    def kept_from(self, purpose: Purpose) -> int:
        """Percent of the allowance that calls of this class may never take."""
        match purpose:
            case Purpose.BOOKING:
                return 0
            case Purpose.INTERACTIVE:
                return self.booking
            case Purpose.REVALIDATE | Purpose.LEARN:
                return self.booking + self.interactive
            case Purpose.WARM | Purpose.AUDIT:
                return self.booking + self.interactive + _BACKGROUND_PERCENT

    def pace_kept_from(self, purpose: Purpose) -> int:
        """Percent of each second's calls. Twice as much: whoever comes next must not wait for a burst to pass."""
        return min(90, 2 * self.kept_from(purpose))

    @staticmethod
    def floor_of(purpose: Purpose) -> int:
        """Percent of the allowance that the class gets as if a client asked."""
        return _AUDIT_FLOOR_PERCENT if purpose is Purpose.AUDIT else 0
