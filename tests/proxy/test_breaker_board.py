from typing import Any

import orjson
from redis.asyncio import Redis

from calcom.paths import Breaker as Endpoints
from core.clock import FakeClock
from core.keys import Keys
from core.redis import connect
from proxy.breaker import Pass, State
from proxy.breaker_board import BreakerBoard
from tests.proxy.waiting import until


class Telling:
    def __init__(self) -> None:
        self.moves: list[tuple[Endpoints, State]] = []

    def breaker_moved(self, endpoint: Endpoints, state: State) -> None:
        self.moves.append((endpoint, state))


def board(redis: Redis, keys: Keys, telling: Telling, clock: FakeClock) -> BreakerBoard:
    return BreakerBoard(redis, keys, telling, clock, failures=1, open_seconds=10)  # type: ignore[arg-type]


def fail(breakers: BreakerBoard, clock: FakeClock) -> None:
    permit = breakers[Endpoints.SLOTS].enter(clock.monotonic())
    assert isinstance(permit, Pass)
    breakers[Endpoints.SLOTS].record(permit, ok=False, now=clock.monotonic())


async def test_a_transition_is_counted_once_and_written_for_the_monitor(redis: Redis, keys: Keys) -> None:
    telling, clock = Telling(), FakeClock()
    breakers = board(redis, keys, telling, clock)
    fail(breakers, clock)
    breakers.publish(Endpoints.SLOTS)
    breakers.publish(Endpoints.SLOTS)
    assert telling.moves == [(Endpoints.SLOTS, State.OPEN)]
    await until(lambda: redis.hexists(keys.breaker, "slots"))
    word: Any = await redis.hget(keys.breaker, "slots")
    assert orjson.loads(word) == {"state": "open", "since": clock.now()}


async def test_endpoint_classes_fail_apart(redis: Redis, keys: Keys) -> None:
    clock = FakeClock()
    breakers = board(redis, keys, Telling(), clock)
    fail(breakers, clock)
    assert breakers[Endpoints.SLOTS].state is State.OPEN
    assert breakers[Endpoints.WRITES].state is breakers[Endpoints.READS].state is State.CLOSED


async def test_a_redis_that_is_away_stops_no_transition(keys: Keys) -> None:
    away = connect("redis://127.0.0.1:9/0", client_name="tests")
    telling, clock = Telling(), FakeClock()
    breakers = board(away, keys, telling, clock)
    fail(breakers, clock)
    breakers.publish(Endpoints.SLOTS)
    assert telling.moves == [(Endpoints.SLOTS, State.OPEN)]
    await away.aclose()
