"""The rate limit, kept on our side so that Cal.com's never bites.

Cal.com's window opens at the first hit and blocks for a minute on the call after the last (contract 2). A
log of every call in the last window is safe whatever that window's phase; a token bucket is not
(mechanisms, U4).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis

from calcom.ratelimit import Credential, Told, limit_of
from core.clock import Clock
from core.keys import Keys
from proxy.scripts import Script, lua

PEAKS_KEPT_SECONDS: Final = 600

LONGEST_BLOCK_SECONDS: Final = 3_600.0
"""A longer block than this is not believed: Cal.com's last a minute (contract 2)."""


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
        self._keys = keys
        self._limits = limits
        self._clock = clock
        self._permit = Script(redis, keys, lua(__package__, "permit"))
        self._block = Script(redis, keys, lua(__package__, "block"))

    async def ask(self, credential: Credential) -> Grant | Wait:
        """Ask for one call. A granted call is spent, whether it is made or not."""
        asked_at = self._clock.monotonic()
        limit = limit_of(credential.kind, self._limits.api_key)
        bucket = credential.bucket
        window = self._limits.window + self._limits.guard
        granted, wait_ms, used, reason, alias = await self._permit(
            [
                self._keys.permits(bucket),
                self._keys.blocked(bucket),
                self._keys.peaks(bucket),
                self._keys.credentials,
                self._keys.limits,
            ],
            [
                limit,
                round(window * 1000),
                self._limits.pace,
                uuid.uuid4().hex,
                bucket,
                PEAKS_KEPT_SECONDS,
            ],
        )
        if granted:
            return Grant(alias.decode(), used, limit, asked_at)
        return Wait(alias.decode(), used, limit, wait_ms / 1000, reason.decode())

    def is_current(self, grant: Grant) -> bool:
        """Whether a call may still leave on *grant*.

        One that left later than the guard allows could be counted in a window it was not logged in.
        Without a guard that risk was chosen.
        """
        guard = self._limits.guard
        return guard == 0 or self._clock.monotonic() - grant.asked_at < guard / 2

    async def blocked(self, credential: Credential, told: Told | None) -> None:
        """Cal.com refused a call: nothing leaves on this credential until the block has passed.

        Without a reset header the longest block is assumed, one window. Calls during a block would
        count, and could start the next one (contract 2); a block that is known already is never shortened.
        """
        told_seconds = min(told.reset_seconds, LONGEST_BLOCK_SECONDS) if told else self._limits.window
        milliseconds = round((told_seconds + self._limits.guard) * 1000)
        await self._block([self._keys.blocked(credential.bucket)], [max(1, milliseconds)])
