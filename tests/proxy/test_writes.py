"""The promise around a write: announced before it leaves, gone from every cache before its ack."""

import asyncio
from typing import Any

import pytest
import pytest_asyncio
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from core.clock import FakeClock
from core.keys import Keys
from proxy.cache.stamps import ANYTHING, EVERYTHING, Fields
from proxy.cache.store import Store, Timing
from proxy.refusals import OutcomeUnknown, StoreUnavailable
from proxy.writes import Intent, Writes
from tests.proxy.conftest import Start
from tests.proxy.running import Running
from tests.proxy.upstream import Gate, Reply, Upstream
from tests.proxy.waiting import until


class Telling:
    """Counts what a `Writes` reports."""

    def __init__(self) -> None:
        self.applied: list[bool] = []

    def invalidated(self, *, applied: bool) -> None:
        self.applied.append(applied)


class Failing(Store):
    """A store whose Redis is away for as long as `down` says."""

    down = False

    async def write_begin(self, may_touch: Fields = EVERYTHING) -> tuple[str, bytes | None]:
        self._check()
        return await super().write_begin(may_touch)

    async def write_renew(self, write: str) -> bytes | None:
        self._check()
        return await super().write_renew(write)

    async def write_end(
        self, write: str, *, known: bool, fields: Fields = EVERYTHING, overlay: str = "", why: str = "{}"
    ) -> int:
        self._check()
        return await super().write_end(write, known=known, fields=fields, overlay=overlay, why=why)

    async def write_refused(self, write: str) -> None:
        self._check()
        await super().write_refused(write)

    def _check(self) -> None:
        if self.down:
            raise RedisConnectionError("away")


@pytest_asyncio.fixture
async def redis(redis: Redis, keys: Keys) -> Redis:
    """As it is once a gateway has connected to it."""
    await redis.set(keys.generation, 0)
    return redis


@pytest.fixture
def store(redis: Redis, keys: Keys) -> Failing:
    return Failing(redis, keys, Timing(hold_off=0.05))


@pytest.fixture
def telling() -> Telling:
    return Telling()


def writes_of(store: Store, telling: Any, clock: FakeClock) -> Writes:
    return Writes(store, telling, clock)


async def generation(redis: Redis, keys: Keys) -> int:
    return int(await redis.get(keys.generation) or 0)


@pytest.mark.parametrize("status", [200, 201, 400, 404, 409, 422, 500])
async def test_an_answer_that_does_not_prove_refusal_bumps_the_generation(
    store: Failing, telling: Telling, redis: Redis, keys: Keys, status: int
) -> None:
    async with writes_of(store, telling, FakeClock()).intent() as intent:
        assert await redis.zcard(keys.writes) == 1
        intent.status = status
    assert await generation(redis, keys) == 1
    assert await redis.zcard(keys.writes) == 0
    assert not await redis.exists(keys.doubt)
    assert telling.applied == [True]


@pytest.mark.parametrize("status", [401, 403, 429])
async def test_a_refusal_before_the_request_was_looked_at_changes_nothing(
    store: Failing, telling: Telling, redis: Redis, keys: Keys, status: int
) -> None:
    async with writes_of(store, telling, FakeClock()).intent() as intent:
        intent.status = status
    assert await generation(redis, keys) == 0
    assert await redis.zcard(keys.writes) == 0


async def test_a_write_that_never_left_changes_nothing(
    store: Failing, telling: Telling, redis: Redis, keys: Keys
) -> None:
    async with writes_of(store, telling, FakeClock()).intent() as intent:
        intent.sent = False
    assert await generation(redis, keys) == 0


@pytest.mark.parametrize("status", [0, 408, 502, 504, 520, 524])
async def test_an_unknown_outcome_counts_as_written_and_stays_in_doubt(
    store: Failing, telling: Telling, redis: Redis, keys: Keys, status: int
) -> None:
    async def write() -> None:
        async with writes_of(store, telling, FakeClock()).intent() as intent:
            intent.status = status
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await write()
    assert await generation(redis, keys) == 1
    assert await redis.exists(keys.doubt)


async def test_without_redis_no_write_may_begin(store: Failing, telling: Telling) -> None:
    store.down = True
    with pytest.raises(StoreUnavailable):
        async with writes_of(store, telling, FakeClock()).intent():
            pytest.fail("a write left without its intent")


async def test_the_ack_is_held_while_redis_cannot_be_told(
    store: Failing, telling: Telling, redis: Redis, keys: Keys
) -> None:
    clock = FakeClock()
    writes = writes_of(store, telling, clock)
    acked = asyncio.Event()

    async def write() -> None:
        async with writes.intent() as intent:
            intent.status = 201
            store.down = True
        acked.set()

    task = asyncio.ensure_future(write())
    await until(lambda: False in telling.applied)
    await clock.advance(store.timing.lease / 2)
    assert not acked.is_set()
    assert not writes.is_settled
    store.down = False
    async with asyncio.timeout(10):
        while not task.done():
            await clock.advance(0.2)
            await asyncio.sleep(0.001)
    assert writes.is_settled
    assert await generation(redis, keys) == 1


