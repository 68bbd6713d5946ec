"""Work that must reach its end although whoever waits for it may not."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from core.tasks import spawn

T = TypeVar("T")


async def outlive(work: Coroutine[Any, Any, T], *, name: str) -> T:
    """The result of *work*, which goes on when the caller is cancelled.

    Its exception is the caller's; only when the caller has gone is it logged instead.
    """
    outcome: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    spawn(_work(work, outcome), name=name)
    return await outcome


async def _work(work: Coroutine[Any, Any, T], outcome: asyncio.Future[T]) -> None:
    try:
        result = await work
    except asyncio.CancelledError:
        outcome.cancel()
        raise
    except Exception as error:
        if outcome.done():
            raise
        outcome.set_exception(error)
    else:
        if not outcome.done():
            outcome.set_result(result)
