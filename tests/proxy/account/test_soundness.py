"""Whatever is interleaved and whoever dies, no process takes an outdated fact for known."""

import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from core.keys import Keys
from proxy.account.keeper import Keeper, Mark
from tests.proxy.account.calcom import answer, event_type
from tests.proxy.account.conftest import Process

NOW = 1_800_000_000.0
PATH = "/v2/event-types/5"
STEPS = 200

# Changes are rare enough for something to be known between them.
WEIGHTS = {"change": 1, "commit": 2, "end": 2, "die": 1, "read": 4, "answer": 6, "learn": 4, "look": 3}


@dataclass
class Change:
    """A write on its way, or just done. `told` is the state that its answer shows, `was` that before it."""

    keeper: Keeper
    id: str
    mark: Mark
    told: int | None = None
    was: int | None = None


@dataclass
class Read:
    """A GET on its way. `told` is what Cal.com answered."""

    keeper: Keeper
    fence: int | None
    told: int | None = None


@dataclass
class World:
    """The truth is one number, the length of event type 5; only writes through the gateway change it."""

    redis: Any
    keys: Keys
    keepers: list[Keeper]
    rng: random.Random
    truth: int = 1
    count: int = 0
    outdated: int = 0
    known: int = 0
    judged: int = 0
    changes: list[Change] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)

    async def step(self) -> None:
        """One thing that some process, Cal.com or death does next."""
        match self.rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]:
            case "change" if len(self.changes) < 2:
                keeper = self.rng.choice(self.keepers)
                self.count += 1
                mark = await keeper.begin_change(f"w{self.count}", "PATCH", PATH, NOW)
                self.changes.append(Change(keeper, f"w{self.count}", mark))
            case "commit" if self.changes:
                change = self.rng.choice(self.changes)
                if change.told is None:
                    change.was = self.truth
                    self.truth += 1
                    change.told = self.truth
            case "end" if self.changes:
                await self.end(self.changes.pop(self.rng.randrange(len(self.changes))))
            case "die" if self.changes and self.rng.random() < 0.3:
                # Nothing lands any more once its time has passed, which is when it is no longer listed.
                change = self.changes.pop(self.rng.randrange(len(self.changes)))
                await self.redis.zrem(f"{{cg:{self.keys.account}}}:map:changes", change.id)
            case "read":
                keeper = self.rng.choice(self.keepers)
                self.reads.append(Read(keeper, keeper.fence()))
            case "answer" if self.reads:
                self.rng.choice(self.reads).told = self.truth
            case "learn" if self.reads:
                read = self.reads.pop(self.rng.randrange(len(self.reads)))
                if read.told is not None:
                    said = answer("/v2/event-types", NOW, [event_type(5, lengthInMinutes=read.told)])
                    await read.keeper.learn([said], read.fence, NOW)
            case "look":
                await self.rng.choice(self.keepers).look(NOW)
            case _:
                pass
        await self.check()

    async def end(self, change: Change) -> None:
        """The writer hears what became of its write."""
        before = (await change.keeper.confirmed(NOW, change.mark)).event_types.get(5)
        if before is not None and before.lengths is not None:
            self.judged += 1
            self.outdated += before.lengths != {self.truth if change.was is None else change.was}
        if change.told is None:
            await change.keeper.unchanged(change.id)
            return
        said = answer(PATH, NOW, event_type(5, lengthInMinutes=change.told), method="PATCH")
        await change.keeper.end_change(change.id, change.mark, said, NOW)

    async def check(self) -> None:
        """Ask one process what is known: the truth, or nothing."""
        facts = (await self.rng.choice(self.keepers).confirmed(NOW)).event_types.get(5)
        if facts is not None and facts.lengths is not None:
            self.known += 1
            self.outdated += facts.lengths != {self.truth}


async def runs(redis: Any, keys: Keys, process: Process, **options: Any) -> list[World]:
    """A dozen worlds, each begun anew."""
    worlds = []
    for seed in range(12):
        await redis.flushdb()
        keepers = [process(**options) for _ in range(3)]
        world = World(redis, keys, keepers, random.Random(seed))
        for keeper in keepers:
            await keeper.look(NOW)
        for _ in range(STEPS):
            await world.step()
        worlds.append(world)
    return worlds


def outdated(worlds: list[World]) -> list[int]:
    """The seeds whose worlds took an outdated fact for known."""
    return [seed for seed, world in enumerate(worlds) if world.outdated]


async def test_what_is_known_is_true(redis: Any, keys: Keys, process: Process) -> None:
    worlds = await runs(redis, keys, process)
    assert sum(world.known for world in worlds) > 100
    assert sum(world.judged for world in worlds) > 10
    assert outdated(worlds) == []


async def test_without_announcing_changes_it_would_not_be(redis: Any, keys: Keys, process: Process) -> None:
    assert outdated(await runs(redis, keys, process, change_seconds=0))


async def test_without_the_fence_it_would_not_be(
    redis: Any, keys: Keys, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Keeper, "fence", lambda self: 2**52)
    assert outdated(await runs(redis, keys, process))
