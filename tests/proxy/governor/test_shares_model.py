"""Processes that are cut off, come back, die, are replaced and join, whenever: the sum is never more than the limit.

The scripts run on a real Redis that lives on the test's clock; each process asks for more than there is.
"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from core.keys import Keys
from proxy.governor.heart import Heart
from proxy.governor.limiter import Limiter
from proxy.governor.purpose import Purpose, Reserves
from proxy.governor.shares import Beat, Moment, Shares
from proxy.governor.terms import Grant, Limits
from tests.proxy.governor.world import KEY, SteppedClock, on_this_clock, set_time, timed

LIMITS = Limits(api_key=12, window=6.0, guard=0.6, pace=4, away=1.0, reserves=Reserves(0, 0))
STEP = 0.5
MOST = 6

EXAMPLES = int(os.environ.get("CALGATE_MODEL_EXAMPLES", "12"))


class Process:
    """One process, with its way to Redis and its way to Cal.com."""

    def __init__(self, world: World, name: str) -> None:
        self.name = name
        self.world = world
        self.is_cut = False
        self.is_mute = False
        self.shares = Shares(LIMITS, name=name)
        limiter = Limiter(world.redis, world.keys, LIMITS, world.clock, self.shares)
        self.limiter = on_this_clock(limiter, world.redis, world.keys)
        self.heart = Heart(world.redis, world.keys, self.shares, world.clock)
        self.heart._beat = timed(world.redis, world.keys, "aside", "beat")
        self.late: list[Beat] = []

    @property
    def hears(self) -> bool:
        return not (self.is_cut or self.world.is_gone)

    def new_beat(self) -> Beat:
        return self.shares.beat(Moment(self.world.clock.monotonic(), self.world.clock.now()))

    async def live(self) -> None:
        """What happens in one step: a beat, and calls until there are none."""
        if self.hears and not self.is_mute:
            await self.heart.beat()
        for _ in range(LIMITS.api_key + 1):
            if self.limiter.is_alone:
                answer = self.shares.ask(
                    KEY, Purpose.INTERACTIVE, Moment(self.world.clock.monotonic(), self.world.clock.now())
                )
            elif self.hears:
                answer = await self.limiter.ask(KEY, Purpose.BOOKING)
            else:
                return
            if not isinstance(answer, Grant):
                return
            self.world.made.append((self.world.clock.seconds, self.name, answer.by_share))


class World:
    """A Redis, and everybody around it."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self.redis = redis
        self.keys = keys
        self.clock = SteppedClock()
        self.is_gone = False
        self.made: list[tuple[float, str, bool]] = []
        self.born = 0
        self.processes = [self.new() for _ in range(3)]

    def new(self) -> Process:
        self.born += 1
        return Process(self, f"p{self.born}")

    async def move(self, seconds: float, *, frozen: bool = False) -> None:
        """Let time pass; *frozen* processes do nothing in it, and Redis hears of nobody."""
        steps = 1 if frozen else round(seconds / STEP)
        for _ in range(steps):
            self.clock.seconds += seconds / steps
            await set_time(self.redis, self.keys, self.clock.seconds)
            for process in self.processes:
                await process.live()

    async def happen(self, what: str, who: int) -> None:
        process = self.processes[who % len(self.processes)]
        match what:
            case "cut":
                process.is_cut = True
            case "heal":
                process.is_cut = False
            case "mute":
                # Its beat starves, and its calls do not.
                process.is_mute = True
            case "unmute":
                process.is_mute = False
            case "gone":
                self.is_gone = True
            case "back":
                self.is_gone = False
            case "unheard" if not self.is_gone:
                # Redis hears it, and its answer gets lost.
                await process.heart._send(process.new_beat())
            case "late":
                process.late.append(process.new_beat())
            case "deliver" if process.late and not self.is_gone:
                await process.heart._send(process.late.pop())
            case "restart":
                # A process takes the place of a dead one, which may have been cut off.
                new = Process(self, process.name)
                new.is_cut, new.late = process.is_cut, process.late
                self.processes[who % len(self.processes)] = new
            case "die" if len(self.processes) > 1:
                self.processes.remove(process)
            case "join" if len(self.processes) < MOST:
                self.processes.append(self.new())
            case "leave" if len(self.processes) > 1 and process.hears:
                await process.heart._send(process.new_beat(), leaves=True)
                self.processes.remove(process)
            case _:
                pass

    def most_in(self, seconds: float) -> int:
        times = sorted(at for at, _, _ in self.made)
        return max((sum(start <= at < start + seconds for at in times) for start in times), default=0)


HAPPENINGS = [
    *("cut", "cut", "heal", "heal", "gone", "back", "back", "unheard", "late", "deliver"),
    *("restart", "die", "join", "leave", "mute", "unmute", "nothing"),
]

happenings = st.lists(
    st.tuples(
        st.sampled_from(HAPPENINGS),
        st.integers(0, MOST - 1),
        st.sampled_from([0.0, STEP, 3 * STEP, 9.5, 9.5]),
    ),
    min_size=5,
    max_size=25,
)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(happenings)
async def test_no_window_and_no_second_has_more_calls_than_it_may_over_all_that_are_cut_off_or_not(
    redis: Any, keys: Keys, happenings: list[tuple[str, int, float]]
) -> None:
    await redis.flushall()
    world = World(redis, keys)
    await world.move(2.0)
    for what, who, seconds in happenings:
        await world.happen(what, who)
        if seconds:
            await world.move(seconds)
    assert world.most_in(LIMITS.window) <= LIMITS.api_key
    assert world.most_in(1.0) <= LIMITS.pace


