"""A gateway whose Redis is stopped: first nothing leaves, then reads by share."""

from contextlib import AsyncExitStack
from pathlib import Path

from core.embedded import EmbeddedRedis
from core.keys import Keys
from core.redis import connect
from proxy.governor.heart import place_of
from tests.proxy.running import SLOTS_URL, running, settings
from tests.proxy.upstream import Upstream
from tests.proxy.waiting import until

SETTING = "/v2/me"
UNKEPT = "/v2/bookings/nobody"


async def test_reads_pass_by_share_while_writes_and_availability_are_refused(
    upstream: Upstream, server_dir: Path, tmp_path: Path
) -> None:
    async with AsyncExitStack() as redis_server:
        server = await redis_server.enter_async_context(EmbeddedRedis(server_dir / "alone"))
        # The window is a second, so a process counts as away after a twelfth of one.
        config = settings(
            upstream.url,
            server.url,
            tmp_path,
            rate_limit=100,
            rate_pace_per_second=100,
            rate_window_seconds=1,
            rate_guard_seconds=0.2,
            budget_max_wait_seconds=0.5,
        )
        async with running(config) as gateway:
            assert (await gateway.get(SETTING)).status_code == 200
            redis = connect(server.url, client_name="tests")

            async def has_share() -> bool:
                entries = await redis.hgetall(Keys("default").shares)
                return any(entry.split()[1] == b"5040" for entry in entries.values())

            await until(has_share)
            await redis.aclose()
            await redis_server.aclose()
            refused = await gateway.get(UNKEPT)
            assert (refused.status_code, "Redis" in refused.text) == (503, True)

            async def passes() -> bool:
                return (await gateway.get(UNKEPT)).status_code == 200

            before = len(upstream.requests)
            await until(passes)
            answer = await gateway.get(SETTING)
            assert (answer.status_code, answer.headers["cache-status"]) == (200, "calgate; fwd=bypass")
            assert (await gateway.get(SLOTS_URL)).status_code == 503
            assert (await gateway.post()).status_code == 503
            assert (await gateway.get(SETTING, **{"cache-control": "only-if-cached"})).status_code == 503
            assert len(upstream.requests) == before + 2

            async with EmbeddedRedis(server_dir / "alone"):

                async def is_normal() -> bool:
                    return (await gateway.get(SLOTS_URL)).status_code == 200

                await until(is_normal)


def test_a_place_is_a_slots_of_a_folder_and_stays(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    assert place_of(one, 0) == place_of(one, 0)
    assert len({place_of(one, 0), place_of(one, 1), place_of(other, 0)}) == 3
    assert [file.name for file in one.iterdir()] == ["place"]
