"""The command on a real Redis that a real limiter wrote to."""

import asyncio
import json
import re
from dataclasses import asdict, replace
from typing import Any, cast

from click.testing import CliRunner
from redis.asyncio import Redis

from calcom.ratelimit import Credential, Kind, Told
from calgate.cli import cli
from calgate.commands.budget import Held, explained, lines, parse_held, read, shared
from core.clock import SystemClock
from core.keys import Keys
from core.settings import Settings
from proxy.governor.heart import Heart
from proxy.governor.limiter import Grant, Limiter, Limits, Payer
from proxy.governor.purpose import Purpose
from proxy.governor.shares import Shares

KEY = Payer(Credential(Kind.API_KEY, "aaaa"))
SETTINGS = Settings(rate_limit=20, rate_pace_per_second=20)


async def spend(redis: Redis, *purposes: Purpose) -> Limiter:
    limiter = Limiter(redis, Keys("default"), Limits.of(SETTINGS), SystemClock())
    for purpose in purposes:
        await limiter.ask(KEY, purpose)
    return limiter


async def test_it_tells_who_spent_what_and_what_each_may_take(redis: Redis) -> None:
    await spend(redis, Purpose.AUDIT, Purpose.BOOKING, Purpose.INTERACTIVE, Purpose.INTERACTIVE)
    (use,) = (await read(redis, SETTINGS)).uses
    assert (use.facts.credential, use.facts.used, use.facts.limit) == ("c1", 4, 20)
    assert lines(use, explain=False)[0] == "c1 (key aaaa): 4 of 20 calls in 61 s"
    assert (use.spent["booking"], use.spent["interactive"], use.spent["audit"], use.spent["warm"]) == (
        1,
        2,
        1,
        0,
    )
    assert (use.may_take["booking"], use.may_take["interactive"], use.may_take["warm"]) == (20, 18, 10)
    json.dumps(asdict(use))


async def test_it_tells_why_the_last_calls_were_held(redis: Redis) -> None:
    limiter = await spend(redis, *[Purpose.BOOKING] * 20)
    await limiter.ask(KEY, Purpose.REVALIDATE)
    (use,) = (await read(redis, SETTINGS)).uses
    text = "\n".join(lines(use, explain=True))
    assert "revalidate was held for" in text
    assert "all calls of its class in this window were spent (20 spent, 14 allowed to its class)" in text


async def test_it_tells_of_a_block_and_of_others(redis: Redis) -> None:
    limiter = await spend(redis)
    grant = await limiter.ask(KEY)
    assert isinstance(grant, Grant)
    await limiter.told(grant, [Told("default", 20, 9, 30)])
    await limiter.blocked(KEY, [Told("default", 20, 0, 30)])
    (use,) = (await read(redis, SETTINGS)).uses
    text = "\n".join(lines(use, explain=False))
    assert "blocked by Cal.com for another 31 s" in text
    # Ten in half a minute, of which nobody knows yet whether they go on.
    others = re.search(r"others on the same key make about (\d+) calls per window", text)
    assert others is not None
    assert 10 <= int(others[1]) <= 20
    assert "left by Cal.com's own word: 9" in text


def test_a_line_of_the_script_is_read_back() -> None:
    assert parse_held("1000 w pace 250 7 60 0", 3_500) == Held(2.5, "warm", "pace", 0.25, 7, 60)
    assert explained(()) == ["no call had to wait lately"]


async def test_a_store_without_calls_says_so(redis: Redis, redis_server: str) -> None:
    result = await asyncio.to_thread(
        CliRunner().invoke, cli, ["budget", "--set", f"redis_url={redis_server}"], catch_exceptions=False
    )
    assert (result.exit_code, result.output) == (0, "No call to Cal.com yet.\n")


async def test_shadow_mode_lets_go_what_should_be_held_and_everybody_is_told(redis: Redis) -> None:
    settings = SETTINGS.model_copy(update={"rate_shadow": True})
    limiter = Limiter(redis, Keys("default"), Limits.of(settings), SystemClock())
    answers = [await limiter.ask(KEY, Purpose.BOOKING) for _ in range(21)]
    assert [answer.let_go for answer in answers if isinstance(answer, Grant)] == [""] * 20 + ["window"]
    look = await read(redis, settings)
    assert look.is_shadow
    assert look.uses[0].facts.used == 21
    text = "\n".join(lines(look.uses[0], explain=True))
    assert "booking should have been held for" in text
    after = await Limiter(redis, Keys("default"), Limits.of(SETTINGS), SystemClock()).ask(
        KEY, Purpose.BOOKING
    )
    assert not isinstance(after, Grant)


async def test_it_tells_the_shares_and_what_is_set_aside(redis: Redis) -> None:
    clock, keys = SystemClock(), Keys("default")
    limits = Limits.of(SETTINGS)
    await Heart(redis, keys, Shares(limits, name="one"), clock).beat()
    here = Heart(redis, keys, Shares(replace(limits, away=60), name="two"), clock)
    await here.beat()
    seconds, _ = await redis.time()
    entry = (await cast(Any, redis.hget(keys.shares, "one"))).decode().split()
    entry[3] = str((seconds - 70) * 1000)
    await redis.hset(keys.shares, "one", " ".join(entry))
    await here.beat()
    look = await read(redis, SETTINGS)
    first, second = look.shares
    assert (first.name, first.is_away, second.name, second.is_away) == ("one", True, "two", False)
    assert first.ratio + second.ratio <= 1
    assert "not heard of: set aside for another" in "\n".join(shared(look))
