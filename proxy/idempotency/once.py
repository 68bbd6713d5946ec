"""Sends a write once for a key, waits for whoever sends it, and finds out what became of one that nobody knows of."""

from __future__ import annotations

import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from calcom import repeats, versions
from calcom.paths import classify
from core.clock import Clock
from core.keys import Keys
from core.tasks import spawn
from proxy.cache.chronicle import line_of
from proxy.edge.headers import RawHeaders, as_text, encoded, forwarded
from proxy.idempotency.record import (
    LEASE_SECONDS,
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
    BadIdempotencyKey,
    KeyReused,
    NotSent,
    OutcomeUnknown,
    Refused,
    StillRunning,
    StoreUnavailable,
)
from proxy.upstream import Call, Upstream, read
from proxy.writes import REFUSED_BEFORE, Writes

_log = logging.getLogger(__name__)

HEADER: Final = b"idempotency-key"
_REPLAYED: Final = (b"idempotent-replayed", b"true")
_LONGEST_KEY: Final = 255
_PATIENCE_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.1

# What a retry is told again; dates, limits and cookies belonged to the one exchange.
_KEPT: Final = frozenset({b"content-type", b"location", b"vary"})


def key_of(headers: RawHeaders) -> bytes | None:
    """The client's key, `None` without one. Raises BadIdempotencyKey where it is none or there are several."""
    keys = [value.strip(b' \t"') for name, value in headers if name == HEADER]
    if not keys:
        return None
    if len(keys) > 1 or not 0 < len(keys[0]) <= _LONGEST_KEY or not keys[0].isascii():
        raise BadIdempotencyKey
    return keys[0]


class Once:
    """One per process."""

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        upstream: Upstream,
        writes: Writes,
        clock: Clock,
        *,
        kept: float,
        landing: float,
    ) -> None:
        """An answer is *kept* for so many seconds; a write of unknown outcome may land for *landing* seconds."""
        self._writes = writes
        self._redis = redis
        self._keys = keys
        self._upstream = upstream
        self._clock = clock
        self._kept = kept
        self._landing = landing

    async def run(self, key: bytes, call: Call, send: Callable[[], Awaitable[Reply]]) -> Reply:
        """The answer to *call*, by *send* unless *key* was used for the same before.

        Raises Refused: what *send* raises; KeyReused; StillRunning when another attempt takes too long; OutcomeUnknown
        while an earlier attempt may still land and is not found; StoreUnavailable, then nothing has left.
        """
        record = Record(self._redis, self._keys, key, call, kept_seconds=self._kept)
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
                    return Reply(reply.status, [*reply.headers, _REPLAYED], reply.body, is_replayed=True)
                case Reused():
                    raise KeyReused
                case Running(seconds):
                    if self._clock.monotonic() - started > _PATIENCE_SECONDS:
                        raise StillRunning(retry_after=1.0)
                    await self._clock.sleep(min(seconds, _LOOK_SECONDS))
                case Doubt():
                    found = await self._resolved(record, call, begun)
                    if found is not None:
                        return Reply(found.status, [*found.headers, _REPLAYED], found.body, is_replayed=True)
                    return await self._send(record, send)
                case Go():
                    return await self._send(record, send)

    async def _send(self, record: Record, send: Callable[[], Awaitable[Reply]]) -> Reply:
        async with self._kept_alive(record):
            try:
                if not await record.keep():
                    # It was away for longer than its lease, and another attempt is under way.
                    raise StillRunning(retry_after=1.0)
                reply = await send()
            except (NotSent, RedisError) as error:
                await self._tell(record.nothing())
                raise StoreUnavailable(retry_after=1.0) if isinstance(error, RedisError) else error from None
            except BaseException:
                await outlive(self._tell(record.doubt()), name="idempotency.doubt")
                raise
            if reply.status in REFUSED_BEFORE:
                await self._tell(record.nothing())
            elif reply.status >= 500 or reply.status in (408, 499):
                # It may have been written all the same (contract 5.4).
                await self._tell(record.doubt())
            else:
                kept = Reply(reply.status, [one for one in reply.headers if one[0] in _KEPT], reply.body)
                await self._tell(record.done(kept))
        return reply

    async def _resolved(self, record: Record, call: Call, doubt: Doubt) -> Reply | None:
        """What an earlier attempt did: its answer, or `None` when sending again can do no harm.

        Raises OutcomeUnknown while neither is certain.
        """
        path = call.target.partition(b"?")[0].decode("latin-1")
        if not repeats.is_create(call.method, path):
            # What was moved, cancelled or confirmed once cannot be again.
            return None
        async with self._kept_alive(record):
            try:
                found, is_certain = await self._look(call, datetime.fromtimestamp(doubt.claimed, UTC))
                if found is not None:
                    # Whoever wrote it may be gone, and what was cached since may show what it took.
                    async with self._writes.intent() as intent:
                        intent.status = found.status
                        intent.why = line_of("a booking that was looked for and found", found.status)
                    await self._tell(record.done(found))
                    return found
                if is_certain and doubt.age >= self._landing:
                    return None
            except BaseException:
                await outlive(self._tell(record.still_open()), name="idempotency.open")
                raise
            await self._tell(record.still_open())
        raise OutcomeUnknown(retry_after=max(1.0, self._landing - doubt.age))

    async def _look(self, call: Call, since: datetime) -> tuple[Reply | None, bool]:
        """The booking that *call* asks for if made after *since*, and whether it would be found if it were there."""
        version = versions.effective(as_text(call.headers).get("cal-api-version"))
        wanted = repeats.wanted(version, _json(call.body))
        if wanted is None:
            return None, False
        # In the client's name: it may see no more than it would itself.
        names = {b"authorization", b"x-cal-client-id", b"x-cal-secret-key", b"cal-api-version"}
        headers = forwarded(
            [one for one in call.headers if one[0] in names],
            request_id=uuid.uuid4().hex.encode(),
            shared=True,
        )
        look = Call(
            method="GET",
            target=wanted.target.encode(),
            headers=headers,
            credential=call.credential,
            kind=classify("GET", "/v2/bookings"),
            body=b"",
            client=call.client,
        )
        try:
            response = await self._upstream.send(look)
            body = await read(response)
        except Refused:
            return None, False
        if response.status_code != 200:
            return None, False
        record, is_certain = wanted.found_in(_json(body), since)
        if record is None:
            return None, is_certain
        text = orjson.dumps({"status": "success", "data": record})
        return Reply(201, encoded([("content-type", "application/json; charset=utf-8")]), text), True

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


def _json(body: Any) -> Any:
    try:
        return orjson.loads(body) if isinstance(body, bytes) else None
    except orjson.JSONDecodeError:
        return None
