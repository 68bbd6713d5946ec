"""core/tasks.py"""

import asyncio
import gc
import logging

import pytest

from core.tasks import raise_if_cancelled, spawn


async def test_a_task_nobody_holds_survives_garbage_collection() -> None:
    done = asyncio.Event()

    async def work() -> None:
        # Only the task itself refers to this future: without a strong reference both could be collected.
        await asyncio.get_running_loop().run_in_executor(None, gc.collect)
        done.set()

    spawn(work(), name="held")
    gc.collect()
    await asyncio.wait_for(done.wait(), 5)


async def test_an_exception_nobody_awaits_is_logged_with_the_tasks_name(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail() -> None:
        raise RuntimeError("broken")

    with caplog.at_level(logging.ERROR):
        task = spawn(fail(), name="doomed")
        await asyncio.wait([task])
        await asyncio.sleep(0)
    (record,) = caplog.records
    assert (record.getMessage(), vars(record)["task"]) == ("task.failed", "doomed")
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "broken"


async def test_a_cancelled_task_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    task = spawn(asyncio.Event().wait(), name="idle")
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert not caplog.records


async def test_a_cancellation_that_was_lost_is_found_again_at_the_next_step() -> None:
    steps: list[str] = []

    async def start() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            steps.append("lost")
        raise_if_cancelled()
        steps.append("went on")

    task = asyncio.ensure_future(start())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert steps == ["lost"]


async def test_who_was_not_cancelled_goes_on() -> None:
    async def start() -> str:
        raise_if_cancelled()
        return "there"

    assert await asyncio.ensure_future(start()) == "there"
