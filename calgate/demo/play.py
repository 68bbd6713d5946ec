"""The demo itself: start, invite, perform until somebody stops it, conclude, clear away."""

import asyncio
import dataclasses
from datetime import UTC, date, datetime

from calgate.demo.figures import Board, Figures
from calgate.demo.invitation import invitation
from calgate.demo.show import Show
from calgate.demo.stage import Stage, plan, stage
from calgate.demo.truth import Auditor
from calgate.demo.watch import Watcher
from calgate.demo.wishes import Wishes
from core.clock import Clock
from core.errors import UserError
from core.redis import connect
from loadtest.catalogue import Catalogue
from loadtest.client import Client
from loadtest.runner import Runner
from loadtest.simulated import town
from loadtest.stats import Outcome, cached
from loadtest.traffic import SLOTS_VERSION, Profile, intents

_LOOK_SECONDS = 0.5
_FIRST_ANSWER_SECONDS = 30.0


class NoAnswer(UserError):
    """Everything runs, and yet the first request was not answered."""


async def play(wishes: Wishes, show: Show, clock: Clock) -> None:
    """Run the demo until its time is over or it is cancelled. Raises UserError when it cannot start."""
    begun = clock.monotonic()
    chosen = plan(wishes)
    try:
        async with stage(chosen, wishes, show.step, clock) as built:
            started = clock.now()
            catalogue = town(wishes.seed, datetime.fromtimestamp(started, UTC))
            async with Client(built.stack.urls.proxy, clock=clock) as client:
                board = Board()
                with show.step("first answer") as done:
                    first = await _first_answer(client, catalogue)
                    board.record(first)
                    done(f"{clock.monotonic() - begun:.1f} s after the start")
                show.invite(invitation(built, catalogue))
                await _Performance(wishes, show, clock, built, catalogue, client, started, board).run()
    except asyncio.CancelledError:
        show.gone()
        raise
    show.gone()


async def _first_answer(client: Client, catalogue: Catalogue) -> Outcome:
    """Ask once, through everything. Raises NoAnswer."""
    day = catalogue.today.isoformat()
    target = f"/v2/slots?eventTypeId={catalogue.event_types[0].id}&start={day}&end={day}&timeZone=UTC"
    headers = _credentials(catalogue) | {"cal-api-version": SLOTS_VERSION}
    response = await client.request("GET", target, headers=headers, timeout=_FIRST_ANSWER_SECONDS)
    if response.status != 200:
        raise NoAnswer(f"the first request was answered {response.status}: {response.body[:300]!r}")
    found = cached(response.header("cache-status"))
    return Outcome(
        "slots", "availability", "GET", target, 200, found, response.started, response.started, response.ended
    )


def _credentials(catalogue: Catalogue) -> dict[str, str]:
    return {"Authorization": f"Bearer {catalogue.api_keys[0]}"}


@dataclasses.dataclass(slots=True)
class _Performance:
    wishes: Wishes
    show: Show
    clock: Clock
    built: Stage
    catalogue: Catalogue
    client: Client
    started: float
    """Unix seconds at which the simulated clock and the real one agreed."""
    board: Board
    begun: float = 0.0

    async def run(self) -> None:
        """Traffic, watching and telling, until the time is over or this is cancelled; then the conclusion."""
        redis = connect(
            self.built.settings.redis_url, client_name="calgate-demo", account=self.built.settings.account
        )
        try:
            async with Client(self.built.simulator.admin_url, timeout=5.0, clock=self.clock) as admin:
                lifetime = self.built.settings.slots_ttl_seconds * self.wishes.speed
                auditor = Auditor(admin, self.clock, lifetime=lifetime)
                watcher = Watcher(admin, redis, self.built.settings, auditor)
                self.begun = self.clock.monotonic()
                try:
                    with self.show.playing():
                        await self._perform(watcher)
                finally:
                    await watcher.look()
                    self.show.conclude(self._figures(watcher))
        finally:
            await redis.aclose()

    async def _perform(self, watcher: Watcher) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(watcher.keep_looking(self.clock, _LOOK_SECONDS)),
                group.create_task(self._tell(watcher)),
            ]
            if self.wishes.traffic:
                tasks.append(group.create_task(self._traffic(watcher.auditor)))
            if self.wishes.duration is None:
                return
            await self.clock.sleep(self.wishes.duration)
            for task in tasks:
                task.cancel()

    async def _traffic(self, auditor: Auditor) -> None:
        runner = Runner(
            self.client,
            self.board,
            clock=self.clock,
            today=self._today,
            headers=_credentials(self.catalogue),
            speed=self.wishes.speed,
            witness=auditor.witness,
        )
        profile = Profile(asks_gateway=True)
        wanted = intents(
            self.catalogue, seed=self.wishes.seed, rate_per_minute=self.wishes.rate, profile=profile
        )
        await runner.run(wanted)

    async def _tell(self, watcher: Watcher) -> None:
        while True:
            self.show.update(self._figures(watcher))
            await self.clock.sleep(self.show.every)

    def _figures(self, watcher: Watcher) -> Figures:
        seconds = self.clock.monotonic() - self.begun
        return dataclasses.replace(
            self.board.figures(now=self.clock.now(), seconds=seconds),
            upstream=watcher.upstream,
            store=watcher.store,
            truth=watcher.auditor.truth,
            trouble=watcher.trouble,
        )

    def _today(self) -> date:
        """The simulated Cal.com's day."""
        passed = (self.clock.now() - self.started) * self.wishes.speed
        return datetime.fromtimestamp(self.started + passed, UTC).date()
