"""Ten times the demand on one key: Cal.com never has to say no, little is left unused, bookings go first."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.clock import Clock
from core.embedded import EmbeddedRedis
from core.restart import RestartPolicy
from core.tasks import spawn
from loadtest.scenarios.budget_fleet import LIMIT, WINDOW, Counted, Fleet, Tally, most_in
from loadtest.scenarios.budget_process import Did, Orders
from loadtest.scenarios.hastened import Hastened
from loadtest.scenarios.report import Cell, Gate, Report, Table, Tell, at_least, at_most, exactly
from loadtest.stats import quantile

_CYCLE = WINDOW + 1.0
"""Seconds of a window and its guard: whole ones are measured, since a fleet that may calls in bursts."""

# Of 120 in 61 s, with a little for processes that are killed; beside somebody else a few calls of each window have to
# be left (docs/decisions/0016).
_ALONE_PERCENT = 98.0
_BESIDE_PERCENT = 94.0

_SKEW_SECONDS = 5.0
_PACE = 10

# Calls a second of each class over the whole fleet: ten times the two that there are. Bookings want all of it.
_TENFOLD: Mapping[str, float] = {
    "booking": 4.0,
    "interactive": 8.0,
    "revalidate": 4.0,
    "warm": 2.0,
    "audit": 2.0,
}
# Bookings within what is kept for them, and ten times the demand behind them.
_BACKGROUND: Mapping[str, float] = {
    "booking": 0.1,
    "interactive": 2.0,
    "revalidate": 8.0,
    "warm": 6.0,
    "audit": 4.0,
}


@dataclass(frozen=True, slots=True)
class Plan:
    """How long, how fast, and what happens meanwhile. `kill_redis` are seconds of the compressed clock."""

    windows: int = 40
    speed: float = 10.0
    processes: int = 6
    seed: int = 1
    kill_every: float = 4.0
    booking_windows: int = 2
    kill_redis: float = 0.0


@dataclass(frozen=True, slots=True)
class Act:
    """One part of the scenario, played on a Redis of its own."""

    name: str
    windows: int
    speed: float
    rates: Mapping[str, float]
    has_other: bool = False
    kill_every: float = 0.0
    kill_redis: float = 0.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What an act showed. `since` and `until` are what was measured, on Cal.com's clock."""

    act: Act
    tally: Tally
    did: Did
    killed: int
    since: float
    until: float

    @property
    def used(self) -> float:
        """The part of what was available that arrived: two calls a second, less what others took.

        A block takes nothing away from what was available: whoever caused it, it is a loss.
        """
        others = sum(self.since <= at < self.until for at in self.tally.theirs)
        ours = sum(self.since <= at < self.until for at in self.tally.ours)
        return ours / max(1.0, (self.until - self.since) * LIMIT / WINDOW - others)

    @property
    def blocks_by_us(self) -> int:
        """Blocks in whose window we went on although an answer had shown the other; alone, all of them."""
        return sum(went_on or not self.act.has_other for _, went_on in self.tally.blocks)


def acts(plan: Plan) -> list[Act]:
    """What is played: alone, beside somebody else, bookings before ten times the demand, and Redis gone."""
    played = [
        Act("alone", plan.windows, plan.speed, _TENFOLD, kill_every=plan.kill_every),
        Act("beside another", plan.windows, plan.speed, _TENFOLD, has_other=True, kill_every=plan.kill_every),
    ]
    if plan.booking_windows:
        # What a call waits cannot be compressed.
        played.append(Act("bookings first", plan.booking_windows, 1.0, _BACKGROUND))
    if plan.kill_redis:
        windows = 8 + round(plan.kill_redis / _CYCLE)
        played.append(
            Act("Redis killed", windows, plan.speed, _TENFOLD, kill_redis=plan.kill_redis, has_other=False)
        )
    return played


async def run(folder: Path, plan: Plan, tell: Tell, clock: Clock) -> Report:
    """Play it all; servers and files are in *folder*."""
    started = clock.monotonic()
    seen = []
    for number, act in enumerate(acts(plan)):
        tell(f"{act.name}: {act.windows} windows, {act.speed:g} times as fast as life")
        seen.append(await _play(folder / str(number), act, plan, tell, clock))
    return Report(
        scenario="budget",
        seed=plan.seed,
        seconds=clock.monotonic() - started,
        figures={
            "processes": plan.processes,
            "skew of their clocks, s": f"up to {_SKEW_SECONDS:g} either way",
            **{one.act.name: _figures(one) for one in seen},
        },
        gates=[gate for one in seen for gate in _gates(one)],
        tables=[_classes(seen)],
    )


