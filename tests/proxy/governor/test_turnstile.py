"""Lines of waiting calls, on a clock that the test moves and a limiter that says what the test wants."""

import asyncio
from collections import deque
from typing import Any, cast

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from core.clock import FakeClock
from proxy.governor.limiter import Grant, Limiter, Payer, Wait
from proxy.governor.purpose import Purpose
from proxy.governor.turnstile import Turnstile
from tests.proxy.governor.world import KEY


class Scripted:
    """Says no, with the same wait, as long as nothing was `freed`."""

    def __init__(self, clock: FakeClock, seconds: float = 1.0) -> None:
        self.clock = clock
        self.seconds = seconds
        self.freed = 0
        self.asked: list[Purpose] = []
        self.returned: list[Grant] = []
        self.left = 0
        self.errors: deque[Exception] = deque()
        self.is_alone = False

    def ask_alone(self, payer: Payer, purpose: Purpose) -> Grant | Wait:
        if self.errors:
            raise self.errors.popleft()
        if self.freed:
            self.freed -= 1
            return Grant("c1", 1, 5, self.clock.monotonic(), payer, by_share=True)
        return Wait("c1", 5, 5, self.seconds, "pace")

    async def ask(self, payer: Payer, purpose: Purpose, *, patience: float, waiting: int = 1) -> Grant | Wait:
        self.asked.append(purpose)
        await asyncio.sleep(0)
        if self.errors:
            raise self.errors.popleft()
        if self.freed:
            self.freed -= 1
            return Grant("c1", 1, 5, self.clock.monotonic(), payer, member=purpose.letter)
        return Wait("c1", 5, 5, self.seconds, "window")

    async def give_back(self, grant: Grant) -> None:
        self.returned.append(grant)

    async def leave_line(self, payer: Payer) -> None:
        self.left += 1


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def limiter(clock: FakeClock) -> Scripted:
    return Scripted(clock)


@pytest.fixture
def turnstile(clock: FakeClock, limiter: Scripted) -> Turnstile:
    return Turnstile(cast(Limiter, limiter), clock)


def entering(turnstile: Turnstile, purpose: Purpose, patience: float) -> "asyncio.Task[Any]":
    return asyncio.ensure_future(turnstile.enter(KEY, purpose, patience=patience))


async def test_a_call_that_may_leave_leaves_at_once(turnstile: Turnstile, limiter: Scripted) -> None:
    limiter.freed = 1
    assert isinstance(await turnstile.enter(KEY, Purpose.WARM, patience=0), Grant)


async def test_a_wait_that_is_too_long_is_refused_without_waiting(turnstile: Turnstile) -> None:
    refused = await turnstile.enter(KEY, Purpose.BOOKING, patience=0.9)
    assert isinstance(refused, Wait)
    assert refused.seconds == 1.0


async def test_it_asks_again_exactly_when_told(
    turnstile: Turnstile, limiter: Scripted, clock: FakeClock
) -> None:
    call = entering(turnstile, Purpose.INTERACTIVE, 2)
    await clock.settle()
    limiter.freed = 1
    await clock.advance(0.99)
    assert len(limiter.asked) == 1
    await clock.advance(0.02)
    assert isinstance(await call, Grant)
    assert len(limiter.asked) == 2


async def test_many_that_wait_ask_with_one_voice(
    turnstile: Turnstile, limiter: Scripted, clock: FakeClock
) -> None:
    first = entering(turnstile, Purpose.INTERACTIVE, 5)
    await clock.settle()
    others = [entering(turnstile, Purpose.INTERACTIVE, 5) for _ in range(50)]
    await clock.advance(0.9)
    assert len(limiter.asked) == 1
    limiter.freed = 51
    await clock.advance(0.2)
    assert all(isinstance(answer, Grant) for answer in await asyncio.gather(first, *others))


async def test_the_highest_class_and_then_the_earliest_deadline_goes_first(
    turnstile: Turnstile, limiter: Scripted, clock: FakeClock
) -> None:
    order: list[str] = []

    async def enter(name: str, purpose: Purpose, patience: float) -> None:
        assert isinstance(await turnstile.enter(KEY, purpose, patience=patience), Grant)
        order.append(name)

    tasks = []
    for name, purpose, patience in (
        ("warm", Purpose.WARM, 4),
        ("late", Purpose.INTERACTIVE, 9),
        ("early", Purpose.INTERACTIVE, 5),
        ("booking", Purpose.BOOKING, 9),
    ):
        tasks.append(asyncio.ensure_future(enter(name, purpose, patience)))
        await clock.settle()
    limiter.freed = 4
    await clock.advance(2)
    await asyncio.gather(*tasks)
    assert order == ["booking", "early", "late", "warm"]


