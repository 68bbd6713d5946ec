"""Has those who want to book the same people at the same time do so one after the other, over all processes."""

from __future__ import annotations

import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from calcom.rivals import Landed, Wish, leaves_no_room
from core.clock import Clock
from core.keys import Keys
from core.tasks import spawn
from proxy.cache.fetch import Arrivals
from proxy.outlive import outlive
from proxy.refusals import Queued, SlotTaken, StoreUnavailable
from proxy.scripts import Script, lua

_log = logging.getLogger(__name__)

LEASE_SECONDS: Final = 10.0
"""So long the others wait for a process that was last heard of then."""

# A booking takes Cal.com seconds, and the longer it takes the less a little more of waiting matters.
_LOOK_SECONDS: Final = 0.03
_LONGEST_LOOK_SECONDS: Final = 0.25
_KEPT_SECONDS: Final = 600.0


@dataclass(slots=True)
class Turn:
    """One's turn; what it `made` is for others to know."""

    made: Landed | None = None


class Turns:
    """The turns of one account. One instance per process."""

    def __init__(self, redis: Redis, keys: Keys, clock: Clock, *, patience: float) -> None:
        """A turn is waited for at most *patience* seconds."""
        self._enter = Script(redis, keys, lua(__package__, "enter"))
        self._look = Script(redis, keys, lua(__package__, "look"))
        self._leave = Script(redis, keys, lua(__package__, "leave"))
        self._names = [keys.turns, keys.turns_leases]
        self._clock = clock
        self._patience = patience
        # Those of other processes are looked after; of this one's own the end is heard at once.
        self._ends = Arrivals()

    @asynccontextmanager
    async def turn(self, wish: Wish, *, is_judged: bool) -> AsyncIterator[Turn]:
        """Run the body while nobody else does who gets in its way.

        Raises SlotTaken, where that *is_judged*, as soon as somebody who came before made what leaves no room; Queued
        when they take too long; StoreUnavailable when Redis cannot be asked. Nothing may be sent then.
        """
        token = uuid.uuid4().hex
        turn = Turn()
        try:
            await self._awaited(token, wish, is_judged=is_judged)
            renewal = spawn(self._renew(token), name="turn.renew")
            try:
                yield turn
            finally:
                renewal.cancel()
        finally:
            # Its own task: a caller that is gone must not keep the others waiting for the lease to run out.
            await outlive(self._over(token, turn.made), name="turn.over")

    async def _awaited(self, token: str, wish: Wish, *, is_judged: bool) -> None:
        until = self._clock.monotonic() + self._patience
        while True:
            try:
                word, first, *made = await self._ask(token, wish)
                if is_judged and any(leaves_no_room(Landed.of(one.decode()), wish) for one in made):
                    raise SlotTaken(wish.taken)
                if word == b"go":
                    return
                await self._ended(token, first.decode(), until)
            except RedisError as error:
                raise StoreUnavailable(retry_after=1.0) from error

    async def _ended(self, token: str, other: str, until: float) -> None:
        """Return when *other* is no longer at it. Raises Queued when that lasts for too long."""
        pause = _LOOK_SECONDS
        while await self._look(self._names, [token, _ms(LEASE_SECONDS), other]):
            if self._clock.monotonic() >= until:
                raise Queued(retry_after=1.0)
            await self._ends.wait(other, pause)
            pause = min(_LONGEST_LOOK_SECONDS, 1.5 * pause)

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
                await self._look(self._names, [token, _ms(LEASE_SECONDS), ""])
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
        self._ends.landed(token)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
