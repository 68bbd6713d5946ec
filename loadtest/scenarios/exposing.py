"""One rule of reach raced: its scene is played through a gateway while readers ask for what it makes untrue.

The gateway has everything, or goes without that rule; the judge is the race's. The scenes count the days of a month and
the weeks ahead, so Cal.com and the gateway live at the next Monday that begins a month.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from calcom.simulator.simulation import Simulation
from core.clock import Clock
from loadtest.client import Response
from loadtest.scenarios.insight import SETTINGS, Insight, look_of, simulation
from loadtest.scenarios.judge import Reads, Verdict, Write, judge
from loadtest.scenarios.reading import look
from loadtest.scenarios.report import Gate, Report, Tell, at_least, exactly
from loadtest.scenarios.rules import MADE, SCENES, Behind, Heard, Learn, Scene, Written, everything
from loadtest.scenarios.sabotage import REACH
from loadtest.scenarios.site import Request
from loadtest.scenarios.stage import Needs, Stage
from loadtest.scenarios.truth import timelines

_DAYS: Final = 32
_READERS: Final = 4
_ROUNDS_AFTER_A_WRITE: Final = 2
_FEW: Final = 50


class Unready(Exception):
    """The scene could not be set; the text says where it ended."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which rule, and whether the gateway goes `without` it. `now` is this machine's time."""

    rule: str
    now: datetime
    seed: int = 1
    without: bool = True


def needs(plan: Plan) -> Needs:
    """Cal.com in this process, and both at the same time of day."""
    start = first_monday(plan.now)
    return Needs(
        own=simulation(plan.seed, start),
        settings=SETTINGS,
        without=REACH + plan.rule if plan.without else None,
        ahead=(start - plan.now).total_seconds(),
    )


def first_monday(now: datetime) -> datetime:
    """Six in the morning of the next Monday that is the first of its month."""
    day = now.astimezone(UTC).replace(hour=6, minute=0, second=0, microsecond=0) + timedelta(days=1)
    while day.weekday() != 0 or day.day > 7:
        day += timedelta(days=1)
    return day


async def run(stage: Stage, own: Simulation, plan: Plan, tell: Tell, clock: Clock) -> Report:
    """Play the scene, and judge every read from its first write on. Raises Unready."""
    began = clock.monotonic()
    scene = SCENES[plan.rule]
    targets = targets_of(scene, own.clock.now())
    ahead = own.clock.now().timestamp() - clock.now()
    async with Insight.into(stage, own, clock, ahead=ahead) as insight:
        player = _Player(insight, targets, random.Random(plan.seed), scene.knows)
        tell(f"{plan.rule}: the gateway learns, and the scene is set")
        await player.play(scene)
    version = player.began
    truth = await timelines(stage.simulator, targets, tell, since=version)
    verdict = judge(player.reads, truth, player.writes)
    changed = sum(len(timeline.versions) > 1 for timeline in truth.values())
    return Report(
        scenario=f"race of {REACH}{plan.rule}",
        seed=plan.seed,
        seconds=clock.monotonic() - began,
        figures={
            "reads": verdict.reads,
            "reads begun after an acknowledgement": verdict.after_ack,
            "reads within a second of one that changed them": verdict.sharp,
            "stale": verdict.stale,
            "writes": len(player.writes),
            "answers": dict(player.reads.words),
            "answers watched": len(targets),
            "of them made untrue": changed,
            "without": plan.rule if plan.without else "nothing",
        },
        gates=_gates(plan, verdict, changed),
    )


def targets_of(scene: Scene, now: datetime) -> tuple[str, ...]:
    """A look at each day of each event type that is watched."""
    days = [(now + timedelta(days=at)).date() for at in range(_DAYS)]
    return tuple(look_of(one, str(day), str(day)) for one in scene.watch for day in days)


@dataclass
class _Player:
    """Takes the steps of a scene. `began` is the version of the world before its first write."""

    insight: Insight
    targets: Sequence[str]
    dice: random.Random
    knows: bool
    reads: Reads = field(default_factory=Reads)
    writes: list[Write] = field(default_factory=list)
    began: int = -1

    async def play(self, scene: Scene) -> None:
        steps = scene.steps(self.insight)
        data: Any = None
        with contextlib.suppress(StopIteration):
            while True:
                data = await self._take(steps.send(data))

    async def _take(self, step: Learn | Behind | Heard | Written) -> Any:
        wanted = MADE
        match step:
            case Learn(reads):
                await self._learn(reads)
                return None
            case Behind(request):
                answer = await self.insight.behind(request)
            case Heard(request, wanted):
                answer = await self.insight.ask(request)
            case Written(request):
                answer = await self._raced(request)
        if answer.status not in wanted:
            raise Unready(f"{request}: {answer.status} {answer.body[:300]!r}")
        return answer.json().get("data")

    async def _learn(self, reads: tuple[Request, ...]) -> None:
        # Where they shall be unknown, it is another type that is waited for.
        known = self.targets if self.knows else ("/v2/slots?eventTypeId=101&start=2100-01-01&end=2100-01-01",)
        assert await self.insight.learn(reads or everything(self.insight), known), (
            "the gateway never got to know the event types"
        )

    async def _raced(self, request: Request) -> Response:
        if not self.writes:
            if not self.knows:
                await self.insight.purge()
            # As certain as can be right before: what is known by now may have become known only now.
            elif not await self.insight.settled(self.targets):
                raise Unready("the gateway forgot the event types again")
            self.began = self.insight.world.version
        await self.insight.fill(self.targets)
        async with self._reading():
            await self._at_least(_FEW)
            answer = await self.insight.ask(request)
            version = answer.header("x-sim-version")
            if answer.status in MADE and version is not None:
                self.writes.append(Write(int(version), answer.started, answer.ended))
            for _ in range(_ROUNDS_AFTER_A_WRITE):
                for target in range(len(self.targets)):
                    await look(self.insight.gateway, self.reads, self.targets, target)
        return answer

    async def _at_least(self, more: int) -> None:
        wanted = len(self.reads) + more
        while len(self.reads) < wanted:
            await self.insight.clock.sleep(0.01)

    @contextlib.asynccontextmanager
    async def _reading(self) -> AsyncIterator[None]:
        async def read() -> None:
            while True:
                await look(
                    self.insight.gateway, self.reads, self.targets, self.dice.randrange(len(self.targets))
                )

        readers = [asyncio.ensure_future(read()) for _ in range(_READERS)]
        try:
            yield
        finally:
            for reader in readers:
                reader.cancel()
            await asyncio.wait(readers)


def _gates(plan: Plan, verdict: Verdict, changed: int) -> list[Gate]:
    if plan.without:
        stale = at_least(f"stale answers found without {REACH}{plan.rule}", verdict.stale, 1)
    else:
        stale = exactly("stale answers", verdict.stale, 0)
    return [stale, at_least("answers that a write made untrue", changed, 1)]