async def test_the_ack_goes_once_the_lease_tells_every_process_by_itself(
    redis: Redis, keys: Keys, telling: Telling
) -> None:
    clock = FakeClock()
    store = Failing(redis, keys, Timing(hold_off=0.05, lease=0.2))
    writes = writes_of(store, telling, clock)

    async def write() -> None:
        async with writes.intent() as intent:
            intent.status = 201
            store.down = True

    task = asyncio.ensure_future(write())
    async with asyncio.timeout(10):
        while not task.done():
            await clock.advance(0.1)
            await asyncio.sleep(0.01)
    # Redis was never told, but its own clock has run the lease out by now or will at once.
    assert not writes.is_settled

    async def noticed() -> bool:
        return (await store.lookup("x", ANYTHING)).generation > 0

    await until(noticed)
    store.down = False
    async with asyncio.timeout(10):
        while not writes.is_settled:
            await clock.advance(0.2)
            await asyncio.sleep(0.001)


async def test_a_cancelled_write_is_resolved_all_the_same(
    store: Failing, telling: Telling, redis: Redis, keys: Keys
) -> None:
    writes = writes_of(store, telling, FakeClock())
    inside = asyncio.Event()

    async def write() -> None:
        async with writes.intent():
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.ensure_future(write())
    await inside.wait()
    task.cancel()
    await asyncio.wait([task])
    await until(lambda: writes.is_settled and bool(telling.applied))
    assert await generation(redis, keys) == 1


async def test_the_intents_lease_is_renewed_for_as_long_as_the_write_runs(
    store: Failing, telling: Telling, redis: Redis, keys: Keys
) -> None:
    clock = FakeClock()
    async with writes_of(store, telling, clock).intent() as intent:
        first = await redis.zscore(keys.writes, intent.write)
        async with asyncio.timeout(10):
            while await redis.zscore(keys.writes, intent.write) == first:
                await clock.advance(store.timing.lease / 4)
                await asyncio.sleep(0.001)


def test_what_is_known_of_an_intent_follows_from_its_status() -> None:
    intent = Intent("w")
    assert not intent.changed_nothing
    assert not intent.outcome_known
    intent.status = 201
    assert intent.outcome_known


async def test_a_write_that_times_out_is_told_as_unknown_and_is_in_doubt(
    start: Start, upstream: Upstream, redis: Redis, keys: Keys
) -> None:
    gateway = await start(upstream_read_timeout_seconds=0.2)
    upstream.script = Gate()
    before = await generation(redis, keys)
    answer = await gateway.post()
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "OutcomeUnknown"
    assert (answer.headers["x-should-retry"], "retry-after" in answer.headers) == ("false", False)
    assert "may or may not" in answer.json()["error"]["message"]
    assert await generation(redis, keys) == before + 1
    assert await redis.exists(keys.doubt)


async def test_a_write_whose_answer_breaks_off_is_told_as_unknown(
    gateway: Running, upstream: Upstream
) -> None:
    upstream.script = lambda seen: Reply(raw=b"HTTP/1.1 201 Created\r\ncontent-length: 99\r\n\r\n{", cut=True)
    assert (await gateway.post()).status_code == 409


async def test_a_write_that_found_no_connection_changes_nothing(
    start: Start, redis: Redis, keys: Keys
) -> None:
    gateway = await start(upstream="http://127.0.0.1:9")
    before = await generation(redis, keys)
    assert (await gateway.post()).status_code == 502
    assert await generation(redis, keys) == before


async def test_a_client_that_leaves_does_not_stop_a_write(
    gateway: Running, upstream: Upstream, redis: Redis, keys: Keys
) -> None:
    gate = Gate(Reply(201, b"{}"))
    upstream.script = gate
    before = await generation(redis, keys)
    client = asyncio.ensure_future(gateway.post())
    await upstream.arrivals(1)
    client.cancel()
    await asyncio.wait([client])
    gate.open()

    async def bumped() -> bool:
        return await generation(redis, keys) > before

    await until(bumped)
    assert upstream.left == 0


async def test_a_client_that_leaves_ends_a_read_upstream(gateway: Running, upstream: Upstream) -> None:
    upstream.script = Gate()
    client = asyncio.ensure_future(gateway.get("/v2/bookings"))
    await upstream.arrivals(1)
    client.cancel()
    await asyncio.wait([client])
    await upstream.departures(1)


async def test_a_client_that_leaves_does_not_stop_a_form_response_either(
    gateway: Running, upstream: Upstream
) -> None:
    gate = Gate()
    upstream.script = gate
    client = asyncio.ensure_future(
        gateway.post("/v2/organizations/1/routing-forms/2/responses?start=2050-09-05&end=2050-09-06")
    )
    await upstream.arrivals(1)
    client.cancel()
    await asyncio.wait([client])
    # A read would have been cut by now: the next request is answered after the leaver was noticed.
    assert (await gateway.client.get("/-/healthz")).status_code == 200
    assert upstream.left == 0
    gate.open()


