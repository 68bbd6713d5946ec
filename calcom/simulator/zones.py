"""Zone arithmetic on epoch seconds and proleptic day ordinals, each conversion paid for once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from calcom.simulator.model import Period

DAY = 86_400


@lru_cache(maxsize=1)
def _spellings() -> Mapping[str, str]:
    return {name.lower(): name for name in available_timezones()}


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """The zone of an IANA name, in any casing Cal.com accepts. Raises ValueError for an unknown one."""
    try:
        return ZoneInfo(_spellings().get(name.lower(), name))
    except (KeyError, OSError, ValueError):
        raise ValueError(f"{name!r} is no IANA time zone; write it like Europe/Berlin") from None


@lru_cache(maxsize=262_144)
def midnight(name: str, ordinal: int) -> int:
    """Epoch seconds of the local midnight that begins a day."""
    return int(datetime.fromordinal(ordinal).replace(tzinfo=zone(name)).timestamp())


def local_time(name: str, ordinal: int, minutes: int) -> int:
    """Epoch seconds of a wall-clock time; 1440 is the next midnight, a skipped time is after the skip."""
    days, minute = divmod(minutes, 1440)
    naive = datetime.fromordinal(ordinal + days) + timedelta(minutes=minute)
    return int(naive.replace(tzinfo=zone(name)).timestamp())


def ordinal_at(name: str, seconds: int) -> int:
    """The local day that an instant falls on."""
    return datetime.fromtimestamp(seconds, zone(name)).toordinal()


def offset_at(name: str, seconds: int) -> int:
    """Seconds east of UTC at an instant."""
    offset = datetime.fromtimestamp(seconds, zone(name)).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


def seconds_of(instant: datetime) -> int:
    """Epoch seconds, whole."""
    return int(instant.timestamp())


def instant_of(seconds: int) -> datetime:
    """The aware UTC datetime of epoch seconds."""
    return datetime.fromtimestamp(seconds, UTC)


@lru_cache(maxsize=65_536)
def period_at(name: str, period: Period, ordinal: int) -> tuple[int, int, int]:
    """Begin and end (epoch seconds, half open) of the local period around a day, and the next period's first
    day ordinal. Weeks begin on Sunday, as Cal.com's do whatever the profile's week start."""
    day = date.fromordinal(ordinal)
    if period == "day":
        first, following = day, date.fromordinal(ordinal + 1)
    elif period == "week":
        first = date.fromordinal(ordinal - (day.weekday() + 1) % 7)
        following = date.fromordinal(first.toordinal() + 7)
    elif period == "month":
        first = day.replace(day=1)
        following = (first + timedelta(days=32)).replace(day=1)
    else:
        first, following = date(day.year, 1, 1), date(day.year + 1, 1, 1)
    after = following.toordinal()
    return midnight(name, first.toordinal()), midnight(name, after), after
