"""`calgate budget`: who spends Cal.com's calls, who waits, and why."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, Final, cast

import click
from redis.asyncio import Redis
from redis.exceptions import RedisError

from calgate.commands.options import settings_options
from calgate.composition import stores
from core.errors import UserError
from core.keys import Keys
from core.redis import connect
from core.settings import Loaded, Settings
from exporters.collectors import budget as collector
from exporters.collectors.budget import CredentialBudget
from exporters.collectors.shares import Share
from exporters.collectors.store import store_time_ms
from proxy.governor.purpose import Purpose, Reserves

_WHY: Final = {
    "window": "all calls of its class in this window were spent",
    "pace": "as many calls as one second may have had just left",
    "blocked": "Cal.com blocks the credential",
    "others": "somebody else uses the same key, and Cal.com has no more left for this class",
    "forgotten": "Redis lost what was spent, so a window counts as spent",
    "away": "the rest is set aside for processes that Redis does not hear from",
}
_DIGITS: Final = 8
"""Of the digest, as `rate_limit_tiers` takes them."""

_BY_LETTER: Final = {purpose.letter: purpose for purpose in Purpose}


@dataclass(frozen=True, slots=True)
class Held:
    """One call that could not leave when it asked. `ago` and `wait` in seconds."""

    ago: float
    purpose: str
    reason: str
    wait: float
    used: int
    allowed: int
    let_go: bool = False
    """It left all the same, in shadow mode."""


@dataclass(frozen=True, slots=True)
class Look:
    """What there is to see: each credential's use, and what concerns all of them."""

    uses: tuple[Use, ...]
    shares: tuple[Share, ...]
    is_shadow: bool
    now: float


@dataclass(frozen=True, slots=True)
class Use:
    """One credential's window: the facts, the calls in it by class, what each class may take, who was held."""

    facts: CredentialBudget
    now: float
    spent: dict[str, int]
    may_take: dict[str, int]
    held: tuple[Held, ...]


@click.command()
@click.option("--explain", is_flag=True, help="Also why the last calls had to wait.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@settings_options
def budget(loaded: Loaded, explain: bool, as_json: bool) -> None:
    """Show the calls to Cal.com in this window: by class, what is left, others on the key, a block, who waits."""
    look = asyncio.run(_read(loaded.settings))
    if as_json:
        click.echo(json.dumps(asdict(look), indent=2))
        return
    parts = [lines(use, explain=explain) for use in look.uses] or [["No call to Cal.com yet."]]
    if look.is_shadow:
        parts.insert(
            0, ["SHADOW MODE (rate_shadow): calls that should be held are let go, and Cal.com may block."]
        )
    if look.shares:
        parts.append(shared(look))
    click.echo("\n\n".join("\n".join(part) for part in parts))


async def _read(settings: Settings) -> Look:
    # The database has nothing to say here, and need not be started.
    async with stores(settings.model_copy(update={"database_url": None})) as found:
        redis = connect(
            found.settings.redis_url, client_name="calgate-budget", account=found.settings.account
        )
        try:
            return await read(redis, settings)
        except RedisError as error:
            raise UserError(f"the budget is in Redis, which does not answer: {error}") from error
        finally:
            await redis.aclose()


async def read(redis: Redis, settings: Settings) -> Look:
    """The use of every credential with an alias of its own and of the busiest other one, and all processes' shares."""
    keys = Keys(settings.account)
    window = settings.rate_window_seconds + settings.rate_guard_seconds
    facts = await collector.read(redis, keys, limit=settings.rate_limit, window_seconds=window)
    now = await store_time_ms(redis)
    reserves = Reserves(settings.budget_booking_reserve_percent, settings.budget_client_reserve_percent)
    uses = []
    for one in facts.credentials:
        digest = one.digest
        members = await cast(
            Any, redis.zrange(keys.permits(digest), f"({now - window * 1000:.0f}", "+inf", byscore=True)
        )
        lines_held = await cast(Any, redis.lrange(keys.held(digest), 0, -1))
        spent = Counter(_BY_LETTER[member[:1].decode()].value for member in members)
        uses.append(
            Use(
                facts=one,
                now=now / 1000,
                spent={purpose.value: spent[purpose.value] for purpose in Purpose},
                may_take={p.value: one.limit - one.limit * reserves.kept_from(p) // 100 for p in Purpose},
                held=tuple(parse_held(line.decode(), now) for line in lines_held),
            )
        )
    return Look(tuple(uses), facts.shares, facts.is_shadow, now / 1000)


def shared(look: Look) -> list[str]:
    """What each process may spend when Redis is gone, and what is set aside for those that are away."""
    found = ["shares of the calls, for when Redis is gone:"]
    for one in look.shares:
        text = f"  {one.ratio:4.0%} {one.name or 'somebody whom this Redis has forgotten'}"
        if one.is_away:
            text += f", not heard of: set aside for another {max(0.0, one.until - look.now):.0f} s"
        found.append(text)
    return found


def parse_held(line: str, now_ms: int) -> Held:
    """One line as `permit.lua` writes it."""
    at, letter, reason, wait, used, allowed, let_go = line.split()
    purpose = _BY_LETTER[letter].value
    ago, seconds = (now_ms - int(at)) / 1000, int(wait) / 1000
    return Held(ago, purpose, reason, seconds, int(used), int(allowed), let_go == "1")


def lines(use: Use, *, explain: bool) -> list[str]:
    """The report on one credential."""
    facts = use.facts
    key = "" if facts.digest == facts.credential else f" (key {facts.digest[:_DIGITS]})"
    found = [f"{facts.credential}{key}: {facts.used} of {facts.limit} calls in {facts.window_seconds:g} s"]
    found += [
        f"  {purpose:12} {calls:4} spent, may be made while fewer than {use.may_take[purpose]} are"
        for purpose, calls in use.spent.items()
    ]
    if facts.blocked_until > use.now:
        found.append(
            f"  blocked by Cal.com for another {facts.blocked_until - use.now:.0f} s: nothing leaves"
        )
    if facts.foreign:
        found.append(f"  others on the same key make about {facts.foreign} calls per window")
    found.append(f"  left by Cal.com's own word: {facts.remaining}")
    found.append(f"  waiting now: {facts.waiting}")
    if explain:
        found += [f"  {line}" for line in explained(use.held)]
    return found


def explained(held: tuple[Held, ...]) -> list[str]:
    """Why calls had to wait, newest first."""
    if not held:
        return ["no call had to wait lately"]
    return [
        f"{one.ago:.1f} s ago {one.purpose} {'should have been' if one.let_go else 'was'} held for {one.wait:.2f} s:"
        f" {_WHY.get(one.reason, one.reason)} ({one.used} spent, {max(0, one.allowed)} allowed to its class)"
        for one in held
    ]
