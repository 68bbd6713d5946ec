"""Background tasks nobody has to hold, that still cannot vanish or fail in silence."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")
_log = logging.getLogger(__name__)

# The event loop itself keeps only weak references: a task nobody holds may be collected mid-flight.
_running: set[asyncio.Task[Any]] = set()


async def either(*waits: Coroutine[Any, Any, object]) -> None:
    """Until one of *waits* is over; the others are cancelled. Raises what the one that is over raised."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()


def raise_if_cancelled() -> None:
    """Raise CancelledError where this task was cancelled and something that it awaited lost that.

    `asyncio.wait_for` does before Python 3.12, and libraries use it. For the steps of a start, which would otherwise go
    on after a stop; not for what clears away.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def spawn(coro: Coroutine[Any, Any, _T], *, name: str) -> asyncio.Task[_T]:
    """Start `coro` on the running loop, hold it until it ends, and log an exception nobody awaited.

    The task may still be awaited or cancelled by the caller. `name` appears in the log line.
    """
    task = asyncio.get_running_loop().create_task(coro, name=name)
    _running.add(task)
    task.add_done_callback(_ended)
    return task


def _ended(task: asyncio.Task[Any]) -> None:
    _running.discard(task)
    if task.cancelled():
        return
    error = task.exception()
    if error is not None:
        _log.error("task.failed", extra={"task": task.get_name()}, exc_info=error)