async def test_without_redis_all_together_spend_what_one_limit_allows_and_most_of_it(
    redis: Redis, keys: Keys
) -> None:
    world = World(redis, keys)
    await world.move(3.0)
    world.is_gone = True
    await world.move(60.0)
    by_share = [at for at, _, is_share in world.made if is_share]
    assert min(by_share) >= world.made[0][0] + 3.0 + 2 * LIMITS.away + LIMITS.window
    assert len({name for _, name, is_share in world.made if is_share}) == 3
    assert len(by_share) >= 12 * 6
    assert world.most_in(LIMITS.window) <= LIMITS.api_key


async def test_whoever_still_reaches_redis_leaves_the_others_their_shares(redis: Redis, keys: Keys) -> None:
    world = World(redis, keys)
    await world.move(3.0)
    world.processes[0].is_cut = True
    await world.move(30.0)
    assert {name for _, name, is_share in world.made if is_share} == {"p1"}
    assert world.most_in(LIMITS.window) <= LIMITS.api_key
    made = len(world.made)
    world.processes[0].is_cut = False
    await world.move(20.0)
    assert world.most_in(LIMITS.window) <= LIMITS.api_key
    assert len(world.made) - made >= 2 * LIMITS.api_key


async def test_a_lease_ends_before_the_share_is_somebody_elses(redis: Redis, keys: Keys) -> None:
    world = World(redis, keys)
    await world.move(3.0)
    world.processes[0].is_cut = True
    await world.move(15 * LIMITS.window + 20)
    last = max(at for at, _, is_share in world.made if is_share)
    assert last < world.made[0][0] + 3.0 + 15 * LIMITS.window
    assert world.most_in(LIMITS.window) <= LIMITS.api_key
    await world.move(20)
    # Twice a window and its guard, and what was one process's is the others'.
    assert sum(at > world.clock.seconds - 13.2 for at, _, _ in world.made) >= 20


async def test_the_dead_are_replaced_without_setting_anything_aside(redis: Redis, keys: Keys) -> None:
    world = World(redis, keys)
    await world.move(3.0)
    await world.happen("restart", 0)
    await world.move(20.0)
    assert sum(at > world.clock.seconds - 7 for at, _, _ in world.made) >= LIMITS.api_key
    assert world.processes[0].shares.held == 1_680


async def test_beats_whose_answers_get_lost_prove_nothing(redis: Redis, keys: Keys) -> None:
    world = World(redis, keys)
    await world.move(3.0)
    world.processes[0].is_cut = True
    for _ in range(50):
        await world.move(STEP)
        await world.happen("unheard", 0)
    assert any(is_share for _, _, is_share in world.made)
    assert world.most_in(LIMITS.window) <= LIMITS.api_key


async def test_one_that_died_cut_off_is_replaced_and_what_it_may_have_spent_is_set_aside_for_a_window(
    redis: Redis, keys: Keys
) -> None:
    world = World(redis, keys)
    await world.move(3.0)
    world.processes[0].is_cut = True
    await world.move(15.0)
    assert any(is_share for _, _, is_share in world.made)
    await world.happen("restart", 0)
    world.processes[0].is_cut = False
    await world.move(6.5)
    assert world.processes[0].shares.held == 0
    await world.move(20.0)
    assert world.processes[0].shares.held == 1_680
    assert world.most_in(LIMITS.window) <= LIMITS.api_key


async def test_a_redis_that_forgot_the_shares_sets_aside_what_nobody_claims(redis: Redis, keys: Keys) -> None:
    world = World(redis, keys)
    await world.move(3.0)
    world.processes[2].is_cut = True
    await redis.flushall()
    await set_time(redis, keys, world.clock.seconds)
    await world.move(40.0)
    assert any(is_share for _, _, is_share in world.made)
    assert world.most_in(LIMITS.window) <= LIMITS.api_key
    await world.move(15 * LIMITS.window)
    world.processes[2].is_cut = False
    await world.move(20.0)
    assert world.most_in(LIMITS.window) <= LIMITS.api_key


async def test_a_process_whose_beat_starves_still_has_its_own_share_of_redis(
    redis: Redis, keys: Keys
) -> None:
    world = World(redis, keys)
    del world.processes[1:]
    await world.move(3.0)
    await world.happen("mute", 0)
    await world.move(30.0)
    assert sum(at > world.clock.seconds - 13.2 for at, _, _ in world.made) >= 20
    assert world.most_in(LIMITS.window) <= LIMITS.api_key


async def test_all_asleep_for_longer_than_their_leases_spend_nothing_when_they_wake(
    redis: Redis, keys: Keys
) -> None:
    world = World(redis, keys)
    await world.move(3.0)
    world.is_gone = True
    await world.move(20 * LIMITS.window, frozen=True)
    assert not any(is_share for _, _, is_share in world.made)
