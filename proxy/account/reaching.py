"""From a write to its reach: the newest map, what was known of the booking, and the rules."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from calcom.overlay import Overlay, overlay_of
from calcom.reach import Reach, Touch, Write, reach_of_write, uid_of
from proxy.account.bookings import BookingIndex
from proxy.account.keeper import Keeper, Mark

_log = logging.getLogger(__name__)

FAILED: Final = "unknown-write"
"""The rule that a reach goes by when no other could be applied."""


async def effect_of(
    keeper: Keeper, index: BookingIndex, write: Write, mark: Mark, now: float
) -> tuple[Reach, Overlay | None]:
    """All that `write` may have touched, and what it took where that is all it did. `mark` was taken before it
    left; `now` is Unix seconds.

    Never raises: whatever goes wrong here makes it the whole account. What the answer tells of bookings is to
    be remembered afterwards, since the old time of one that moved is asked for here.
    """
    try:
        account = await keeper.confirmed(now, mark)
        uid = uid_of(write.path, write.request_json)
        known = None if uid is None else await index.find(uid)
        if known is not None:
            write = replace(write, known_booking=known)
        reach = reach_of_write(account, write, datetime.fromtimestamp(now, UTC))
        return reach.merged(), overlay_of(account, write, reach)
    except Exception as error:  # noqa: BLE001  # too wide a reach costs calls, a lost one a double booking
        _log.error("reach.failed", extra={"problem": type(error).__name__})
        return whole_account("the reach could not be computed"), None


def whole_account(why: str) -> Reach:
    """Everything, on all days."""
    return Reach((Touch(None, None, FAILED, why),))
