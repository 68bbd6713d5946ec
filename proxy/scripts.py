"""Lua that lives beside the code that calls it, and the way to run it when Redis is full."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib.resources import files
from typing import Any, Final, cast

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from core.keys import Keys

_log = logging.getLogger(__name__)

_BATCH: Final = 500


def lua(package: str, *names: str) -> str:
    """The text of the *names*d .lua files in *package*, one after the other."""
    return "\n".join((files(package) / f"{name}.lua").read_text(encoding="utf-8") for name in names)


class Script:
    """A script of ours. When Redis has no room for it, cached answers make way, oldest generation first.

    What is cached can be asked for again; an invalidation, an intent or a spent call cannot.
    """

    def __init__(self, redis: Redis, keys: Keys, text: str) -> None:
        self._redis = redis
        self._keys = keys
        self._script = redis.register_script(text)

    async def __call__(self, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Run it. Redis' errors pass through, "out of memory" only once nothing is cached any more."""
        while True:
            try:
                return await cast(Any, self._script)(keys=keys, args=args)
            except ResponseError as error:
                # From within a script older servers wrap the error, so its class does not tell.
                if "OOM command" not in str(error) or not await self._make_room():
                    raise

    async def _make_room(self) -> bool:
        entries = await cast(Any, self._redis.zrange(self._keys.index, 0, _BATCH - 1))
        if not entries:
            return False
        # At once, not in the background: the next try must find the room.
        await self._redis.delete(*entries)
        await cast(Any, self._redis.zrem(self._keys.index, *entries))
        await cast(Any, self._redis.zrem(self._keys.expiry, *entries))
        _log.warning("cache.made_room", extra={"entries": len(entries)})
        return True
