"""The cache in Redis: one script call for each thing that must not be seen half done."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast

import orjson
from redis.asyncio import Redis

from core.keys import Keys
from core.settings import Settings
from proxy.cache.entry import Entry
from proxy.cache.epoch import bumped
from proxy.cache.near import NEAR_LEASE
from proxy.cache.stamps import ANYTHING, EVERYTHING, Fields
from proxy.scripts import Script, lua


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the upstream may answer with the past; all in seconds.

    `hold_off` is the life of Cal.com's own slot cache plus a margin (contract 4.1). `lease` is how
    long a write counts as running after its process was last heard of, `fetch_lease` how long Cal.com may
    go on computing for a fetch that was last heard of then; `doubt` how long a write of unknown outcome may
    still land, and `doubt_ttl` how long an answer is kept meanwhile. `overlay` is how long what a write took is
    remembered, `near` how long a process trusts its own copies without hearing of Redis (near.py), `lead` how long
    a process that hangs keeps others from fetching the same, `passing` how long an answer that is not kept waits
    for its followers.
    """

    hold_off: float = 2.3
    lease: float = 10.0
    fetch_lease: float = 5.0
    doubt: float = 60.0
    doubt_ttl: float = 1.0
    overlay: float = 10.0
    near: float = NEAR_LEASE
    lead: float = 3.0
    passing: float = 2.0

    @classmethod
    def of(cls, settings: Settings) -> Timing:
        """As the settings have it."""
        return cls(
            hold_off=settings.upstream_slots_cache_seconds + settings.upstream_slots_cache_margin_seconds,
            overlay=settings.overlay_seconds,
        )

    @property
    def remembered(self) -> float:
        """How long a generation is remembered with what it was about."""
        return max(self.hold_off, self.overlay)


@dataclass(frozen=True, slots=True)
class Looked:
    """The state of the account and of one entry at one instant of Redis' clock.

    `generation` is the newest that concerns the entry. `overlays` tell what was taken from it since it was stored, as
    they were given with the writes; empty when nothing was written. `outdated` says that there is an entry which
    must not be served, because of writes that no overlay makes up for.
    """

    now: float
    generation: int
    entry: Entry | None = None
    overlays: tuple[str, ...] = ()
    outdated: bool = False


@dataclass(frozen=True, slots=True)
class Leave:
    """Fetch now: the answer will be good for `generation`, if asked for in the `distinct` way (0: as it is)."""

    generation: int
    distinct: int = 0


@dataclass(frozen=True, slots=True)
class Hold:
    """Cal.com may still answer with the past: ask again for generation `wanted` in `seconds`."""

    wanted: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Follow:
    """Another process is fetching just this, as `token`; look again when told, at the latest in `seconds`."""

    wanted: int
    seconds: float
    token: str


@dataclass(frozen=True, slots=True)
class Again:
    """What is wanted has been stored meanwhile."""

    wanted: int


@dataclass(frozen=True, slots=True)
class Fill:
    """One fetch: what it is of, who makes it, and what its answer is good for.

    `distinct` as in `Leave`; without a `span` Cal.com keeps no cache of its own of it. Unless it `is_shared`, nobody
    follows it and it follows nobody.
    """

    digest: str
    span: str
    token: str
    generation: int
    distinct: int = 0
    is_shared: bool = True

    @property
    def is_announced(self) -> bool:
        """Whether others are told of it because Cal.com's own cache may give them what this was told."""
        return self.span != "" and self.distinct == 0


@dataclass(frozen=True, slots=True)
class Passed:
    """What a fetch came back with that was not kept: an answer, or the `refusal` as its leader wrote it."""

    generation: int
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    refusal: bytes


