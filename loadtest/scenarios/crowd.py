"""Many clients that ask for the same at one moment, each on a connection that is already there."""

from __future__ import annotations

import asyncio
import zlib
from array import array
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any, Self

from core.clock import SystemClock
from core.runner import loop_factory
from loadtest.client import Client, ClientError
from loadtest.scenarios.reading import said_by
from loadtest.scenarios.stage import SLOTS_HEADERS

# More at once would overrun the queue of a listening socket, and then wait for TCP's second try.
_OPENED_AT_ONCE = 100
_TIMEOUT_SECONDS = 120.0
_POLL_SECONDS = 0.002


@dataclass(slots=True)
class Answers:
    """What came back. `ended` are readings of the machine's monotonic clock."""

    ended: array[float] = field(default_factory=lambda: array("d"))
    words: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    bodies: set[int] = field(default_factory=set)
    """Hashes of the different bodies."""

    def merge(self, other: Answers) -> None:
        """Take over what another saw."""
        self.ended.extend(other.ended)
        self.words += other.words
        self.failed += other.failed
        self.bodies |= other.bodies


@dataclass(frozen=True, slots=True)
class Task:
    """One process's part of the crowd."""

    number: int
    origin: str
    size: int


class Crowd:
    """Client processes with `size` connections in all, open once the context is entered."""

    def __init__(self, origin: str, size: int, processes: int) -> None:
        shares = [size // processes + (number < size % processes) for number in range(processes)]
        context = get_context("spawn")
        self._size = size
        self._open: Any = context.Array("q", processes, lock=False)
        self._target: Any = context.Array("c", 2048)
        self._go: Any = context.Event()
        self._pool = ProcessPoolExecutor(
            processes,
            mp_context=context,
            initializer=_inherit,
            initargs=(self._open, self._target, self._go),
        )
        tasks = [Task(number, origin, share) for number, share in enumerate(shares)]
        self._running = [asyncio.wrap_future(self._pool.submit(_work, task)) for task in tasks]

    async def __aenter__(self) -> Self:
        clock = SystemClock()
        while sum(self._open) < self._size:
            for future in self._running:
                if future.done():
                    future.result()
            await clock.sleep(0.02)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._go.set()
        await asyncio.gather(*self._running, return_exceptions=True)
        await asyncio.to_thread(self._pool.shutdown)

    def ask(self, target: str) -> None:
        """All of them, now. Once."""
        self._target.value = target.encode()
        self._go.set()

    async def answers(self) -> Answers:
        """What all of them got."""
        seen = Answers()
        for part in await asyncio.gather(*self._running):
            seen.merge(part)
        return seen


_inherited: tuple[Any, Any, Any] | None = None


def _inherit(*shared: Any) -> None:
    global _inherited
    opened, target, go = shared
    _inherited = opened, target, go


def _work(task: Task) -> Answers:
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(_ask(task))


async def _ask(task: Task) -> Answers:
    assert _inherited is not None
    opened, target, go = _inherited
    clock = SystemClock()
    answers = Answers()
    async with Client(task.origin, connections=task.size, timeout=_TIMEOUT_SECONDS) as client:
        for first in range(0, task.size, _OPENED_AT_ONCE):
            await _open(client, min(task.size, first + _OPENED_AT_ONCE))
            opened[task.number] = min(task.size, first + _OPENED_AT_ONCE)
        while not go.is_set():
            await clock.sleep(_POLL_SECONDS)
        where = target.value.decode()
        if where:
            await asyncio.gather(*(_one(client, where, answers, clock) for _ in range(task.size)))
    return answers


async def _open(client: Client, count: int) -> None:
    """Have so many connections: as many requests at once need them, those that are there already included."""
    await asyncio.gather(*(client.get("/-/healthz") for _ in range(count)))


async def _one(client: Client, target: str, answers: Answers, clock: SystemClock) -> None:
    try:
        answer = await client.get(target, SLOTS_HEADERS)
    except ClientError as error:
        answers.failed[type(error).__name__] += 1
        return
    if answer.status != 200:
        answers.failed[str(answer.status)] += 1
        return
    answers.ended.append(clock.monotonic())
    answers.words[said_by(answer.header("cache-status"))] += 1
    answers.bodies.add(hash_of(answer.body))


def hash_of(body: bytes) -> int:
    """The same in every process, unlike Python's own."""
    return zlib.crc32(body)


def spread(ended: Sequence[float]) -> list[float]:
    """Seconds from the first answer to each."""
    first = min(ended, default=0.0)
    return [one - first for one in ended]
