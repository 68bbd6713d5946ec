"""Every mechanism and every rule left out in turn: the race's judge finds what then goes wrong, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from core.clock import Clock
from loadtest.scenarios import exposing, race
from loadtest.scenarios.report import Gate, Report, Table, Tell, exactly
from loadtest.scenarios.rules import SCENES, UNSEEN_HERE
from loadtest.scenarios.sabotage import MECHANISMS, REACH
from loadtest.scenarios.stage import Needs, Stage

Open = Callable[[Needs], AbstractAsyncContextManager[Stage]]
"""Starts what a scenario needs, and ends it with the context."""

_ENDLESS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Plan:
    """`only` these (all without any), each for at most so many `seconds` of racing, `at_once` so many; with `control`
    each is raced with nothing left out as well.
    """

    only: tuple[str, ...] = ()
    seconds: float = 45.0
    seed: int = 1
    at_once: int = 2
    control: bool = True

    @property
    def names(self) -> list[str]:
        """What is left out, in order."""
        return list(self.only) or [*MECHANISMS, *(REACH + rule for rule in SCENES)]


@dataclass(frozen=True, slots=True)
class Trial:
    """Stale answers found of how many reads, `None` where the race could not be run: then `trouble` says why."""

    what: str
    stale: int | None = None
    reads: int | None = None
    trouble: str = ""


async def run(open_stage: Open, plan: Plan, tell: Tell, clock: Clock) -> Report:
    """Race each, and tell what was found."""
    began = clock.monotonic()
    places = asyncio.Semaphore(plan.at_once)

    async def one(what: str, *, without: bool) -> Trial:
        async with places:
            found = await _tried(open_stage, plan, what, without=without, clock=clock)
        tell(
            f"{'without' if without else 'with'} {what}: {found.trouble or f'{found.stale} stale of {found.reads}'}"
        )
        return found

    async with asyncio.TaskGroup() as group:
        left_out = [group.create_task(one(what, without=True)) for what in plan.names]
        controls = [group.create_task(one(what, without=False)) for what in plan.names if plan.control]
    without = [task.result() for task in left_out]
    whole = {task.result().what: task.result() for task in controls}
    return Report(
        scenario="sabotage",
        seed=plan.seed,
        seconds=clock.monotonic() - began,
        figures={
            "left out one at a time": len(without),
            "cannot be missed before the simulator": ", ".join(
                f"{REACH}{one} ({why})" for one, why in UNSEEN_HERE.items()
            ),
        },
        gates=_gates(plan, without, list(whole.values())),
        tables=[_table(without, whole)],
    )


async def _tried(open_stage: Open, plan: Plan, what: str, *, without: bool, clock: Clock) -> Trial:
    try:
        found = await _raced(open_stage, plan, what, without=without, clock=clock)
    except Exception as error:  # noqa: BLE001  # one that could not be run must not hide the others
        return Trial(what, trouble=f"{type(error).__name__}: {error}"[:200])
    stale, reads = found.figures["stale"], found.figures["reads"]
    assert isinstance(stale, int)
    assert isinstance(reads, int)
    # A control of which nothing was asked that could have gone wrong proves nothing.
    blind = [gate.name for gate in found.gates if not gate.passed and not gate.name.startswith("stale")]
    return Trial(what, stale, reads, f"not passed: {blind[0]}" if blind else "")


async def _raced(open_stage: Open, plan: Plan, what: str, *, without: bool, clock: Clock) -> Report:
    if what.startswith(REACH):
        rule = exposing.Plan(
            what.removeprefix(REACH), datetime.fromtimestamp(clock.now(), UTC), plan.seed, without
        )
        needed = exposing.needs(rule)
        assert needed.own is not None
        async with open_stage(needed) as stage:
            return await exposing.run(stage, needed.own, rule, _silent, clock)
    whole = race.Plan(
        reads=_ENDLESS,
        seconds=plan.seconds,
        seed=plan.seed,
        kill_every=0,
        fault_every=0,
        without=what if without else None,
        exposing=what,
    )
    async with open_stage(race.needs(whole)) as stage:
        return await race.run(stage, whole, _silent, clock)


def _silent(_: str) -> None:
    """Many of them speak at once."""


def _gates(plan: Plan, without: Sequence[Trial], whole: Sequence[Trial]) -> list[Gate]:
    missed = [one.what for one in without if not one.stale or one.trouble]
    gates = [exactly(f"left out and not found{_named(missed)}", len(missed), 0)]
    if plan.control:
        wrong = [one.what for one in whole if one.stale != 0 or one.trouble]
        gates.append(exactly(f"stale with nothing left out, or blind{_named(wrong)}", len(wrong), 0))
    return gates


def _named(names: Sequence[str]) -> str:
    return f" ({', '.join(names)})" if names else ""


def _table(without: Sequence[Trial], whole: dict[str, Trial]) -> Table:
    return Table(
        "Stale answers",
        ("left out", "stale", "of reads", "stale with it", "of reads", "trouble"),
        [
            (one.what, one.stale, one.reads, with_it.stale, with_it.reads, one.trouble or with_it.trouble)
            for one in without
            for with_it in [whole.get(one.what, Trial(one.what))]
        ],
    )
