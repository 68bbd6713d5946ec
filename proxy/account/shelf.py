"""The account map in Redis: one for all processes, never overwritten unseen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, cast

import orjson
from redis.asyncio import Redis

from calcom.account import Promises
from core.keys import Keys
from proxy.account import codec
from proxy.account.aged import REMEMBERED_SECONDS, Aged, from_ids
from proxy.scripts import Script, lua

MAX_BYTES: Final = 8_388_608
"""The largest map that is shared; of a larger one only the ids of its event types are."""

_TTL_MS: Final = round(REMEMBERED_SECONDS * 1000)


class Conflict(Exception):
    """Another process has changed the shared map meanwhile."""


class Fenced(Exception):
    """The answers may be older than a change of the account, and must not be believed."""


@dataclass(frozen=True, slots=True)
class Held:
    """The shared map as it was when last looked at. `forgotten` is the version in which facts last went,
    `changing` the number of writes under way that may change it.
    """

    version: int
    forgotten: int
    changing: int
    aged: Aged


class Shelf:
    """Reads and writes the shared map. Every method is one round trip; Redis' errors pass through."""

    def __init__(self, redis: Redis, keys: Keys, promises: Promises) -> None:
        self._redis = redis
        self._promises = promises
        self._changes = keys.map_changes
        self._names = [keys.map, self._changes, keys.epoch]
        self._read = Script(redis, keys, lua(__package__, "version", "read"))
        self._publish = Script(redis, keys, lua(__package__, "version", "publish"))
        self._forget = Script(redis, keys, lua(__package__, "version", "forget"))

    async def read(self, known: Held | None, now: float) -> Held:
        """The map as it is; the facts are transferred only if they are not those of `known`."""
        reply = await self._read(self._names, [known.version if known else "", _TTL_MS])
        version, forgotten, changing = int(reply[0]), int(reply[1]), int(reply[2])
        if known is not None and version == known.version:
            return Held(version, forgotten, changing, known.aged)
        aged = codec.load(reply[3], self._promises) if reply[3] else None
        return Held(version, forgotten, changing, aged or from_ids(_ids(reply[4]), now, self._promises))

    async def publish(self, held: Held, aged: Aged, fence: int) -> Held:
        """Put `aged`, made from `held` and answers asked for when the map was at version `fence` or later.

        Raises Conflict, to be tried again with what is there now, and Fenced, which is final.
        """
        facts, ids = _bounded(aged), _ids_of(aged)
        reply = await self._publish(self._names, [held.version, fence, facts, ids, _TTL_MS])
        if reply == b"moved":
            raise Conflict
        if reply == b"fenced":
            raise Fenced
        return Held(int(reply), held.forgotten, 0, aged)

    async def forget(self, held: Held | None, aged: Aged | None, write: str, seconds: float) -> int:
        """Put `aged`, which is `held` without some facts; without either all facts go.

        Until `seconds` have passed nothing is learned, or 0: the write is over. Returns the new version;
        raises Conflict.
        """
        facts, ids = (b"", b"") if aged is None else (_bounded(aged), _ids_of(aged))
        version = "" if held is None else held.version
        milliseconds = round(seconds * 1000)
        reply = await self._forget(self._names, [version, facts, ids, _TTL_MS, write, milliseconds])
        if reply == b"moved":
            raise Conflict
        return int(reply)

    async def over(self, write: str) -> None:
        """A write that was announced provably changed nothing."""
        await cast(Any, self._redis).zrem(self._changes, write)


def _bounded(aged: Aged) -> bytes:
    text = codec.dump(aged)
    return text if len(text) <= MAX_BYTES else b""


def _ids_of(aged: Aged) -> bytes:
    """Which event types there are, apart from the facts: other versions of this code can read that too, and
    an answer that was kept for one of them must stay within reach."""
    return orjson.dumps(sorted(aged.account.event_types))


def _ids(text: bytes) -> list[int]:
    try:
        ids = orjson.loads(text)
    except orjson.JSONDecodeError:
        return []
    return [one for one in ids if isinstance(one, int)] if isinstance(ids, list) else []
