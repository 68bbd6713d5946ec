"""What one process finds out about ranges, all go by; on a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest
from redis.asyncio import Redis

from calcom.account import AccountMap
from calcom.ranges import digest_of, trust
from calcom.ranges.trust import Proof
from core.clock import FakeClock
from core.keys import Keys
from core.redis import connect
from proxy.cache.shapes import REFRESH_SECONDS, Shapes
from tests.calcom.ranges.test_additive import PLAIN, account

LOOK = "eventTypeId=7&start=2026-03-04&end=2026-03-10"


class Fleet:
    """Processes with one clock and one map."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self.redis, self.keys, self.clock = redis, keys, FakeClock()
        self.map = account(PLAIN)

    def process(self) -> Shapes:
        return Shapes(self.redis, self.keys, self.clock, lambda: self.map)

    async def now(self) -> float:
        seconds, micros = await self.redis.time()
        return float(seconds) + float(micros) / 1e6

    async def put(self, **fields: Any) -> None:
        """Put a proof down; times are seconds ago."""
        now = await self.now()
        told = {
            name: now - value if name in ("asked", "checked", "doubted", "off") else value
            for name, value in fields.items()
        }
        text = orjson.dumps(Proof(**{"facts": digest_of(PLAIN)} | told))
        await self.redis.hset(self.keys.shapes, "7", text)

    async def proof(self) -> Proof:
        text = await self.redis.hget(self.keys.shapes, "7")
        assert text is not None
        return Proof(**orjson.loads(text))


@pytest.fixture
def fleet(redis: Redis, keys: Keys) -> Fleet:
    return Fleet(redis, keys)


async def proven(fleet: Fleet) -> None:
    await fleet.put(agreed=trust.NEEDED, asked=100, checked=100)


async def test_nothing_is_shared_that_nobody_compared(fleet: Fleet) -> None:
    shapes = fleet.process()
    assert not shapes.wants_comparison(7), "not before Redis was asked"
    assert not await shapes.may_share(7)
    assert shapes.wants_comparison(7)


async def test_agreements_add_up_over_the_fleet_until_ranges_are_shared(fleet: Fleet) -> None:
    one, other = fleet.process(), fleet.process()
    await fleet.put(agreed=trust.NEEDED - 2, checked=trust.GAP + 1)
    await one.agreed(7, LOOK)
    await fleet.put(agreed=(await fleet.proof()).agreed, checked=trust.GAP + 1)
    await other.agreed(7, LOOK)
    assert (await fleet.proof()).agreed == trust.NEEDED
    assert await one.may_share(7)
    assert await other.may_share(7)
    assert not other.wants_comparison(7)


async def test_one_process_of_many_sets_out_to_compare(fleet: Fleet) -> None:
    crowd = [fleet.process() for _ in range(8)]
    assert sum(await asyncio.gather(*(one.set_out(7) for one in crowd))) == 1
    assert not await crowd[0].may_share(7)
    assert not crowd[0].wants_comparison(7)


def after_reading(shapes: Shapes, then: Callable[[], Awaitable[object]]) -> None:
    """Have something happen between a process's look at Redis and its writing."""
    read = shapes._fetch

    async def fetch() -> None:
        await read()
        await then()

    shapes._fetch = fetch  # type: ignore[method-assign]


async def test_of_reports_at_the_same_time_one_turns_it_off(fleet: Fleet) -> None:
    await fleet.put(agreed=trust.NEEDED, checked=100, doubt=LOOK, doubted=5)
    crowd = [fleet.process() for _ in range(8)]
    all_have_read = asyncio.Barrier(len(crowd))
    for one in crowd:
        after_reading(one, all_have_read.wait)
    told = await asyncio.gather(*(one.differed(7, f"{LOOK}&n={n}") for n, one in enumerate(crowd)))
    assert sum(told) == 1
    assert (await fleet.proof()).off > 0


async def test_a_report_that_another_came_before_is_not_lost(fleet: Fleet) -> None:
    await fleet.put(agreed=2, checked=100)
    one, other = fleet.process(), fleet.process()
    after_reading(one, lambda: other.agreed(7, LOOK))
    await one.differed(7, "another")
    proof = await fleet.proof()
    assert (proof.agreed, proof.doubt) == (3, "another")


