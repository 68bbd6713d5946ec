"""The refresh on fake time and an imagined Cal.com, with the real Redis between its processes."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis.asyncio import Redis

from calcom.account import AccountMap
from core.clock import FakeClock
from core.keys import Keys
from proxy.account.keeper import Keeper
from proxy.account.refresh import Refresher
from tests.proxy.account.calcom import ACCOUNT, success
from tests.proxy.account.conftest import Process
from tests.proxy.waiting import until

KEY = {"authorization": "Bearer cal_made_up_secret", "user-agent": "test"}


class CalCom:
    """Answers from `account`; `status` other than 200 is given for everything, `refuses` is raised."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.account: dict[str, Any] = dict(ACCOUNT)
        self.calls: list[tuple[str, Mapping[str, str]]] = []
        self.times: list[float] = []
        self.status: Callable[[str], int] = lambda path: 200
        self.refuses: Exception | None = None
        self.gate: asyncio.Event | None = None

    async def fetch(self, target: str, headers: Mapping[str, str]) -> tuple[int, object]:
        self.calls.append((target, headers))
        self.times.append(self.clock.monotonic())
        if self.gate is not None:
            await self.gate.wait()
        if self.refuses is not None:
            raise self.refuses
        status = self.status(target)
        return status, success(self.account[target]) if status == 200 else {"status": "error"}

    @property
    def paths(self) -> list[str]:
        return [target for target, _ in self.calls]

    def busiest_minute(self) -> int:
        return max(sum(one <= other < one + 60 for other in self.times) for one in self.times)


class Fleet:
    """Processes with one clock and one Cal.com."""

    def __init__(self, redis: Redis, keys: Keys, process: Process) -> None:
        self.clock = FakeClock()
        self.calcom = CalCom(self.clock)
        self._redis, self._keys, self._process = redis, keys, process
        self._running = 0

    @asynccontextmanager
    async def started(self, **options: Any) -> AsyncIterator[tuple[Refresher, Keeper]]:
        keeper = self._process()
        refresher = Refresher(keeper, self._redis, self._keys, self.calcom.fetch, self.clock, **options)
        task = asyncio.ensure_future(refresher.run())
        self._running += 1
        try:
            yield refresher, keeper
        finally:
            self._running -= 1
            refresher.stop()
            task.cancel()
            await asyncio.wait([task])

    async def passes(self, seconds: float) -> None:
        """Let time pass, with every process asleep again after each second."""
        for _ in range(round(seconds)):
            await self.clock.advance(1.0)
            await self.rests()

    async def rests(self) -> None:
        """Return when every process is asleep: Redis' answers take real time."""
        await until(lambda: self.clock.sleepers == self._running)

    def known(self, keeper: Keeper) -> AccountMap:
        return keeper.current(self.clock.now())


@pytest.fixture
def fleet(redis: Redis, keys: Keys, process: Process) -> Fleet:
    return Fleet(redis, keys, process)


def complete(account: AccountMap) -> bool:
    return {"event_types:1", "team_event_types:3", "members:3"} <= account.complete


async def test_without_a_credential_nothing_is_spent(fleet: Fleet) -> None:
    async with fleet.started() as (refresher, _):
        refresher.saw_credential({"user-agent": "anonymous"})
        await fleet.passes(5)
        assert not fleet.calcom.calls


async def test_everything_is_learned_as_soon_as_a_credential_works(fleet: Fleet) -> None:
    async with fleet.started() as (refresher, keeper):
        refresher.saw_credential(KEY)
        await fleet.passes(2)
        assert complete(fleet.known(keeper))
        assert sorted(fleet.calcom.paths) == sorted(ACCOUNT)


async def test_calls_carry_the_credential_and_a_version_and_nothing_else(fleet: Fleet) -> None:
    async with fleet.started() as (refresher, _):
        refresher.saw_credential(KEY)
        await fleet.passes(2)
        for path, headers in fleet.calcom.calls:
            version = "2024-06-11" if path == "/v2/schedules" else "2024-06-14"
            assert headers == {"authorization": KEY["authorization"], "cal-api-version": version}


async def test_the_map_stays_known_with_one_round_in_half_its_age(fleet: Fleet) -> None:
    async with fleet.started() as (refresher, keeper):
        refresher.saw_credential(KEY)
        for _ in range(13):
            await fleet.passes(1)
            await fleet.clock.advance(99)
            await fleet.rests()
            assert complete(fleet.known(keeper))
            assert not keeper.gaps(fleet.clock.now())[1:]
        assert fleet.calcom.paths.count("/v2/me") <= 5


async def test_one_process_asks_and_all_know(fleet: Fleet) -> None:
    async with fleet.started() as (one, mine), fleet.started() as (other, others):
        one.saw_credential(KEY)
        other.saw_credential(KEY)
        await fleet.passes(3)
        assert len(fleet.calcom.calls) == len(ACCOUNT)
        assert complete(fleet.known(mine))
        assert complete(fleet.known(others))


async def test_a_process_that_dies_asking_is_replaced(fleet: Fleet, redis: Any, keys: Keys) -> None:
    fleet.calcom.gate = asyncio.Event()
    async with fleet.started() as (dead, _):
        dead.saw_credential(KEY)
        await fleet.clock.advance(1)
        await until(lambda: bool(fleet.calcom.calls))
    fleet.calcom.gate = None
    async with fleet.started() as (other, keeper):
        other.saw_credential(KEY)
        await fleet.passes(2)
        assert not fleet.known(keeper).complete
        # As when the lease has run out, which Redis' clock decides.
        await redis.delete(f"{{cg:{keys.account}}}:map:refresher")
        await fleet.passes(2)
        assert complete(fleet.known(keeper))


