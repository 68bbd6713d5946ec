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
``<type>:<day>``        of anything in that type on that day    of that type over a range with that day
``<type>/<day>``        of that type for most of that day       of that type at hours of that day
``<type>@<hour>``       of that type in that hour               of that type at hours with that one
``r``                   of settings                             of settings, or of calendars
======================  ======================================  ==========================================

Days and hours are of UTC, counted from the first of January of the year 1 and from 1970.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from calcom.reach import Reach, Stretch

Fields = tuple[str, ...]

EVERYTHING: Final[Fields] = ("*",)
"""Written by an invalidation of the whole account."""

ANYTHING: Final[Fields] = ("*", "?")
"""Read by an answer of which nothing is known."""

SETTINGS: Final[Fields] = ("*", "r")
"""Read by an answer that is not about availability."""

SETTING: Final = "r"
"""Written, besides what it means for availability, by every write to settings."""

Bounds = tuple[datetime, datetime]
"""The first and the last instant that an answer speaks of."""

# A look at a longer range reads one field instead of one a day; an invalidation of more days is one of the type.
_LONGEST_LOOK_DAYS: Final = 62
_MOST_DAYS: Final = 400

# Up to so many hours are read and written one by one; more are those of their days.
_MOST_HOURS: Final = 12

_DAY_HOURS: Final = 24
_HOUR: Final = timedelta(hours=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY: Final = _EPOCH.toordinal()


def read_by(types: Iterable[int] | None, bounds: Bounds | None) -> Fields:
    """The fields that an answer depends on which shows *types* (`None`: not known for certain) within *bounds*."""
    if types is None or bounds is None or bounds[0] > bounds[1]:
        return ANYTHING
    days, hours = _days(*bounds), _hours(*bounds)
    fields = ["*"]
    for kind in sorted(types):
        fields.append(f"t{kind}")
        if len(hours) <= _MOST_HOURS:
            fields += [f"{kind}/{day}" for day in days]
            fields += [f"{kind}@{hour}" for hour in hours]
        elif len(days) <= _LONGEST_LOOK_DAYS:
            fields += [f"{kind}:{day}" for day in days]
        else:
            fields.append(f"T{kind}")
    return tuple(fields)


def but_times(fields: Iterable[str]) -> Fields:
    """Those that are not of days and hours: what a part of an answer reads of the whole, besides its own."""
    return tuple(field for field in fields if not field[0].isdigit())


def part_of(whole: Iterable[str], look: Iterable[str]) -> Fields | None:
    """The fields of a look that is cut out of a *whole* answer, as far as it is there; None for all of the whole,
    where the look is too long to name its days.
    """
    wholes, looks = frozenset(whole), frozenset(look)
    if not looks.issuperset(but_times(wholes)) or not wholes.issuperset(but_times(looks)):
        return None
    return tuple(field for field in look if field in wholes or _day_of(field) in wholes)


def by_days(fields: Iterable[str]) -> Iterator[str]:
    """The same with days for hours: whatever writes an hour writes its day too."""
    return map(_day_of, fields)


def _day_of(field: str) -> str:
    """The field of the day of one that is read by looks at hours."""
    kind, is_hour, at = field.partition("@")
    if is_hour:
        return f"{kind}:{int(at) // _DAY_HOURS + _EPOCH_DAY}"
    return field.replace("/", ":")


def written_by(reach: Reach) -> Fields:
    """The fields an invalidation of *reach* writes; never fewer than it says."""
    if reach.is_whole_account:
        return EVERYTHING
    fields: set[str] = set()
    for touch in reach.touches:
        kind, stretch = touch.event_type, touch.stretch
        if kind is None:
            # All types at some time: there is no such field, and the account is the next wider thing.
            return EVERYTHING
        fields |= {"?", f"T{kind}"}
        if stretch is None or len(_days(stretch.start, stretch.end)) > _MOST_DAYS:
            fields.add(f"t{kind}")
        else:
            fields |= written_on(kind, stretch)
    return tuple(sorted(fields))


def written_on(kind: int, stretch: Stretch) -> set[str]:
    """The fields of times that an invalidation of one event type writes."""
    days, hours = _days(stretch.start, stretch.end), _hours(stretch.start, stretch.end)
    fields = {f"{kind}:{day}" for day in days}
    if len(hours) <= _MOST_HOURS:
        return fields | {f"{kind}@{hour}" for hour in hours}
    return fields | {f"{kind}/{day}" for day in days}


def _days(start: datetime, end: datetime) -> range:
    return range(start.astimezone(UTC).toordinal(), end.astimezone(UTC).toordinal() + 1)


def _hours(start: datetime, end: datetime) -> range:
    return range((start - _EPOCH) // _HOUR, (end - _EPOCH) // _HOUR + 1)
