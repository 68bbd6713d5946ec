"""What could not be raced proves nothing, and must not look as if it did."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from core.clock import SystemClock
from loadtest.scenarios.proving import Plan, run
from loadtest.scenarios.rules import SCENES
from loadtest.scenarios.sabotage import MECHANISMS
from loadtest.scenarios.stage import Needs, Stage


@asynccontextmanager
async def broken(_: Needs) -> AsyncIterator[Stage]:
    raise OSError("no room")
    yield


def test_a_race_that_does_not_start_is_no_proof() -> None:
    plan = Plan(only=("reach:shared-host", "intents"))
    found = asyncio.run(run(broken, plan, lambda _: None, SystemClock()))
    assert [gate.seen for gate in found.gates] == [2, 2]
    assert not found.passed
    assert all("no room" in str(row[-1]) for row in found.tables[0].rows)


def test_without_a_choice_everything_is_left_out_that_can_be_missed() -> None:
    names = Plan().names
    assert set(names) == {*MECHANISMS, *(f"reach:{rule}" for rule in SCENES)}
