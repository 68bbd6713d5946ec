"""Several processes' boards around one Redis: who is told what, and whose the probe is."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import orjson
import pytest
import pytest_asyncio
from redis.asyncio import Redis

from calcom.paths import Breaker as Endpoints
from core.clock import SystemClock
from core.keys import Keys
from core.redis import connect
from proxy.breaker.board import BreakerBoard
from proxy.breaker.machine import Knock, Pass, State, Terms
from proxy.refusals import CircuitOpen
from tests.proxy.waiting import until

SLOTS = Endpoints.SLOTS
CLOCK = SystemClock()
Join = Callable[..., Awaitable["Process"]]


class Telling:
    def __init__(self) -> None:
        self.moves: list[tuple[Endpoints, State]] = []
        self.refused = 0

    def breaker_moved(self, endpoint: Endpoints, state: State) -> None:
        self.moves.append((endpoint, state))

    def rejected(self, endpoint: Endpoints) -> None:
        self.refused += 1


class Process:
    """One process's board, and what it counted."""

    def __init__(self, redis: Redis, keys: Keys, **terms: Any) -> None:
        self.telling = Telling()
        self.heard = 0
        one = Terms(**{"failures": 1, "open_seconds": 0.05, "longest": 0.05} | terms)
        telemetry: Any = self.telling
        self.board = BreakerBoard(redis, keys, telemetry, CLOCK, dict.fromkeys(Endpoints, one))

    async def has_heard(self, words: int) -> bool:
        return self.heard >= words

    @property
    def state(self) -> State:
        return self.board[SLOTS].state

    async def entered(self) -> Pass:
        permit = self.board.enter(SLOTS)
        return await self.board.probe(SLOTS, permit) if isinstance(permit, Knock) else permit

    async def let(self) -> Pass:
        """Leave to call, asked for until it is given: Redis' clock may think that a probe is due a little later."""
        found: list[Pass] = []

        async def is_let() -> bool:
            try:
                found.append(await self.entered())
            except CircuitOpen:
                return False
            return True

        await until(is_let)
        return found[0]

    async def call(self, *, ok: bool) -> None:
        permit = await self.let()
        self.board.record(SLOTS, permit, ok=ok)
        self.board.release(SLOTS, permit)

    async def due(self) -> None:
        """Return once a probe may be asked for, by Redis' clock too."""

        async def is_due() -> bool:
            return self.board[SLOTS].left(CLOCK.monotonic()) <= -0.2

        await until(is_due)

    async def becomes(self, state: State) -> None:
        async def is_so() -> bool:
            return self.state is state

        await until(is_so)


@asynccontextmanager
async def listening(redis: Redis, keys: Keys, process: Process) -> AsyncIterator[None]:
    """The process hears what is told, as `Pushes` has it hear."""
    async with redis.pubsub() as channel:
        await channel.subscribe(keys.told)
        await channel.get_message(timeout=5)

        async def hear() -> None:
            async for message in channel.listen():
                word, *rest = message["data"].decode().split(" ")
                process.board.hear(word, rest)
                process.heard += 1

        task = asyncio.ensure_future(hear())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@pytest_asyncio.fixture
async def join(redis: Redis, keys: Keys) -> AsyncIterator[Join]:
    """A further process of the fleet."""
    async with AsyncExitStack() as stack:

        async def one(**terms: Any) -> Process:
            process = Process(redis, keys, **terms)
            await stack.enter_async_context(listening(redis, keys, process))
            return process

        yield one


async def record_of(redis: Redis, keys: Keys) -> Any:
    text: Any = await redis.hget(keys.breaker, "slots")
    return orjson.loads(text) if text else None


async def is_shared(redis: Redis, keys: Keys) -> bool:
    """Whether it is open for the whole fleet."""
    record = await record_of(redis, keys)
    return record is not None and record["state"] == "open"


async def all_open(redis: Redis, keys: Keys, *processes: Process) -> None:
    """Two of them have seen it, and all know."""
    for process in processes[:2]:
        if process.state is State.CLOSED:
            await process.call(ok=False)
    await until(lambda: is_shared(redis, keys))
    for process in processes:
        await process.becomes(State.OPEN)