async def test_a_write_that_touches_no_slots_keeps_the_cache(
    gateway: Running, upstream: Upstream, redis: Redis, keys: Keys
) -> None:
    await gateway.get()
    before = await generation(redis, keys)
    await gateway.post("/v2/webhooks")
    assert await generation(redis, keys) == before
    assert (await gateway.get()).headers["cache-status"].startswith("calgate; hit")


async def test_a_large_write_is_streamed_and_empties_the_cache(
    gateway: Running, upstream: Upstream, redis: Redis, keys: Keys
) -> None:
    before = await generation(redis, keys)
    body = b"x" * 300_000
    assert (await gateway.post(body=body)).status_code == 200
    assert upstream.requests[-1].body == body
    assert await generation(redis, keys) == before + 1


async def test_the_answer_of_a_write_is_the_upstreams_byte_for_byte(
    gateway: Running, upstream: Upstream
) -> None:
    upstream.script = lambda seen: Reply(
        raw=b"HTTP/1.1 201 Created\r\ncontent-encoding: odd\r\ncontent-length: 3\r\n\r\n\x01\x02\x03"
    )
    request = b"POST /v2/bookings HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"
    head, _, body = (await gateway.raw(request)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 201")
    assert b"content-encoding: odd" in head
    assert body == b"\x01\x02\x03"


async def test_the_ack_is_kept_back_until_no_process_trusts_copies_it_made_before(
    store: Failing, telling: Telling, redis: Redis, keys: Keys
) -> None:
    """A process cut off from Redis heard nothing of the write; its copies lapse by themselves."""
    await redis.set(keys.near, 1)
    clock = FakeClock()

    async def write() -> None:
        async with writes_of(store, telling, clock).intent() as intent:
            intent.status = 201

    writing = asyncio.ensure_future(write())

    async def is_kept_back() -> bool:
        return clock.sleepers == 1 and await generation(redis, keys) == 1

    await until(is_kept_back)
    assert not writing.done()
    await clock.advance(store.timing.near)
    await writing


async def test_a_write_is_not_acknowledged_while_somebody_may_not_have_heard_of_it(
    store: Failing, telling: Telling, redis: Redis, keys: Keys
) -> None:
    """Redis was lost so soon that a process which shows copies in the dark may know nothing of the write."""
    await redis.set(keys.near, 1)
    clock = FakeClock()

    async def write() -> None:
        async with writes_of(store, telling, clock).intent() as intent:
            intent.status = 201
            store.down = True

    writing = asyncio.ensure_future(write())
    await until(lambda: clock.sleepers == 1 and telling.applied == [False])
    for _ in range(60):
        await clock.advance(0.2)
    with pytest.raises(OutcomeUnknown):
        await writing
    store.down = False
    await clock.advance(0.2)
    await until(lambda: telling.applied[-1])


async def test_a_write_that_everybody_heard_of_is_acknowledged_although_redis_is_gone(
    store: Failing, telling: Telling, redis: Redis, keys: Keys
) -> None:
    await redis.set(keys.near, 1)
    clock = FakeClock()
    heard = asyncio.Event()

    async def write() -> None:
        async with writes_of(store, telling, clock).intent() as intent:
            await until(lambda: clock.sleepers == 1)
            await clock.advance(store.timing.near + 0.1)
            await until(lambda: intent.is_heard)
            heard.set()
            intent.status = 201
            store.down = True

    writing = asyncio.ensure_future(write())
    await heard.wait()
    await until(lambda: telling.applied == [False])
    for _ in range(60):
        await clock.advance(0.2)
    await writing
    store.down = False
    await clock.advance(0.2)


async def test_of_another_redis_than_the_one_that_told_of_it_a_write_waits_once_more(
    store: Failing, telling: Telling, redis: Redis, keys: Keys
) -> None:
    await redis.set(keys.near, 1)
    await redis.set(keys.epoch, "one")
    clock = FakeClock()

    async def write() -> None:
        async with writes_of(store, telling, clock).intent() as intent:
            await redis.set(keys.epoch, "another")
            intent.status = 201

    writing = asyncio.ensure_future(write())
    for _ in range(2):
        assert not writing.done()
        await until(lambda: clock.sleepers == 1)
        await clock.advance(store.timing.near)
    await writing


async def test_the_ack_of_a_write_that_took_longer_is_kept_back_no_more(
    store: Failing, telling: Telling, redis: Redis, keys: Keys
) -> None:
    await redis.set(keys.near, 1)
    clock = FakeClock()
    async with writes_of(store, telling, clock).intent() as intent:
        await clock.advance(store.timing.near)
        intent.status = 201
