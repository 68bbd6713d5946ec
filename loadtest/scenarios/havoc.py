"""What goes wrong while a scenario is played: processes die, Cal.com fails, webhooks get lost."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from core.clock import Clock
from loadtest.scenarios.report import Tell
from loadtest.scenarios.stage import Refusal, Simulator, Stage

FAULTS: Final[Sequence[dict[str, Any]]] = (
    {"kind": "error", "classes": ["slots"], "count": 3},
    {"kind": "bad_gateway", "classes": ["slots"], "count": 2},
    {"kind": "hang", "classes": ["slots"], "count": 1},
    {"kind": "reset", "classes": ["slots"], "count": 2},
    {"kind": "error", "classes": ["bookings"], "count": 1, "when": "after"},
    {"kind": "reset", "classes": ["bookings"], "count": 1, "when": "after"},
    {"kind": "bad_gateway", "classes": ["bookings", "reservations"], "count": 1, "when": "after"},
    {"kind": "reset", "classes": ["bookings"], "count": 1},
    {"kind": "hang", "classes": ["bookings"], "count": 1, "when": "after"},
)
"""Errors, hangs and resets; after a write as well as before it. No lies: an answer 200 that is not true is
Cal.com's own, and nobody could tell.
"""


_POLL_SECONDS: Final = 0.005
_BACK_SECONDS: Final = 20.0
_AIMED_SHARE: Final = 0.5
# Within what Cal.com takes for a write at the race's speed: before it is made, and after.
_AIMED_SECONDS: Final = (0.02, 0.2)


async def kill_now_and_then(
    stage: Stage,
    clock: Clock,
    every: float,
    dice: random.Random,
    deaths: Counter[str],
    left: asyncio.Event,
) -> None:
    """kill -9 of one of the gateway's own processes every so many seconds, for ever; its pid comes from who
    started it. Half of the time while a write is on its way, which is when `left` is set.
    """
    while True:
        await clock.sleep(every)
        if dice.random() < _AIMED_SHARE:
            await _aim(clock, dice, left)
        living = [(role, pid) for role, pids in stage.pids().items() if role != "monitor" for pid in pids]
        if living:
            _kill(*dice.choice(living), deaths)


async def kill_writes(
    stage: Stage, clock: Clock, every: float, deaths: Counter[str], left: asyncio.Event
) -> None:
    """kill -9 of all gateway processes at once, as soon as a write of theirs has reached Cal.com, at most every so many
    seconds. `left` is set while any is on its way.
    """
    while True:
        seen = await _arrived(stage.simulator)
        await left.wait()
        while left.is_set() and await _arrived(stage.simulator) == seen:
            await clock.sleep(_POLL_SECONDS)
        for pid in stage.pids()["proxy"]:
            _kill("proxy", pid, deaths)
        await clock.sleep(every)


async def _arrived(simulator: Simulator) -> int:
    """How many writes have reached Cal.com."""
    counts = (await simulator.stats())["requests"]
    return sum(count for name, count in counts.items() if name.endswith(":POST"))


async def _aim(clock: Clock, dice: random.Random, left: asyncio.Event) -> None:
    await left.wait()
    await clock.sleep(dice.uniform(*_AIMED_SECONDS))


def _kill(role: str, pid: int, deaths: Counter[str]) -> None:
    os.kill(pid, signal.SIGKILL)
    deaths[role] += 1


async def lose_redis(stage: Stage, clock: Clock, seconds: float, tell: Tell, left: asyncio.Event) -> None:
    """Redis is killed between two writes, and gone for so long; over when it has been back for a while.

    What a write on its way might touch is not shown meanwhile, and of one whose outcome is not known that may be all.
    """
    while left.is_set():
        await clock.sleep(_POLL_SECONDS)
    tell(f"killing Redis for {seconds:g} s")
    stage.kill_redis()
    await clock.sleep(seconds + _BACK_SECONDS)


async def fail_now_and_then(
    simulator: Simulator, clock: Clock, every: float, dice: random.Random, faults: Counter[str]
) -> None:
    """One of `FAULTS` every so many seconds, for ever."""
    while True:
        await clock.sleep(every)
        fault = dice.choice(FAULTS)
        await simulator.ask("POST", "/faults", fault)
        faults[f"{fault['kind']} {fault['classes'][0]}"] += 1


async def lose_webhooks(simulator: Simulator, share: float) -> bool:
    """From now on that share of webhooks never arrives, as many come twice or late. False if it refused."""
    try:
        await simulator.ask("POST", "/webhooks", {"loss": share, "duplicates": share, "delayed": share})
    except Refusal:
        return False
    return True
