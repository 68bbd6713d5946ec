"""Asks the simulator's oracle for everything that was ever true of some queries."""

from __future__ import annotations

from collections.abc import Sequence

from loadtest.scenarios.judge import Starts, Timeline, digest_of, starts_of
from loadtest.scenarios.report import Tell
from loadtest.scenarios.stage import Simulator

# The simulator answers nobody else meanwhile; a batch takes about a tenth of a second.
_AT_ONCE = 250


async def timelines(simulator: Simulator, targets: Sequence[str], tell: Tell) -> dict[int, Timeline]:
    """The timeline of each target, over all versions until now, with the clock as it is now.

    For queries whose truth the clock alone does not change while one looks: far enough ahead, and of event
    types without a window that rolls.
    """
    stats = await simulator.stats()
    at, newest = stats["now"], stats["version"]
    found: dict[int, Timeline] = {}
    for number, target in enumerate(targets):
        found[number] = await _timeline(simulator, target, newest, at)
        if number % 10 == 9:
            tell(f"the oracle told {number + 1} of {len(targets)} timelines of {newest + 1:,} versions")
    return found


async def _timeline(simulator: Simulator, target: str, newest: int, at: float) -> Timeline:
    versions: list[int] = []
    digests: list[bytes] = []
    starts: list[Starts[int]] = []
    for first in range(0, newest + 1, _AT_ONCE):
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
