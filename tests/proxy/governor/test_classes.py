"""Who gets the next call, and who must leave it to others: the script's rules, on a clock the test moves."""

import pytest
from redis.asyncio import Redis

from calcom.ratelimit import side_of
from core.keys import Keys
from proxy.governor.limiter import Grant, Limits, Payer, Wait
from proxy.governor.purpose import Purpose, Reserves
from tests.proxy.governor.world import KEY, Fleet

CALM = Limits(pace=1_000)


async def fleet(redis: Redis, keys: Keys, limits: Limits = CALM) -> Fleet:
    one = Fleet(redis, keys, limits)
    await one.move(0)
    return one


async def spend(fleet: Fleet, purpose: Purpose) -> int:
    """How many calls the class gets before it must wait."""
    before = fleet.granted[purpose]
    while isinstance(await fleet.call(0, purpose), Grant):
        pass
    return fleet.granted[purpose] - before


@pytest.mark.parametrize(
    ("purpose", "calls"),
    [
        (Purpose.BOOKING, 120),
        (Purpose.INTERACTIVE, 108),
        (Purpose.REVALIDATE, 84),
        (Purpose.LEARN, 84),
        (Purpose.WARM, 60),
        (Purpose.AUDIT, 60),
    ],
)
async def test_the_last_calls_of_a_window_are_kept_for_the_classes_above(
    redis: Redis, keys: Keys, purpose: Purpose, calls: int
) -> None:
    assert await spend(await fleet(redis, keys), purpose) == calls


async def test_each_class_finds_what_the_one_below_could_not_take(redis: Redis, keys: Keys) -> None:
    one = await fleet(redis, keys)
    order = (Purpose.WARM, Purpose.REVALIDATE, Purpose.INTERACTIVE, Purpose.BOOKING)
    assert [await spend(one, purpose) for purpose in order] == [60, 24, 24, 12]
    assert await spend(one, Purpose.BOOKING) == 0


async def test_audits_have_a_floor_among_clients_calls_and_no_more(redis: Redis, keys: Keys) -> None:
    one = await fleet(redis, keys)
    assert await spend(one, Purpose.REVALIDATE) == 84
    assert await spend(one, Purpose.AUDIT) == 2
    assert await spend(one, Purpose.INTERACTIVE) == 22
    await one.move(61)
    assert await spend(one, Purpose.INTERACTIVE) == 108
    assert await spend(one, Purpose.AUDIT) == 0


async def test_reserves_scale_with_the_limit_and_round_down(redis: Redis, keys: Keys) -> None:
    assert await spend(await fleet(redis, keys, Limits(api_key=9, pace=1_000)), Purpose.INTERACTIVE) == 9
    await redis.flushall()
    many = Limits(api_key=1_000, pace=10_000, reserves=Reserves(5, 10))
    assert await spend(await fleet(redis, keys, many), Purpose.REVALIDATE) == 850


async def test_a_burst_of_lower_classes_leaves_room_in_the_second_for_those_above(
    redis: Redis, keys: Keys
) -> None:
    one = await fleet(redis, keys, Limits())
    order = (Purpose.WARM, Purpose.REVALIDATE, Purpose.INTERACTIVE, Purpose.BOOKING)
    assert [await spend(one, purpose) for purpose in order] == [1, 3, 4, 2]


async def test_coming_back_when_told_succeeds_in_every_class(redis: Redis, keys: Keys) -> None:
    one = await fleet(redis, keys, Limits())
    for _ in range(150):
        for purpose in Purpose:
            verdict = await one.call(0, purpose)
            if isinstance(verdict, Wait):
                await one.move(verdict.seconds)
                assert isinstance(await one.call(0, purpose), Grant), verdict