class Store:
    """Cached answers, generations and write intents of one account.

    Every method is one round trip. Redis' own errors pass through: to whoever serves, a cache out of
    reach is a miss, but a write whose resolution did not arrive must be tried again.
    *process* names the channel that Redis knows this process by for as long as it lives, '' while there is none.
    *confirm* raises where a fleet may have had another master by the time something was written.
    """

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        timing: Timing,
        *,
        process: Callable[[], str] = lambda: "",
        most_entries: int = 20_000,
        confirm: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._redis = redis
        self._keys = keys
        self._timing = timing
        self._process = process
        self._most_entries = most_entries
        self._confirm = confirm
        self._lookup = Script(redis, keys, lua(__package__, "stamps", "bump", "lookup"))
        self._fill_begin = Script(redis, keys, lua(__package__, "stamps", "fill_begin"))
        self._fill_renew = Script(redis, keys, lua(__package__, "fill_renew"))
        self._fill_end = Script(redis, keys, lua(__package__, "stamps", "fill_end"))
        self._write_lease = Script(redis, keys, lua(__package__, "write_lease"))
        self._write_end = Script(redis, keys, lua(__package__, "stamps", "bump", "write_end"))

    @property
    def timing(self) -> Timing:
        return self._timing

    async def lookup(self, digest: str, fields: Fields, *, is_part: bool = False) -> Looked:
        """The entry and what was written since. Also turns writes of dead processes into bumps.

        With *is_part* the *fields* are those of a part of the entry that is wanted: what was written to other days of
        it does not matter.
        """
        k = self._keys
        reply = await self._lookup(
            [*bumped(k), k.doubt, k.writes, k.entry(digest)],
            [_ms(self._timing.remembered), _ms(self._timing.doubt), int(is_part), *fields],
        )
        now, generation, state = reply[0] / 1000, int(reply[1]), reply[2]
        if state in (0, 3):
            return Looked(now, generation, outdated=state == 3)
        good_for, body, headers, status, stored, fresh, usable, cost, empties, stored_fields = reply[3:13]
        entry = Entry(
            body=body,
            headers=_headers(headers),
            stored=stored / 1000,
            fresh_until=fresh / 1000,
            usable_until=usable / 1000,
            status=status,
            generation=good_for,
            cost=cost / 1000,
            empties=empties,
            fields=tuple(stored_fields.decode().split(",")),
        )
        overlays = tuple(text.decode() for text in reply[13]) if state == 2 else ()
        return Looked(now, generation, entry, overlays)

    async def fill_begin(
        self,
        fill: Fill,
        fields: Fields,
        *,
        can_be_distinct: bool = False,
        seen: float = 0.0,
    ) -> Leave | Hold | Follow | Again:
        """Ask to fetch for somebody who must see `fill.generation` (0: the newest of *fields*), and announce it.

        An entry stored after *seen* (Redis' clock) will do instead. Announced is only what may leave.
        """
        k = self._keys
        hold_off = _ms(self._timing.hold_off) if fill.span else 0
        announced = _ms(self._timing.fetch_lease) + hold_off if fill.span else 0
        word, wanted, *more = await self._fill_begin(
            [
                k.generation,
                k.bumps,
                k.stamps,
                k.fetches(fill.span),
                k.entry(fill.digest),
                k.filling(fill.digest),
            ],
            [
                fill.token,
                announced,
                hold_off,
                fill.generation,
                int(can_be_distinct),
                _ms(seen),
                self._process(),
                _ms(self._timing.lead) if fill.is_shared else 0,
                *fields,
            ],
        )
        match word:
            case b"leave":
                return Leave(wanted, more[0])
            case b"hold":
                return Hold(wanted, more[0] / 1000)
            case b"follow":
                return Follow(wanted, more[0] / 1000, more[1].decode())
            case _:
                return Again(wanted)

    async def fill_renew(self, fill: Fill) -> None:
        """Keep a fetch announced that runs or may run; more often than either of its leases runs out."""
        remembered = self._timing.fetch_lease + self._timing.hold_off if fill.is_announced else 0.0
        lead = _ms(self._timing.lead) if fill.is_shared else 0
        await self._fill_renew(
            [self._keys.fetches(fill.span), self._keys.filling(fill.digest)],
            [fill.token, fill.generation, _ms(remembered), lead],
        )

    async def fill_fail(self, fill: Fill, refusal: bytes, *, was_sent: bool) -> None:
        """No answer came. Followers get *refusal*; what *was_sent* Cal.com may still compute, and then remember."""
        remembered = self._timing.fetch_lease + self._timing.hold_off if was_sent else 0.0
        await self._finish(fill, remembered, None, ANYTHING, refusal=refusal)

    async def fill_end(
        self, fill: Fill, entry: Entry, fields: Fields, *, keep: bool = True, target: str = ""
    ) -> tuple[float, float]:
        """Finish a fetch; *keep* its answer if nothing it reads was written since, else pass it to its followers.

        Returns the seconds for which it is fresh, 0 if it was not kept, and when it was stored. Only the
        differences of the entry's times count: what is stored is dated by Redis.
        """
        stored, fresh_ms, now = await self._finish(
            fill, self._timing.hold_off, entry, fields, keep=keep, target=target
        )
        return (fresh_ms / 1000 if stored else 0.0), now / 1000

    async def _finish(
        self,
        fill: Fill,
        remembered: float,
        entry: Entry | None,
        fields: Fields,
        *,
        keep: bool = False,
        refusal: bytes = b"",
        target: str = "",
    ) -> tuple[int, int, int]:
        k = self._keys
        entry = entry or Entry(b"", (), 0.0, 0.0, 0.0, status=0)
        reply = await self._fill_end(
            [
                *(k.stamps, k.doubt, k.fetches(fill.span), k.entry(fill.digest), k.index, k.expiry),
                *(k.filling(fill.digest), k.passing(fill.digest), k.told),
            ],
            [
                fill.token,
                fill.generation,
                _ms(remembered) if fill.is_announced else -1,
                fill.digest,
                _ms(self._timing.passing),
                self._most_entries,
                _ms(self._timing.doubt_ttl),
                _ms(entry.fresh_until - entry.stored) if keep else 0,
                _ms(entry.usable_until - entry.stored),
                entry.body,
                orjson.dumps(entry.headers),
                entry.status,
                _ms(entry.cost),
                entry.empties,
                target,
                refusal,
                *fields,
            ],
        )
        return cast("tuple[int, int, int]", reply)

    async def passed(self, digest: str, token: str) -> Passed | None:
        """What the fetch *token* came back with, if it was not kept and waits for its followers."""
        kept = await cast(Any, self._redis.hgetall(self._keys.passing(digest)))
        if not kept or kept[b"token"] != token.encode():
            return None
        return Passed(
            generation=int(kept[b"gen"]),
            status=int(kept[b"status"]),
            headers=_headers(kept[b"headers"]),
            body=kept[b"body"],
            refusal=kept[b"refusal"],
        )

    async def write_begin(self, may_touch: Fields = EVERYTHING) -> tuple[str, bytes | None]:
        """Record the intent to write before the write leaves, and tell every process what it *may_touch*.

        Returns its id and, if any process may hold copies, the epoch of the Redis that told them.
        """
        write = uuid.uuid4().hex
        return write, await self._intend(write, "begin", may_touch)

    async def write_renew(self, write: str) -> bytes | None:
        """Keep the intent alive while the write runs; the epoch as in `write_begin`."""
        return await self._intend(write, "renew")

    async def write_end(
        self, write: str, *, known: bool, fields: Fields = EVERYTHING, overlay: str = "", why: str = "{}"
    ) -> int:
        """Resolve a write that may have changed *fields*: answers reading them are gone when this returns.

        Unless its outcome is *known* it may still land, so what is stored for a while lives shortly. The *overlay*
        says what it took, '' when that is not all it did; *why* is for people (chronicle.py).
        """
        k = self._keys
        doubt = 0.0 if known else self._timing.doubt
        generation = await self._write_end(
            [*bumped(k), k.doubt, k.writes],
            [
                write,
                _ms(self._timing.remembered),
                _ms(doubt),
                overlay if self._timing.overlay > 0 else "",
                why,
                *fields,
            ],
        )
        if self._confirm is not None:
            # Written to a master that was just replaced it would be lost. Written again it does no harm.
            await self._confirm()
        return int(generation)

    async def write_refused(self, write: str) -> None:
        """Resolve a write that certainly changed nothing."""
        await self._intend(write, "over")

    async def _intend(self, write: str, word: str, may_touch: Fields = EVERYTHING) -> bytes | None:
        k = self._keys
        epoch: bytes | None = await self._write_lease(
            [k.writes, k.told, k.near, k.epoch],
            [write, _ms(self._timing.lease), word, ",".join(may_touch)],
        )
        return epoch


def _headers(text: bytes) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in orjson.loads(text))


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
