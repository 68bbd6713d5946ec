"""What answers told of bookings, by uid: a write to one later does not say when the booking was (contract 5.3).

Best effort throughout: what the index does not have widens the reach, and is no error.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final, cast

import orjson
from pydantic import TypeAdapter, ValidationError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from calcom.reach import BookingFacts, still_known
from core.keys import Keys

_log = logging.getLogger(__name__)

MAX_BYTES: Final = 16_384
"""A booking with more to tell, hundreds of attendees, is not kept."""

_DAY: Final = 86_400
_LONGEST: Final = 400 * _DAY
_UNDATED: Final = 7 * _DAY
_LONGEST_UID: Final = 128
_READER: Final = TypeAdapter(BookingFacts)


class BookingIndex:
    """The index of one account, shared by all processes. Neither method raises."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    async def remember(self, bookings: Iterable[BookingFacts], now: float) -> None:
        """Keep these until a day after they end, at most 400 days. What is too large to keep is forgotten,
        or what was known of it before would be taken for the present."""
        pipeline = self._redis.pipeline(transaction=False)
        for one in bookings:
            if len(one.uid) > _LONGEST_UID:
                continue
            text = orjson.dumps(asdict(one), default=sorted)
            if len(text) > MAX_BYTES:
                pipeline.delete(self._keys.booking(one.uid))
            else:
                pipeline.set(self._keys.booking(one.uid), text, ex=_seconds(one, now))
        try:
            await cast(Any, pipeline).execute()
        except RedisError as error:
            _log.warning("bookings.not_kept", extra={"problem": type(error).__name__})

    async def outdate(self, uid: str, method: str, path: str, now: float) -> None:
        """A write to this booking was sent: forget what it may have made untrue, whatever came of it."""
        facts = await self.find(uid)
        if facts is None:
            return
        left = still_known(facts, method, path)
        if left is not facts:
            await self.remember([left], now)

    async def find(self, uid: str) -> BookingFacts | None:
        """What was told last of a booking or held slot; None when that is not known."""
        if len(uid) > _LONGEST_UID:
            return None
        try:
            text = await self._redis.get(self._keys.booking(uid))
        except RedisError as error:
            _log.warning("bookings.not_found", extra={"problem": type(error).__name__})
            return None
        try:
            return None if text is None else _READER.validate_json(text)
        except ValidationError:
            return None


def _seconds(one: BookingFacts, now: float) -> int:
    if one.end is None:
        return _UNDATED
    left = (one.end - datetime.fromtimestamp(now, UTC)).total_seconds()
    return int(min(max(left, 0) + _DAY, _LONGEST))
