"""A Cal.com that counts every call as it arrives, and a fleet of processes that share its key with somebody else."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field

import orjson

from calcom.simulator.limiter import Limit, Limiter
from core.clock import Clock
from core.errors import UserError
from core.tasks import spawn
from loadtest.scenarios.budget_process import Did, Orders

LIMIT, WINDOW = 120, 60.0
_LIMITS = (Limit("default", LIMIT, WINDOW, WINDOW),)

ANSWER_SECONDS = (0.1, 0.4)

# A call that was allowed before something was heard may still arrive so long after it.
_UNDER_WAY_SECONDS = 0.6


@dataclass(slots=True)
class Tally:
    """What Cal.com saw, in seconds of its clock."""

    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)
    refused_ours: int = 0
    refused_theirs: int = 0
    blocks: list[tuple[float, bool]] = field(default_factory=list)
    """When, and whether we went on calling in that window although an answer had shown the other."""


def most_in(times: list[float], seconds: float) -> int:
    """The most of *times* (in order) that any half-open span of so many *seconds* has."""
    most = first = 0
    for last, at in enumerate(times):
        while times[first] <= at - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


class Counted:
    """Cal.com's limiter on a wire, which takes its time for an answer."""

    def __init__(self, clock: Clock, seed: int) -> None:
        self._clock = clock
        self._dice = random.Random(seed)
        self._limiter = Limiter()
        self.tally = Tally()
        self._window_ends = 0.0
        self._theirs_here = 0
        self._shown_at: float | None = None
        self._went_on = False
        self._blocks = 0

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Serve while the body runs; its address."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        async with server:
            host, port = server.sockets[0].getsockname()
            yield f"{host}:{port}"
            server.close()

    def hit(self, *, ours: bool) -> tuple[bool, int, int]:
        """One call arrives: whether it is let in, what is left, seconds to the reset."""
        now = self._clock.monotonic()
        if now >= self._window_ends:
            self._window_ends = now + WINDOW
            self._theirs_here, self._shown_at, self._went_on = 0, None, False
        if ours:
            self.tally.ours.append(now)
            if self._shown_at is not None and now > self._shown_at + _UNDER_WAY_SECONDS:
                self._went_on = True
        else:
            self.tally.theirs.append(now)
            self._theirs_here += 1
        verdict = self._limiter.hit("key", _LIMITS, now)
        blocks = self._limiter.figures()["key"].blocks
        if blocks > self._blocks:
            self._blocks = blocks
            self.tally.blocks.append((now, self._went_on))
        if not verdict.allowed:
            self.tally.refused_ours += ours
            self.tally.refused_theirs += not ours
        said = [int(value) for _, value in verdict.headers]
        return verdict.allowed, said[1], said[2]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                allowed, left, reset = self.hit(ours=True)
                answer = b"%s %d %d %d %d\n" % (line.strip(), 200 if allowed else 429, LIMIT, left, reset)
                spawn(self._answer(writer, answer, self.shows()), name="answer")
        writer.close()

    def shows(self) -> float | None:
        """Which window the answer to the call that just arrived shows the other in."""
        return self._window_ends if self._theirs_here else None

    def answered(self, shows: float | None) -> None:
        """An answer leaves that *shows* this."""
        if shows is not None and self._shown_at is None and shows == self._window_ends:
            self._shown_at = self._clock.monotonic()

    async def _answer(self, writer: asyncio.StreamWriter, answer: bytes, shows: float | None) -> None:
        await self._clock.sleep(self._dice.uniform(*ANSWER_SECONDS))
        self.answered(shows)
        # Whoever asked may have been killed since.
        if not writer.is_closing():
            writer.write(answer)

    async def somebody_else(self) -> None:
        """Somebody who takes half the key: comes and goes at random, about a call a second, and waits when refused."""
        dice = self._dice
        away = dice.uniform(0.5, 1.5)
        while True:
            await self._clock.sleep(away * WINDOW)
            away = dice.uniform(2, 4)
            until = self._clock.monotonic() + dice.uniform(3, 6) * WINDOW
            while self._clock.monotonic() < until:
                allowed, _, reset = self.hit(ours=False)
                await self._clock.sleep(dice.uniform(0.5, 1.5) if allowed else reset)


class Fleet:
    """The processes: each has a place, and one more stands ready to take the place of a dead one."""

    def __init__(self, orders: list[Orders]) -> None:
        self._orders = orders
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._spare: asyncio.subprocess.Process | None = None
        self._born = 0
        self.did = Did()
        self.killed = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """All of them, while the body runs."""
        try:
            ready = await asyncio.gather(*(self._new() for _ in self._orders))
            for process, orders in zip(ready, self._orders, strict=True):
                await self._order(process, orders)
            self._spare = await self._new()
            yield
        finally:
            everybody = [*self._processes.values(), *([self._spare] if self._spare else [])]
            for process in everybody:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
            for process in everybody:
                await process.wait()

    def check(self) -> None:
        """Raise UserError when a process has died that nobody killed."""
        for place, process in self._processes.items():
            if process.returncode is not None:
                raise UserError(f"the process at {place} died by itself, with code {process.returncode}")

    async def kill(self, dice: random.Random) -> None:
        """kill -9 of one; its place is taken at once."""
        assert self._spare is not None
        orders = dice.choice(self._orders)
        dead = self._processes.pop(orders.place)
        dead.send_signal(signal.SIGKILL)
        await dead.wait()
        self.killed += 1
        await self._order(self._spare, orders)
        self._spare = await self._new()

    async def _new(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "loadtest.scenarios.budget_process",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip

    async def _order(self, process: asyncio.subprocess.Process, orders: Orders) -> None:
        assert process.stdin is not None
        self._born += 1
        document = asdict(orders) | {"seed": orders.seed + 1_000 * self._born}
        process.stdin.write(orjson.dumps(document) + b"\n")
        await process.stdin.drain()
        self._processes[orders.place] = process
        spawn(self._listen(process), name="listen")

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            self.did.add(Did.of(line))
