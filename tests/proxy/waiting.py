"""Waiting for what only asking can tell: Redis' clock has no events."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable


async def until(is_so: Callable[[], bool] | Callable[[], Awaitable[object]], seconds: float = 10) -> None:
    """Ask until *is_so* says yes; TimeoutError when it does not within *seconds*."""
    async with asyncio.timeout(seconds):
        while True:
            answer = is_so()
            if (await answer) if inspect.isawaitable(answer) else answer:
                return
            await asyncio.sleep(0.005)
