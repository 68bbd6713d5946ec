"""Everybody asks for the same at one moment: one call goes out, all are woken, and a dead leader is replaced."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from core.clock import Clock
from loadtest.client import Client
from loadtest.scenarios.crowd import Answers, Crowd, spread
from loadtest.scenarios.report import Report, Table, Tell, at_most, exactly
from loadtest.scenarios.stage import Needs, Simulator, Stage
from loadtest.stats import quantile

_WAITERS, _ROUNDS = 20, 10
"""So many wait where waking is measured, so often: writing ten thousand answers takes longer than waking anybody."""

_FEW = 200
"""So many wait for a leader that is killed."""

_ESTABLISHED = "01"
_PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How many ask, and how often a leader is killed."""

    misses: int = 10_000
    seed: int = 1
    processes: int = 4
    clients: int = 2
    trials: int = 3


def needs(plan: Plan) -> Needs:
    """A slow Cal.com, so that all have asked before it answers; nothing that makes calls of its own."""
    return Needs(
        simulator=("--latency", "5-10", "--rate-limit", "10000000", "--seed", str(plan.seed)),
        settings={
            "workers": plan.processes,
            "max_connections": min(65_536, plan.misses + 1_024),
            "account_map_seconds": 0,
        },
    )


async def run(stage: Stage, plan: Plan, tell: Tell, clock: Clock) -> Report:
    """The crowd, then a few whose waking is timed, then leaders killed."""
    began = clock.monotonic()
    now = (await stage.simulator.stats())["now"]
    targets = _targets(datetime.fromtimestamp(now, UTC))
    tell(f"{plan.misses:,} connections open")
    many, calls = await _ask(stage, next(targets), plan.misses, plan.clients)
    tell(f"{len(many.ended):,} answers from {len(calls)} calls")
    await stage.simulator.ask("POST", "/latency", {"profile": "report"})
    woken = []
    for _ in range(_ROUNDS):
        few, _ = await _ask(stage, next(targets), _WAITERS, 1)
        woken += spread(few.ended)
    # Long enough for everybody to have asked when the leader dies.
    await stage.simulator.ask("POST", "/latency", {"profile": "lt3"})
    trials = []
    for number in range(plan.trials):
        trials.append(await _leader_killed(stage, next(targets), plan, clock))
        tell(f"leader {number + 1} killed: {trials[-1]}")
    successors = [float(trial["successor, ms"]) for trial in trials]
    lost = sum(int(trial["unanswered"]) for trial in trials)
    release = quantile(woken, 0.99)
    return Report(
        scenario="coalesce",
        seed=plan.seed,
        seconds=clock.monotonic() - began,
        figures={
            "asked at once": plan.misses,
            "answered": len(many.ended),
            "calls": len(calls),
            "different answers": len(many.bodies),
            "answers": dict(many.words),
            "no answer": dict(many.failed),
            "from the first answer to the last, s": max(spread(many.ended), default=0.0),
            f"woken after the first of {_WAITERS}, P50, ms": 1000 * (quantile(woken, 0.5) or 0.0),
            f"woken after the first of {_WAITERS}, P99, ms": 1000 * (release or 0.0),
        },
        gates=[
            exactly("calls for identical misses", len(calls), 1),
            exactly("answers", len(many.ended), plan.misses),
            at_most(
                "P99 of waiters after the first that was answered, ms",
                None if release is None else 1000 * release,
                5,
            ),
            at_most("successor of a killed leader, ms", max(successors, default=None), 250),
            exactly("waiters left unanswered by a killed leader", lost, 0),
        ],
        tables=[
            Table(
                "Leaders killed",
                ("trial", "successor, ms", "calls", "unanswered"),
                [
                    (str(number + 1), trial["successor, ms"], trial["calls"], trial["unanswered"])
                    for number, trial in enumerate(trials)
                ],
            )
        ],
    )


def _targets(now: datetime) -> Iterator[str]:
    """Ever another week of one event type."""
    day = (now + timedelta(days=14)).date()
    while True:
        yield f"/v2/slots?eventTypeId=101&start={day}&end={day + timedelta(days=6)}"
        day += timedelta(days=1)


async def _ask(stage: Stage, target: str, size: int, processes: int) -> tuple[Answers, list[Any]]:
    """What a crowd got, and the calls it made."""
    last = await _last_call(stage.simulator)
    async with Crowd(stage.gateway, size, processes) as crowd:
        crowd.ask(target)
        answers = await crowd.answers()
    return answers, await _calls(stage.simulator, last)


async def _leader_killed(stage: Stage, target: str, plan: Plan, clock: Clock) -> dict[str, Any]:
    """kill -9 of the process that makes the call others wait for; when the next call arrived."""
    await _without_calls(stage, plan, clock)
    last = await _last_call(stage.simulator)
    async with Crowd(stage.gateway, _FEW, 1) as crowd:
        crowd.ask(target)
        deadline = clock.monotonic() + _PATIENCE_SECONDS
        while not (leaders := calling(stage)) and clock.monotonic() < deadline:
            await clock.sleep(0.01)
        # Some more have come by now, on all processes.
        await clock.sleep(0.3)
        killed = clock.monotonic()
        os.kill(leaders[0], signal.SIGKILL)
        answers = await crowd.answers()
    calls = await _calls(stage.simulator, last)
    after = [call["arrived_real"] for call in calls if call["arrived_real"] > killed]
    return {
        "successor, ms": 1000 * (min(after) - killed) if after else float("inf"),
        "calls": len(calls),
        "unanswered": _FEW - len(answers.ended),
    }


async def _without_calls(stage: Stage, plan: Plan, clock: Clock) -> None:
    """A gateway whose processes have no connection to Cal.com: who has one then is making a call."""
    for pid in calling(stage):
        os.kill(pid, signal.SIGKILL)
    deadline = clock.monotonic() + _PATIENCE_SECONDS
    while clock.monotonic() < deadline:
        await clock.sleep(0.5)
        if len(stage.pids()["proxy"]) == plan.processes and not calling(stage):
            break
    # A process that was started a moment ago accepts only when it has loaded.
    await clock.sleep(3)
    async with Client(stage.gateway) as client:
        await client.get("/-/readyz")


def calling(stage: Stage) -> list[int]:
    """Pids of gateway processes with an open connection to the simulator, as Linux tells."""
    port = f"{urlsplit(stage.simulator.url).port:04X}"
    sockets = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[2].endswith(":" + port) and fields[3] == _ESTABLISHED:
            sockets.add(f"socket:[{fields[9]}]")
    return [pid for pid in stage.pids()["proxy"] if sockets & set(_open_files(pid))]


def _open_files(pid: int) -> Iterator[str]:
    try:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            yield str(descriptor.readlink())
    except OSError:
        # It died, or closed one while we looked.
        return


async def _last_call(simulator: Simulator) -> int:
    entries = (await simulator.ask("GET", "/journal"))["entries"]
    return max((entry["seq"] for entry in entries), default=0)


async def _calls(simulator: Simulator, since: int) -> list[Any]:
    entries = (await simulator.ask("GET", f"/journal?since={since}"))["entries"]
    return [entry for entry in entries if entry["endpoint_class"] == "slots"]
