"""The `cal-api-version` header (contract 3)."""

from __future__ import annotations

from typing import Final

DEFAULT: Final = "2024-04-15"
"""What Cal.com assumes when the header is missing or names a date it does not know."""

SLOTS: Final = "2024-09-04"
"""The version whose `GET /v2/slots` ignores its caller, which is why only that one is cached."""

BOOKINGS: Final = "2024-08-13"
"""The first version whose bookings look the same wherever they are shown."""

KNOWN: Final = frozenset({DEFAULT, "2024-06-11", "2024-06-14", BOOKINGS, SLOTS, "2026-02-25"})


def effective(header: str | None) -> str:
    """The version Cal.com will apply for *header*; `None` means the header was not sent.

    The value is compared as sent: quoted dates are unknown dates (contract 3).
    """
    return header if header in KNOWN else DEFAULT
