"""The sliding log on a real Redis, with windows of tens of milliseconds."""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from redis.asyncio import Redis

from calcom.ratelimit import TOKEN_LIMIT, Credential, Kind, Side, Told, tiers_of
from core.clock import FakeClock, SystemClock
from core.keys import Keys
from core.redis import connect
from proxy.governor.limiter import Grant, Limiter, Limits, Payer, Wait
from proxy.governor.purpose import Purpose

KEY = Payer(Credential(Kind.API_KEY, "aaaa"))
OTHER = Payer(Credential(Kind.API_KEY, "bbbb"))
TOKEN = Payer(Credential(Kind.TOKEN, "tttt"))
NOBODY = Payer(Credential(Kind.ANONYMOUS, "anonymous"))


def limiter(redis: Redis, keys: Keys, **changes: float) -> Limiter:
    given_limits = {"api_key": 5, "window": 60.0, "guard": 1.0, "pace": 1000, **changes}
    return Limiter(redis, keys, Limits(**given_limits), SystemClock())  # type: ignore[arg-type]


def told(reset: float, remaining: int = 0, limit: int = 120, name: str = "default") -> Told:
    return Told(name, limit, remaining, reset)


async def spend(limiter: Limiter, payer: Payer, calls: int) -> None:
    for _ in range(calls):
        assert isinstance(await limiter.ask(payer), Grant)


async def test_the_call_after_the_last_must_wait_for_the_oldest_to_leave_the_window(
    redis: Redis, keys: Keys
) -> None:
    asked = limiter(redis, keys)
    await spend(asked, KEY, 5)
    refused = await asked.ask(KEY)
    assert isinstance(refused, Wait)
    assert refused.reason == "window"
    assert refused.used == refused.limit == 5
    assert 55 < refused.seconds <= 61.001


async def test_a_refused_call_is_not_counted(redis: Redis, keys: Keys) -> None:
    asked = limiter(redis, keys)
    await spend(asked, KEY, 5)
    for _ in range(20):
        await asked.ask(KEY)
    assert await redis.zcard(keys.permits(KEY.bucket)) == 5


async def test_coming_back_after_the_stated_wait_succeeds(redis: Redis, keys: Keys) -> None:
    asked = limiter(redis, keys, window=0.1, guard=0.02)
    await spend(asked, KEY, 5)
    refused = await asked.ask(KEY)
    assert isinstance(refused, Wait)
    await asyncio.sleep(refused.seconds)
    assert isinstance(await asked.ask(KEY), Grant)


async def test_credentials_do_not_pay_for_each_other(redis: Redis, keys: Keys) -> None:
    asked = limiter(redis, keys)
    await spend(asked, KEY, 5)
    await spend(asked, OTHER, 5)


async def test_tokens_have_their_own_limit_and_the_store_tells_each(redis: Redis, keys: Keys) -> None:
    asked = limiter(redis, keys)
    await spend(asked, KEY, 1)
    granted = await asked.ask(TOKEN)
    assert granted.limit == TOKEN_LIMIT
    assert await redis.hgetall(keys.limits) == {b"aaaa": b"5", b"tttt": b"500"}
    await limiter(redis, keys, api_key=7).ask(KEY)
    assert await redis.hget(keys.limits, "aaaa") == b"7"


async def test_a_key_with_a_tier_has_its_own_limit_and_pace_and_its_side_limits_stay(
    redis: Redis, keys: Keys
) -> None:
    limits = Limits(api_key=4, pace=2, tiers=tiers_of("aaaaaaaaaa=7@7"))
    asked = Limiter(redis, keys, limits, SystemClock())
    payer = Payer(Credential(Kind.API_KEY, "aaaaaaaaaaaaaaaa"))
    answers = [await asked.ask(payer, Purpose.BOOKING) for _ in range(8)]
    assert [isinstance(answer, Grant) for answer in answers] == [True] * 7 + [False]
    assert await redis.hget(keys.limits, payer.bucket) == b"7"
    others = [await asked.ask(OTHER, Purpose.BOOKING) for _ in range(3)]
    assert [isinstance(answer, Grant) for answer in others] == [True, True, False]
    assert limits.granted(Payer(payer.credential, Side("guests", 5))) == (5, 7)


async def test_no_more_than_the_pace_starts_in_any_second(redis: Redis, keys: Keys) -> None:
    asked = limiter(redis, keys, api_key=100, pace=3)
    await spend(asked, KEY, 3)
    refused = await asked.ask(KEY)
    assert isinstance(refused, Wait)
    assert refused.reason == "pace"
    assert 1 < refused.seconds <= 1.2


async def test_a_lowered_limit_holds_at_once_and_a_raised_one_frees_at_once(redis: Redis, keys: Keys) -> None:
    await spend(limiter(redis, keys), KEY, 5)
    lowered = await limiter(redis, keys, api_key=2).ask(KEY)
    assert isinstance(lowered, Wait)
    assert lowered.used == 5
    await spend(limiter(redis, keys, api_key=8), KEY, 3)
    assert isinstance(await limiter(redis, keys, api_key=8).ask(KEY), Wait)


