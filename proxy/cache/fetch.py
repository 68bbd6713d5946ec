"""One call to Cal.com for everybody in the fleet who asks for the same: the leader's way, and the followers'."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final, Protocol, TypeVar

import httpx2
from redis.exceptions import RedisError

from calcom.slots import Query, distinct
from core.clock import Clock
from core.tasks import spawn
from proxy.cache.entry import Entry, Life, kept_headers, varies
from proxy.cache.flights import Flight
from proxy.cache.stamps import ANYTHING, Fields
from proxy.cache.store import Again, Fill, Follow, Hold, Leave, Store
from proxy.edge.headers import RawHeaders, encoded, has, returned
from proxy.outlive import outlive
from proxy.refusals import NotSent, Overloaded, Refused, Settling, StoreUnavailable, told, written
from proxy.telemetry import Telemetry
from proxy.upstream import Call, Upstream, read

_log = logging.getLogger(__name__)

T = TypeVar("T")

# A span may stay unsettled while writes keep coming or an older fetch hangs; a voice agent would rather be
# told than kept waiting.
_LONGEST_WAIT_SECONDS = 10.0
_LOOK_AGAIN_SECONDS = 0.1


class Lifetime(Protocol):
    """Decides how long an answer may be served, `None` for not at all. *now* is Unix seconds."""

    def __call__(self, status: int, body: bytes, *, now: float, empties: int) -> Life | None: ...


@dataclass(frozen=True, slots=True)
class Ask:
    """What is to be fetched, for whom, and why.

    `span` names what Cal.com's own cache might mix it up with, '' if it keeps none of it; `life` says how long an
    answer may be served. `part` are the fields of what is shown of it, where that is not all. `seen` is when the answer
    was stored (Redis' clock) that the asker has and that will not do, 0 for none. Unless it `is_shared`, nobody else's
    fetch will do, nor this one for others; `keep` says whether it may be stored.
    """

    digest: str
    span: str
    call: Call
    fields: Fields
    life: Lifetime
    is_secret: bool = False
    """Its target names somebody's booking, and is not to be written down."""
    reason: str = "miss"
    seen: float = 0.0
    empties: int = 0
    keep: bool = True
    is_shared: bool = True
    part: Fields | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came back. `entry` is dated by Redis if it was `kept`; `is_ours` unless another process asked."""

    status: int
    headers: RawHeaders
    body: bytes
    entry: Entry | None = None
    kept: bool = False
    is_ours: bool = True


class Arrivals:
    """Tells who waits for another process's fetch that it ended."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def landed(self, digest: str) -> None:
        """A fetch of this entry ended, somewhere."""
        for future in self._waiting.pop(digest, ()):
            if not future.done():
                future.set_result(None)

    async def wait(self, digest: str, seconds: float) -> None:
        """Return when a fetch of *digest* has ended, at the latest after *seconds*."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(digest, set()).add(future)
        try:
            async with asyncio.timeout(seconds):
                await future
        except TimeoutError:
            pass
        finally:
            waiting = self._waiting.get(digest)
            if waiting is not None:
                waiting.discard(future)
                if not waiting:
                    del self._waiting[digest]


class Fetcher:
    """Fetches answers and stores them. One instance per process."""

    def __init__(
        self,
        store: Store,
        upstream: Upstream,
        telemetry: Telemetry,
        clock: Clock,
        *,
        arrivals: Arrivals,
        distinct_after_write: bool = True,
    ) -> None:
        self._store = store
        self._upstream = upstream
        self._telemetry = telemetry
        self._clock = clock
        self._arrivals = arrivals
        self._distinct = distinct_after_write

    async def fetch(self, flight: Flight[Fetched], ask: Ask) -> Fetched:
        """The answer, fetched by this process or by another. Raises Refused, as every waiter shall see it."""
        while True:
            token = uuid.uuid4().hex
            begun = await self._begin(token, flight.good_for, ask)
            if isinstance(begun, Leave):
                return await self._lead(flight, ask, token, begun)
            found = await self._found(flight, ask, begun)
            if found is not None:
                return found

    async def pass_through(self, query: Query, call: Call) -> httpx2.Response:
        """Make a call that offers times but is not kept, waiting out what Cal.com may not know yet.

        Its answer is still to be read and to be closed. Raises Refused.
        """
        response: httpx2.Response | None = None
        ask = Ask("", query.span, call, ANYTHING, _never, is_shared=False)
        try:
            token = uuid.uuid4().hex
            begun = await self._begin(token, 0, ask, may_be_distinct=False)
            assert isinstance(begun, Leave), "what is shared with nobody has no leader"
            # Cal.com has remembered what it answers before the first byte of it is here.
            async with self._announced(
                Fill("", query.span, token, begun.generation, is_shared=False)
            ) as fill:
                response = await self._upstream.send(call)
                await self._tell(self._store.fill_end(fill, _NOTHING, ANYTHING, keep=False))
        except BaseException:
            if response is not None:
                await response.aclose()
            raise
        return response

    async def _begin(
        self, token: str, wanted: int, ask: Ask, *, may_be_distinct: bool = True
    ) -> Leave | Follow | Again:
        """Wait until an answer of Cal.com must know generation *wanted* (0: the newest of the fields), announce it.

        Raises StoreUnavailable, or Settling when the wait was too long.
        """
        started = self._clock.monotonic()
        # What nobody waits for waits, so that bookings in a row cost one call; but not what keeps others from waiting.
        wants_distinct = self._distinct and may_be_distinct and ask.reason in ("miss", "warm")
        can_be_distinct = wants_distinct and distinct(ask.call.target, 1) is not None
        while True:
            fill = Fill(ask.digest, ask.span, token, wanted, is_shared=ask.is_shared)
            try:
                begun = await self._store.fill_begin(
                    fill, ask.fields, can_be_distinct=can_be_distinct, seen=ask.seen
                )
            except RedisError as error:
                raise StoreUnavailable(retry_after=1.0) from error
            if not isinstance(begun, Hold):
                return begun
            wanted, wait = begun.wanted, begun.seconds
            if self._clock.monotonic() - started > _LONGEST_WAIT_SECONDS:
                raise Settling(retry_after=wait)
            # A hold-off is exact; a longer wait is for a fetch under way elsewhere, which may end at any time.
            is_exact = wait <= self._store.timing.hold_off
            await self._clock.sleep(wait if is_exact else _LOOK_AGAIN_SECONDS)

    async def _found(self, flight: Flight[Fetched], ask: Ask, begun: Follow | Again) -> Fetched | None:
        """What another process came back with, once it has; `None` when it is to be tried again."""
        if isinstance(begun, Follow):
            # Whoever leads may be killed, which only asking again finds out.
            await self._arrivals.wait(ask.digest, min(begun.seconds, _LOOK_AGAIN_SECONDS))
        try:
            looked = await self._store.lookup(ask.digest, ask.fields)
            entry = looked.entry
            is_new = entry is not None and not looked.overlays and entry.stored > ask.seen
            if (
                entry is not None
                and is_new
                and entry.fresh_until > looked.now
                and entry.generation >= begun.wanted
            ):
                flight.start(entry.generation)
                return Fetched(
                    entry.status, encoded(entry.headers), entry.body, entry, kept=True, is_ours=False
                )
            if isinstance(begun, Again):
                return None
            passed = await self._store.passed(ask.digest, begun.token)
        except RedisError as error:
            raise StoreUnavailable(retry_after=1.0) from error
        if passed is None or passed.generation < begun.wanted:
            return None
        flight.start(passed.generation)
        if passed.refusal:
            refusal = told(passed.refusal)
            if isinstance(refusal, Overloaded):
                # There was no place in that process; there may be one in ours.
                return None
            raise refusal
        return Fetched(passed.status, encoded(passed.headers), passed.body, is_ours=False)

    async def _lead(self, flight: Flight[Fetched], ask: Ask, token: str, leave: Leave) -> Fetched:
        started = self._clock.monotonic()
        outcome = "error"
        fill = Fill(ask.digest, ask.span, token, leave.generation, leave.distinct, ask.is_shared)
        try:
            async with self._announced(fill):
                flight.start(leave.generation)
                fetched = await self._ask(ask, leave.distinct)
                cost = self._clock.monotonic() - started
                fetched, outcome = await self._keep(ask, fill, fetched, cost)
        finally:
            seconds = self._clock.monotonic() - started
            self._telemetry.filled(ask.reason, outcome, seconds, "slots" if ask.span else "reads")
        return fetched

    async def _ask(self, ask: Ask, number: int) -> Fetched:
        call = ask.call
        target = distinct(call.target, number) if number else None
        if target is not None:
            call = replace(call, target=target)
        response = await self._upstream.send(call)
        body = await read(response)
        if target is not None and response.status_code != 200:
            # An error quotes the request, which shall be the client's.
            body = body.replace(target, ask.call.target)
        return Fetched(response.status_code, returned(response.headers.raw), body)

    async def _keep(self, ask: Ask, fill: Fill, fetched: Fetched, cost: float) -> tuple[Fetched, str]:
        now = self._clock.now()
        text = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in fetched.headers]
        life = None
        if ask.keep and not varies(text) and not has(fetched.headers, b"content-encoding"):
            life = ask.life(fetched.status, fetched.body, now=now, empties=ask.empties)
        entry = _entry(
            fetched, kept_headers(text) if life else _passed_on(text), life, now, cost, fill.generation
        )
        ended = await self._tell(
            self._store.fill_end(
                fill,
                entry,
                ask.fields,
                keep=life is not None,
                target="" if ask.is_secret else ask.call.target.decode("latin-1"),
            )
        )
        fresh, stored = ended or (0.0, 0.0)
        if not fresh:
            return fetched, "uncacheable" if life is None else "fenced"
        dated = replace(
            entry,
            stored=stored,
            fresh_until=stored + fresh,
            usable_until=stored + max(fresh, entry.usable_until - entry.stored),
        )
        return replace(fetched, entry=dated, kept=True), "stored"

    @asynccontextmanager
    async def _announced(self, fill: Fill) -> AsyncIterator[Fill]:
        """Keeps a fetch announced while the body runs. The body ends it; if it raises, its followers are told."""
        renewal = spawn(self._renew(fill), name="cache.renew")
        try:
            yield fill
        except NotSent as refusal:
            await self._tell(self._store.fill_fail(fill, written(refusal), was_sent=False))
            raise
        except Refused as refusal:
            # We no longer listen, but Cal.com may go on computing, and then remember the past.
            await self._tell(self._store.fill_fail(fill, written(refusal), was_sent=True))
            raise
        except BaseException:
            # Cancelled: nobody can be told what came of it, so that followers lead themselves.
            await outlive(self._tell(self._store.fill_fail(fill, b"", was_sent=True)), name="cache.left")
            raise
        finally:
            renewal.cancel()

    async def _tell(self, told: Awaitable[T]) -> T | None:
        try:
            return await told
        except RedisError:
            # The answer is still good for whoever waited; keeping it is a courtesy to the next.
            _log.warning("fetch.not_stored")
            return None

    async def _renew(self, fill: Fill) -> None:
        timing = self._store.timing
        while True:
            await self._clock.sleep(min(timing.fetch_lease, timing.lead) / 3)
            try:
                await self._store.fill_renew(fill)
            except RedisError:
                _log.warning("fetch.not_renewed")


_NOTHING: Final = Entry(b"", (), 0.0, 0.0, 0.0, status=0)

# Headers that only the one who asked may see, even of an answer that is shared.
_PRIVATE: Final = frozenset({"set-cookie"})


def _passed_on(headers: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in headers if name not in _PRIVATE)


def _entry(
    fetched: Fetched,
    headers: tuple[tuple[str, str], ...],
    life: Life | None,
    now: float,
    cost: float,
    generation: int,
) -> Entry:
    life = life or Life(0.0, 0.0)
    return Entry(
        body=fetched.body,
        headers=headers,
        stored=now,
        fresh_until=now + life.fresh,
        usable_until=now + life.usable,
        status=fetched.status,
        generation=generation,
        cost=cost,
        empties=life.empties,
    )


def _never(status: int, body: bytes, *, now: float, empties: int) -> None:
    """What is not kept has no life."""
