"""Turns in a real Redis: who comes first, who is told what, and what becomes of those who never leave."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from calcom.rivals import HOST_BUSY, Landed, Wish
from core.clock import FakeClock, SystemClock
from core.keys import Keys
from proxy.booking.turns import LEASE_SECONDS, Turn, Turns
from proxy.refusals import Queued, SlotTaken, StoreUnavailable
from tests.proxy.waiting import until


def wish(*names: str, begin: int = 0, end: int = 1800) -> Wish:
    return Wish(names, begin, end, begin, 7)


LANDED = Landed(7, 0, 1800, 1)


@pytest.fixture
def turns(redis: Redis, keys: Keys) -> Turns:
    return Turns(redis, keys, SystemClock(), patience=20)


async def waiting(redis: Redis, keys: Keys, number: int) -> None:
    async def are_there() -> bool:
        return await redis.zcard(keys.turns_leases) == number

    await until(are_there)


async def the_token(redis: Redis, keys: Keys) -> bytes:
    """Of the only one who has a turn."""
    (token,) = await redis.zrange(keys.turns_leases, 0, -1)
    assert isinstance(token, bytes)
    return token


class Crowd:
    """Takes turns and notes in which order they were had, and who had one with whom."""

    def __init__(self, turns: Turns, *, is_judged: bool = False) -> None:
        self._turns = turns
        self._is_judged = is_judged
        self.order: list[int] = []
        self.inside: dict[int, Wish] = {}

    async def take(self, number: int, wanted: Wish, leave: asyncio.Event | None = None) -> Turn:
        async with self._turns.turn(wanted, is_judged=self._is_judged) as turn:
            self.order.append(number)
            for other in self.inside.values():
                shares = set(other.names) & set(wanted.names)
                assert not (shares and other.begin < wanted.end and wanted.begin < other.end)
            self.inside[number] = wanted
            if leave is None:
                await asyncio.sleep(0)
            else:
                await leave.wait()
            del self.inside[number]
        return turn


@pytest.mark.parametrize(
    ("other", "waits"),
    [
        (wish("host:1"), True),
        (wish("host:2", "host:1", "type:7"), True),
        (wish("host:11"), False),
        (wish("host:1", begin=1800, end=3600), False),
        (wish("host:1", begin=-60, end=1), True),
    ],
)
async def test_rivals_wait_and_others_do_not(
    turns: Turns, redis: Redis, keys: Keys, other: Wish, waits: bool
) -> None:
    crowd, leave = Crowd(turns), asyncio.Event()
    first = asyncio.ensure_future(crowd.take(1, wish("host:1"), leave))
    await until(lambda: crowd.order == [1])
    second = asyncio.ensure_future(crowd.take(2, other))
    if waits:
        await waiting(redis, keys, 2)
        assert crowd.order == [1]
    else:
        await second
    leave.set()
    await asyncio.gather(first, second)
    assert crowd.order == [1, 2]


async def test_whoever_asked_first_comes_first_over_all_processes(redis: Redis, keys: Keys) -> None:
    processes = [Turns(redis, keys, SystemClock(), patience=20) for _ in range(3)]
    crowds, leave = [Crowd(one) for one in processes], asyncio.Event()
    order = crowds[0].order
    for crowd in crowds:
        crowd.order, crowd.inside = order, crowds[0].inside
    tasks = []
    for number in range(9):
        tasks.append(asyncio.ensure_future(crowds[number % 3].take(number, wish("host:1"), leave)))
        await waiting(redis, keys, number + 1)
    leave.set()
    await asyncio.gather(*tasks)
    assert order == list(range(9))


async def test_nobody_waits_in_a_circle_and_no_rivals_meet(redis: Redis, keys: Keys) -> None:
    dice = random.Random(7)
    crowd = Crowd(Turns(redis, keys, SystemClock(), patience=60))
    tasks = []
    for number in range(30):
        names = dice.sample([f"host:{one}" for one in range(4)], dice.randint(1, 3))
        begin = dice.randrange(0, 7200, 900)
        tasks.append(crowd.take(number, wish(*names, begin=begin, end=begin + 2700)))
    await asyncio.gather(*tasks)
    assert sorted(crowd.order) == list(range(30))
    assert await redis.zcard(keys.turns_leases) == 0


async def made_by(turns: Turns, asked: Sequence[str], made: Landed | None) -> None:
    async with turns.turn(wish(*asked), is_judged=False) as turn:
        turn.made = made


def needing(*names: str) -> Wish:
    """One that is refused for certain once somebody made the like of it."""
    return Wish(names, 0, 1800, 0, 7, frozenset({1}))


async def test_those_who_waited_are_refused_at_once_and_those_who_come_later_are_not(
    turns: Turns, redis: Redis, keys: Keys
) -> None:
    inside, leave = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        async with turns.turn(needing("host:1", "type:7"), is_judged=True) as turn:
            inside.set()
            await leave.wait()
            turn.made = LANDED

    judged, trusting = Crowd(turns, is_judged=True), Crowd(turns)
    running = asyncio.ensure_future(first())
    await inside.wait()
    waiters = [asyncio.ensure_future(judged.take(n, needing("type:7", "host:9"))) for n in range(20)]
    await waiting(redis, keys, 21)
    other = asyncio.ensure_future(trusting.take(30, needing("type:7")))
    unsure = asyncio.ensure_future(judged.take(31, wish("type:7")))
    await waiting(redis, keys, 23)
    leave.set()
    await running
    told = await asyncio.gather(*waiters, return_exceptions=True)
    assert [str(one) for one in told] == [HOST_BUSY] * 20
    assert [type(one) for one in told] == [SlotTaken] * 20
    await asyncio.gather(other, unsure)
    await judged.take(32, needing("host:1"))
    assert sorted(judged.order) == [31, 32]


async def test_one_that_made_nothing_leaves_nothing(turns: Turns, redis: Redis, keys: Keys) -> None:
    await made_by(turns, ["host:1"], None)
    assert await redis.zcard(keys.turns_leases) == 0
    assert await redis.hkeys(keys.turns) == [b"#"]


async def test_one_that_is_cancelled_makes_way_whether_it_waits_or_works(
    turns: Turns, redis: Redis, keys: Keys
) -> None:
    crowd, never = Crowd(turns), asyncio.Event()
    first = asyncio.ensure_future(crowd.take(1, wish("host:1"), never))
    await until(lambda: crowd.order == [1])
    second = asyncio.ensure_future(crowd.take(2, wish("host:1")))
    await waiting(redis, keys, 2)
    third = asyncio.ensure_future(crowd.take(3, wish("host:1")))
    await waiting(redis, keys, 3)
    for one in (second, first):
        one.cancel()
        with suppress(asyncio.CancelledError):
            await one
    crowd.inside.clear()
    await third
    assert crowd.order == [1, 3]


async def test_one_whose_process_is_gone_is_waited_for_until_its_lease_ends(
    turns: Turns, redis: Redis, keys: Keys
) -> None:
    crowd, never = Crowd(turns), asyncio.Event()
    gone = asyncio.ensure_future(crowd.take(1, wish("host:1"), never))
    await until(lambda: crowd.order == [1])
    token = await the_token(redis, keys)
    second = asyncio.ensure_future(crowd.take(2, wish("host:1")))
    await waiting(redis, keys, 2)
    crowd.inside.clear()
    await redis.zadd(keys.turns_leases, {token: 1})
    await second
    gone.cancel()
    with suppress(asyncio.CancelledError):
        await gone


async def test_a_turn_is_kept_for_as_long_as_it_takes(redis: Redis, keys: Keys) -> None:
    clock, never = FakeClock(), asyncio.Event()
    crowd = Crowd(Turns(redis, keys, clock, patience=20))
    task = asyncio.ensure_future(crowd.take(1, wish("host:1"), never))
    await until(lambda: crowd.order == [1])
    token = await the_token(redis, keys)
    before = await redis.zscore(keys.turns_leases, token)

    async def is_renewed() -> bool:
        await clock.advance(LEASE_SECONDS / 4)
        return await redis.zscore(keys.turns_leases, token) != before

    await until(is_renewed)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_patience_ends_and_the_one_that_gave_up_keeps_nobody_waiting(redis: Redis, keys: Keys) -> None:
    crowd, leave = Crowd(Turns(redis, keys, SystemClock(), patience=20)), asyncio.Event()
    first = asyncio.ensure_future(crowd.take(1, wish("host:1"), leave))
    await until(lambda: crowd.order == [1])
    hasty = Turns(redis, keys, SystemClock(), patience=0)
    with pytest.raises(Queued):
        await made_by(hasty, ["host:1"], None)
    assert await redis.zcard(keys.turns_leases) == 1
    leave.set()
    await first


async def test_without_redis_nothing_may_be_sent(
    redis: Redis, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = Turns(redis, keys, SystemClock(), patience=1)

    async def gone(*_: object) -> None:
        raise RedisError

    monkeypatch.setattr(turns, "_enter", gone)
    with pytest.raises(StoreUnavailable):
        await made_by(turns, ["host:1"], None)
