import asyncio

from core.clock import SystemClock
from monitor import scheduler


async def test_every_job_runs_at_once_and_again_and_one_that_hangs_stops_no_other() -> None:
    runs = 0
    twice = asyncio.Event()

    async def steady() -> None:
        nonlocal runs
        runs += 1
        if runs == 2:
            twice.set()

    hanging = asyncio.Event()

    async def hangs() -> None:
        hanging.set()
        await asyncio.get_running_loop().create_future()

    async with scheduler.running([("hangs", hangs, 60.0), ("steady", steady, 0.05)], SystemClock()):
        await hanging.wait()
        await twice.wait()
    after = runs
    await asyncio.sleep(0)
    assert runs == after