async def test_a_difference_stops_sharing_here_at_once_and_elsewhere_within_a_second(fleet: Fleet) -> None:
    await proven(fleet)
    here, elsewhere = fleet.process(), fleet.process()
    assert await here.may_share(7)
    assert await elsewhere.may_share(7)
    assert await here.differed(7, LOOK) is False
    assert not await here.may_share(7)
    assert here.doubted(7) == LOOK
    assert await elsewhere.may_share(7), "its copy is younger than a second"
    await fleet.clock.advance(REFRESH_SECONDS)
    assert not await elsewhere.may_share(7)
    assert elsewhere.doubted(7) == LOOK


async def test_a_repeated_difference_turns_it_off_and_says_so(fleet: Fleet) -> None:
    await fleet.put(agreed=trust.NEEDED, checked=100, doubt=LOOK, doubted=5)
    shapes = fleet.process()
    assert await shapes.differed(7, LOOK) is True
    assert await shapes.differed(7, LOOK) is False
    assert not await shapes.may_share(7)
    assert not shapes.wants_comparison(7)
    assert shapes.doubted(7) is None
    assert not await shapes.set_out(7)


async def test_zones_that_agreed_and_those_set_apart_are_known_to_all(fleet: Fleet) -> None:
    await fleet.put(agreed=trust.NEEDED, checked=100, zones=("Europe/Berlin",), apart=("Asia/Tokyo",))
    one, other = fleet.process(), fleet.process()
    assert await one.may_share(7)
    assert await other.may_share(7)
    assert one.has_agreed(7, "Europe/Berlin")
    assert not one.has_agreed(7, "")
    assert not one.may_borrow(7, "Asia/Tokyo")
    assert one.wants_comparison(7, borrows="")
    assert await one.set_out(7, borrows="")
    await one.agreed(7, LOOK, borrows="")
    await fleet.clock.advance(REFRESH_SECONDS)
    assert await other.may_share(7)
    assert other.has_agreed(7, "")
    assert list((await fleet.proof()).apart) == ["Asia/Tokyo"]


async def test_how_calcom_says_that_nothing_is_left_is_known_to_all(fleet: Fleet) -> None:
    one, other = fleet.process(), fleet.process()
    for _ in range(trust.NEEDED_EMPTY):
        await one.may_share(7)
        assert one.empty(7) is None
        await one.agreed(7, LOOK, empty='{"status":"success","data":{},"message":"none at all \u2014 sorry"}')
    assert one.empty(7) == '{"status":"success","data":{},"message":"none at all \u2014 sorry"}'.encode()
    assert not await other.may_share(7)
    assert other.empty(7) == one.empty(7)


async def test_a_zone_that_is_set_apart_says_so(fleet: Fleet) -> None:
    await fleet.put(agreed=trust.NEEDED, checked=100, doubt=LOOK, doubted=5)
    shapes = fleet.process()
    assert await shapes.differed(7, LOOK, borrows="Asia/Tokyo") is True
    assert not shapes.may_borrow(7, "Asia/Tokyo")
    assert not await shapes.may_share(7)
    assert shapes.wants_comparison(7)


async def test_the_doubted_look_agreeing_later_lets_sharing_go_on(fleet: Fleet) -> None:
    await fleet.put(agreed=trust.NEEDED, checked=100, doubt=LOOK, doubted=5)
    shapes = fleet.process()
    assert not await shapes.may_share(7)
    await shapes.agreed(7, LOOK)
    assert await shapes.may_share(7)


async def test_other_settings_must_be_proven_anew(fleet: Fleet) -> None:
    await proven(fleet)
    shapes = fleet.process()
    assert await shapes.may_share(7)
    fleet.map = account(replace(PLAIN, lengths=frozenset({15})))
    assert not await shapes.may_share(7)
    assert shapes.wants_comparison(7)
    fleet.map = account(PLAIN)
    assert await shapes.may_share(7)


