"""What a process that is cut off spends of its share, told what time it is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from redis.asyncio import Redis

from calcom.ratelimit import Side, Told, tiers_of
from core.clock import FakeClock
from core.keys import Keys
from proxy.governor.heart import Heart
from proxy.governor.purpose import Purpose
from proxy.governor.shares import ALL, Moment, Shares
from proxy.governor.terms import Grant, Limits, Payer, Wait
from tests.proxy.governor.world import KEY

ALONE = 71.1
READ = Purpose.INTERACTIVE


def at(seconds: float, step: float = 0.0) -> Moment:
    return Moment(seconds, 1_800_000_000 + seconds + step)


def cut_off(limits: Limits | None = None, parts: int = ALL // 4) -> Shares:
    """One that heard of its share at 0 for the first and at 10 for the last time."""
    shares = Shares(limits or Limits(), name="p")
    for seconds in (0.0, 5.0, 10.0):
        shares.heard(shares.beat(at(seconds)), round(seconds * 1000), parts, seconds)
    return shares


def calls(shares: Shares, seconds: float) -> int:
    """How many there are at once."""
    made = 0
    while isinstance(shares.ask(KEY, READ, at(seconds)), Grant):
        made += 1
    return made


def test_a_share_is_spent_only_when_everything_before_has_left_the_window() -> None:
    shares = cut_off()
    assert shares.ask(KEY, READ, at(10 + ALONE - 0.2)) is None
    assert isinstance(shares.ask(KEY, READ, at(10 + ALONE)), Grant)


def test_it_is_a_quarter_of_the_limit_less_what_is_kept_for_bookings_at_a_quarter_of_the_pace() -> None:
    shares, now, made = cut_off(), 10 + ALONE, []
    for _ in range(40):
        got = calls(shares, now)
        made.append(got)
        now += 1.2
    assert made[:14] == [2] * 13 + [1]
    assert sum(made) == 27
    refused = shares.ask(KEY, READ, at(now))
    assert isinstance(refused, Wait)
    assert (refused.reason, refused.limit) == ("window", 30)
    assert calls(shares, now + refused.seconds + 0.001) == 2


def test_a_key_with_a_tier_has_a_share_of_its_own_limit() -> None:
    limits = Limits(tiers=tiers_of("aaaaaaaa=480@480"))
    payer = Payer(replace(KEY.credential, bucket="aaaaaaaa"))
    shares = cut_off(limits)
    granted = [shares.ask(payer, READ, at(10 + ALONE)) for _ in range(110)]
    assert sum(isinstance(answer, Grant) for answer in granted) == 108


def test_what_redis_last_said_of_the_limit_and_of_others_counts() -> None:
    shares = cut_off(Limits(pace=1_000))
    shares.learned(KEY, "c1", 80, 40)
    assert calls(shares, 10 + ALONE) == 9


def test_what_calcom_says_is_left_is_shared_too_and_a_later_answer_makes_it_no_more() -> None:
    shares = cut_off(Limits(pace=1_000))
    now = 10 + ALONE
    grant = shares.ask(KEY, READ, at(now))
    assert isinstance(grant, Grant)
    shares.told(grant, Told("default", 120, 8, 30), now)
    shares.told(grant, Told("default", 120, 50, 30), now)
    assert calls(shares, now) == 2
    refused = shares.ask(KEY, READ, at(now))
    assert isinstance(refused, Wait)
    assert refused.reason == "others"
    assert refused.seconds == pytest.approx(31)
    assert calls(shares, now + 31.01) == 24


def test_a_block_is_kept() -> None:
    shares = cut_off()
    shares.blocked(KEY, 100, 10)
    refused = shares.ask(KEY, READ, at(10 + ALONE))
    assert isinstance(refused, Wait)
    assert refused.reason == "blocked"
    assert refused.seconds == pytest.approx(100 - ALONE)


def test_a_limit_of_one_endpoint_and_too_small_a_share_have_nothing() -> None:
    side = Payer(KEY.credential, Side("guests", 5))
    assert cut_off().ask(side, READ, at(10 + ALONE)) is None
    assert cut_off(parts=100).ask(KEY, READ, at(10 + ALONE)) is None


def test_a_call_that_did_not_leave_is_taken_back() -> None:
    shares = cut_off()
    grant = shares.ask(KEY, READ, at(100))
    assert isinstance(grant, Grant)
    shares.take_back(grant)
    shares.take_back(grant)
    assert shares.beat(at(101)).paid == ()


@pytest.mark.parametrize(("seconds", "step"), [(10 + 901, 0.0), (10 + ALONE, 900.0)])
def test_the_lease_is_over_by_either_clock(seconds: float, step: float) -> None:
    assert cut_off().ask(KEY, READ, at(seconds, step)) is None


def test_a_larger_share_is_held_when_it_was_told_for_a_while_and_a_smaller_one_at_once() -> None:
    shares = Shares(Limits(), name="p")
    told = [(0.0, 1_000), (4.0, 2_000), (5.0, 1_500), (6.0, 2_000), (11.0, 2_000), (12.0, 500)]
    held = []
    for seconds, parts in told:
        shares.heard(shares.beat(at(seconds)), round(seconds * 1000), parts, seconds)
        held.append(shares.held)
    assert held == [0, 0, 1_000, 1_000, 2_000, 500]


def test_whose_place_was_taken_holds_nothing_and_begins_anew_elsewhere() -> None:
    shares = cut_off()
    before = shares.beat(at(11))
    shares.heard(before, 11_000, -1, 11)
    assert not shares.is_alone(at(10 + ALONE))
    after = shares.beat(at(12))
    assert (after.held, after.acked, after.number) == (0, 0, 1)
    assert after.name != before.name


async def test_what_was_spent_is_paid_in_with_the_first_beat_that_redis_hears(
    redis: Redis, keys: Keys
) -> None:
    clock = FakeClock()
    shares = Shares(Limits(away=0.5), name="p")
    heart = Heart(redis, keys, shares, clock)
    for _ in range(3):
        await heart.beat()
        await clock.advance(1)
    await clock.advance(70)
    grant = shares.ask(KEY, READ, Moment(clock.monotonic(), clock.now()))
    assert isinstance(grant, Grant)
    await heart.beat()
    assert await redis.zrange(keys.permits(KEY.bucket), 0, -1) == [grant.member.encode()]
    assert not shares.is_alone(Moment(clock.monotonic(), clock.now()))