async def test_a_block_stops_everything_until_its_end(redis: Redis, keys: Keys) -> None:
    asked = limiter(redis, keys)
    await asked.blocked(KEY, [told(30)])
    refused = await asked.ask(KEY)
    assert isinstance(refused, Wait)
    assert refused.reason == "blocked"
    assert 30 < refused.seconds <= 31
    assert isinstance(await asked.ask(OTHER), Grant)


async def test_a_block_without_a_reset_lasts_a_window(redis: Redis, keys: Keys) -> None:
    asked = limiter(redis, keys)
    await asked.blocked(KEY, [])
    refused = await asked.ask(KEY)
    assert isinstance(refused, Wait)
    assert 60 < refused.seconds <= 61


async def test_a_block_is_never_shortened_and_never_believed_to_last_for_days(
    redis: Redis, keys: Keys
) -> None:
    asked = limiter(redis, keys)
    await asked.blocked(KEY, [told(10_000_000)])
    await asked.blocked(KEY, [told(1)])
    refused = await asked.ask(KEY)
    assert isinstance(refused, Wait)
    assert 3_500 < refused.seconds <= 3_601


async def test_a_block_ends(redis: Redis, keys: Keys) -> None:
    asked = limiter(redis, keys, guard=0.05)
    await asked.blocked(KEY, [told(0)])
    refused = await asked.ask(KEY)
    assert isinstance(refused, Wait)
    await asyncio.sleep(refused.seconds + 0.001)
    assert isinstance(await asked.ask(KEY), Grant)


def test_a_grant_grows_old_at_half_the_guard() -> None:
    clock = FakeClock()
    asked = Limiter.__new__(Limiter)
    asked._clock, asked._limits = clock, Limits(guard=1.0)
    assert asked.is_current(Grant("c1", 1, 5, clock.monotonic() - 0.4, KEY))
    assert not asked.is_current(Grant("c1", 1, 5, clock.monotonic() - 0.6, KEY))


def test_without_a_guard_no_grant_grows_old() -> None:
    clock = FakeClock()
    asked = Limiter.__new__(Limiter)
    asked._clock, asked._limits = clock, Limits(guard=0)
    assert asked.is_current(Grant("c1", 1, 5, clock.monotonic() - 5, KEY))


async def test_aliases_are_few_and_stable(redis: Redis, keys: Keys) -> None:
    asked = limiter(redis, keys)
    assert (await asked.ask(NOBODY)).alias == "anonymous"
    aliases = [(await asked.ask(Payer(Credential(Kind.API_KEY, f"k{n}")))).alias for n in range(10)]
    assert aliases == [*(f"c{n}" for n in range(1, 9)), "other", "other"]
    assert (await asked.ask(Payer(Credential(Kind.API_KEY, "k0")))).alias == "c1"


async def test_the_highest_use_of_each_ten_seconds_is_kept(redis: Redis, keys: Keys) -> None:
    await spend(limiter(redis, keys), KEY, 4)
    peaks = await redis.hgetall(keys.peaks(KEY.bucket))
    assert max(int(use) for use in peaks.values()) == 4


async def test_the_log_does_not_outlive_its_window(redis: Redis, keys: Keys) -> None:
    await spend(limiter(redis, keys), KEY, 1)
    assert 0 < await redis.pttl(keys.permits(KEY.bucket)) <= 61_000


@examples(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    limit=st.integers(1, 12),
    window=st.integers(20, 60),
    gaps=st.lists(st.integers(0, 12), min_size=10, max_size=40),
)
async def test_no_window_ever_admits_more_than_the_limit_over_four_clients(
    redis: Any, redis_server: str, keys: Keys, limit: int, window: int, gaps: list[int]
) -> None:
    await redis.flushall()
    clients = [connect(redis_server, client_name=f"p{n}") for n in range(4)]
    admitted: dict[bytes, float] = {}

    async def process(client: Redis, gaps: list[int]) -> None:
        asked = limiter(client, keys, api_key=limit, window=window / 1000, guard=0)
        for gap in gaps:
            await asked.ask(KEY)
            # The script's own record of when it admitted what, before it forgets.
            admitted.update(await redis.zrange(keys.permits(KEY.bucket), 0, -1, withscores=True))
            await asyncio.sleep(gap / 1000)

    try:
        await asyncio.gather(*(process(client, gaps[n::4] or [0]) for n, client in enumerate(clients)))
    finally:
        for client in clients:
            await client.aclose()
    times = list(admitted.values())
    assert times
    assert all(sum(start <= t < start + window for t in times) <= limit for start in times)


@pytest.mark.parametrize("demand", [50])
async def test_the_whole_budget_is_used_and_no_more_over_four_clients(
    redis: Redis, redis_server: str, keys: Keys, demand: int
) -> None:
    clients = [connect(redis_server, client_name=f"p{n}") for n in range(4)]
    try:
        answers = await asyncio.gather(
            *(
                limiter(client, keys, api_key=40).ask(KEY, Purpose.BOOKING)
                for client in clients
                for _ in range(demand)
            )
        )
    finally:
        for client in clients:
            await client.aclose()
    assert sum(isinstance(answer, Grant) for answer in answers) == 40