async def test_no_minute_has_more_calls_than_allowed(fleet: Fleet) -> None:
    async with fleet.started(calls_a_minute=2) as (refresher, keeper):
        refresher.saw_credential(KEY)
        for _ in range(4):
            await fleet.passes(2)
            await fleet.clock.advance(58)
            await fleet.rests()
        assert len(fleet.calcom.calls) == len(ACCOUNT)
        assert fleet.calcom.busiest_minute() == 2
        assert complete(fleet.known(keeper))


async def test_a_changed_event_type_is_asked_for_again_at_once(fleet: Fleet) -> None:
    async with fleet.started() as (refresher, keeper):
        refresher.saw_credential(KEY)
        await fleet.passes(2)
        fleet.calcom.calls.clear()
        await keeper.begin_change("w", "PATCH", "/v2/event-types/5", fleet.clock.now())
        await fleet.passes(3)
        assert not fleet.calcom.calls
        await keeper.unchanged("w")
        await fleet.passes(2)
        assert fleet.calcom.paths == ["/v2/event-types", "/v2/teams/3/event-types"]
        assert complete(fleet.known(keeper))


async def test_what_a_change_overtook_is_asked_for_again(fleet: Fleet) -> None:
    async with fleet.started() as (refresher, keeper):
        fleet.calcom.gate = asyncio.Event()
        refresher.saw_credential(KEY)
        await fleet.clock.advance(1)
        await until(lambda: bool(fleet.calcom.calls))
        await keeper.begin_change("w", "POST", "/v2/event-types", fleet.clock.now())
        await keeper.unchanged("w")
        fleet.calcom.gate.set()
        await fleet.passes(3)
        assert not fleet.known(keeper).complete
        await fleet.passes(6)
        assert complete(fleet.known(keeper))


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_refusals_are_answered_with_ever_longer_pauses(
    fleet: Fleet, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    fleet.calcom.status = lambda path: status
    async with fleet.started() as (refresher, _):
        refresher.saw_credential(KEY)
        with caplog.at_level(logging.WARNING):
            await fleet.passes(100)
        assert len(fleet.calcom.calls) == 3
        assert [one.__dict__["seconds"] for one in caplog.records] == [30, 60, 120]


async def test_a_gateway_that_refuses_is_not_pressed(fleet: Fleet) -> None:
    fleet.calcom.refuses = RuntimeError("Bearer cal_made_up_secret")
    async with fleet.started() as (refresher, keeper):
        refresher.saw_credential(KEY)
        await fleet.passes(20)
        assert len(fleet.calcom.calls) == 1
        fleet.calcom.refuses = None
        await fleet.passes(15)
        assert complete(fleet.known(keeper))


@pytest.mark.parametrize("status", [401, 498])
async def test_a_credential_that_no_longer_works_gives_way_to_the_last_one_seen(
    fleet: Fleet, status: int
) -> None:
    async with fleet.started() as (refresher, keeper):
        refresher.saw_credential(KEY)
        refresher.saw_credential({"x-cal-client-id": "id", "x-cal-secret-key": "made up"})
        fleet.calcom.status = lambda path: status
        await fleet.passes(2)
        fleet.calcom.status = lambda path: 200
        await fleet.passes(32)
        assert complete(fleet.known(keeper))
        assert {"x-cal-client-id", "x-cal-secret-key"} < fleet.calcom.calls[-1][1].keys()


async def test_a_path_that_is_not_for_everybody_leaves_a_gap_and_is_not_asked_for_again(fleet: Fleet) -> None:
    fleet.calcom.status = lambda path: 403 if path.endswith("/memberships") else 200
    async with fleet.started() as (refresher, keeper):
        refresher.saw_credential(KEY)
        await fleet.passes(5)
        assert len(fleet.calcom.calls) == len(ACCOUNT)
        assert "team 3: members not known in full" in keeper.gaps(fleet.clock.now())


async def test_no_secret_is_in_a_log_or_a_representation(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    fleet.calcom.refuses = RuntimeError(KEY["authorization"])
    async with fleet.started() as (refresher, keeper):
        refresher.saw_credential(KEY)
        with caplog.at_level(logging.DEBUG):
            await fleet.passes(2)
        said = " ".join(str(one.__dict__) for one in caplog.records) + repr(refresher) + repr(keeper)
        assert "account.refresh_paused" in said
        assert "cal_made_up" not in said


async def test_a_store_that_is_away_ends_nothing(unreachable: Redis, keys: Keys) -> None:
    clock = FakeClock()
    calcom = CalCom(clock)
    refresher = Refresher(Keeper(unreachable, keys), unreachable, keys, calcom.fetch, clock)
    refresher.saw_credential(KEY)
    task = asyncio.ensure_future(refresher.run())
    await until(lambda: clock.sleepers == 1)
    refresher.stop()
    while not task.done():
        await clock.advance(1)
        await asyncio.sleep(0.002)
    await task
    assert not calcom.calls


async def test_the_flag_alone_ends_it(fleet: Fleet, redis: Redis, keys: Keys, process: Process) -> None:
    refresher = Refresher(process(), redis, keys, fleet.calcom.fetch, fleet.clock)
    task = asyncio.ensure_future(refresher.run())
    await until(lambda: fleet.clock.sleepers == 1)
    refresher.stop()
    await fleet.clock.advance(2)
    await asyncio.wait_for(task, 10)
