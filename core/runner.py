"""Run a program's main coroutine: the loop, the signals, and the way out."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from types import FrameType
from typing import Any, TypeVar

_T = TypeVar("_T")

# Closing the terminal is a request to stop too; without it a supervisor would die and leave its children.
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

# How long a main coroutine that was told twice may still take before the process ends under it.
_FORCE_AFTER_SECONDS = 2.0


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop's loop where it is installed, otherwise asyncio's own."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


def run(main: Coroutine[Any, Any, _T]) -> _T | None:
    """Run `main` to its end and return its result, or None when a signal ended it.

    The first SIGTERM, SIGINT or SIGHUP cancels `main`, which may take its time to drain. The second cancels
    again, cutting that short; two seconds later the process ends with 128 + the signal's number whatever
    `main` does. Exceptions of `main` pass through.
    """
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(_until_stopped(main))


async def _until_stopped(main: Coroutine[Any, Any, _T]) -> _T | None:
    loop = asyncio.get_running_loop()
    task = loop.create_task(main, name="main")
    received: list[int] = []

    def stop(signum: int) -> None:
        received.append(signum)
        task.cancel(f"received {signal.Signals(signum).name}")
        if len(received) > 1:
            loop.call_later(_FORCE_AFTER_SECONDS, os._exit, 128 + signum)

    with _handling(loop, stop):
        try:
            return await task
        except asyncio.CancelledError:
            if not received:
                task.cancel()
                raise
            return None


@contextlib.contextmanager
def _handling(loop: asyncio.AbstractEventLoop, stop: Callable[[int], None]) -> Iterator[None]:
    previous: dict[int, Callable[[int, FrameType | None], Any] | int | None] = {}
    for signum in _STOP_SIGNALS:
        if signum == signal.SIGHUP and signal.getsignal(signum) is signal.SIG_IGN:
            continue  # nohup: the user wants it to outlive the terminal
        previous[signum] = signal.getsignal(signum)
        loop.add_signal_handler(signum, stop, signum)
    try:
        yield
    finally:
        for number, handler in previous.items():
            loop.remove_signal_handler(number)
            if handler is not None:  # None: installed by C code, which Python cannot put back
                signal.signal(number, handler)
