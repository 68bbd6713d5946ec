"""The cap on one client's calls, on a real Redis with a clock that only the test moves."""

from __future__ import annotations

import asyncio
import random

import pytest
from redis.asyncio import Redis

from calcom.ratelimit import Credential, Kind, Side
from core.clients import Client
from core.keys import Keys
from proxy.clients.shares import UNSHARED, Charge, Shares, own_share
from proxy.clients.tally import Tally
from proxy.governor.limiter import Grant, Limits, Payer
from proxy.governor.purpose import Purpose
from proxy.refusals import CircuitOpen, ShareSpent, StoreUnavailable, UpstreamTimeout, told, written
from proxy.scripts import Script, lua
from tests.proxy.clients.people import nowhere
from tests.proxy.governor.world import now_key
from tests.proxy.waiting import until

PAYER = Payer(Credential(Kind.API_KEY, "kkkk"))
START = 1_800_000_000_000


class World:
    """Processes that share Redis, and clients: `shop` has half of 20 calls, `voice` all of them."""

    def __init__(self, redis: Redis, keys: Keys, processes: int = 2) -> None:
        self.redis, self.keys = redis, keys
        self.now = START
        self.tally = Tally()
        self.processes = [self._process() for _ in range(processes)]

    def _process(self) -> Shares:
        clients = [Client("shop", (b"1",), 50), Client("voice", (b"2",))]
        shares = Shares(self.redis, self.keys, Limits(api_key=20), clients, self.tally)
        text = lua("proxy.clients", "share")
        assert "redis.call('TIME')" in text
        clock = f"redis.call('HMGET', '{now_key(self.keys)}', 's', 'us')"
        shares._charge = Script(self.redis, self.keys, text.replace("redis.call('TIME')", clock))
        return shares

    async def at(self, milliseconds: int) -> None:
        self.now = START + milliseconds
        await self.redis.hset(
            now_key(self.keys), mapping={"s": self.now // 1000, "us": self.now % 1000 * 1000}
        )

    async def call(
        self,
        client: str = "shop",
        purpose: Purpose = Purpose.INTERACTIVE,
        *,
        process: int = 0,
        payer: Payer = PAYER,
        waited: int = 0,
        ends: BaseException | None = None,
        leaves: bool = True,
    ) -> None:
        """One call, which has its leave *waited* milliseconds after it asked."""
        shares = self.processes[process]
        async with shares.charged(client, payer, purpose) as charge:
            if leaves:
                grant = Grant("c1", 1, 20, 0.0, payer, self.now + waited)
                await shares.leaves(charge, grant)
            if ends is not None:
                raise ends

    async def used(self, client: str = "shop") -> int:
        return int(await self.redis.zcard(self.keys.share(client)))


@pytest.fixture
def world(redis: Redis, keys: Keys) -> World:
    return World(redis, keys)


async def test_a_client_gets_its_share_in_every_window_and_not_one_call_more(world: World) -> None:
    """Whatever process it asks, however long its calls wait for their turn."""
    dice = random.Random(3)
    left: list[int] = []
    now = 0
    refused = 0
    for _ in range(400):
        now += dice.choice([0, 5, 400, 3_000])
        await world.at(now)
        waited = dice.choice([0, 0, 300, 2_000, 9_000])
        purpose = dice.choice([Purpose.BOOKING, Purpose.INTERACTIVE])
        try:
            await world.call(purpose=purpose, process=dice.randrange(2), waited=waited)
        except ShareSpent:
            refused += 1
        else:
            left.append(now + waited)
    left.sort()
    assert refused > 50
    assert max(sum(1 for one in left if 0 <= one - at < 60_000) for at in left) == 10


async def test_what_it_does_costs_nobody_else_anything(world: World) -> None:
    await world.at(0)
    for _ in range(9):
        await world.call()
    with pytest.raises(ShareSpent):
        await world.call()
    for _ in range(30):
        await world.call("voice")
    assert await world.used("voice") == 0


async def test_the_last_calls_of_a_share_are_kept_for_bookings(world: World) -> None:
    await world.at(0)
    for _ in range(9):
        await world.call()
    with pytest.raises(ShareSpent):
        await world.call()
    await world.call(purpose=Purpose.BOOKING)
    with pytest.raises(ShareSpent):
        await world.call(purpose=Purpose.BOOKING)


async def test_the_refusal_names_the_share_and_a_time_at_which_coming_back_succeeds(world: World) -> None:
    for number in range(9):
        await world.at(number * 1_000)
        await world.call()
    with pytest.raises(ShareSpent) as caught:
        await world.call()
    refusal = caught.value
    assert refusal.message == (
        "Calgate - this client's share of 10 calls a minute is spent. Please try again in 54 seconds."
    )
    assert refusal.retry_after is not None
    headers = dict(refusal.headers())
    assert headers[b"retry-after"] == b"54"
    assert headers[b"x-ratelimit-limit-default"] == b"10"
    await world.at(8_000 + int(refusal.retry_after * 1000) - 2)
    with pytest.raises(ShareSpent):
        await world.call()
    await world.at(8_000 + round(refusal.retry_after * 1000))
    await world.call()


async def test_where_calcom_allows_less_a_share_is_a_part_of_that(world: World) -> None:
    await world.at(0)
    await world.redis.hset(world.keys.limits, PAYER.credential.bucket, 8)
    for _ in range(3):
        await world.call()
    with pytest.raises(ShareSpent, match="share of 4 calls"):
        await world.call()


@pytest.mark.parametrize("ending", [CircuitOpen(), asyncio.CancelledError()])
async def test_a_call_that_never_got_its_leave_is_given_back(world: World, ending: BaseException) -> None:
    await world.at(0)
    with pytest.raises(type(ending)):
        await world.call(ends=ending, leaves=False)

    async def is_back() -> bool:
        return await world.used() == 0

    await until(is_back)


async def test_a_call_that_certainly_did_not_leave_is_given_back_even_after_its_leave(world: World) -> None:
    await world.at(0)
    with pytest.raises(CircuitOpen):
        await world.call(ends=CircuitOpen())

    async def is_back() -> bool:
        return await world.used() == 0

    await until(is_back)
    assert world.tally._counts == {}


@pytest.mark.parametrize("ending", [UpstreamTimeout(), asyncio.CancelledError()])
async def test_a_call_that_may_have_left_is_paid(world: World, ending: BaseException) -> None:
    await world.at(0)
    with pytest.raises(type(ending)):
        await world.call(ends=ending)
    await asyncio.sleep(0.01)
    assert await world.used() == 1
    assert world.tally._counts == {("shop", "calls"): 1}


async def test_an_endpoint_with_a_limit_of_its_own_takes_nothing_from_the_share(world: World) -> None:
    await world.at(0)
    for _ in range(12):
        await world.call(payer=Payer(PAYER.credential, Side("booking_guests_add", 5)))
    assert await world.used() == 0


async def test_without_redis_nothing_leaves(keys: Keys) -> None:
    shares = Shares(nowhere(), keys, Limits(), [Client("shop", (b"1",), 50)], Tally())
    with pytest.raises(StoreUnavailable):
        async with shares.charged("shop", PAYER, Purpose.BOOKING):
            raise AssertionError


async def test_without_clients_nobody_is_charged() -> None:
    async with UNSHARED.charged("", PAYER, Purpose.BOOKING) as charge:
        assert charge == Charge()


async def test_that_anothers_share_is_spent_is_no_answer() -> None:
    theirs, mine = (ShareSpent(client=one, limit=1, retry_after=1) for one in ("theirs", "mine"))
    outcomes: list[ShareSpent | str] = [theirs, theirs, "answer"]

    async def board() -> str:
        outcome = outcomes.pop(0)
        if isinstance(outcome, ShareSpent):
            raise outcome
        return outcome

    assert await own_share("mine", board) == "answer"
    outcomes[:] = [theirs, mine, "answer"]
    with pytest.raises(ShareSpent) as caught:
        await own_share("mine", board)
    assert caught.value is mine
    outcomes[:] = [theirs] * 100
    with pytest.raises(ShareSpent):
        await own_share("mine", board)
    assert len(outcomes) == 95


def test_whose_share_it_was_is_told_to_other_processes() -> None:
    heard = told(written(ShareSpent(client="shop", limit=10, retry_after=3.5)))
    assert isinstance(heard, ShareSpent)
    assert (heard.client, heard.limit, heard.retry_after) == ("shop", 10, 3.5)
