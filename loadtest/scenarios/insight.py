"""A gateway and its Cal.com, with a hand on either side: what is asked of which, what is cached, what is true."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Self, cast
from urllib.parse import parse_qsl, urlencode

import orjson
from redis.asyncio import Redis

from calcom.paths import normalise
from calcom.simulator.clock import SimClock
from calcom.simulator.options import SimulatorOptions
from calcom.simulator.oracle import Answer as Truth
from calcom.simulator.oracle import Oracle
from calcom.simulator.refusals import Refused
from calcom.simulator.routes_slots import parse_query
from calcom.simulator.simulation import Simulation
from calcom.simulator.world import World
from calcom.slots import parse
from core.clock import Clock
from core.keys import Keys
from core.redis import connect
from loadtest.client import Client, Response
from loadtest.scenarios.site import SLOTS, Request
from loadtest.scenarios.stage import KEY, SLOTS_HEADERS, USERS, Stage, key_of
from proxy.account.aged import Answer, teaches
from proxy.account.keeper import Keeper
from proxy.cache.inventory import Kept, kept
from proxy.cache.stamps import Fields, read_by
from proxy.cache.store import Store, Timing

_CONNECTIONS: Final = 8
# What ends within this is not counted as kept: days without slots are not kept for long.
_SOON_SECONDS: Final = 30.0
_PATIENCE_SECONDS: Final = 60.0
_PAUSE_SECONDS: Final = 0.5
# In no team and host of little: asking by this key the gateway learns hardly more than it is told.
_LONER: Final = 8

SETTINGS: Final[Mapping[str, Any]] = {
    "workers": 1,
    "slots_ttl_seconds": 3600,
    "slots_share_ranges": False,
    "slots_early_refresh": 0,
    "reads_ttl_seconds": 0,
    "account_map_seconds": 3600,
    "upstream_read_timeout_seconds": 1,
    "upstream_connect_timeout_seconds": 1,
    "upstream_slots_cache_seconds": 0,
    "upstream_slots_cache_margin_seconds": 0.05,
}
"""Answers that live long, each by itself, and an account that is soon known."""


def simulation(seed: int, start: datetime) -> Simulation:
    """A Cal.com whose clock stands still, and that answers at once."""
    clock = SimClock(start)
    clock.freeze()
    options = SimulatorOptions(
        listen="127.0.0.1:0",
        admin_listen="127.0.0.1:0",
        seed=seed,
        latency="none",
        rate_limit=10_000_000,
        slots_cache_ttl=0,
    )
    return Simulation(options, clock)


@dataclass(frozen=True, slots=True)
class Insight:
    """Requests by either way, and a look into the gateway's Redis. A `Site`."""

    simulation: Simulation
    gateway: Client
    calcom: Client
    redis: Redis
    keys: Keys
    clock: Clock
    ahead: float
    """Seconds that the gateway's time of day is ahead of ours."""

    @classmethod
    @contextlib.asynccontextmanager
    async def into(
        cls, stage: Stage, own: Simulation, clock: Clock, *, ahead: float = 0.0
    ) -> AsyncIterator[Self]:
        """For as long as the context lasts."""
        redis = connect(stage.redis, client_name="calgate-loadtest", account=stage.account)
        async with (
            contextlib.aclosing(redis),
            Client(stage.gateway, connections=_CONNECTIONS) as gateway,
            Client(stage.simulator.url, connections=1) as calcom,
        ):
            yield cls(own, gateway, calcom, redis, Keys(stage.account), clock, ahead)

    @property
    def world(self) -> World:
        """The truth."""
        return self.simulation.world

    @property
    def now(self) -> datetime:
        """Cal.com's time."""
        return self.simulation.clock.now()

    async def ask(self, request: Request) -> Response:
        """Through the gateway."""
        return await _sent(self.gateway, request)

    async def behind(self, request: Request) -> Response:
        """At Cal.com itself."""
        return await _sent(self.calcom, request)

    async def fill(self, targets: Collection[str]) -> None:
        """Look at all of these."""
        queue = list(targets)

        async def look() -> None:
            while queue:
                await self.gateway.get(queue.pop(), SLOTS_HEADERS)

        await asyncio.gather(*(look() for _ in range(_CONNECTIONS)))

    async def kept(self, targets: Collection[str]) -> dict[str, Kept]:
        """Which of these would be answered from the cache, for a while."""
        found = await kept(self.redis, self.keys)
        return {
            one.target: one
            for one in found
            if one.target in targets and not one.outdated_by and one.fresh_until > one.now + _SOON_SECONDS
        }

    async def generation(self) -> int:
        """The newest there is."""
        return int(await self.redis.get(self.keys.generation) or 0)

    async def outdated(self, targets: Collection[str], since: int) -> list[str]:
        """Those of these, cached or not, that something written after this generation concerns."""
        stamps = {
            field.decode(): int(number)
            for field, number in (await cast(Any, self.redis.hgetall(self.keys.stamps))).items()
        }
        return [target for target in targets if any(stamps.get(one, 0) > since for one in fields_of(target))]

    def truths(self, targets: Collection[str]) -> dict[str, Truth | None]:
        """What is true of these now; None of what names nothing any more."""
        oracle, version = Oracle(self.world), self.world.version
        found: dict[str, Truth | None] = {}
        for target in targets:
            try:
                asked, _ = parse_query(dict(parse_qsl(target.partition("?")[2])))
                found[target] = oracle.truth(asked, version, self.now).canonical()
            except Refused:
                found[target] = None
        return found

    def free(self, event_type: int, day: date) -> list[datetime]:
        """When this type can be booked on a day."""
        asked, _ = parse_query({"eventTypeId": str(event_type), "start": str(day), "end": str(day)})
        return [slot.start for slots in self.world.slots(asked, self.now).days.values() for slot in slots]

    async def purge(self) -> None:
        """Have the gateway serve nothing of what it has."""
        store = Store(self.redis, self.keys, Timing())
        write, _ = await store.write_begin()
        await store.write_end(write, known=True)

    async def learn(self, reads: Sequence[Request], targets: Collection[str]) -> bool:
        """Have the gateway know what these reads tell, and wait until it does know what the targets are of; whether
        it did.

        They are told as one process of a fleet tells the others: by itself a gateway listens to each path once in a
        while, and would take minutes. What it asks for by itself it asks by the first key that it sees.
        """
        today = str(self.now.date())
        look = {"eventTypeId": "112", "start": today, "end": today}
        await self.ask(Request("GET", "/v2/slots", None, _LONER, SLOTS, look))
        keeper = Keeper(self.redis, self.keys, max_age=SETTINGS["account_map_seconds"])
        until = self.clock.monotonic() + _PATIENCE_SECONDS
        while not await self._told(keeper, reads):
            if self.clock.monotonic() > until:
                return False
            await self.clock.sleep(_PAUSE_SECONDS)
        return await self.settled(targets)

    async def seen(self, reads: Sequence[Request]) -> None:
        """Have the gateway see the bookings that there are, as it does where all traffic takes its way."""
        for one in reads:
            if one.path.startswith("/v2/bookings"):
                await self.ask(one)

    async def settled(self, targets: Collection[str]) -> bool:
        """Have the gateway fetch all targets anew, until it is certain what they are of; whether it is in the end."""
        until = self.clock.monotonic() + _PATIENCE_SECONDS
        while self.clock.monotonic() < until:
            if await self._is_known(targets):
                return True
            await self.clock.sleep(_PAUSE_SECONDS)
        return False

    async def _told(self, keeper: Keeper, reads: Sequence[Request]) -> bool:
        now = self.clock.now() + self.ahead
        await keeper.look(now)
        fence = keeper.fence()
        answers = []
        for one in reads:
            answer = await self.behind(one)
            path = normalise(one.path)
            if teaches(one.method, path):
                told = Answer(one.method, path, one.query, one.version, answer.status, answer.json(), now)
                answers.append(told)
        return await keeper.learn(answers, fence, now)

    async def _is_known(self, targets: Collection[str]) -> bool:
        await self.purge()
        await self.fill(targets)
        found = await self.kept(targets)
        return bool(found) and all("?" not in one.fields for one in found.values())


def look_of(event_type: int, start: str, end: str) -> str:
    """The target of a look at one event type."""
    return f"/v2/slots?eventTypeId={event_type}&start={start}&end={end}"


def fields_of(target: str) -> Fields:
    """What the answer to a look at one event type reads, by its number."""
    query = parse(target.partition("?")[2], SLOTS)
    assert query is not None, target
    return read_by([int(dict(query.parameters)["eventTypeId"])], query.bounds)


async def _sent(client: Client, request: Request) -> Response:
    headers = {"cal-api-version": request.version, "content-type": "application/json"}
    if request.user is not None:
        # The owner's own key is the one that everybody reads slots with.
        key = KEY if request.user == 1 else key_of(USERS[request.user - 1])
        headers["authorization"] = f"Bearer {key}"
    target = request.path + (f"?{urlencode(request.query)}" if request.query else "")
    body = b"" if request.body is None else orjson.dumps(request.body)
    return await client.request(request.method, target, headers=headers, body=body)
