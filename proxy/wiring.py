"""What one gateway process is made of, and what runs beside it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, cast

import httpx2
import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from calcom import ratelimit
from calcom.account import Promises
from calcom.paths import classify
from calcom.ranges.trust import Terms
from core import topology
from core.clock import Clock, SystemClock
from core.keys import Keys
from core.redis import connect
from core.settings import Settings
from core.tasks import spawn
from core.urls import is_on_this_host
from exporters.slots import WorkerSlot
from proxy import upstream
from proxy.account.account import Account, Stranger
from proxy.account.bookings import BookingIndex
from proxy.account.keeper import Keeper
from proxy.account.refresh import Refresher
from proxy.alternatives import Alternatives
from proxy.app import SHADOW, Gateway
from proxy.booking.looking import Looking
from proxy.booking.path import BookingPath, Rules
from proxy.booking.turns import Turns
from proxy.breaker.board import BreakerBoard
from proxy.breaker.terms import terms_of
from proxy.cache import epoch
from proxy.cache.entry import Lives
from proxy.cache.fetch import Arrivals, Fetcher
from proxy.cache.near import NEAR_LEASE, Near
from proxy.cache.pushes import Pushes
from proxy.cache.ranges import Asking, Ranges
from proxy.cache.reads import ReadsCache
from proxy.cache.serve import SlotsCache
from proxy.cache.serving import Serving
from proxy.cache.shapes import Shapes
from proxy.cache.store import Store, Timing
from proxy.clients.door import Door
from proxy.clients.shares import Shares as ClientShares
from proxy.edge.access_log import AccessLog
from proxy.edge.headers import encoded, forwarded
from proxy.edge.shortcut import Shortcut
from proxy.governor.heart import Heart, place_of
from proxy.governor.limiter import Limiter, Limits
from proxy.governor.purpose import Purpose
from proxy.governor.shares import Shares
from proxy.idempotency.once import Once
from proxy.pool import transport
from proxy.telemetry import Telemetry
from proxy.writes import Writes

_log = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 1.0

# A month of looks at a few hundred event types; what bounds the memory is its bytes.
_MOST_NEAR: Final = 10_000


class Readiness:
    """Whether Redis answered lately; without it this process can only refuse."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self.is_ready = False

    def __call__(self) -> bool:
        return self.is_ready

    async def watch(self, clock: Clock) -> None:
        """Look once a second, for ever. Apart from the beat: a look at a Redis that hangs takes its time."""
        while True:
            await clock.sleep(_LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        try:
            await cast(Any, self._redis.ping())
        except (RedisError, OSError):
            if self.is_ready:
                _log.error("redis.lost")
            self.is_ready = False
        else:
            if not self.is_ready:
                _log.info("redis.reached")
            self.is_ready = True


@contextlib.asynccontextmanager
async def wired(settings: Settings, counters: WorkerSlot) -> AsyncIterator[tuple[Gateway, Readiness]]:
    """The gateway of one process that counts in *counters*, and whether it is ready; closed when the body ends."""
    clock = SystemClock()
    keys = Keys(settings.account)
    timing = Timing.of(settings)
    telemetry = Telemetry(counters)
    redis = connect(settings.redis_url, client_name="calgate-proxy", account=settings.account)
    epoch.guard(redis, keys, timing.remembered)
    http = transport(settings, clock)
    log = AccessLog(which=settings.access_log)
    background: list[asyncio.Task[None]] = []
    breakers: BreakerBoard | None = None
    try:
        shares = None
        if settings.budget_shares:
            place = place_of(settings.metrics_dir, counters.slot)
            shares = Shares(Limits.of(settings), name=place)
            background.append(spawn(Heart(redis, keys, shares, clock).run(), name="heart"))
        calls = calls_of(settings, http, redis, keys, telemetry, clock, shares)
        breakers = calls.breakers
        # Without a lease copies are used only after Redis was asked.
        lease = NEAR_LEASE if settings.l1 else 0.0
        near = Near(most_entries=_MOST_NEAR, most_bytes=settings.l1_bytes, lease=lease)
        arrivals = Arrivals()
        process = f"{keys.told}:{uuid.uuid4().hex}"
        pushes = Pushes(
            settings.redis_url,
            keys,
            clock,
            process=process,
            near=near,
            landed=arrivals.landed,
            is_alone=_is_alone(settings),
            breakers=breakers,
        )
        follower = _follower(settings, redis, pushes, clock)
        store = Store(
            redis,
            keys,
            timing,
            confirm=None if follower is None else follower.confirm,
            process=lambda: process if pushes.is_heard else "",
            most_entries=settings.cache_max_entries,
        )
        writes = Writes(store, telemetry, clock)
        account = _account(settings, redis, keys, calls, clock, timing)
        lives = Lives(
            ttl=settings.slots_ttl_seconds,
            stale=settings.slots_stale_seconds,
            stale_if_error=settings.slots_stale_if_error_seconds,
        )
        fetcher = Fetcher(
            store,
            calls,
            telemetry,
            clock,
            arrivals=arrivals,
            distinct_after_write=settings.slots_distinct_after_write,
        )

        def serving(scope: str) -> Serving:
            return Serving(
                store,
                fetcher,
                writes,
                telemetry,
                clock,
                scope=scope,
                stale=settings.slots_stale_seconds,
                eagerness=settings.slots_early_refresh,
            )

        slots_serving = serving("slots")

        def ranges(asking: Asking) -> Ranges:
            terms = Terms(settings.slots_share_agreements, settings.slots_share_gap_seconds)
            shapes = Shapes(redis, keys, clock, account.map, terms)
            return Ranges(slots_serving, store, shapes, account.map, asking, telemetry, clock)

        slots = SlotsCache(
            slots_serving,
            fetcher,
            lives=lives,
            types_of=account.types_of,
            notice_of=account.notice_of,
            near=near,
            telemetry=telemetry,
            clock=clock,
            ranges=ranges if settings.slots_share_ranges and isinstance(account, Account) else None,
        )
        reads = ReadsCache(
            serving("reads"),
            ttl=settings.reads_ttl_seconds,
            stale_if_error=settings.slots_stale_if_error_seconds,
        )
        if settings.rate_shadow:
            _log.warning("budget.shadow", extra={"problem": SHADOW})
        ready = Readiness(redis)
        await ready.look()
        background.append(spawn(pushes.run(), name="pushes"))
        if follower is not None:
            background.append(spawn(follower.run(), name="topology"))
        if isinstance(account, Account):
            background.append(spawn(account.run(), name="account"))
        if settings.clients:
            background.append(spawn(telemetry.tally.run(redis, keys, clock), name="tally"))
        yield (
            Gateway(
                slots=slots,
                reads=reads,
                upstream=calls,
                booking=_booking(settings, redis, keys, calls, writes, account, telemetry, clock, timing),
                telemetry=telemetry,
                log=log,
                shortcut=Shortcut(near, pushes, lambda: writes.is_settled, telemetry, log, clock),
                clock=clock,
                is_ready=lambda: ready() or near.is_dark(clock.monotonic()),
                max_body=settings.max_body_bytes,
                body_seconds=settings.client_head_timeout_seconds,
                account=account,
                alternatives=Alternatives(slots, account, telemetry, clock),
                door=_door(settings, telemetry),
                is_shadow=settings.rate_shadow,
            ),
            ready,
        )
    finally:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        if breakers is not None:
            await breakers.aclose()
        await http.aclose()
        await redis.aclose()
        log.flush()


def _booking(
    settings: Settings,
    redis: Redis,
    keys: Keys,
    calls: upstream.Upstream,
    writes: Writes,
    account: Account | Stranger,
    telemetry: Telemetry,
    clock: Clock,
    timing: Timing,
) -> BookingPath:
    looking = Looking(calls, clock, patience=settings.booking_look_seconds)
    landing = settings.upstream_read_timeout_seconds + timing.doubt
    once = Once(redis, keys, looking, writes, clock, landing=landing)
    turns = Turns(redis, keys, clock, patience=settings.booking_turn_seconds)
    rules = Rules(
        checks=settings.validate_bookings,
        takes_turns=settings.booking_turn_seconds > 0,
        kept=settings.idempotency_seconds,
        derived=settings.idempotency_derived_seconds,
    )
    return BookingPath(calls, writes, once, turns, looking, account, telemetry, clock, rules)


def calls_of(
    settings: Settings,
    http: httpx2.AsyncBaseTransport,
    redis: Redis,
    keys: Keys,
    telemetry: Telemetry,
    clock: Clock,
    shares: Shares | None = None,
) -> upstream.Upstream:
    """The way to Cal.com over *http*, past the breakers and out of the one budget; *shares* for when Redis is gone."""
    breakers = BreakerBoard(redis, keys, telemetry, clock, terms_of(settings))
    limits = Limits.of(settings)
    limiter = Limiter(redis, keys, limits, clock, shares)
    of_clients = ClientShares(redis, keys, limits, settings.clients, telemetry.tally)
    return upstream.Upstream(http, limiter, breakers, telemetry, clock, settings, of_clients)


def _door(settings: Settings, telemetry: Telemetry) -> Door | None:
    """Of a gateway that holds the key; where clients bring their own there is none."""
    if settings.upstream_api_key is None:
        return None
    return Door(settings.clients, settings.upstream_api_key.get_secret_value(), telemetry.turned_away)


def _is_alone(settings: Settings) -> bool:
    """Whether nobody reaches a Redis while we are refused: certain on one machine, elsewhere by promise."""
    if topology.parse(settings.redis_url) is not None:
        return False
    if settings.l1_without_redis == "auto":
        return is_on_this_host(settings.redis_url)
    return settings.l1_without_redis == "on"


def _follower(settings: Settings, redis: Redis, pushes: Pushes, clock: Clock) -> topology.Follower | None:
    """Of a fleet of Redis: has this process go where its master is."""
    fleet = topology.parse(settings.redis_url)
    if fleet is None:
        return None

    async def elsewhere() -> None:
        _log.warning("redis.moved")
        pushes.reconnect()
        await redis.connection_pool.disconnect(inuse_connections=True)

    return topology.Follower(topology.topology_of(fleet, settings.account), clock, elsewhere)


def keeper_of(settings: Settings, redis: Redis, keys: Keys) -> Keeper:
    """This process's copy of the account map."""
    promises = Promises(_numbers(settings.plain_round_robins), _numbers(settings.unlimited_teams))
    return Keeper(redis, keys, max_age=settings.account_map_seconds, promises=promises)


def _account(
    settings: Settings,
    redis: Redis,
    keys: Keys,
    calls: upstream.Upstream,
    clock: Clock,
    timing: Timing,
) -> Account | Stranger:
    """What is known of the account; a stranger when nothing shall be."""
    if settings.account_map_seconds == 0:
        return Stranger()

    async def fetch(target: str, headers: Mapping[str, str]) -> tuple[int, object]:
        call = upstream.Call(
            method="GET",
            target=target.encode(),
            headers=forwarded(encoded(headers.items()), request_id=uuid.uuid4().hex.encode()),
            credential=ratelimit.credential(headers),
            kind=classify("GET", target.partition("?")[0]),
            body=b"",
            purpose=Purpose.LEARN,
        )
        response = await calls.send(call)
        body = await upstream.read(response)
        return response.status_code, orjson.loads(body) if body else None

    keeper = keeper_of(settings, redis, keys)
    refresher = Refresher(keeper, redis, keys, fetch, clock)
    longest_fetch = settings.upstream_connect_timeout_seconds + settings.upstream_read_timeout_seconds
    new_seconds = longest_fetch + timing.fetch_lease + timing.hold_off
    return Account(keeper, BookingIndex(redis, keys), refresher, clock, new_seconds=new_seconds)


def _numbers(text: str) -> frozenset[int]:
    return frozenset(int(one) for one in text.split(",") if one)
