"""What Cal.com's headers tell of others on the same key, and what a Redis without a memory costs."""

import math
from collections.abc import Callable
from random import Random

import pytest
from redis.asyncio import Redis

from calcom.ratelimit import Told
from core.keys import Keys
from proxy.governor.limiter import Grant, Limiter, Limits, Wait
from proxy.governor.purpose import Purpose
from tests.proxy.governor.world import KEY, START, Fleet

CALM = Limits(pace=1_000)


async def fleet(redis: Redis, keys: Keys, limits: Limits = CALM) -> Fleet:
    one = Fleet(redis, keys, limits)
    await one.move(0)
    return one


async def granted(limiter: Limiter, purpose: Purpose = Purpose.BOOKING) -> int:
    """How many calls there are before one must wait."""
    calls = 0
    while isinstance(await limiter.ask(KEY, purpose), Grant):
        calls += 1
    return calls


async def hear(fleet: Fleet, *told: Told) -> Limiter:
    """Make one call whose answer says this."""
    limiter = fleet.limiters[0]
    grant = await limiter.ask(KEY, Purpose.BOOKING)
    assert isinstance(grant, Grant)
    await limiter.told(grant, told)
    return limiter


async def test_one_answer_shows_what_others_took_and_will_take(redis: Redis, keys: Keys) -> None:
    """Half a window has passed and thirty calls were others': as many are to come, three deviations more, and two."""
    limiter = await hear(await fleet(redis, keys), Told("default", 120, 120 - 31, 30))
    assert 40 <= await granted(limiter) <= 44


async def test_what_is_kept_for_others_is_ours_again_as_the_window_runs_out(redis: Redis, keys: Keys) -> None:
    """They do not come any more, as each answer shows."""
    one = await fleet(redis, keys)
    limiter = await hear(one, Told("default", 120, 120 - 31, 30))
    left, last = 120 - 31, START
    while one.clock.seconds < START + 29.9:
        answer = await limiter.ask(KEY, Purpose.BOOKING)
        if isinstance(answer, Wait):
            assert answer.reason == "others"
            await one.move(answer.seconds)
            continue
        left, last = left - 1, one.clock.seconds
        await one.move(0.02)
        await limiter.told(answer, [Told("default", 120, left, math.ceil(START + 30 - one.clock.seconds))])
    assert 1 <= left <= 4
    assert last > START + 28


async def test_a_call_that_was_overtaken_is_not_counted_twice(redis: Redis, keys: Keys) -> None:
    """Ten leave at once and arrive in any order; what is left is what Cal.com says after the last."""
    one = await fleet(redis, keys)
    limiter = one.limiters[0]
    grants = [await limiter.ask(KEY, Purpose.BOOKING) for _ in range(10)]
    for number, grant in enumerate(reversed(grants)):
        await one.move(0.01)
        assert isinstance(grant, Grant)
        await limiter.told(grant, [Told("default", 120, 119 - number, 60)])
    assert await granted(limiter) == 110


async def test_who_begins_while_we_call_fast_is_taken_for_half_the_key_at_first_sight_and_not_for_long(
    redis: Redis, keys: Keys
) -> None:
    """Ours come ten a second; the first of another's is seen among them, and none follows."""
    one = await fleet(redis, keys, Limits())
    for number in range(21):
        await one.call(0, Purpose.BOOKING, travel=0.01, answer=0.01)
        await one.move(0.12)
        if number == 19:
            one.hit()
    first = float((await redis.hgetall(keys.headers(KEY.bucket)))[b"fear"])
    assert first == 60
    for _ in range(20):
        await one.move(1)
        await one.call(0, Purpose.BOOKING, travel=0.01, answer=0.01)
    await one.move(1)
    later = float((await redis.hgetall(keys.headers(KEY.bucket)))[b"fear"])
    assert later < 7


async def test_who_opened_a_window_is_nobody_else_once_its_beginning_is_known_to_the_moment(
    redis: Redis, keys: Keys
) -> None:
    """Ten left at once, on their way for 50 ms; a faster one's answer shows that the window began after they left."""
    one = await fleet(redis, keys, Limits())
    for _ in range(10):
        await one.call(0, Purpose.BOOKING, travel=0.05, answer=0.01)
    await one.move(1)
    one.hit()
    for _ in range(9):
        await one.move(1.002)
        await one.call(0, Purpose.BOOKING, travel=0.01, answer=0.01)
    await one.move(1)
    told = await redis.hgetall(keys.headers(KEY.bucket))
    assert int(told[b"next"]) + 1_000 - 60_000 > START * 1_000
    assert (told[b"theirs"], told[b"left"]) == (b"1", b"100")


