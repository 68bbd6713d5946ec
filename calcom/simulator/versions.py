"""`cal-api-version`: which values exist, what a missing one means, and which handlers serve which (contract 3)."""

from typing import Final

HEADER: Final = b"cal-api-version"
DEFAULT: Final = "2024-04-15"
KNOWN: Final = frozenset(
    {DEFAULT, "2024-06-11", "2024-06-14", "2024-08-13", "2024-09-04", "2026-02-25"},
)

ANY: Final = KNOWN
SLOTS: Final = frozenset({"2024-09-04"})
SLOTS_OLD: Final = frozenset({DEFAULT, "2024-06-11", "2024-06-14", "2024-08-13"})
BOOKINGS: Final = frozenset({"2024-08-13", "2026-02-25"})
BOOKINGS_OLD: Final = frozenset({DEFAULT, "2024-06-11", "2024-06-14"})
#: Attendees, guests and location exist for this date alone.
BOOKING_PARTS: Final = frozenset({"2024-08-13"})
EVENT_TYPES: Final = frozenset({"2024-06-14"})
EVENT_TYPES_OLD: Final = frozenset({DEFAULT, "2024-06-11"})
SCHEDULES: Final = frozenset({"2024-06-11", "2024-06-14"})
SCHEDULES_OLD: Final = frozenset({DEFAULT})

_BY_HEADER: Final = {version.encode(): version for version in KNOWN}


def resolve(header: bytes | None) -> str:
    """The version a request is served with. Missing, unknown and quoted values count as the oldest (contract 3)."""
    return DEFAULT if header is None else _BY_HEADER.get(header, DEFAULT)
