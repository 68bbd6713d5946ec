"""The rate limit, kept on our side so that Cal.com's never bites.

Cal.com's window opens at the first hit and blocks for a minute on the call after the last (contract 2). A
log of every call in the last window is safe whatever that window's phase; a token bucket is not
(mechanisms, U4).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any, cast

from redis.asyncio import Redis

from calcom.ratelimit import Credential, Told, limit_of
from core.clock import Clock
from proxy.cache.keys import Keys
from proxy.scripts import lua

PEAKS_KEPT_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Limits:
    """The limit as configured: calls in `window` seconds and in any one second.

    `guard` seconds are added to the window: a call is logged here before it is counted there, and the
    delay between the two differs from call to call.
    """

    api_key: int = 120
    window: float = 60.0
    guard: float = 1.0
    pace: int = 10


@dataclass(frozen=True, slots=True)
class Grant:
    """Leave for one call. `asked_at` is monotonic: from then on the leave grows old."""

    alias: str
    used: int
    limit: int
    asked_at: float


@dataclass(frozen=True, slots=True)
class Wait:
    """No leave now; `seconds` until asking again makes sense."""

    alias: str
    used: int
    limit: int
    seconds: float
    reason: str


class Limiter:
    """One log per credential, shared by every process, decided in one script on Redis' clock."""

    def __init__(self, redis: Redis, keys: Keys, limits: Limits, clock: Clock) -> None:
        self._redis = redis
        self._keys = keys
        self._limits = limits
        self._clock = clock
        self._script = redis.register_script(lua(__package__, "permit"))

    async def ask(self, credential: Credential) -> Grant | Wait:
        """Ask for one call. A granted call is spent, whether it is made or not."""
        asked_at = self._clock.monotonic()
        limit = limit_of(credential.kind, self._limits.api_key)
        bucket = credential.bucket
        window = self._limits.window + self._limits.guard
        reply = await cast(Any, self._script)(
            keys=[
                self._keys.permits(bucket),
                self._keys.blocked(bucket),
                self._keys.peaks(bucket),
                self._keys.credentials,
            ],
            args=[
                limit,
                round(window * 1000),
                self._limits.pace,
                uuid.uuid4().hex,
                bucket,
                PEAKS_KEPT_SECONDS,
            ],
        )
        granted, wait_ms, used, reason, alias = reply
        if granted:
            return Grant(alias.decode(), used, limit, asked_at)
        return Wait(alias.decode(), used, limit, wait_ms / 1000, reason.decode())

    def is_current(self, grant: Grant) -> bool:
        """Whether a call may still leave on *grant*.

        One that left later than the guard allows could be counted in a window it was not logged in.
        """
        return self._clock.monotonic() - grant.asked_at < self._limits.guard / 2

    async def blocked(self, credential: Credential, told: Told | None) -> None:
        """Cal.com refused a call: nothing leaves on this credential until the block has passed.

        Without a reset header the longest block is assumed, one window. Calls during a block would
        count, and could start the next one (contract 2).
        """
        seconds = (told.reset_seconds if told else self._limits.window) + self._limits.guard
        key = self._keys.blocked(credential.bucket)
        server_seconds, micros = await self._redis.time()
        until = server_seconds * 1000 + micros // 1000 + round(seconds * 1000)
        await self._redis.set(key, until, px=round(seconds * 1000))
