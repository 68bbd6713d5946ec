"""core/redis.py"""

import asyncio

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from core.redis import capabilities, connect, parse_version


async def test_a_client_returns_bytes_and_shows_its_name(redis: Redis) -> None:
    await redis.set("key", "värde")
    assert await redis.get("key") == "värde".encode()
    assert await redis.client_getname() in ("tests", b"tests")


async def test_a_real_server_is_recognised_with_all_it_can_do(redis: Redis) -> None:
    found = await capabilities(redis)
    assert found.is_real
    assert found.engine in ("redis", "valkey")
    assert found.version >= (6, 2)
    assert found.resp3
    assert found.tracking
    assert str(found).startswith(f"{found.engine} {found.version[0]}.")


async def test_a_server_that_is_not_there_is_an_error_and_no_hang() -> None:
    client = connect("redis://127.0.0.1:1/0", client_name="tests")
    try:
        with pytest.raises(RedisError):
            await client.ping()
    finally:
        await client.aclose()


async def test_more_commands_than_connections_wait_their_turn(redis_server: str) -> None:
    client = connect(redis_server, client_name="tests", max_connections=2)
    try:
        counted = await asyncio.gather(*(client.incr("waited") for _ in range(200)))
        assert sorted(counted) == list(range(1, 201))
    finally:
        await client.delete("waited")
        await client.aclose()


async def test_a_connection_the_server_closed_is_replaced_unseen(redis: Redis, redis_server: str) -> None:
    client = connect(redis_server, client_name="victim", max_connections=1)
    try:
        await client.set("key", "value")
        assert await redis.client_kill_filter(_type="normal", skipme=True) >= 1
        assert await client.get("key") == b"value"
    finally:
        await client.aclose()


@pytest.mark.parametrize(
    ("text", "version"),
    [("7.2.4", (7, 2, 4)), ("6.2", (6, 2)), ("8.0-rc1", (8,)), ("255.255.255", (255, 255, 255)), ("", ())],
)
def test_versions_are_read_up_to_the_first_part_that_is_no_number(
    text: str, version: tuple[int, ...]
) -> None:
    assert parse_version(text) == version


async def test_a_cancellation_is_never_lost_whenever_it_comes(redis_server: str) -> None:
    client = connect(redis_server, client_name="tests", max_connections=4)

    async def work() -> None:
        while True:
            await client.ping()

    try:
        await client.ping()
        # One more turn of the loop each time, so that the cancellation falls on every step of a command.
        for turns in range(300):
            task = asyncio.get_running_loop().create_task(work())
            for _ in range(turns % 50):
                await asyncio.sleep(0)
            task.cancel()
            done, _ = await asyncio.wait([task], timeout=5)
            assert done, f"cancelled after {turns % 50} turns, it went on"
    finally:
        task.cancel()
        await client.aclose()
