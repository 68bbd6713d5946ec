"""What Redis tells every process of at once: writes on their way, invalidations, fetches that ended.

The scripts publish it on one channel of the account, as words with a blank between:

``w <write> <fields>``                   a write is about to leave, and may touch what reads one of the fields
``b <generation> <fields> <write or ->`` what reads one of the fields (with commas between) is older than this
``e <write>``                            a write is over and changed nothing
``f <digest>``                           a fetch that others waited for ended
``x <endpoints> ...``, ``o ...``         a call failed, a circuit moved for all (breaker/board.py)

On a channel of its own a process hears nothing; that it listens there is how others know that it lives.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from core.clock import Clock
from core.keys import Keys
from core.tasks import either, spawn
from core.topology import parse
from proxy.cache.near import ALL, MARK_MS, Near
from proxy.cache.wire import Wire, connect, packed

_log = logging.getLogger(__name__)

BEAT_SECONDS: Final = 0.1
_LATE_SECONDS: Final = 1.0
_BACK_OFF_SECONDS: Final = (0.1, 2.0)

# Nobody listens where we asked: a port, or a socket that a server left behind or has not made yet.
_NOBODY: Final = (ConnectionRefusedError, FileNotFoundError)
_MOST_DOUBLINGS: Final = 5

# A lease that ran out belonged to a process that is gone; the ordinary look turns that into an invalidation.
_LOST_WRITES: Final = """
local time = redis.call('TIME')
return redis.call('ZCOUNT', KEYS[1], '-inf', time[1] * 1000 + math.floor(time[2] / 1000))
"""


class Refused(RedisError):
    """Redis can be reached, but does not let us listen or ask; says its code, as in NOPERM or LOADING."""


class Circuits(Protocol):
    """The breakers of this process: what they are told of those of others, in order. Must not block or raise."""

    def hear(self, word: str, rest: Sequence[str]) -> None: ...

    async def look(self) -> None: ...


class Pushes:
    """Keeps the connection, and tells *near* and *landed* in the order Redis tells it."""

    def __init__(
        self,
        url: str,
        keys: Keys,
        clock: Clock,
        *,
        process: str,
        near: Near,
        landed: Callable[[str], None],
        is_alone: bool = False,
        breakers: Circuits | None = None,
    ) -> None:
        """*process* is the channel of this process; *landed* is called with the digest of a fetch that ended.

        *is_alone* says that nobody in the fleet reaches a Redis while this process is refused by it.
        """
        self._url = url
        self._keys = keys
        self._clock = clock
        self._process = process
        self._near = near
        self._landed = landed
        self._is_alone = is_alone
        self._breakers = breakers
        self._lost = asyncio.Event()
        self._subscribed = asyncio.Event()
        self._answered_at = 0.0
        self._refused: Refused | None = None
        self._mark = packed("SET", keys.near, 1, "PX", MARK_MS)
        self._ask = packed("ZRANGE", keys.writes, 0, -1)
        self._role = packed("ROLE")
        self._is_fleet = parse(url) is not None
        self._check = packed("EVAL", _LOST_WRITES, 1, keys.writes)
        self._wire: Wire | None = None

    @property
    def is_heard(self) -> bool:
        """Whether others know by its channel that this process lives."""
        return self._subscribed.is_set() and not self._lost.is_set()

    def check(self, checked: Callable[[bool], None]) -> bool:
        """Ask Redis whether all there was to hear has been heard; *checked* is told once it is known, in order.

        True to *checked*: everything written before this was asked is known to `near` by now, and no write
        waits for its process's death to be noticed. False here: there is nobody to ask.
        """
        wire = self._wire
        if wire is None or not self.is_heard:
            return False
        wire.send(self._check, lambda reply: checked(reply == 0))
        return True

    def reconnect(self) -> None:
        """Look again for the server to listen to."""
        if self._wire is not None:
            self._wire.close()

    async def run(self) -> None:
        """Listen until cancelled, through however many connections."""
        failures = 0
        while True:
            asked_at = self._clock.monotonic()
            try:
                await self._listen()
                failures = 0
                if self._clock.monotonic() - asked_at > _LATE_SECONDS:
                    # At once: if it is gone, the sooner that is known the more is certain.
                    continue
            except (RedisError, OSError) as error:
                if self._is_alone and isinstance(error, _NOBODY):
                    self._near.refused(asked_at, self._clock.monotonic())
                else:
                    self._near.lost()
                level = logging.WARNING if failures == 0 else logging.DEBUG
                # Of what Redis said only its code: an old server repeats the password with its refusal.
                problem = str(error) if isinstance(error, Refused) else type(error).__name__
                _log.log(level, "pushes.unreachable", extra={"problem": problem})
                failures += 1
            first, longest = _BACK_OFF_SECONDS
            pause = min(longest, first * 2 ** min(failures, _MOST_DOUBLINGS))
            if self._near.is_dark(self._clock.monotonic()):
                pause = BEAT_SECONDS
            await self._clock.sleep(pause * random.uniform(0.5, 1.0))

    async def _listen(self) -> None:
        """One connection, until it breaks. Raises RedisError or OSError when there is none to be had."""
        self._lost.clear()
        self._subscribed.clear()
        self._refused = None
        wire = await connect(
            self._url,
            account=self._keys.account,
            name="calgate-near",
            on_push=self._heard,
            on_lost=self._lost.set,
        )
        self._wire = wire
        try:
            wire.tell("SUBSCRIBE", self._keys.told, self._process)
            self._answered_at = self._clock.monotonic()
            while not self._lost.is_set():
                self._beat(wire)
                await either(self._clock.sleep(BEAT_SECONDS), self._lost.wait())
                if self._clock.monotonic() - self._answered_at > _LATE_SECONDS:
                    _log.warning("pushes.late")
                    return
            if self._refused is not None:
                raise self._refused
        finally:
            self._wire = None
            self._lost.set()
            wire.close()
            self._near.broke()

    def _beat(self, wire: Wire) -> None:
        asked_at = self._clock.monotonic()
        near = self._near
        is_marked = True

        def marked(reply: Any) -> None:
            nonlocal is_marked
            # Full, read-only or forbidden: writers are not told that there may be copies, so there must be none used.
            is_marked = not isinstance(reply, RedisError)
            if not self._subscribed.is_set():
                # SUBSCRIBE has no reply of its own but a refusal, which came in place of this one.
                self._refuse(wire, "SUBSCRIBE", reply)

        if near.lease > 0:
            # First this, so that by the time copies are used writers know that there may be some.
            wire.send(self._mark, marked)

        def answered(reply: Any) -> None:
            if not self._subscribed.is_set():
                self._refuse(wire, "SUBSCRIBE", reply)
            elif isinstance(reply, RedisError):
                self._refuse(wire, "ZRANGE", reply)
            else:
                self._answered_at = self._clock.monotonic()
                if is_marked:
                    near.proven(asked_at, [write.decode() for write in reply])

        wire.send(self._ask, answered)
        if self._is_fleet:
            wire.send(self._role, lambda reply: self._deposed(wire, reply))

    def _deposed(self, wire: Wire, reply: Any) -> None:
        """Give up a server that is no longer the master: what is asked of it would be answered, with the past."""
        if isinstance(reply, RedisError) or reply[0] != b"master":
            self._refuse(wire, "ROLE", reply)

    def _refuse(self, wire: Wire, command: str, reply: Any) -> None:
        """Give the connection up. One that broke by itself was not refused anything."""
        if not isinstance(reply, RedisConnectionError):
            code = str(reply).split(" ", 1)[0] if isinstance(reply, RedisError) else "refused"
            self._refused = Refused(f"{command}: {code}")
        wire.close()

    def _heard(self, push: list[Any]) -> None:
        kind = push[0]
        if kind == b"message":
            if push[1] == self._keys.told.encode():
                self._told(push[2].decode())
        elif kind == b"subscribe" and push[1] == self._keys.told.encode():
            self._subscribed.set()
            self._near.opened()
            if self._breakers is not None:
                spawn(self._breakers.look(), name="breaker.look")

    def _told(self, text: str) -> None:
        word, *rest = text.split(" ")
        match word:
            case "f":
                self._landed(rest[0])
            case "w":
                # A gateway of before says no fields.
                self._near.began(rest[0], rest[1].split(",") if len(rest) > 1 else ALL)
            case "e":
                self._near.ended(rest[0])
            case "b":
                generation, fields, write = rest
                self._near.bumped(int(generation), fields.split(","), None if write == "-" else write)
            case "x" | "o":
                if self._breakers is not None:
                    self._breakers.hear(word, rest)
            case _:
                # A newer gateway's word: what it means for our copies is not known.
                self._near.drop_all()
