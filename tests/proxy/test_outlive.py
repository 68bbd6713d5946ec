import asyncio
import logging

import pytest

from proxy.outlive import outlive


async def test_the_result_is_the_callers() -> None:
    async def work() -> int:
        return 7

    assert await outlive(work(), name="w") == 7


async def test_an_error_is_the_callers_and_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        await outlive(work(), name="w")
    await asyncio.sleep(0)
    assert not caplog.records


async def test_cancelling_the_caller_does_not_stop_the_work() -> None:
    go, done = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        await go.wait()
        done.set()

    caller = asyncio.ensure_future(outlive(work(), name="w"))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    go.set()
    await asyncio.wait_for(done.wait(), 10)


async def test_an_error_nobody_waits_for_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    go = asyncio.Event()

    async def work() -> None:
        await go.wait()
        raise ValueError("nobody's")

    caller = asyncio.ensure_future(outlive(work(), name="w"))
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.wait([caller])
    with caplog.at_level(logging.ERROR):
        go.set()
        for _ in range(3):
            await asyncio.sleep(0)
    assert [record.getMessage() for record in caplog.records] == ["task.failed"]