@pytest.mark.parametrize(
    ("calls", "least", "most"),
    [
        (lambda dice, second: 1, 1, 1),
        (lambda dice, second: sum(dice.random() < 0.05 for _ in range(20)), 0.6, 1.4),
        (lambda dice, second: 8 if dice.random() < 0.05 else 0, 3, 8),
    ],
    ids=["steady", "chance", "bursts"],
)
async def test_bursts_are_told_from_what_others_make_and_steadiness_is_not_believed(
    redis: Redis, keys: Keys, calls: Callable[[Random, int], int], least: float, most: float
) -> None:
    one, dice = await fleet(redis, keys), Random(1)
    spreads = []
    for second in range(600):
        for _ in range(calls(dice, second)):
            one.hit()
        await one.call(0, Purpose.BOOKING, travel=0.01, answer=0.01)
        await one.move(1)
        spreads.append(float(await redis.hget(keys.headers(KEY.bucket), "spread") or 0))
    assert spreads[0] == 1
    assert least <= spreads[-1] <= most


async def test_who_has_just_begun_made_more_since_the_last_answer_than_their_mean_knows(
    redis: Redis, keys: Keys
) -> None:
    """Five seconds old, at a call a second: five may have come."""
    one = await fleet(redis, keys)
    limiter = await hear(one, Told("default", 120, 20, 5))
    heard = {"rate": 14, "begun": 60, "fear": 60, "most": 60, "spread": 1}
    await redis.hset(keys.headers(KEY.bucket), mapping={name: str(value) for name, value in heard.items()})
    await one.move(4.9)
    assert 8 <= await granted(limiter) <= 12


@pytest.mark.parametrize(("spread", "kept"), [(1, 48), (8, 82)])
async def test_more_is_kept_for_bursts_than_for_chance(
    redis: Redis, keys: Keys, spread: float, kept: int
) -> None:
    """Thirty calls are to come."""
    limiter = await hear(await fleet(redis, keys), Told("default", 120, 120 - 31, 30))
    await redis.hset(keys.headers(KEY.bucket), "spread", str(spread))
    assert abs(120 - 31 - await granted(limiter) - kept) <= 5


async def test_others_that_take_all_leave_a_trickle_but_never_what_is_not_there(
    redis: Redis, keys: Keys
) -> None:
    one = await fleet(redis, keys)
    limiter = await hear(one, Told("default", 120, 3, 30))
    refused = await limiter.ask(KEY, Purpose.BOOKING)
    assert isinstance(refused, Wait)
    assert refused.reason == "others"
    assert 29 < refused.seconds <= 31.5
    await one.move(refused.seconds)
    assert 1 <= await granted(limiter) <= 12


async def test_the_log_of_a_single_answered_call_still_ends_by_itself(redis: Redis, keys: Keys) -> None:
    await hear(await fleet(redis, keys), Told("default", 120, 119, 60))
    assert await redis.zcard(keys.permits(KEY.bucket)) == 1
    assert await redis.pttl(keys.permits(KEY.bucket)) > 0


async def test_our_own_calls_are_nobody_elses(redis: Redis, keys: Keys) -> None:
    one = await fleet(redis, keys)
    for _ in range(60):
        await one.call(0, Purpose.BOOKING)
        await one.move(0.4)
    told = await redis.hgetall(keys.headers(KEY.bucket))
    assert (told[b"rate"], told[b"before"]) == (b"0", b"0")
    assert await granted(one.limiters[1]) == 60


async def test_others_who_went_may_come_back_for_an_hour(redis: Redis, keys: Keys) -> None:
    """Room is left for them, and becomes ours as the window runs out; after an hour none is."""
    one = await fleet(redis, keys)
    limiter = await hear(one, Told("default", 120, 120 - 31, 30))
    await one.move(95)
    at_once = 0
    while isinstance(await one.call(0, Purpose.BOOKING), Grant):
        at_once += 1
    assert 35 <= at_once <= 45
    for _ in range(59):
        await one.move(1)
        while isinstance(await one.call(0, Purpose.BOOKING), Grant):
            at_once += 1
    assert 115 <= at_once <= 120
    await one.move(3_700)
    await one.call(0, Purpose.BOOKING)
    await one.move(1)
    assert await granted(limiter) == 119


async def test_a_lower_limit_in_the_headers_holds_and_a_higher_one_does_not(redis: Redis, keys: Keys) -> None:
    assert await granted(await hear(await fleet(redis, keys), Told("default", 60, 59, 60))) == 59
    assert await redis.hget(keys.limits, KEY.bucket) == b"60"
    await redis.flushall()
    assert await granted(await hear(await fleet(redis, keys), Told("default", 800, 799, 60))) == 119


async def test_of_several_limits_the_most_generous_decides(redis: Redis, keys: Keys) -> None:
    """Cal.com refuses only when all of a key's limits are reached (contract 2)."""
    told = (Told("short", 10, 0, 60), Told("long", 100, 99, 60), Told("daily", 9_000, 8_999, 80_000))
    assert await granted(await hear(await fleet(redis, keys), *told)) == 99