async def test_a_type_that_settings_speak_against_costs_no_round_trip(fleet: Fleet, redis: Redis) -> None:
    await proven(fleet)
    fleet.map = account(replace(PLAIN, first_slot_only=True))
    shapes = fleet.process()
    await redis.config_resetstat()
    assert not await shapes.may_share(7)
    assert not await shapes.may_share(8)
    assert not shapes.wants_comparison(7)
    assert not await shapes.set_out(7)
    assert "first slot" in shapes.verdict(7).why
    assert "evalsha" not in str(await redis.info("commandstats"))


async def test_the_copy_is_read_once_a_second(fleet: Fleet, redis: Redis) -> None:
    shapes = fleet.process()
    await shapes.may_share(7)
    await redis.config_resetstat()
    for _ in range(15):
        await asyncio.gather(*(shapes.may_share(7) for _ in range(10)))
        await fleet.clock.advance(REFRESH_SECONDS / 10)
    stats = await redis.info("commandstats")
    assert stats["cmdstat_evalsha"]["calls"] == 1


async def test_much_use_asks_for_a_comparison_until_one_agreed(fleet: Fleet) -> None:
    await proven(fleet)
    shapes = fleet.process()
    assert await shapes.may_share(7)
    for _ in range(trust.RECHECK_SHARED):
        shapes.shared(7)
    assert shapes.wants_comparison(7)
    assert await shapes.set_out(7)
    await shapes.agreed(7, LOOK)
    await proven(fleet)
    await fleet.clock.advance(REFRESH_SECONDS)
    assert await shapes.may_share(7)
    assert not shapes.wants_comparison(7)


@pytest.mark.parametrize("odd", [b"", b"soon", b"[]", b'{"moon":1}', b'{"facts":'])
async def test_what_cannot_be_read_counts_as_nothing_and_is_written_over(
    fleet: Fleet, redis: Redis, odd: bytes
) -> None:
    await redis.hset(fleet.keys.shapes, "7", odd)
    shapes = fleet.process()
    assert not await shapes.may_share(7)
    await shapes.agreed(7, LOOK)
    assert (await fleet.proof()).agreed == 1


async def test_what_is_known_outlives_a_day_of_being_off_but_not_by_much(fleet: Fleet, redis: Redis) -> None:
    await fleet.process().agreed(7, LOOK)
    assert trust.OFF_LASTS < await redis.ttl(fleet.keys.shapes) <= 2 * trust.OFF_LASTS


async def test_without_redis_nothing_is_shared_nor_compared(fleet: Fleet, keys: Keys) -> None:
    await proven(fleet)
    gone = connect("redis://127.0.0.1:1", client_name="tests")
    try:
        shapes = Shapes(gone, keys, fleet.clock, lambda: account(PLAIN))
        assert not await shapes.may_share(7)
        assert not shapes.wants_comparison(7)
        assert not await shapes.set_out(7)
        assert not await shapes.differed(7, LOOK)
        await shapes.agreed(7, LOOK)
    finally:
        await gone.aclose()


async def test_a_copy_that_redis_hangs_over_is_soon_worth_nothing(
    fleet: Fleet, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    await proven(fleet)
    shapes = fleet.process()
    assert await shapes.may_share(7)

    async def hang(*_: Any) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(shapes, "_read", hang)
    await fleet.clock.advance(REFRESH_SECONDS)
    waiting = asyncio.ensure_future(shapes.may_share(7))
    await asyncio.sleep(0)
    assert await shapes.may_share(7), "whoever comes meanwhile goes by the copy"
    await fleet.clock.advance(REFRESH_SECONDS / 2)
    waiting.cancel()
    await fleet.clock.advance(2 * REFRESH_SECONDS)
    late = [asyncio.ensure_future(shapes.may_share(7)) for _ in range(2)]
    await asyncio.sleep(0)
    assert await late[1] is False
    late[0].cancel()


async def test_an_empty_map_shares_nothing(fleet: Fleet) -> None:
    await proven(fleet)
    fleet.map = AccountMap.empty()
    assert not await fleet.process().may_share(7)
