"""The rate limit, kept on our side so that Cal.com's never bites.

Cal.com's window opens at the first hit and blocks for a minute on the call after the last (contract 2). A
log of every call in the last window is safe whatever that window's phase; a token bucket is not
(mechanisms, U4). What Cal.com's headers say can only make it less.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from redis.asyncio import Redis

from calcom.ratelimit import WINDOW, Credential, Side, Tiers, Told, limit_of, tiers_of
from core.clock import Clock
from core.keys import Keys
from core.settings import Settings
from proxy.governor.purpose import Purpose, Reserves
from proxy.scripts import Script, lua

PEAKS_KEPT_SECONDS: Final = 600

LONGEST_BLOCK_SECONDS: Final = 3_600.0
"""A longer block than this is not believed: Cal.com's last a minute (contract 2)."""

_PACE_GUARD: Final = 0.2
"""Of the guard, what is added to the second of the pace: two calls' delays differ far less than a call may be late."""


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
    reserves: Reserves = field(default_factory=Reserves)
    tiers: Tiers = field(default_factory=Tiers)

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """The limit that *settings* ask for."""
        return cls(
            api_key=settings.rate_limit,
            window=settings.rate_window_seconds,
            guard=settings.rate_guard_seconds,
            pace=settings.rate_pace_per_second,
            reserves=Reserves(
                settings.budget_booking_reserve_percent, settings.budget_client_reserve_percent
            ),
            tiers=tiers_of(settings.rate_limit_tiers),
        )

    def granted(self, payer: Payer) -> tuple[int, int]:
        """What *payer* may spend in its window, and in a second."""
        tier = self.tiers.of(payer.credential)
        calls = tier.calls if tier else limit_of(payer.credential.kind, self.api_key)
        pace = tier.pace if tier and tier.pace else self.pace
        return payer.side.limit if payer.side else calls, pace


@dataclass(frozen=True, slots=True)
class Payer:
    """Whose calls are counted together: a credential's, or those of one endpoint with a limit of its own."""

    credential: Credential
    side: Side | None = None

    @property
    def bucket(self) -> str:
        """The name it goes by in Redis."""
        return self.credential.bucket + (f":{self.side.name}" if self.side else "")


@dataclass(frozen=True, slots=True)
class Grant:
    """Leave for one call. `asked_at` is monotonic: from then on the leave grows old.

    `at` is the millisecond, on Redis' clock, at which the log has the call, under the name of `member`.
    """

    alias: str
    used: int
    limit: int
    asked_at: float
    payer: Payer
    at: int = 0
    member: str = ""


@dataclass(frozen=True, slots=True)
class Wait:
    """No leave now; `seconds` until asking again makes sense.

    `reason` is `window`, `pace`, `blocked`, `others` (somebody else spends the same key), `forgotten` (Redis lost
    what was spent) or `line` (a call in another process goes first).
    """

    alias: str
    used: int
    limit: int
    seconds: float
    reason: str