async def test_a_booking_is_asked_for_at_once_however_long_others_wait(
    turnstile: Turnstile, limiter: Scripted, clock: FakeClock
) -> None:
    behind = entering(turnstile, Purpose.WARM, 5)
    await clock.settle()
    limiter.freed = 1
    assert isinstance(await entering(turnstile, Purpose.BOOKING, 5), Grant)
    assert not behind.done()
    behind.cancel()


async def test_whoever_cannot_be_served_in_time_hears_of_it_at_once(
    turnstile: Turnstile, limiter: Scripted, clock: FakeClock
) -> None:
    patient = entering(turnstile, Purpose.INTERACTIVE, 5)
    await clock.settle()
    hasty = entering(turnstile, Purpose.INTERACTIVE, 0.5)
    await clock.settle()
    refused = await hasty
    assert isinstance(refused, Wait)
    assert refused.seconds == pytest.approx(1.0)
    assert not patient.done()
    patient.cancel()


async def test_nobody_waits_longer_than_said(
    turnstile: Turnstile, limiter: Scripted, clock: FakeClock
) -> None:
    call = entering(turnstile, Purpose.WARM, 2.5)
    await clock.settle()
    await clock.advance(2.6)
    assert isinstance(await call, Wait)
    await clock.settle()
    assert limiter.left == 1


async def test_a_grant_for_somebody_who_left_goes_to_the_next_or_back(
    turnstile: Turnstile, limiter: Scripted, clock: FakeClock
) -> None:
    gone = entering(turnstile, Purpose.BOOKING, 5)
    await clock.settle()
    lower = entering(turnstile, Purpose.WARM, 5)
    await clock.settle()
    gone.cancel()
    await clock.settle()
    limiter.freed = 1
    await clock.advance(1.1)
    assert isinstance(await lower, Grant)
    alone = entering(turnstile, Purpose.BOOKING, 5)
    await clock.settle()
    limiter.freed = 1

    async def leave(*args: object, **kwargs: object) -> Grant:
        alone.cancel()
        await asyncio.sleep(0)
        return Grant("c1", 1, 5, clock.monotonic(), KEY, member="unused")

    limiter.ask = leave  # type: ignore[method-assign]
    await clock.advance(1.1)
    assert [grant.member for grant in limiter.returned] == ["unused"]


async def test_without_redis_everybody_in_line_hears_of_it_and_the_next_may_try(
    turnstile: Turnstile, limiter: Scripted, clock: FakeClock
) -> None:
    calls = [entering(turnstile, Purpose.INTERACTIVE, 5)]
    await clock.settle()
    calls.append(entering(turnstile, Purpose.WARM, 5))
    limiter.errors.append(RedisConnectionError("gone"))
    await clock.advance(1.1)
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(answer) for answer in answers] == [RedisConnectionError] * 2
    limiter.freed = 1
    assert isinstance(await turnstile.enter(KEY, Purpose.WARM, patience=0), Grant)


def sharing(turnstile: Turnstile, patience: float) -> "asyncio.Task[Any]":
    return asyncio.ensure_future(turnstile.enter(KEY, Purpose.INTERACTIVE, patience=patience, may_share=True))


async def test_alone_a_call_waits_for_the_share_and_redis_is_not_asked(
    turnstile: Turnstile, limiter: Scripted, clock: FakeClock
) -> None:
    limiter.is_alone = True
    call = sharing(turnstile, 2)
    await clock.settle()
    limiter.freed = 1
    await clock.advance(1.01)
    answer = await call
    assert isinstance(answer, Grant)
    assert answer.by_share
    assert isinstance(await sharing(turnstile, 0.5), Wait)
    assert limiter.asked == []


async def test_alone_a_call_that_may_not_share_asks_redis_all_the_same(
    turnstile: Turnstile, limiter: Scripted
) -> None:
    limiter.is_alone = True
    limiter.errors.append(RedisConnectionError("gone"))
    with pytest.raises(RedisConnectionError):
        await turnstile.enter(KEY, Purpose.BOOKING, patience=0)
    assert limiter.asked == [Purpose.BOOKING]


async def test_who_waits_for_the_share_while_redis_comes_back_asks_it(
    turnstile: Turnstile, limiter: Scripted, clock: FakeClock
) -> None:
    limiter.is_alone = True
    call = sharing(turnstile, 2)
    await clock.settle()
    limiter.is_alone, limiter.freed = False, 1
    await clock.advance(1.01)
    answer = await call
    assert isinstance(answer, Grant)
    assert not answer.by_share
