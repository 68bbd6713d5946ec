"""Sends a write once for a key, waits for whoever sends it, and finds out what became of one that nobody knows of."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from calcom import repeats
from calcom.account.reading import records
from core.clock import Clock
from core.keys import Keys
from core.tasks import spawn
from proxy.booking.looking import Looking, json_in
from proxy.cache.chronicle import line_of
from proxy.idempotency.key import Key
from proxy.idempotency.record import (
    LEASE_SECONDS,
    REPLAYED,
    TOO_LARGE,
    Done,
    Doubt,
    Go,
    Record,
    Reply,
    Reused,
    Running,
)
from proxy.outlive import outlive
from proxy.refusals import (
    AnswerNotKept,
    ClientGone,
    KeyReused,
    NotSent,
    OutcomeUnknown,
    StillRunning,
    StoreUnavailable,
)
from proxy.upstream import Call
from proxy.writes import REFUSED_BEFORE, Writes

_log = logging.getLogger(__name__)

_REPLAYED: Final = (b"idempotent-replayed", b"true")
_PATIENCE_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.1

# However often a client asks, what got lost is looked for at most so often: every look is a call.
_BETWEEN_LOOKS_SECONDS: Final = 1.0

# What a retry is told again; dates, limits and cookies belonged to the one exchange.
_KEPT: Final = frozenset({b"content-type", b"location", b"vary"})


class Once:
    """One per process."""

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        looking: Looking,
        writes: Writes,
        clock: Clock,
        *,
        landing: float,
    ) -> None:
        """A write of unknown outcome may land for *landing* seconds."""
        self._writes = writes
        self._redis = redis
        self._keys = keys
        self._looking = looking
        self._clock = clock
        self._landing = landing

    async def run(self, key: Key, call: Call, send: Callable[[], Awaitable[Reply]]) -> Reply:
        """The answer to *call*, by *send* unless *key* was used for the same before.

        Raises Refused: what *send* raises; KeyReused; StillRunning when another attempt takes too long; OutcomeUnknown
        while an earlier attempt may still land and is not found; StoreUnavailable, then nothing has left.
        """
        record = Record(self._redis, self._keys, key, landing=self._landing)
        started = self._clock.monotonic()
        while True:
            try:
                begun = await record.begin()
            except RedisError as error:
                raise StoreUnavailable(retry_after=1.0) from error
            match begun:
                case Done(reply):
                    if reply.status == TOO_LARGE:
                        raise AnswerNotKept
                    return _again(reply)
                case Reused():
                    raise KeyReused
                case Running(seconds):
                    if self._clock.monotonic() - started > _PATIENCE_SECONDS:
                        raise StillRunning(retry_after=1.0)
                    await self._clock.sleep(min(seconds, _LOOK_SECONDS))
                case Doubt():
                    found = await self._resolved(record, key, call, begun)
                    return _again(found) if found is not None else await self._send(record, key, send)
                case Go():
                    return await self._send(record, key, send)

    async def forget(self, booking: str) -> None:
        """The booking of this id is about to change: whoever asks for the like again means another.

        Raises StoreUnavailable: then it must not.
        """
        by = self._keys.idempotent_of(booking)
        try:
            name = await self._redis.get(by)
            if name is not None:
                await self._redis.delete(name, by)
        except RedisError as error:
            raise StoreUnavailable(retry_after=1.0) from error

    async def _send(self, record: Record, key: Key, send: Callable[[], Awaitable[Reply]]) -> Reply:
        async with self._kept_alive(record):
            try:
                if not await record.keep():
                    # It was away for longer than its lease, and another attempt is under way.
                    raise StillRunning(retry_after=1.0)
                reply = await send()
            except (NotSent, ClientGone, RedisError) as error:
                await self._tell(record.nothing())
                raise StoreUnavailable(retry_after=1.0) if isinstance(error, RedisError) else error from None
            except BaseException as error:
                await outlive(self._tell(record.doubt()), name="idempotency.doubt")
                if isinstance(error, OutcomeUnknown):
                    # Asked again it is looked for again, and cannot be made twice.
                    raise OutcomeUnknown(retry_after=1.0) from error
                raise
            if reply.status in REFUSED_BEFORE or (key.is_derived and 300 <= reply.status < 500):
                await self._tell(record.nothing())
            elif reply.status >= 500 or reply.status in (408, 499):
                # It may have been written all the same (contract 5.4).
                await self._tell(record.doubt())
            else:
                kept = Reply(reply.status, [one for one in reply.headers if one[0] in _KEPT], reply.body)
                await self._tell(record.done(kept, _forgotten_by(key, reply.body)))
        return reply

    async def _resolved(self, record: Record, key: Key, call: Call, doubt: Doubt) -> Reply | None:
        """What an earlier attempt did: its answer, or `None` when sending again can do no harm.

        Raises OutcomeUnknown while neither is certain.
        """
        path = call.target.partition(b"?")[0].decode("latin-1")
        if not repeats.is_create(call.method, path):
            # What was moved, cancelled or confirmed once cannot be again.
            return None
        if doubt.looked < _BETWEEN_LOOKS_SECONDS:
            await self._tell(record.still_open(looked=False))
            raise OutcomeUnknown(retry_after=_BETWEEN_LOOKS_SECONDS)
        async with self._kept_alive(record):
            try:
                since = datetime.fromtimestamp(doubt.claimed, UTC)
                found, is_certain = await self._looking.made(call, since, is_live=key.is_derived)
                if found is not None:
                    # Whoever wrote it may be gone, and what was cached since may show what it took.
                    async with self._writes.intent() as intent:
                        intent.status = found.status
                        intent.why = line_of("a booking that was looked for and found", found.status)
                    await self._tell(record.done(found, _forgotten_by(key, found.body)))
                    return found
                if doubt.age >= self._landing and (is_certain or key.is_derived):
                    return None
            except BaseException:
                await outlive(self._tell(record.still_open(looked=True)), name="idempotency.open")
                raise
            await self._tell(record.still_open(looked=True))
        raise OutcomeUnknown(retry_after=max(1.0, self._landing - doubt.age))

    @asynccontextmanager
    async def _kept_alive(self, record: Record) -> AsyncIterator[None]:
        renewal = spawn(self._renew(record), name="idempotency.renew")
        try:
            yield
        finally:
            renewal.cancel()

    async def _renew(self, record: Record) -> None:
        while True:
            await self._clock.sleep(LEASE_SECONDS / 4)
            await self._tell(record.keep())

    async def _tell(self, told: Awaitable[object]) -> None:
        try:
            await told
        except RedisError:
            # The lease runs out, and then the attempt counts as in doubt, which is safe.
            _log.warning("idempotency.not_told")


def _again(reply: Reply) -> Reply:
    return Reply(reply.status, [*reply.headers, _REPLAYED], reply.body, REPLAYED)


def _forgotten_by(key: Key, body: bytes) -> list[str]:
    """The ids by which a later request may change what was made by a *key* that nobody asked for."""
    document = json_in(body) if key.is_derived else None
    data = document.get("data") if isinstance(document, dict) else None
    ids = {one.get(name) for one in records(data) for name in ("uid", "id", "recurringBookingUid")}
    return sorted(str(one) for one in ids if isinstance(one, (str, int)))
