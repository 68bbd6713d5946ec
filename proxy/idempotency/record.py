"""What became of the write that a key was used for, in Redis, so that every process and every retry knows it."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import orjson
from redis.asyncio import Redis

from core.keys import Keys
from proxy.edge.headers import RawHeaders, encoded
from proxy.idempotency.key import Key
from proxy.scripts import Script, lua

LEASE_SECONDS = 10.0
"""So long an attempt counts as running after its process was last heard of."""

MAX_BODY_BYTES = 262_144
"""A booking is a few kilobytes, a long series of them a few tens."""

TOO_LARGE = 0
"""Stands as the status of an answer that was not kept."""


REPLAYED: Final = "replayed"
FOUND: Final = "found"


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer; `detail` says so when it is not what Cal.com just answered."""

    status: int
    headers: RawHeaders
    body: bytes
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Go:
    """Send it."""


@dataclass(frozen=True, slots=True)
class Reused:
    """The key was used for another request."""


@dataclass(frozen=True, slots=True)
class Running:
    """Another attempt is under way; its lease lasts for `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Done:
    """It was answered."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Doubt:
    """Nobody knows what an attempt did that left at least `age` seconds ago; it is this one's to find out.

    The key was first used at `claimed`, Unix seconds on Redis' clock. It was last looked for `looked` seconds ago,
    endless ones if it never was.
    """

    age: float
    claimed: float
    looked: float = math.inf


class Record:
    """One key, for one attempt. Redis' errors pass through."""

    def __init__(self, redis: Redis, keys: Keys, key: Key, *, landing: float) -> None:
        """While it is not known what came of it, it is kept for *landing* seconds after it may last have been sent."""
        self._begin = Script(redis, keys, lua(__package__, "begin"))
        self._keep = Script(redis, keys, lua(__package__, "keep"))
        self._finish = Script(redis, keys, lua(__package__, "finish"))
        self._keys = keys
        self._key = key
        self._name = keys.idempotent(key.name)
        self._token = uuid.uuid4().hex
        self._undecided = max(key.seconds, landing + LEASE_SECONDS)

    async def begin(self) -> Go | Reused | Running | Done | Doubt:
        """Claim the key, or learn why not."""
        word, *more = await self._begin(
            [self._name], [self._key.print, self._token, _ms(LEASE_SECONDS), _ms(self._undecided)]
        )
        match word:
            case b"go":
                return Go()
            case b"other":
                return Reused()
            case b"running":
                return Running(more[0] / 1000)
            case b"doubt":
                left, claimed, looked = more
                return Doubt(left / 1000, claimed / 1000, math.inf if looked < 0 else looked / 1000)
        status, headers, body = more
        return Done(Reply(status, encoded(orjson.loads(headers)), body, REPLAYED))

    async def keep(self) -> bool:
        """Say that the attempt goes on; False when it is another's by now."""
        return bool(await self._keep([self._name], [self._token, _ms(LEASE_SECONDS), _ms(self._undecided)]))

    async def done(self, reply: Reply, bookings: Iterable[str] = ()) -> None:
        """It was answered, and so shall every retry be. Of an answer past `MAX_BODY_BYTES` only that it was is kept.

        By the ids of *bookings* it can be forgotten.
        """
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in reply.headers]
        if len(reply.body) > MAX_BODY_BYTES:
            reply = Reply(TOO_LARGE, [], b"")
            headers = []
        await self._finish(
            [self._name, *map(self._keys.idempotent_of, bookings)],
            [self._token, "done", reply.status, orjson.dumps(headers), reply.body, _ms(self._key.seconds)],
        )

    async def doubt(self) -> None:
        """It may have been sent until now, and nobody knows what it did."""
        await self._finish([self._name], [self._token, "doubt", 0, b"", b""])

    async def still_open(self, *, looked: bool) -> None:
        """Nothing new is known of an earlier attempt, whether it was *looked* for or not; this one sent nothing."""
        await self._finish([self._name], [self._token, "looked" if looked else "open", 0, b"", b""])

    async def nothing(self) -> None:
        """Certainly nothing was written: the key is as good as new."""
        await self._finish([self._name], [self._token, "nothing", 0, b"", b""])


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