async def _play(folder: Path, act: Act, plan: Plan, tell: Tell, clock: Clock) -> Seen:
    base = int(clock.now())
    fast = Hastened(clock, speed=act.speed, base=base)
    dice = random.Random(plan.seed)
    calcom = Counted(fast, plan.seed)
    # Redis is started again by its keeper, after as long as it is to be gone.
    policy = RestartPolicy(first_seconds=act.kill_redis / act.speed)
    async with EmbeddedRedis(folder, policy=policy) as redis, calcom.listening() as address:
        orders = [
            Orders(
                redis=redis.url,
                calcom=address,
                place=f"place-{number}",
                speed=act.speed,
                base=base,
                skew=dice.uniform(-_SKEW_SECONDS, _SKEW_SECONDS),
                seed=plan.seed + number,
                rates={name: rate / plan.processes for name, rate in act.rates.items()},
            )
            for number in range(plan.processes)
        ]
        fleet = Fleet(orders)
        async with fleet.running():
            while not calcom.tally.ours:
                fleet.check()
                await clock.sleep(0.01)
            # The first window begins with nothing spent, and is measured by nobody.
            since = calcom.tally.ours[0] + _CYCLE
            until = since + act.windows * _CYCLE
            others = [spawn(_kill_processes(fleet, act, fast, dice), name="kill")]
            if act.has_other:
                others.append(spawn(calcom.somebody_else(), name="other"))
            if act.kill_redis:
                await fast.sleep(since + 2 * _CYCLE - fast.monotonic())
                tell(f"killing Redis for {act.kill_redis:g} s")
                os.kill(redis.pid, signal.SIGKILL)
            await fast.sleep(until - fast.monotonic())
            # What was done is told once a second.
            await clock.sleep(1.1)
            fleet.check()
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            return Seen(act, calcom.tally, fleet.did, fleet.killed, since, until)


async def _kill_processes(fleet: Fleet, act: Act, clock: Clock, dice: random.Random) -> None:
    while act.kill_every:
        await clock.sleep(dice.uniform(0.5, 1.5) * act.kill_every * _CYCLE)
        await fleet.kill(dice)


def _figures(seen: Seen) -> dict[str, Cell]:
    tally = seen.tally
    figures: dict[str, Cell] = {
        "windows": seen.act.windows,
        "speed": seen.act.speed,
        "arrived": len(tally.ours),
        "refused to us": tally.refused_ours,
        "of what was available, %": 100 * seen.used,
        "killed": seen.killed,
        "too late and given back": seen.did.too_late,
    }
    if seen.act.has_other:
        figures |= {
            "others' calls": len(tally.theirs),
            "refused to others": tally.refused_theirs,
            "blocks": len(tally.blocks),
        }
    if seen.act.kill_redis:
        figures |= {"by share": seen.did.by_share, "refused without Redis": seen.did.without_redis}
    return figures


def _gates(seen: Seen) -> list[Gate]:
    name, tally = seen.act.name, seen.tally
    found = [
        exactly(f"{name}: blocks caused by us", seen.blocks_by_us, 0),
        at_most(f"{name}: most calls of ours in any 60 s", most_in(tally.ours, WINDOW), LIMIT),
        at_most(f"{name}: most calls of ours in any second", most_in(tally.ours, 1.0), _PACE),
    ]
    match seen.act.name:
        case "alone" | "beside another":
            least = _BESIDE_PERCENT if seen.act.has_other else _ALONE_PERCENT
            found.append(at_least(f"{name}: used of what was available, %", 100 * seen.used, least))
        case "bookings first":
            waits = [1000 * seconds for seconds in seen.did.waits]
            found += [
                at_most(f"{name}: P99 of a booking's wait, ms", quantile(waits, 0.99), 50.0),
                exactly(f"{name}: bookings refused", seen.did.refused["booking"], 0),
                at_least(f"{name}: calls of lower classes", sum(seen.did.granted.values()) - len(waits), 1),
            ]
        case _:
            found.append(at_least(f"{name}: calls made by share", seen.did.by_share, 1))
    return found


def _classes(seen: list[Seen]) -> Table:
    headings = ["class"]
    for one in seen:
        headings += [f"{one.act.name}: made", "refused"]
    rows: list[list[Cell]] = []
    for name in _TENFOLD:
        row: list[Cell] = [name]
        for one in seen:
            row += [one.did.granted[name], one.did.refused[name]]
        rows.append(row)
    return Table("calls by class", headings, rows)