async def test_a_window_longer_than_ours_is_of_another_clock_and_not_believed(
    redis: Redis, keys: Keys
) -> None:
    one = await fleet(redis, keys, Limits(window=6, pace=1_000))
    limiter = await hear(one, Told("default", 120, 0, 60))
    await hear(one, Told("default", 120, 0, 5))
    assert await granted(limiter) == 118


async def test_an_answer_of_an_earlier_window_changes_nothing(redis: Redis, keys: Keys) -> None:
    one = await fleet(redis, keys)
    limiter = one.limiters[0]
    slow = await limiter.ask(KEY, Purpose.BOOKING)
    assert isinstance(slow, Grant)
    await one.move(62)
    await hear(one, Told("default", 120, 119, 60))
    known = await redis.hgetall(keys.headers(KEY.bucket))
    await limiter.told(slow, [Told("default", 120, 0, 1)])
    assert await redis.hgetall(keys.headers(KEY.bucket)) == known


async def test_no_class_takes_what_is_kept_for_others_above_it_of_calcoms_remainder(
    redis: Redis, keys: Keys
) -> None:
    one = await fleet(redis, keys)
    limiter = await hear(one, Told("default", 120, 12, 1))
    await one.move(0.01)
    assert await granted(limiter, Purpose.WARM) == 0
    assert await granted(limiter, Purpose.BOOKING) >= 1


async def test_what_an_earlier_version_wrote_down_breaks_nothing(redis: Redis, keys: Keys) -> None:
    one = await fleet(redis, keys)
    now = round(START * 1000)
    for field, value in {"left": 60, "at": now, "ends": now + 30_000, "rate": 30, "before": 0}.items():
        await redis.hset(keys.headers(KEY.bucket), field, str(value))
    await redis.hset(keys.headers(KEY.bucket), "limit", "120")
    limiter = await hear(one, Told("default", 120, 59, 30))
    await limiter.ask(KEY, Purpose.BOOKING)
    await one.move(91)
    assert await granted(limiter) >= 12


async def forget(redis: Redis, fleet: Fleet) -> None:
    await redis.flushall()
    await fleet.move(0)


async def test_a_redis_that_lost_its_memory_has_a_window_spent(redis: Redis, keys: Keys) -> None:
    one = await fleet(redis, keys)
    await one.limiters[0].ask(KEY)
    await forget(redis, one)
    refused = await one.limiters[0].ask(KEY, Purpose.BOOKING)
    assert isinstance(refused, Wait)
    assert refused.reason == "forgotten"
    assert 60 < refused.seconds <= 61
    await one.move(refused.seconds)
    assert await granted(one.limiters[0]) == 120


async def test_a_process_that_never_asked_learns_it_from_one_that_had(redis: Redis, keys: Keys) -> None:
    one = await fleet(redis, keys)
    await one.call(0, Purpose.BOOKING)
    await forget(redis, one)
    # Nobody can tell this one that there was anything to forget.
    assert isinstance(await one.limiters[1].ask(KEY), Grant)
    await one.move(10)
    refused = await one.limiters[0].ask(KEY)
    assert isinstance(refused, Wait)
    assert 50 < refused.seconds <= 51
    assert isinstance(await one.limiters[1].ask(KEY), Wait)


async def test_an_empty_redis_that_nobody_knew_costs_nothing(redis: Redis, keys: Keys) -> None:
    assert await granted((await fleet(redis, keys)).limiters[0]) == 120


async def test_asking_late_with_an_old_memory_extends_nothing(redis: Redis, keys: Keys) -> None:
    one = await fleet(redis, keys)
    await one.call(0, Purpose.BOOKING)
    await one.call(1, Purpose.BOOKING)
    await forget(redis, one)
    await one.limiters[0].ask(KEY)
    await one.move(61)
    assert isinstance(await one.limiters[1].ask(KEY), Grant)


@pytest.mark.parametrize(("written", "left"), [("yes", 60), ("no", 0)])
async def test_a_restart_costs_what_was_not_written_down(
    redis: Redis, keys: Keys, written: str, left: int
) -> None:
    """Two seconds of the pace with an append-only file, a window without one."""
    before = (await redis.config_get("appendonly"))["appendonly"]
    await redis.config_set("appendonly", written)
    try:
        await redis.set(keys.epoch, "one")
        one = await fleet(redis, keys, Limits(api_key=80, pace=10))
        limiter = one.limiters[0]
        await limiter.ask(KEY)
        await redis.set(keys.epoch, "two")
        calls = 0
        while True:
            answer = await limiter.ask(KEY, Purpose.BOOKING)
            if isinstance(answer, Wait) and answer.reason != "pace":
                break
            calls += isinstance(answer, Grant)
            await one.move(answer.seconds if isinstance(answer, Wait) else 0)
        assert answer.reason == "forgotten"
        assert calls == max(0, left - 1)
        await one.move(answer.seconds)
        assert isinstance(await limiter.ask(KEY, Purpose.BOOKING), Grant)
    finally:
        await redis.config_set("appendonly", str(before))
