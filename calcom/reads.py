"""Which reads besides availability are worth keeping, and how fast they may change (contract 6.2)."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import Final

from calcom.paths import is_plain, normalise


class Keep(StrEnum):
    """How fast an answer may grow wrong without a write through this gateway.

    `SETTINGS` change when somebody changes them, `EXTERNAL` comes live from somebody's Google or Microsoft calendar.
    """

    SETTINGS = "settings"
    EXTERNAL = "external"


_ID: Final = r"[^/]+"
_TEAM: Final = rf"/v2/(organizations/{_ID}/)?teams"
_RULES: Final = (
    (Keep.SETTINGS, re.compile(r"/v2/me")),
    (Keep.SETTINGS, re.compile(rf"/v2/event-types(/{_ID})?")),
    (Keep.SETTINGS, re.compile(rf"/v2/schedules(/{_ID})?")),
    (Keep.SETTINGS, re.compile(rf"{_TEAM}(/{_ID})?")),
    (Keep.SETTINGS, re.compile(rf"{_TEAM}/{_ID}/(event-types|memberships|schedules)(/{_ID})?")),
    (Keep.SETTINGS, re.compile(rf"/v2/organizations/{_ID}/(users|memberships|schedules)(/{_ID})?")),
    (Keep.SETTINGS, re.compile(rf"/v2/organizations/{_ID}/users/{_ID}/schedules(/{_ID})?")),
    (Keep.EXTERNAL, re.compile(r"/v2/calendars")),
    (Keep.EXTERNAL, re.compile(r"/v2/calendars/busy-times")),
    (Keep.EXTERNAL, re.compile(rf"/v2/calendars/{_ID}/check")),
)


def keep(path: str) -> Keep | None:
    """How the answer to a GET of *path* may be kept, `None` for not at all: bookings, links that write, the unknown.

    *path* is as it was sent; one that is not plain may mean something else to somebody on the way.
    """
    return _remembered(path) if len(path) <= 128 and is_plain(path) else None


def _keep(path: str) -> Keep | None:
    clean = normalise(path)
    return next((kind for kind, rule in _RULES if rule.fullmatch(clean)), None)


_remembered = lru_cache(maxsize=1024)(_keep)