async def test_alone_a_process_opens_for_the_whole_fleet_and_says_since_when(
    redis: Redis, keys: Keys, join: Join
) -> None:
    process = await join()
    await process.call(ok=False)
    await all_open(redis, keys, process)
    record = await record_of(redis, keys)
    assert abs(record["since"] - CLOCK.now()) < 60
    assert process.telling.moves == [(SLOTS, State.OPEN)]


async def test_one_of_several_opens_for_itself_until_a_second_or_it_again_says_so(
    redis: Redis, keys: Keys, join: Join
) -> None:
    one, other, third = await join(), await join(), await join()
    await one.call(ok=False)

    async def has_accused() -> bool:
        return await record_of(redis, keys) is not None

    await until(has_accused)
    assert (await record_of(redis, keys))["state"] == "closed"
    assert (one.state, other.state) == (State.OPEN, State.CLOSED)
    await other.call(ok=False)
    await third.becomes(State.OPEN)
    assert third.telling.moves == [(SLOTS, State.OPEN)]


async def test_one_that_says_so_again_is_believed_until_another_sees_otherwise(
    redis: Redis, keys: Keys, join: Join
) -> None:
    bad, good = await join(), await join()
    await bad.call(ok=False)
    await bad.due()
    await bad.call(ok=False)
    await good.becomes(State.OPEN)
    await good.due()
    await good.call(ok=True)
    await bad.becomes(State.CLOSED)
    for _ in range(3):
        await bad.call(ok=False)
        await bad.due()
    record = await record_of(redis, keys)
    assert (record["state"], good.state) == ("closed", State.CLOSED)


async def test_of_an_open_circuit_exactly_one_process_gets_the_probe(
    redis: Redis, keys: Keys, join: Join
) -> None:
    fleet = [await join() for _ in range(4)]
    await all_open(redis, keys, *fleet)
    for process in fleet:
        await process.due()
    asked = await asyncio.gather(*(process.entered() for process in fleet), return_exceptions=True)
    probes = [one for one in asked if isinstance(one, Pass)]
    assert len(probes) == 1
    assert probes[0].is_probe
    assert sum(isinstance(one, CircuitOpen) for one in asked) == 3
    assert (await record_of(redis, keys))["state"] == "half_open"


async def test_a_good_probe_closes_it_for_all_and_a_bad_one_opens_it_for_longer(
    redis: Redis, keys: Keys, join: Join
) -> None:
    one, other = await join(open_seconds=0.05, longest=10), await join(open_seconds=0.05, longest=10)
    await all_open(redis, keys, one, other)
    await one.due()
    await one.call(ok=False)

    async def is_told() -> bool:
        return other.board[SLOTS].opens == 2

    await until(is_told)
    await other.due()
    await other.call(ok=True)
    await one.becomes(State.CLOSED)
    assert (await record_of(redis, keys))["state"] == "closed"


async def test_a_probe_that_is_given_back_lets_another_process_probe_at_once(
    redis: Redis, keys: Keys, join: Join
) -> None:
    one, other = await join(), await join()
    await all_open(redis, keys, one, other)
    await one.due()
    permit = await one.let()
    one.board.release(SLOTS, permit)

    async def is_free() -> bool:
        return "probe" not in await record_of(redis, keys)

    await until(is_free)
    await other.due()
    assert (await other.let()).is_probe


async def test_a_caller_that_leaves_while_the_probe_is_asked_for_leaves_nothing_behind(
    redis: Redis, keys: Keys, join: Join
) -> None:
    process = await join()
    await process.call(ok=False)
    await all_open(redis, keys, process)
    await process.due()
    asking = asyncio.ensure_future(process.entered())
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    async def can_probe() -> bool:
        try:
            return (await process.entered()).is_probe
        except CircuitOpen:
            return False

    await until(can_probe)


async def test_the_probe_of_a_process_that_died_is_anothers_when_its_time_is_over(
    redis: Redis, keys: Keys, join: Join
) -> None:
    one, other = await join(), await join()
    await all_open(redis, keys, one, other)
    await one.due()
    await one.let()
    record = await record_of(redis, keys)
    await redis.hset(keys.breaker, "slots", orjson.dumps(record | {"probe_until": 0, "prober": "dead"}))
    await other.due()
    assert (await other.let()).is_probe


