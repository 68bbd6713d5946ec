"""Readers that never stop asking, in processes of their own: what they were answered is kept for the judge."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.context import SpawnContext
from typing import Any, Self

from core.clock import SystemClock
from core.runner import loop_factory
from loadtest.client import Client, ClientError
from loadtest.scenarios.judge import Reads
from loadtest.scenarios.stage import SLOTS_HEADERS

_WORDS = ("error-store", "hit", "collapsed", "stale", "uri-miss")
_TIMEOUT_SECONDS = 60.0
# Nobody hammers at a door that is shut: a process that was killed takes a moment to come back.
_PAUSE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Task:
    """What one process does: so many readers, each asking for a random target `rest` seconds after it was answered."""

    number: int
    origin: str
    targets: tuple[str, ...]
    readers: int
    seed: int
    rest: float = 0.0


class Readers:
    """Reader processes. They read from the start of the context until `stop`, which gives what they saw."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks = tasks
        # Nothing of this process's loop or sockets may be in theirs.
        self._context: SpawnContext = get_context("spawn")
        self._counts: Any = self._context.Array("q", len(tasks), lock=False)
        self._over: Any = self._context.Event()
        self._pool = ProcessPoolExecutor(
            len(tasks),
            mp_context=self._context,
            initializer=_inherit,
            initargs=(self._counts, self._over),
        )
        self._running = [asyncio.wrap_future(self._pool.submit(_work, task)) for task in tasks]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over.set()
        await asyncio.gather(*self._running, return_exceptions=True)
        await asyncio.to_thread(self._pool.shutdown)

    @property
    def count(self) -> int:
        """Answered reads so far. Raises what a process died of."""
        for future in self._running:
            if future.done():
                future.result()
        return sum(self._counts)

    async def stop(self) -> Reads:
        """End them all, and collect."""
        self._over.set()
        seen = Reads()
        for reads in await asyncio.gather(*self._running):
            seen.merge(reads)
        return seen


async def look(client: Client, reads: Reads, targets: Sequence[str], target: int) -> bool:
    """One read, kept if it was answered; False if it was not."""
    try:
        answer = await client.get(targets[target], SLOTS_HEADERS)
    except ClientError as error:
        reads.failed[type(error).__name__] += 1
        return False
    if answer.status != 200:
        reads.failed[str(answer.status)] += 1
        return False
    said = answer.header("cache-status")
    partly = "detail=overlay" in (said or "")
    word = "overlay" if partly else said_by(said)
    reads.add(target, answer.body, answer.started, answer.ended, word, partly=partly)
    return True


def said_by(cache_status: str | None) -> str:
    """The one word of a Cache-Status that tells where the answer came from."""
    return next((word for word in _WORDS if word in (cache_status or "")), "other")


# What a process was given at its start: counts and the end cannot be sent later.
_inherited: tuple[Any, Any] | None = None


def _inherit(counts: Any, over: Any) -> None:
    global _inherited
    _inherited = counts, over


def _work(task: Task) -> Reads:
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(_read(task))


async def _read(task: Task) -> Reads:
    assert _inherited is not None
    counts, over = _inherited
    reads = Reads()
    clock = SystemClock()

    async def read(dice: random.Random) -> None:
        while not over.is_set():
            if await look(client, reads, task.targets, dice.randrange(len(task.targets))):
                counts[task.number] = len(reads)
                if task.rest:
                    await clock.sleep(task.rest)
            else:
                await clock.sleep(max(task.rest, _PAUSE_SECONDS))

    async with (
        Client(task.origin, connections=task.readers, timeout=_TIMEOUT_SECONDS) as client,
        asyncio.TaskGroup() as group,
    ):
        for number in range(task.readers):
            group.create_task(read(random.Random(f"{task.seed}:{task.number}:{number}")))
    return reads
