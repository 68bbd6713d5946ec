"""The write path: intent before the call, the cache emptied before the answer."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.exceptions import RedisError

from core.clock import Clock
from core.tasks import spawn
from proxy.cache.chronicle import line_of
from proxy.cache.stamps import EVERYTHING, Fields
from proxy.cache.store import Store
from proxy.outlive import outlive
from proxy.refusals import OutcomeUnknown, StoreUnavailable
from proxy.telemetry import Telemetry

_log = logging.getLogger(__name__)

# A refusal before the request was looked at proves that nothing was written (contract 5.4); any other answer
# does not, not even an error.
REFUSED_BEFORE = frozenset({401, 403, 429})

# The upstream, or the edge before it, gave up waiting; the write itself may still land.
STILL_RUNNING = frozenset({408, 499, 502, 503, 504, 520, 521, 522, 523, 524, 525, 526})

_RETRY_SECONDS = 0.2
_SOON_SECONDS = 0.05


class Intent:
    """One write on its way.

    `status` is what came back, 0 while nothing did; `sent` whether it may have left; `fields` what it may have
    changed, everything unless somebody who knows says less; `overlay` what it took, if that is all it did (else '');
    `why` tells people what came of it (chronicle.py).

    Processes that may hold copies (`others`: the epoch of the Redis that told them of it; None: there are none) trust
    those they made before no longer than until `others_lapse`, monotonic. Once that Redis was there after that moment,
    everybody has heard of the write (`is_heard`; decision 14), and its answer may go.
    """

    def __init__(self, write: str, others: bytes | None = None, others_lapse: float = 0.0) -> None:
        self.write = write
        self.others = others
        self.others_lapse = others_lapse
        self.is_heard = others is None
        self.status = 0
        self.sent = True
        self.fields: Fields = EVERYTHING
        self.overlay = ""
        self.why = line_of("a write of which nothing is known")

    @property
    def changed_nothing(self) -> bool:
        return not self.sent or self.status in REFUSED_BEFORE

    @property
    def outcome_known(self) -> bool:
        return self.status != 0 and self.status not in STILL_RUNNING


class Writes:
    """Keeps the promise that an acknowledged booking is gone from every process's answers."""

    def __init__(self, store: Store, telemetry: Telemetry, clock: Clock) -> None:
        self._store = store
        self._telemetry = telemetry
        self._clock = clock
        self._unresolved: set[str] = set()

    @property
    def is_settled(self) -> bool:
        """False while a write is over and Redis has not heard of it: nothing cached may be trusted then."""
        return not self._unresolved

    @asynccontextmanager
    async def intent(self, may_touch: Fields = EVERYTHING) -> AsyncIterator[Intent]:
        """Announce a write that *may_touch* these for as long as the body runs; resolve it before the body's
        result goes on.

        Raises StoreUnavailable if the intent could not be recorded: then nothing may leave. Leaving the
        body by an exception with `sent` still true leaves the outcome in doubt, which counts as written. Raises
        OutcomeUnknown where Redis is lost so soon that somebody may not have heard of the write.
        """
        try:
            write, others = await self._store.write_begin(may_touch)
        except RedisError as error:
            raise StoreUnavailable(retry_after=1.0) from error
        intent = Intent(write, others, self._clock.monotonic() + self._store.timing.near)
        renewal = spawn(self._renew(intent), name="write.renew")
        try:
            yield intent
        finally:
            renewal.cancel()
            # Its own task: a client that goes away now must not leave a booking unannounced.
            await outlive(self._resolve(intent), name="write.resolve")

    async def _renew(self, intent: Intent) -> None:
        # The first soon: it is what most writes are known to be heard by.
        pause = self._store.timing.near + _SOON_SECONDS
        while True:
            await self._clock.sleep(pause)
            pause = self._store.timing.lease / 4
            try:
                await self._ask_for(intent)
            except RedisError:
                _log.warning("write.not_renewed")

    async def _ask_for(self, intent: Intent) -> None:
        """Renew the intent, and note what that proves. Raises RedisError."""
        asked_at = self._clock.monotonic()
        epoch = await self._store.write_renew(intent.write)
        if epoch is not None and epoch != intent.others:
            # Another Redis than the one that was told: who lost that one may not have noticed this one yet.
            intent.others = epoch
            intent.others_lapse = self._clock.monotonic() + self._store.timing.near
        elif asked_at >= intent.others_lapse:
            intent.is_heard = True

    async def _resolve(self, intent: Intent) -> None:
        """Tell Redis, however often it takes.

        The client's answer is held back meanwhile, but not for ever: once the intent's lease has run out,
        the next look at the cache finds it and takes the write for landed, so the answer may go.
        """
        if not intent.changed_nothing:
            self._unresolved.add(intent.write)
        lease_over = self._clock.monotonic() + self._store.timing.lease
        while not await self._try_to_resolve(intent):
            if self._clock.monotonic() >= lease_over:
                spawn(self._resolve_later(intent), name="write.resolve_later")
                if not intent.is_heard:
                    raise OutcomeUnknown
                return
            await self._clock.sleep(_RETRY_SECONDS)
        if not intent.changed_nothing:
            await self._outlast_copies(intent, lease_over)

    async def _outlast_copies(self, intent: Intent, lease_over: float) -> None:
        """Until every process has heard of the write, or stopped trusting its copies. Raises OutcomeUnknown.

        A call to Cal.com nearly always takes longer than that.
        """
        while not intent.is_heard:
            left = intent.others_lapse - self._clock.monotonic()
            if left > 0:
                await self._clock.sleep(left)
            try:
                await self._ask_for(intent)
            except RedisError as error:
                if self._clock.monotonic() >= lease_over:
                    raise OutcomeUnknown from error
                await self._clock.sleep(_RETRY_SECONDS)

    async def _resolve_later(self, intent: Intent) -> None:
        while not await self._try_to_resolve(intent):
            await self._clock.sleep(_RETRY_SECONDS)

    async def _try_to_resolve(self, intent: Intent) -> bool:
        try:
            if intent.changed_nothing or (intent.outcome_known and not intent.fields):
                await self._store.write_refused(intent.write)
            else:
                known = intent.outcome_known
                # One of unknown outcome counts as made; what it would have changed it may change yet.
                fields = intent.fields or EVERYTHING
                overlay = intent.overlay if known else ""
                await self._store.write_end(
                    intent.write, known=known, fields=fields, overlay=overlay, why=intent.why
                )
                self._telemetry.invalidated(applied=True)
        except RedisError as error:
            self._telemetry.invalidated(applied=False)
            _log.error("write.unresolved", extra={"problem": type(error).__name__})
            return False
        self._unresolved.discard(intent.write)
        return True