class Limiter:
    """One log per payer, shared by every process, decided in one script on Redis' clock."""

    def __init__(self, redis: Redis, keys: Keys, limits: Limits, clock: Clock) -> None:
        self._redis = redis
        self._keys = keys
        self._limits = limits
        self._clock = clock
        self._process = uuid.uuid4().hex[:12]
        self._memory = ""
        self._permit = Script(redis, keys, lua(__package__, "memory", "permit"))
        self._block = Script(redis, keys, lua(__package__, "block"))
        self._told = Script(redis, keys, lua(__package__, "told"))

    async def ask(
        self,
        payer: Payer,
        purpose: Purpose = Purpose.INTERACTIVE,
        *,
        patience: float = 0.0,
        waiting: int = 1,
    ) -> Grant | Wait:
        """Ask for one call. What is granted is spent, unless it is given back.

        A call that will wait for *patience* seconds is known to the other processes while it does; *waiting* is
        how many do here, for whoever looks.
        """
        asked_at = self._clock.monotonic()
        credential, side = payer.credential, payer.side
        limits, reserves = self._limits, self._limits.reserves
        window, guard = self._window(side), self._limits.guard
        bucket, keys = payer.bucket, self._keys
        granted_calls, pace = limits.granted(payer)
        in_line = Purpose.INTERACTIVE
        granted, wait_ms, used, reason, alias, limit, memory, now, member = await self._permit(
            [
                *(keys.permits(bucket), keys.blocked(bucket), keys.peaks(bucket), keys.credentials),
                *(keys.limits, keys.headers(bucket), keys.lines(bucket), keys.held(bucket)),
                *(keys.memory, keys.epoch),
            ],
            [
                granted_calls,
                round((window + guard) * 1000),
                pace,
                round((1 + guard * _PACE_GUARD) * 1000),
                uuid.uuid4().hex,
                credential.bucket,
                bucket,
                PEAKS_KEPT_SECONDS,
                # Nobody but clients comes near a limit of a single endpoint.
                0 if side else reserves.kept_from(purpose),
                reserves.pace_kept_from(purpose),
                reserves.floor_of(purpose),
                reserves.kept_from(in_line),
                purpose.rank,
                in_line.rank,
                purpose.letter,
                max(0, round(patience * 1000)),
                self._process,
                self._memory,
                waiting,
            ],
        )
        self._memory = memory.decode()
        if granted:
            return Grant(alias.decode(), used, limit, asked_at, payer, now, member.decode())
        return Wait(alias.decode(), used, limit, wait_ms / 1000, reason.decode())

    def is_current(self, grant: Grant) -> bool:
        """Whether a call may still leave on *grant*.

        One that left later than the guard allows could be counted in a window it was not logged in.
        Without a guard that risk was chosen.
        """
        guard = self._limits.guard
        return guard == 0 or self._clock.monotonic() - grant.asked_at < guard / 2

    async def give_back(self, grant: Grant) -> None:
        """The call certainly did not leave: somebody else may have its place."""
        await cast(Any, self._redis.zrem(self._keys.permits(grant.payer.bucket), grant.member))

    async def left(self, grant: Grant) -> Grant:
        """The call leaves only now: where that is too late for the guard, it is logged anew.

        Setting up a connection can take seconds, which Cal.com knows nothing of.
        """
        if self.is_current(grant):
            return grant
        late = self._clock.monotonic() - grant.asked_at
        moved = grant.at + round(late * 1000)
        name = self._keys.permits(grant.payer.bucket)
        await cast(Any, self._redis.zadd(name, {grant.member: moved}, gt=True))
        return replace(grant, at=moved)

    async def leave_line(self, payer: Payer) -> None:
        """Nobody waits in this process any more."""
        await cast(Any, self._redis.hdel(self._keys.lines(payer.bucket), self._process))

    async def told(self, grant: Grant, told: Sequence[Told]) -> None:
        """Cal.com answered the call, and said this of the credential's limits.

        Of several it refuses only when all are reached (contract 2), so the most generous one decides; one that
        lasts longer than our window cannot be followed and only counts where there is no other.
        """
        window = self._window(None)
        in_window = [one for one in told if one.reset_seconds <= window + 1]
        if not told or grant.payer.side:
            return
        one = max(in_window or told, key=lambda one: one.remaining)
        bucket = grant.payer.bucket
        await self._told(
            [self._keys.permits(bucket), self._keys.headers(bucket)],
            [
                grant.at,
                one.limit,
                one.remaining,
                round(one.reset_seconds * 1000),
                round(self._limits.guard * 1000),
                round(window * 1000),
            ],
        )

    async def blocked(self, payer: Payer, told: Sequence[Told]) -> None:
        """Cal.com refused a call: nothing leaves for this payer until the block has passed.

        Of several limits the first that ends frees the key. Without a reset header the longest block is
        assumed, one window. Calls during a block would count, and could start the next one (contract 2); a
        block that is known already is never shortened.
        """
        told_seconds = min((one.reset_seconds for one in told), default=self._window(payer.side))
        milliseconds = round((min(told_seconds, LONGEST_BLOCK_SECONDS) + self._limits.guard) * 1000)
        await self._block([self._keys.blocked(payer.bucket)], [max(1, milliseconds)])

    def _window(self, side: Side | None) -> float:
        """Seconds of the payer's window; an endpoint's own is to the configured one as it is to Cal.com's."""
        return self._limits.window * (side.seconds / WINDOW if side else 1.0)
