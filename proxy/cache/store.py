"""The cache in Redis: one script call for each thing that must not be seen half done."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any, cast

import orjson
from redis.asyncio import Redis

from core.keys import Keys
from proxy.cache.entry import Entry
from proxy.cache.stamps import ANYTHING, EVERYTHING, Fields
from proxy.scripts import Script, lua


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the upstream may answer with the past; all in seconds.

    `hold_off` is the life of Cal.com's own slot cache plus a margin (contract 4.1). `lease` is how
    long a write counts as running after its process was last heard of, `fetch_lease` how long Cal.com may
    go on computing for a fetch that was last heard of then; `doubt` how long a write of unknown outcome may
    still land, and `doubt_ttl` how long an answer is kept meanwhile.
    """

    hold_off: float = 2.3
    lease: float = 10.0
    fetch_lease: float = 5.0
    doubt: float = 60.0
    doubt_ttl: float = 1.0


@dataclass(frozen=True, slots=True)
class Looked:
    """The state of the account and of one entry at one instant of Redis' clock."""

    now: float
    generation: int
    entry: Entry | None
    outdated: bool
    """There is an entry, but it may not be served: expired, or older than a write."""


class Store:
    """Cached answers, generations and write intents of one account.

    Every method is one round trip. Redis' own errors pass through: to whoever serves, a cache out of
    reach is a miss, but a write whose resolution did not arrive must be tried again.
    """

    def __init__(self, redis: Redis, keys: Keys, timing: Timing) -> None:
        self._redis = redis
        self._keys = keys
        self._timing = timing
        self._lookup = Script(redis, keys, lua(__package__, "stamps", "bump", "lookup"))
        self._fill_begin = Script(redis, keys, lua(__package__, "stamps", "fill_begin"))
        self._fill_end = Script(redis, keys, lua(__package__, "stamps", "fill_end"))
        self._write_lease = Script(redis, keys, lua(__package__, "write_lease"))
        self._write_end = Script(redis, keys, lua(__package__, "stamps", "bump", "write_end"))

    @property
    def timing(self) -> Timing:
        return self._timing

    async def lookup(self, digest: str, fields: Fields) -> Looked:
        """The entry, if it may be served now. Also turns writes of dead processes into bumps."""
        k = self._keys
        reply = await self._lookup(
            [k.generation, k.bumps, k.doubt, k.writes, k.jobs, k.stamps, k.entry(digest)],
            [_ms(self._timing.hold_off), _ms(self._timing.doubt), *fields],
        )
        now, generation = reply[0] / 1000, int(reply[1])
        if len(reply) == 2:
            return Looked(now, generation, None, outdated=False)
        _, _, valid, body, headers, stored, fresh = reply
        if not valid:
            return Looked(now, generation, None, outdated=True)
        kept = tuple((name, value) for name, value in orjson.loads(headers))
        return Looked(now, generation, Entry(body, kept, stored / 1000, fresh / 1000), outdated=False)

    async def fill_begin(self, span: str, token: str, wanted: int, fields: Fields) -> tuple[int, float]:
        """Announce a fetch of *span* for somebody who must see generation *wanted* (0: the newest of *fields*).

        Returns the generation its answer is good for and 0, or *wanted* and the seconds to wait before
        asking again; then nothing is announced.
        """
        k = self._keys
        hold_off = _ms(self._timing.hold_off)
        generation, wait = await self._fill_begin(
            [k.generation, k.bumps, k.fetches(span), k.stamps],
            [token, _ms(self._timing.fetch_lease) + hold_off, hold_off, wanted, *fields],
        )
        return int(generation), wait / 1000

    async def fill_renew(self, span: str, token: str, generation: int) -> None:
        """Keep a fetch announced that runs or may run; more often than the fetch lease runs out."""
        remembered = self._timing.fetch_lease + self._timing.hold_off
        await self._finish("", span, token, generation, remembered, None, ANYTHING)

    async def fill_drop(self, span: str, token: str, generation: int) -> None:
        """Take the announcement back: the call was never made."""
        await self._finish("", span, token, generation, 0.0, None, ANYTHING)

    async def fill_end(
        self, digest: str, span: str, token: str, generation: int, entry: Entry | None, fields: Fields
    ) -> float:
        """Finish a fetch; store *entry* if nothing it reads was written since. Seconds it is fresh, 0 if not kept.

        Only the difference of the entry's two times counts: what is stored is dated by Redis.
        """
        return await self._finish(digest, span, token, generation, self._timing.hold_off, entry, fields)

    async def _finish(
        self,
        digest: str,
        span: str,
        token: str,
        generation: int,
        remembered: float,
        entry: Entry | None,
        fields: Fields,
    ) -> float:
        k = self._keys
        fresh = entry.fresh_until - entry.stored if entry else 0.0
        stored, fresh_ms = await self._fill_end(
            [k.stamps, k.doubt, k.fetches(span), k.entry(digest), k.index, k.expiry],
            [
                token,
                generation,
                _ms(remembered),
                _ms(fresh),
                entry.body if entry else b"",
                orjson.dumps(entry.headers) if entry else b"",
                _ms(self._timing.doubt_ttl),
                *fields,
            ],
        )
        return fresh_ms / 1000 if stored else 0.0

    async def write_begin(self) -> str:
        """Record the intent to write before the write leaves; returns its id."""
        write = uuid.uuid4().hex
        await self._write_lease([self._keys.writes], [write, _ms(self._timing.lease), "begin"])
        return write

    async def write_renew(self, write: str) -> None:
        """Keep the intent alive while its process is; more often than the lease runs out."""
        await self._write_lease([self._keys.writes], [write, _ms(self._timing.lease), "renew"])

    async def write_end(self, write: str, *, known: bool, fields: Fields = EVERYTHING) -> int:
        """Make every answer so far that reads one of *fields* unservable; returns the new generation.

        With an outcome that is not *known* nothing is kept for long until the doubt has passed.
        """
        k = self._keys
        doubt = 0.0 if known else self._timing.doubt
        reply = await self._write_end(
            [k.generation, k.bumps, k.doubt, k.writes, k.jobs, k.stamps],
            [write, _ms(self._timing.hold_off), _ms(doubt), *fields],
        )
        return int(reply)

    async def write_refused(self, write: str) -> None:
        """Forget an intent whose write provably changed nothing."""
        await cast(Any, self._redis).zrem(self._keys.writes, write)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