async def test_what_waits_in_another_process_goes_first(redis: Redis, keys: Keys) -> None:
    one = await fleet(redis, keys, Limits(api_key=1, pace=1))
    await one.call(0, Purpose.INTERACTIVE)
    waiting = await one.call(1, Purpose.INTERACTIVE, patience=90)
    assert isinstance(waiting, Wait)
    await one.move(waiting.seconds)
    behind = await one.call(2, Purpose.REVALIDATE, patience=1)
    assert isinstance(behind, Wait)
    assert behind.reason == "line"
    later = await one.call(3, Purpose.INTERACTIVE, patience=95)
    assert isinstance(later, Wait)
    assert later.reason == "line"
    assert isinstance(await one.call(1, Purpose.INTERACTIVE, patience=30), Grant)


async def test_an_earlier_deadline_or_a_higher_class_does_not_stand_in_line(redis: Redis, keys: Keys) -> None:
    for purpose, patience in ((Purpose.INTERACTIVE, 1), (Purpose.BOOKING, 99)):
        await redis.flushall()
        one = await fleet(redis, keys, Limits(api_key=1, pace=1))
        await one.call(0, Purpose.INTERACTIVE)
        waiting = await one.call(1, Purpose.INTERACTIVE, patience=90)
        assert isinstance(waiting, Wait)
        await one.move(waiting.seconds)
        assert isinstance(await one.call(2, purpose, patience=patience), Grant)


async def test_a_dead_process_holds_nobody_up_for_long(redis: Redis, keys: Keys) -> None:
    one = await fleet(redis, keys, Limits(api_key=1, pace=1))
    await one.call(0, Purpose.INTERACTIVE)
    waiting = await one.call(1, Purpose.BOOKING, patience=90)
    assert isinstance(waiting, Wait)
    await one.move(waiting.seconds + 0.26)
    assert isinstance(await one.call(2, Purpose.WARM, patience=1), Grant)


async def test_nobody_stands_in_line_who_will_not_wait_so_long(redis: Redis, keys: Keys) -> None:
    one = await fleet(redis, keys, Limits(api_key=1, pace=1))
    await one.call(0, Purpose.INTERACTIVE)
    await one.call(1, Purpose.BOOKING, patience=10)
    assert await redis.hgetall(keys.lines(KEY.bucket)) == {}


async def test_what_was_given_back_is_somebody_elses(redis: Redis, keys: Keys) -> None:
    one = await fleet(redis, keys, Limits(api_key=1, pace=1))
    grant = await one.limiters[0].ask(KEY)
    assert isinstance(grant, Grant)
    await one.limiters[0].give_back(grant)
    assert isinstance(await one.limiters[1].ask(KEY), Grant)


async def test_a_call_that_leaves_late_is_counted_from_then(redis: Redis, keys: Keys) -> None:
    one = await fleet(redis, keys, Limits(api_key=1, pace=1))
    grant = await one.limiters[0].ask(KEY)
    assert isinstance(grant, Grant)
    assert await one.limiters[0].left(grant) is grant
    await one.move(5)
    assert (await one.limiters[0].left(grant)).at == grant.at + 5_000
    await one.move(57)
    refused = await one.limiters[1].ask(KEY)
    assert isinstance(refused, Wait)
    assert 3.9 < refused.seconds <= 4.1


async def test_the_last_calls_that_were_held_are_remembered_with_the_reason(redis: Redis, keys: Keys) -> None:
    one = await fleet(redis, keys, Limits(api_key=2, pace=2))
    for _ in range(99):
        await one.call(0, Purpose.BOOKING)
    held = await redis.lrange(keys.held(KEY.bucket), 0, -1)
    assert len(held) == 50
    assert held[0].split()[1:3] == [b"b", b"window"]


async def test_a_side_limit_leaves_the_credentials_own_bucket_alone(redis: Redis, keys: Keys) -> None:
    one = await fleet(redis, keys, Limits())
    guests = Payer(KEY.credential, side_of("POST", "/v2/bookings/a/guests"))
    answers = [await one.limiters[0].ask(guests, Purpose.BOOKING) for _ in range(6)]
    assert [isinstance(answer, Grant) for answer in answers] == [True] * 5 + [False]
    assert answers[5].limit == 5
    assert await redis.zcard(keys.permits(KEY.bucket)) == 0
    await one.limiters[0].blocked(guests, [])
    assert isinstance(await one.limiters[0].ask(KEY), Grant)
