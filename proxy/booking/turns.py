"""Has those who want to book the same people at the same time do so one after the other, over all processes."""

from __future__ import annotations

import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from calcom.rivals import Landed, Wish
from core.clock import Clock
from core.keys import Keys
from core.tasks import spawn
from proxy.outlive import outlive
from proxy.refusals import Queued, StoreUnavailable
from proxy.scripts import Script, lua

_log = logging.getLogger(__name__)

LEASE_SECONDS: Final = 10.0
"""So long the others wait for a process that was last heard of then."""

# A booking takes Cal.com seconds.
_LOOK_SECONDS: Final = 0.03
_KEPT_SECONDS: Final = 600.0


@dataclass(slots=True)
class Turn:
    """One's turn. `before` are the bookings that others made while it was waited for; `made` is for its own."""

    before: list[Landed] = field(default_factory=list)
    made: Landed | None = None


class Turns:
    """The turns of one account. One instance per process."""

    def __init__(self, redis: Redis, keys: Keys, clock: Clock, *, patience: float) -> None:
        """A turn is waited for at most *patience* seconds."""
        self._enter = Script(redis, keys, lua(__package__, "enter"))
        self._keep = Script(redis, keys, lua(__package__, "renew"))
        self._leave = Script(redis, keys, lua(__package__, "leave"))
        self._names = [keys.turns, keys.turns_leases]
        self._clock = clock
        self._patience = patience

    @asynccontextmanager
    async def turn(self, wish: Wish) -> AsyncIterator[Turn]:
        """Run the body while nobody else does who gets in its way.

        Raises Queued when those before take too long, StoreUnavailable when Redis cannot be asked: nothing may be
        sent then.
        """
        token = uuid.uuid4().hex
        turn = Turn()
        try:
            turn.before = await self._awaited(token, wish)
            renewal = spawn(self._renew(token), name="turn.renew")
            try:
                yield turn
            finally:
                renewal.cancel()
        finally:
            # Its own task: a caller that is gone must not keep the others waiting for the lease to run out.
            await outlive(self._over(token, turn.made), name="turn.over")

    async def _awaited(self, token: str, wish: Wish) -> list[Landed]:
        started = self._clock.monotonic()
        while True:
            try:
                word, *made = await self._ask(token, wish)
            except RedisError as error:
                raise StoreUnavailable(retry_after=1.0) from error
            if word == b"go":
                return [Landed.of(text.decode()) for text in made]
            if self._clock.monotonic() - started >= self._patience:
                raise Queued(retry_after=1.0)
            await self._clock.sleep(_LOOK_SECONDS)

    async def _ask(self, token: str, wish: Wish) -> list[bytes]:
        names = f" {' '.join(wish.names)} "
        asked: list[bytes] = await self._enter(
            self._names,
            [token, _ms(LEASE_SECONDS), wish.begin, wish.end, names, _ms(_KEPT_SECONDS)],
        )
        return asked

    async def _renew(self, token: str) -> None:
        while True:
            await self._clock.sleep(LEASE_SECONDS / 4)
            try:
                await self._keep(self._names[1:], [token, _ms(LEASE_SECONDS)])
            except RedisError:
                _log.warning("turn.not_renewed")

    async def _over(self, token: str, made: Landed | None) -> None:
        text = "" if made is None else made.text()
        try:
            # As long as anybody may be waiting who asked before.
            await self._leave(self._names, [token, text, _ms(self._patience + LEASE_SECONDS)])
        except RedisError:
            # The lease runs out.
            _log.warning("turn.not_ended")


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