async def test_the_late_probe_of_one_that_was_taken_for_dead_closes_nothing(
    redis: Redis, keys: Keys, join: Join
) -> None:
    one, other = await join(), await join()
    await all_open(redis, keys, one, other)
    await one.due()
    late = await one.let()
    record = await record_of(redis, keys)
    await redis.hset(keys.breaker, "slots", orjson.dumps(record | {"probe_until": 0, "prober": "dead"}))
    await other.due()
    await other.let()
    one.board.record(SLOTS, late, ok=True)

    async def has_settled() -> bool:
        return not [task for task in asyncio.all_tasks() if task.get_name() == "breaker.probed"]

    await until(has_settled)
    assert (await record_of(redis, keys))["state"] == "half_open"
    assert other.state is State.HALF_OPEN


async def test_a_new_process_takes_over_how_it_is(redis: Redis, keys: Keys, join: Join) -> None:
    one, other = await join(open_seconds=30, longest=30), await join(open_seconds=30, longest=30)
    await all_open(redis, keys, one, other)
    fresh = await join()
    await fresh.board.look()
    with pytest.raises(CircuitOpen) as refused:
        fresh.board.enter(SLOTS)
    assert 20 < (refused.value.retry_after or 0) <= 30
    assert fresh.telling.refused == 1
    assert fresh.board[Endpoints.READS].state is State.CLOSED


async def test_a_redis_that_forgot_everything_learns_from_who_asks(
    redis: Redis, keys: Keys, join: Join
) -> None:
    one, other = await join(), await join()
    await all_open(redis, keys, one, other)
    await redis.delete(keys.breaker)
    await one.due()
    await one.call(ok=True)
    await other.becomes(State.CLOSED)


async def test_who_missed_a_word_learns_it_when_it_asks_for_the_probe(
    redis: Redis, keys: Keys, join: Join
) -> None:
    one, other = await join(), await join()
    deaf = Process(redis, keys)
    await all_open(redis, keys, one, other)
    await deaf.board.look()
    await one.due()
    await one.call(ok=True)
    await other.becomes(State.CLOSED)
    await deaf.due()
    assert not (await deaf.let()).is_probe
    assert deaf.state is State.CLOSED


async def test_without_redis_a_process_judges_alone(keys: Keys) -> None:
    away = connect("redis://127.0.0.1:9/0", client_name="tests")
    process = Process(away, keys)
    await process.call(ok=False)
    assert process.telling.moves == [(SLOTS, State.OPEN)]
    await process.due()
    await process.call(ok=True)
    assert process.state is State.CLOSED
    await away.aclose()


async def test_endpoint_classes_fail_apart(join: Join) -> None:
    process = await join()
    await process.call(ok=False)
    assert process.board[Endpoints.WRITES].state is process.board[Endpoints.READS].state is State.CLOSED


async def test_failures_over_the_fleet_add_up(redis: Redis, keys: Keys, join: Join) -> None:
    """Five in all, and the next of the other process: each would need five of its own."""
    patient = {"failures": 5, "open_seconds": 10, "longest": 10}
    one, other = await join(**patient), await join(**patient)
    for number in range(5):
        await (one if number % 2 == 0 else other).call(ok=False)
        await until(lambda so_far=number + 1: one.has_heard(so_far))
        await until(lambda so_far=number + 1: other.has_heard(so_far))
    assert (one.state, other.state) == (State.OPEN, State.CLOSED)
    await other.call(ok=False)
    assert other.state is State.OPEN
    await until(lambda: is_shared(redis, keys))


async def test_words_about_what_is_not_known_here_are_passed_over(join: Join) -> None:
    process = await join()
    process.board.hear("x", ["teapots", "p", "0", "0"])
    process.board.hear("o", ["teapots", "0", "{}"])
    assert process.state is State.CLOSED


async def test_who_prepares_a_call_learns_beforehand_that_it_would_be_refused(join: Join) -> None:
    process = await join(open_seconds=30, longest=30)
    process.board.check(SLOTS)
    await process.call(ok=False)
    with pytest.raises(CircuitOpen) as refused:
        process.board.check(SLOTS)
    assert 20 < (refused.value.retry_after or 0) <= 30
    process.board.check(Endpoints.READS)


async def test_when_a_probe_is_due_nobody_is_turned_away_beforehand(join: Join) -> None:
    process = await join()
    await process.call(ok=False)
    await process.due()
    process.board.check(SLOTS)
    assert (await process.let()).is_probe
