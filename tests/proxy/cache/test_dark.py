"""A gateway whose Redis is killed: what it still shows, what it no longer does, and that it comes back."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from tests.proxy.running import Running, running, settings
from tests.proxy.upstream import Gate, Reply, Seen, Upstream
from tests.proxy.waiting import until
from tests.redis_fleet import binary

OTHER = "/v2/slots?eventTypeId=2&start=2050-09-05&end=2050-09-06"


@dataclass
class Mortal:
    """A Redis on a socket that nobody restarts."""

    path: Path
    program: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.path}"

    async def start(self) -> None:
        self.program = await asyncio.create_subprocess_exec(
            *(str(binary()), "--port", "0", "--unixsocket", str(self.path), "--save", ""),
            stdout=asyncio.subprocess.DEVNULL,
        )
        await until(self._accepts)

    async def kill(self) -> None:
        assert self.program is not None
        with contextlib.suppress(ProcessLookupError):
            self.program.kill()
        await self.program.wait()

    async def _accepts(self) -> bool:
        try:
            _, writer = await asyncio.open_unix_connection(self.path)
        except OSError:
            return False
        writer.close()
        return True


@contextlib.asynccontextmanager
async def before(
    upstream: Upstream, folder: Path, **changes: object
) -> AsyncIterator[tuple[Running, Mortal]]:
    """A gateway on a Redis of its own."""
    redis = Mortal(folder / "r.sock")
    await redis.start()
    try:
        # A Redis that comes back counts a window as spent: here a short one.
        short = {"rate_window_seconds": 1, "rate_guard_seconds": 0, "budget_max_wait_seconds": 1}
        config = settings(upstream.url, redis.url, folder, l1=True, **short | changes)
        async with running(config) as gateway:
            yield gateway, redis
    finally:
        await redis.kill()


async def held(gateway: Running, url: str) -> None:
    """Look until the answer is one that the process holds a copy of."""

    async def is_hit() -> bool:
        return "hit" in (await gateway.get(url)).headers["cache-status"]

    await until(is_hit)


async def darkened(gateway: Running, redis: Mortal) -> None:
    """Kill Redis, as often as it takes until the process was quick enough to be certain that it is gone."""
    while True:
        await held(gateway, OTHER)
        await redis.kill()
        for _ in range(20):
            if "error-store" in (await gateway.get(OTHER)).headers["cache-status"]:
                return
            await asyncio.sleep(0.05)
        await redis.start()


async def test_looks_of_before_are_answered_with_their_age_and_everything_else_is_refused(
    upstream: Upstream, tmp_path: Path
) -> None:
    async with before(upstream, tmp_path) as (gateway, redis):
        await darkened(gateway, redis)
        asked = len(upstream.requests)
        answer = await gateway.get(OTHER)
        assert answer.status_code == 200
        assert answer.headers["cache-status"].endswith("detail=stale-if-error-store")
        assert int(answer.headers["age"]) >= 0
        assert (await gateway.get("/-/readyz")).status_code == 200
        assert (await gateway.get(OTHER, **{"cache-control": "no-cache"})).status_code == 503
        assert (await gateway.get()).status_code == 503
        assert (await gateway.post()).status_code == 503
        assert len(upstream.requests) == asked

        await redis.start()

        # Of before nothing is shown any more.
        async def is_back() -> bool:
            return "fwd" in (await gateway.get(OTHER)).headers["cache-status"]

        await until(is_back)


async def test_a_booking_that_was_on_its_way_hides_what_it_may_touch(
    upstream: Upstream, tmp_path: Path
) -> None:
    """Nothing is known of this account, so it may touch everything."""
    gate = Gate()
    async with before(upstream, tmp_path) as (gateway, redis):
        await held(gateway, OTHER)

        async def slow(seen: Seen) -> Reply:
            await gate(seen)
            return Reply(201, b"{}")

        upstream.script = slow
        booking = asyncio.ensure_future(gateway.post())
        arrived = len(upstream.requests)
        await upstream.arrivals(arrived + 1)
        await redis.kill()

        async def is_refused() -> bool:
            return (await gateway.get(OTHER)).status_code == 503

        await until(is_refused)
        assert (await gateway.get(OTHER)).status_code == 503
        assert not booking.done()
        gate.open()
        booking.cancel()


async def test_without_the_promise_nothing_is_shown(upstream: Upstream, tmp_path: Path) -> None:
    async with before(upstream, tmp_path, l1_without_redis="off") as (gateway, redis):
        await held(gateway, OTHER)
        await redis.kill()

        async def is_refused() -> bool:
            return (await gateway.get(OTHER)).status_code == 503

        await until(is_refused)
        for _ in range(20):
            assert (await gateway.get(OTHER)).status_code == 503
