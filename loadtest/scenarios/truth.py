"""Asks the simulator for everything that was ever true of some queries, and for everything that was written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from core.clock import Clock
from loadtest.scenarios.judge import Starts, Timeline, digest_of, starts_of
from loadtest.scenarios.report import Tell
from loadtest.scenarios.stage import Simulator

# The simulator answers nobody else meanwhile; a batch takes about a tenth of a second.
_AT_ONCE = 250

# Requests are numbered as they come and told of as they end: some of these may end later.
_UNFINISHED: Final = 1_000


class Ledger:
    """What was written, by the name (X-Request-Id) of its request: the version it made and when, in Unix seconds of
    this machine. `read` it now and then: the simulator remembers the last requests only.
    """

    def __init__(self, simulator: Simulator, clock: Clock) -> None:
        self.made: dict[str, tuple[int, float]] = {}
        self._simulator = simulator
        self._clock = clock
        self._seen = 0

    async def read(self) -> None:
        """Take in what was written since."""
        asked = f"/journal?writes=1&since={max(0, self._seen - _UNFINISHED)}"
        entries = (await self._simulator.ask("GET", asked))["entries"]
        stats, now = await self._simulator.stats(), self._clock.now()
        for entry in entries:
            at = now - (stats["now"] - entry["state_at"]) / stats["speed"]
            self.made[entry["request_id"]] = (entry["state_version"], at)
            self._seen = max(self._seen, entry["seq"])


async def timelines(
    simulator: Simulator, targets: Sequence[str], tell: Tell, *, since: int = 0
) -> dict[int, Timeline]:
    """The timeline of each target, over all versions from *since* until now, with the clock as it is now.

    For queries whose truth the clock alone does not change while one looks: far enough ahead, and of event
    types without a window that rolls.
    """
    stats = await simulator.stats()
    at, newest = stats["now"], stats["version"]
    found: dict[int, Timeline] = {}
    for number, target in enumerate(targets):
        found[number] = await _timeline(simulator, target, since, newest, at)
        if number % 10 == 9 and newest - since >= _AT_ONCE:
            tell(f"the oracle told {number + 1} of {len(targets)} timelines of {newest + 1:,} versions")
    return found


async def _timeline(simulator: Simulator, target: str, since: int, newest: int, at: float) -> Timeline:
    versions: list[int] = []
    digests: list[bytes] = []
    starts: list[Starts[int]] = []
    for first in range(since, newest + 1, _AT_ONCE):
        asked = range(first, min(first + _AT_ONCE, newest + 1))
        queries = [{"target": target, "version": version, "at": at} for version in asked]
        last: object = None
        for answer in await simulator.truths(queries):
            data = answer["data"]
            if versions and data == last:
                continue
            last, digest = data, digest_of(data)
            if not digests or digest != digests[-1]:
                versions.append(answer["version"])
                digests.append(digest)
                starts.append(starts_of(data))
    return Timeline(tuple(versions), tuple(digests), tuple(starts))
