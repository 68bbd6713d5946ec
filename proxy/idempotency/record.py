"""What became of the write that a key was used for, in Redis, so that every process and every retry knows it."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass

import orjson
from redis.asyncio import Redis

from core.keys import Keys
from proxy.edge.headers import RawHeaders, encoded
from proxy.scripts import Script, lua
from proxy.upstream import Call

LEASE_SECONDS = 10.0
"""So long an attempt counts as running after its process was last heard of."""

MAX_BODY_BYTES = 262_144
"""A booking is a few kilobytes, a long series of them a few tens."""

TOO_LARGE = 0
"""Stands as the status of an answer that was not kept."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer. `is_replayed` when it is that of an earlier attempt."""

    status: int
    headers: RawHeaders
    body: bytes
    is_replayed: bool = False


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

    The key was first used at `claimed`, Unix seconds on Redis' clock.
    """

    age: float
    claimed: float


class Record:
    """One key of one credential and client, for one attempt. Redis' errors pass through."""

    def __init__(self, redis: Redis, keys: Keys, key: bytes, call: Call, *, kept_seconds: float) -> None:
        self._begin = Script(redis, keys, lua(__package__, "begin"))
        self._keep = Script(redis, keys, lua(__package__, "keep"))
        self._finish = Script(redis, keys, lua(__package__, "finish"))
        # Clients that share one credential must not get each other's answers.
        owner = [call.credential.bucket.encode(), *([call.client.encode()] if call.client else [])]
        self._name = keys.idempotent(_digest(*owner, key))
        self._print = _digest(
            call.method.encode(), call.target, call.body if isinstance(call.body, bytes) else b""
        )
        self._token = uuid.uuid4().hex
        self._kept_seconds = kept_seconds

    async def begin(self) -> Go | Reused | Running | Done | Doubt:
        """Claim the key, or learn why not."""
        word, *more = await self._begin(
            [self._name], [self._print, self._token, _ms(LEASE_SECONDS), _ms(self._kept_seconds)]
        )
        match word:
            case b"go":
                return Go()
            case b"other":
                return Reused()
            case b"running":
                return Running(more[0] / 1000)
            case b"doubt":
                return Doubt(more[0] / 1000, more[1] / 1000)
        status, headers, body = more
        return Done(Reply(status, encoded(orjson.loads(headers)), body, is_replayed=True))

    async def keep(self) -> bool:
        """Say that the attempt goes on; False when it is another's by now."""
        return bool(await self._keep([self._name], [self._token, _ms(LEASE_SECONDS)]))

    async def done(self, reply: Reply) -> None:
        """It was answered, and so shall every retry be. Of an answer past `MAX_BODY_BYTES` only that it was is kept."""
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in reply.headers]
        if len(reply.body) > MAX_BODY_BYTES:
            reply = Reply(TOO_LARGE, [], b"")
            headers = []
        await self._finish(
            [self._name], [self._token, "done", reply.status, orjson.dumps(headers), reply.body]
        )

    async def doubt(self) -> None:
        """It may have been sent until now, and nobody knows what it did."""
        await self._finish([self._name], [self._token, "doubt", 0, b"", b""])

    async def still_open(self) -> None:
        """Nothing new is known of an earlier attempt, and this one sent nothing."""
        await self._finish([self._name], [self._token, "open", 0, b"", b""])

    async def nothing(self) -> None:
        """Certainly nothing was written: the key is as good as new."""
        await self._finish([self._name], [self._token, "nothing", 0, b"", b""])


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"".join(len(part).to_bytes(8) + part for part in parts)).hexdigest()


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
