"""The rate limit, kept on our side so that Cal.com's never bites.

Cal.com's window opens at the first hit and blocks for a minute on the call after the last (contract 2). A
log of every call in the last window is safe whatever that window's phase; a token bucket is not
(mechanisms, U4). What Cal.com's headers say can only make it less.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from calcom.ratelimit import WINDOW, Side, Told
from core.clock import Clock
from core.keys import Keys
from proxy.governor.purpose import Purpose
from proxy.governor.shares import LEASE_WINDOWS, Moment, Shares
from proxy.governor.terms import Grant, Limits, Payer, Wait
from proxy.scripts import Script, lua

__all__ = ["Grant", "Limiter", "Limits", "Payer", "Wait"]

PEAKS_KEPT_SECONDS: Final = 600

LONGEST_BLOCK_SECONDS: Final = 3_600.0
"""A longer block than this is not believed: Cal.com's last a minute (contract 2)."""


class Limiter:
    """One log per payer, shared by every process, decided in one script on Redis' clock."""

    def __init__(
        self, redis: Redis, keys: Keys, limits: Limits, clock: Clock, shares: Shares | None = None
    ) -> None:
        """Without *shares* no call leaves when Redis is gone."""
        self._redis = redis
        self._shares = shares
        self._keys = keys
        self._limits = limits
        self._clock = clock
        self._process = uuid.uuid4().hex[:12]
        self._memory = ""
        self._permit = Script(redis, keys, lua(__package__, "memory", "aside", "answered", "permit"))
        self._block = Script(redis, keys, lua(__package__, "block"))
        self._told = Script(redis, keys, lua(__package__, "answered", "told"))

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
        granted, wait_ms, used, reason, alias, limit, memory, now, member, hold = await self._permit(
            [
                *(keys.permits(bucket), keys.blocked(bucket), keys.peaks(bucket), keys.credentials),
                *(keys.limits, keys.headers(bucket), keys.lines(bucket), keys.held(bucket)),
                *(keys.memory, keys.epoch, keys.shares, keys.shadow),
            ],
            [
                granted_calls,
                round((window + guard) * 1000),
                pace,
                round(limits.second * 1000),
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
                # By share only reads are made, and they have no limit of an endpoint's own.
                0 if side else round(limits.away * 1000),
                round(LEASE_WINDOWS * limits.window * 1000),
                *(self._shares.vouched(asked_at) if self._shares else ("", "")),
                int(limits.shadow),
            ],
        )
        self._memory = memory.decode()
        answer: Grant | Wait
        if granted:
            let_go = "" if reason == b"ok" else reason.decode()
            answer = Grant(alias.decode(), used, limit, asked_at, payer, now, member.decode(), let_go=let_go)
        else:
            answer = Wait(alias.decode(), used, limit, wait_ms / 1000, reason.decode())
        self._remember(payer, answer, hold)
        return answer

    @property
    def is_alone(self) -> bool:
        """Whether Redis has been silent for so long that this process's share may be spent."""
        return self._shares is not None and self._shares.is_alone(self._moment())

    def ask_alone(self, payer: Payer, purpose: Purpose) -> Grant | Wait:
        """Ask for one call out of this process's share. Raises RedisError when there is none to be had."""
        answer = self._shares.ask(payer, purpose, self._moment()) if self._shares else None
        if answer is None:
            raise RedisError("Redis is gone, and this process has no share to spend")
        return answer

    def is_current(self, grant: Grant) -> bool:
        """Whether a call may still leave on *grant*.

        One that left later than the guard allows could be counted in a window it was not logged in.
        Without a guard that risk was chosen.
        """
        guard = self._limits.guard
        return guard == 0 or self._clock.monotonic() - grant.asked_at < guard / 2

    async def give_back(self, grant: Grant) -> None:
        """The call certainly did not leave: somebody else may have its place."""
        if grant.by_share:
            if self._shares is not None:
                self._shares.take_back(grant)
            return
        await cast(Any, self._redis.zrem(self._keys.permits(grant.payer.bucket), grant.member))

    async def left(self, grant: Grant) -> Grant:
        """The call leaves only now: where that is too late for the guard, it is logged anew.

        Setting up a connection can take seconds, which Cal.com knows nothing of. Raises RedisError when it cannot
        be logged, as one that is made by share never can.
        """
        if self.is_current(grant):
            return grant
        if grant.by_share:
            raise RedisError("too late for a call that Redis knows nothing of")
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
        if grant.by_share:
            if self._shares is not None:
                self._shares.told(grant, one, self._clock.monotonic())
            return
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
                grant.member,
            ],
        )

    async def blocked(self, payer: Payer, told: Sequence[Told]) -> None:
        """Cal.com refused a call: nothing leaves for this payer until the block has passed.

        Of several limits the first that ends frees the key. Without a reset header the longest block is
        assumed, one window. Calls during a block would count, and could start the next one (contract 2); a
        block that is known already is never shortened.
        """
        told_seconds = min((one.reset_seconds for one in told), default=self._window(payer.side))
        seconds = min(told_seconds, LONGEST_BLOCK_SECONDS) + self._limits.guard
        if self._shares is not None:
            self._shares.blocked(payer, seconds, self._clock.monotonic())
        milliseconds = round(seconds * 1000)
        await self._block([self._keys.blocked(payer.bucket)], [max(1, milliseconds)])

    def _remember(self, payer: Payer, answer: Grant | Wait, others: int) -> None:
        """For when Redis is gone."""
        if self._shares is None:
            return
        self._shares.asked(self._clock.monotonic())
        self._shares.learned(payer, answer.alias, answer.limit, others)
        if isinstance(answer, Wait) and answer.reason == "blocked":
            self._shares.blocked(payer, answer.seconds, self._clock.monotonic())

    def _moment(self) -> Moment:
        return Moment(self._clock.monotonic(), self._clock.now())

    def _window(self, side: Side | None) -> float:
        """Seconds of the payer's window; an endpoint's own is to the configured one as it is to Cal.com's."""
        return self._limits.window * (side.seconds / WINDOW if side else 1.0)
