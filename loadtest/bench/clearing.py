"""Making a full conflict set unservable: 340 answers, or the few of the report's better way (report 2.1).

One script of ours, however many there are, beside what else there is: keys deleted one by one as the report does, in
one command, Varnish's purges and its bans, and nginx' files. Each way has everything cached before it is timed, and is
looked at afterwards: what it was to clear has to be gone, and the rest has to be there.
"""

from __future__ import annotations

import asyncio
import hashlib
import statistics
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

from redis.asyncio import Redis

from calcom.reach import Reach, Stretch, Touch
from core.clock import SystemClock
from core.embedded import EmbeddedRedis
from core.keys import Keys
from core.redis import connect
from loadtest.bench import servers
from loadtest.bench.upstream import answer
from loadtest.client import Client
from loadtest.scenarios.insight import fields_of
from loadtest.scenarios.invalidation import is_cleared, report_keys
from proxy.cache.entry import Entry
from proxy.cache.stamps import EVERYTHING, Fields, written_by
from proxy.cache.store import Fill, Leave, Store, Timing

OURS: Final = "calgate, one script"

_DAY: Final = date(2050, 9, 5)
_BOOKED: Final = datetime(2050, 9, 7, 12, tzinfo=UTC)
_LIFE_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True)
class Way:
    """One way of clearing: has everything be there, clears the first so many answers, tells whether one is there."""

    fill: Callable[[], Awaitable[None]]
    clear: Callable[[int], Awaitable[None]]
    is_there: Callable[[str], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Row:
    """Seconds that one way needed for one set, and how many times ours in the same round; medians."""

    name: str
    cleared: int
    seconds: float
    ratio_to_ours: float


def targets() -> tuple[list[str], int]:
    """The report's 340 looks, those first that its better way clears for one booking, and how many those are."""
    keys = report_keys(_DAY)
    near = [target for target, key in keys.items() if is_cleared(*key, _BOOKED)]
    return [*near, *(target for target in keys if target not in near)], len(near)


async def measured(folder: Path, rounds: int, cores: tuple[int, int]) -> tuple[list[Row], dict[str, str]]:
    """A row for each way and each set, and why ways were left out. Ways take turns within a round."""
    clock = SystemClock()
    looks, few = targets()
    seconds: dict[tuple[str, int], list[float]] = {}
    left_out: dict[str, str] = {}
    async with AsyncExitStack() as stack:
        ways: dict[str, Way] = {}
        for name, make in _WAYS.items():
            try:
                (place := folder / name.replace(" ", "-").replace(",", "")).mkdir()
                ways[name] = await stack.enter_async_context(make(place, looks, cores))
            except servers.Missing as missing:
                left_out[name] = str(missing)
        for _ in range(rounds):
            for count in (few, len(looks)):
                for name, way in ways.items():
                    await way.fill()
                    await _expect(way, name, looks[0], True)
                    began = clock.monotonic()
                    await way.clear(count)
                    seconds.setdefault((name, count), []).append(clock.monotonic() - began)
                    await _expect(way, name, looks[0], False)
                    await _expect(way, name, looks[count - 1], False)
                    if count < len(looks):
                        await _expect(way, name, looks[-1], True)
    rows = []
    for (name, count), times in seconds.items():
        ratios = [one / ours for one, ours in zip(times, seconds[OURS, count], strict=True)]
        rows.append(Row(name, count, statistics.median(times), statistics.median(ratios)))
    return rows, left_out


async def _expect(way: Way, name: str, target: str, there: bool) -> None:
    if await way.is_there(target) is not there:
        raise RuntimeError(f"{name}: {target} is {'not ' if there else 'still '}there")


@asynccontextmanager
async def _redis(folder: Path) -> AsyncIterator[Redis]:
    async with EmbeddedRedis(folder) as server:
        client = connect(server.url, client_name="bench")
        try:
            yield client
        finally:
            await client.aclose()


@asynccontextmanager
async def _ours(folder: Path, looks: Sequence[str], cores: tuple[int, int]) -> AsyncIterator[Way]:
    async with _redis(folder) as redis:
        store = Store(redis, Keys("bench"), Timing(hold_off=0.0))
        reads = {look: fields_of(look) for look in looks}
        few = _written(looks)

        async def fill() -> None:
            for look, fields in reads.items():
                begun = await store.fill_begin(Fill(look, "", "bench", 0, is_shared=False), fields)
                assert isinstance(begun, Leave)
                made = Fill(look, "", "bench", begun.generation, is_shared=False)
                await store.fill_end(made, Entry(answer(), (), 0.0, _LIFE_SECONDS, _LIFE_SECONDS), fields)

        async def clear(count: int) -> None:
            fields = EVERYTHING if count == len(looks) else few
            await store.write_end("bench", known=True, fields=fields)

        async def is_there(look: str) -> bool:
            return (await store.lookup(look, reads[look])).entry is not None

        yield Way(fill, clear, is_there)


def _written(looks: Sequence[str]) -> Fields:
    """What the better way clears, as a reach: the day and the next of every service."""
    types = {int(dict(parse_qsl(look.partition("?")[2]))["eventTypeId"]) for look in looks}
    start = _BOOKED.replace(hour=0)
    days = Stretch(start, start + timedelta(days=2, seconds=-1))
    return written_by(Reach(tuple(Touch(one, days, "bench", "") for one in types)))


@asynccontextmanager
async def _keys(
    folder: Path, looks: Sequence[str], clear: Callable[[Redis, Sequence[str]], Awaitable[None]]
) -> AsyncIterator[Way]:
    async with _redis(folder) as redis:

        async def fill() -> None:
            await redis.mset(dict.fromkeys(looks, answer()))

        async def is_there(look: str) -> bool:
            return bool(await redis.exists(look))

        yield Way(fill, lambda count: clear(redis, looks[:count]), is_there)


def _one_by_one(
    folder: Path, looks: Sequence[str], cores: tuple[int, int]
) -> AbstractAsyncContextManager[Way]:
    async def clear(redis: Redis, gone: Sequence[str]) -> None:
        for look in gone:
            await redis.delete(look)

    return _keys(folder, looks, clear)


def _in_one_command(
    folder: Path, looks: Sequence[str], cores: tuple[int, int]
) -> AbstractAsyncContextManager[Way]:
    async def clear(redis: Redis, gone: Sequence[str]) -> None:
        await redis.unlink(*gone)

    return _keys(folder, looks, clear)


@asynccontextmanager
async def _http(
    server: Callable[[str, Path, int], Any],
    folder: Path,
    looks: Sequence[str],
    cores: tuple[int, int],
    clear: Callable[[Client, Sequence[str]], Awaitable[None]],
) -> AsyncIterator[Way]:
    with servers.stand_in(cores[1]) as upstream, server(upstream, folder, cores[0]) as origin:
        async with Client(origin, connections=1, timeout=10) as client:
            await servers.answering(client)

            async def fill() -> None:
                for look in looks:
                    await client.get(look, dict([servers.VERSION]))

            async def is_there(look: str) -> bool:
                return (await client.get(look, dict([servers.VERSION]))).header("x-cache") == "HIT"

            yield Way(fill, lambda count: clear(client, looks[:count]), is_there)


def _purges(folder: Path, looks: Sequence[str], cores: tuple[int, int]) -> AbstractAsyncContextManager[Way]:
    async def clear(client: Client, gone: Sequence[str]) -> None:
        for look in gone:
            await client.request("PURGE", look)

    return _http(servers.clearing_varnish, folder, looks, cores, clear)


def _bans(folder: Path, looks: Sequence[str], cores: tuple[int, int]) -> AbstractAsyncContextManager[Way]:
    async def clear(client: Client, gone: Sequence[str]) -> None:
        some = "|".join(look.partition("?")[2] for look in gone)
        await client.request("BAN", "/", headers={"x-ban": f"({some})$" if len(gone) < len(looks) else "."})

    return _http(servers.clearing_varnish, folder, looks, cores, clear)


def _files(folder: Path, looks: Sequence[str], cores: tuple[int, int]) -> AbstractAsyncContextManager[Way]:
    # nginx itself can purge only in its paid edition; its file of an answer is named by the MD5 of the key.
    names = {look: hashlib.md5(look.encode(), usedforsecurity=False).hexdigest() for look in looks}

    async def clear(client: Client, gone: Sequence[str]) -> None:
        for look in gone:
            (folder / "cache" / names[look]).unlink()

    return _http(servers.telling_nginx, folder, looks, cores, clear)


_WAYS: Final[
    dict[str, Callable[[Path, Sequence[str], tuple[int, int]], AbstractAsyncContextManager[Way]]]
] = {
    OURS: _ours,
    "Redis, DEL one by one": _one_by_one,
    "Redis, one UNLINK": _in_one_command,
    "varnish, PURGE one by one": _purges,
    "varnish, one ban": _bans,
    "nginx, files removed": _files,
}


def figures(folder: Path, rounds: int, cores: tuple[int, int]) -> tuple[list[Row], dict[str, str]]:
    """As `measured`, for who has no loop."""
    return asyncio.run(measured(folder, rounds, cores))
