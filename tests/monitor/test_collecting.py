import asyncio
import logging

import pytest

from core.clock import FakeClock, SystemClock
from monitor.collecting import Collector, Outcome


def collector(read: "Scripted", limit_seconds: float = 60.0) -> Collector[int]:
    return Collector("jobs", read, FakeClock(100.0), every_seconds=2, limit_seconds=limit_seconds)


class Scripted:
    """Returns, raises or hangs, in turn."""

    def __init__(self, *steps: "int | BaseException | None") -> None:
        self.steps = list(steps)

    async def __call__(self) -> int:
        step = self.steps.pop(0)
        if step is None:
            await asyncio.get_running_loop().create_future()
        if isinstance(step, BaseException):
            raise step
        assert step is not None
        return step


async def test_before_its_first_run_nothing_is_known() -> None:
    assert collector(Scripted()).outcome == Outcome(None, False, "", 0.0, 0.0, 0.0)


async def test_a_success_is_kept_with_its_time() -> None:
    one = collector(Scripted(7))
    await one.run()
    assert one.outcome == Outcome(7, True, "", 0.0, 100.0, 100.0)


async def test_a_failure_keeps_the_last_good_value_and_says_why() -> None:
    one = collector(Scripted(7, ConnectionError("refused\n by nobody"), 8))
    await one.run()
    await one.run()
    assert (one.outcome.value, one.outcome.success, one.outcome.error) == (7, False, "refused by nobody")
    assert one.outcome.last_success == 100.0
    await one.run()
    assert (one.outcome.value, one.outcome.success, one.outcome.error) == (8, True, "")


async def test_a_read_that_hangs_is_cut_off() -> None:
    one = Collector("jobs", Scripted(None), SystemClock(), every_seconds=2, limit_seconds=0.01)
    await one.run()
    assert (one.outcome.success, one.outcome.error) == (False, "no answer within 0.01 s")


async def test_an_error_shows_no_secret_and_no_essay() -> None:
    one = collector(Scripted(ValueError("redis://user:hunter2@host " + "x" * 1000)))
    await one.run()
    assert "hunter2" not in one.outcome.error
    assert len(one.outcome.error) == 200


async def test_an_error_without_words_is_named_by_its_class() -> None:
    one = collector(Scripted(KeyError()))
    await one.run()
    assert one.outcome.error == "KeyError"


async def test_cancelling_passes_through_and_changes_nothing() -> None:
    one = collector(Scripted(7, None))
    await one.run()
    before = one.outcome
    async with asyncio.TaskGroup() as group:
        task = group.create_task(one.run())
        await asyncio.sleep(0)
        task.cancel()
    assert task.cancelled()
    assert one.outcome is before


async def test_an_outage_is_logged_once_and_its_end_too(caplog: pytest.LogCaptureFixture) -> None:
    one = collector(Scripted(ConnectionError("x"), ConnectionError("x"), 1, 2))
    with caplog.at_level(logging.INFO):
        for _ in range(4):
            await one.run()
    assert [r.getMessage() for r in caplog.records] == ["collector.failed", "collector.recovered"]
