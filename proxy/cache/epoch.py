"""A Redis that restarted may have lost the last increments: nothing from before may be served from it."""

from __future__ import annotations

from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from core.keys import Keys
from proxy.cache.near import AFTERGLOW_MS
from proxy.scripts import lua


def bumped(keys: Keys) -> list[str]:
    """The first keys of every script that begins a generation (bump.lua)."""
    k = keys
    return [k.generation, k.bumps, k.jobs, k.stamps, k.overlays, k.told, k.story]


def guard(redis: Redis, keys: Keys, remembered: float) -> None:
    """Have every new connection of *redis* compare the server's run id before it is used.

    A generation that begins then is *remembered* for so many seconds (Timing.remembered).

    Whatever made the server forget also broke every connection to it, so no command of ours can reach
    the new one ahead of this check. Servers without a run id (imitations) go unchecked.
    """
    script = lua(__package__, "bump", "epoch")
    names = [*bumped(keys), keys.epoch, keys.near]

    async def check(connection: Any) -> None:
        await connection.on_connect()
        run_id = _run_id(await _ask(connection, "INFO", "server"))
        if run_id:
            while not await _ran(
                connection, script, len(names), *names, run_id, round(remembered * 1000), AFTERGLOW_MS
            ):
                # It came back full; answers of the past may not be served anyhow.
                entries = await _ask(connection, "ZRANGE", keys.index, 0, 499)
                if not entries:
                    raise RedisError("no room for the new epoch")
                await _ask(connection, "DEL", *entries)
                await _ask(connection, "ZREM", keys.index, *entries)

    redis.connection_pool.connection_kwargs["redis_connect_func"] = check


async def _ask(connection: Any, *command: str | int | bytes) -> Any:
    await connection.send_command(*command)
    reply = await connection.read_response()
    if isinstance(reply, ResponseError):
        raise RedisError(str(reply))
    return reply


async def _ran(connection: Any, *script: str | int | bytes) -> bool:
    """Run a script; False when there was no room for what it writes."""
    try:
        await _ask(connection, "EVAL", *script)
    except RedisError as error:
        if "OOM command" in str(error):
            return False
        raise
    return True


def _run_id(info: object) -> bytes:
    text = info if isinstance(info, bytes) else str(info).encode()
    for line in text.splitlines():
        if line.startswith(b"run_id:"):
            return line.removeprefix(b"run_id:").strip()
    return b""
