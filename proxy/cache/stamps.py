"""Which invalidations concern which answers: both name fields, and they concern one another if they share one.

The last invalidation of each field is one number in Redis, so an answer is checked against all that happened
by one HMGET, however many entries and bookings there are.

======================  ======================================  ==========================================
field                   an invalidation writes it               an answer reads it
======================  ======================================  ==========================================
``*``                   of the whole account                    always
``?``                   of anything less                        when its event type is not known
``t<type>``             of a whole event type                   of that type
``T<type>``             of anything in that type                of that type over a long range
``<type>:<day>``        of that type on that day                of that type over a range with that day
``r``                   of settings                             of settings, or of calendars
======================  ======================================  ==========================================
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Final

from calcom.reach import Reach

Fields = tuple[str, ...]

EVERYTHING: Final[Fields] = ("*",)
"""Written by an invalidation of the whole account."""

ANYTHING: Final[Fields] = ("*", "?")
"""Read by an answer of which nothing is known."""

SETTINGS: Final[Fields] = ("*", "r")
"""Read by an answer that is not about availability."""

SETTING: Final = "r"
"""Written, besides what it means for availability, by every write to settings."""

# A look at a longer range reads one field instead of one a day; an invalidation of more days is one of the type.
_LONGEST_LOOK_DAYS: Final = 62
_MOST_DAYS: Final = 400


def read_by(types: Iterable[int] | None, days: tuple[date, date] | None) -> Fields:
    """The fields an answer depends on.

    *types* are the event types it shows (`None`: not known for certain), *days* the first and last UTC day it may
    speak of.
    """
    if types is None or days is None:
        return ANYTHING
    first, last = (day.toordinal() for day in days)
    fields = ["*"]
    for kind in sorted(types):
        fields.append(f"t{kind}")
        if 0 <= last - first < _LONGEST_LOOK_DAYS:
            fields += [f"{kind}:{day}" for day in range(first, last + 1)]
        else:
            fields.append(f"T{kind}")
    return tuple(fields)


def but_days(fields: Iterable[str]) -> Fields:
    """Those that are not of single days: what a part of an answer reads of the whole, besides its own."""
    return tuple(field for field in fields if ":" not in field)


def written_by(reach: Reach) -> Fields:
    """The fields an invalidation of *reach* writes; never fewer than it says."""
    if reach.is_whole_account:
        return EVERYTHING
    fields: set[str] = set()
    for touch in reach.touches:
        if touch.event_type is None:
            # All types on some days: there is no such field, and the account is the next wider thing.
            return EVERYTHING
        fields |= {"?", f"T{touch.event_type}"}
        span = touch.span
        days = range(span.first.toordinal(), span.last.toordinal() + 1) if span else range(0)
        if 0 < len(days) <= _MOST_DAYS:
            fields |= {f"{touch.event_type}:{day}" for day in days}
        else:
            fields.add(f"t{touch.event_type}")
    return tuple(sorted(fields))
