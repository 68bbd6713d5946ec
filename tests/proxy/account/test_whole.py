"""Refresh, map, index and rules together, against the simulator's own answers."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from redis.asyncio import Redis

from calcom.reach import Reach, bookings_in
from core.clock import FakeClock
from core.keys import Keys
from loadtest.scenarios.site import Request
from proxy.account.bookings import BookingIndex
from proxy.account.keeper import Keeper
from proxy.account.reaching import effect_of
from proxy.account.refresh import Refresher
from tests.calcom.reach.desk import NOW, Desk
from tests.proxy.account.conftest import Process
from tests.proxy.waiting import until


class Office:
    """The simulator behind one user's key, and a process that knows what the refresh has learned of it."""

    def __init__(self, keeper: Keeper, redis: Redis, keys: Keys, user: int) -> None:
        self.desk = Desk(seed=1)
        self.user = user
        self.keeper = keeper
        self.index = BookingIndex(redis, keys)
        self.clock = FakeClock(NOW.timestamp())
        self._refresher = Refresher(keeper, redis, keys, self.fetch, self.clock)

    async def fetch(self, target: str, headers: Mapping[str, str]) -> tuple[int, object]:
        return self.desk.call(Request("GET", target, None, self.user, headers["cal-api-version"]))

    async def open(self) -> None:
        """Learn all there is to learn."""
        self._refresher.saw_credential({"authorization": "Bearer made up"})
        task = asyncio.ensure_future(self._refresher.run())
        for _ in range(2):
            await until(lambda: self.clock.sleepers == 1)
            await self.clock.advance(1)
        await until(lambda: self.clock.sleepers == 1)
        self._refresher.stop()
        task.cancel()
        await asyncio.wait([task])

    async def write(self, path: str, body: Any) -> tuple[Reach, Any]:
        """A write with its reach and its answer's data."""
        mark = self.keeper.mark()
        request = Request("POST", path, body, self.user)
        answer = self.desk.call(request)
        assert answer.status == 201
        reach, _ = await effect_of(
            self.keeper, self.index, self.desk.write_of(request, answer), mark, self.clock.now()
        )
        await self.index.remember(bookings_in("POST", path, answer.json), self.clock.now())
        return reach, answer.data


@pytest.fixture
def office(process: Process, redis: Redis, keys: Keys) -> Office:
    return Office(process(), redis, keys, user=1)


async def test_what_a_user_may_see_is_learned_without_gaps_in_one_round(office: Office) -> None:
    await office.open()
    account = office.keeper.current(office.clock.now())
    assert len(account.teams) == 2
    seen = {"event_types:1"}
    for team in account.teams:
        seen |= {f"team_event_types:{team}", f"members:{team}"}
    assert seen <= account.complete
    assert all(account.hosts_of(one) is not None for one in account.event_types)
    assert all(user.email for user in account.users.values())
    # What is left are the other members' own event types, which only they can list.
    gaps = office.keeper.gaps(office.clock.now())
    assert all(one.endswith("event types not known in full") for one in gaps)


async def test_a_booking_and_its_move_reach_days_and_not_the_account(office: Office) -> None:
    await office.open()
    taken, booking = await office.write(
        "/v2/bookings",
        {
            "eventTypeId": 101,
            "start": "2026-03-04T09:00:00Z",
            "attendee": {"name": "A", "email": "a@example.com", "timeZone": "UTC"},
        },
    )
    moved, _ = await office.write(
        f"/v2/bookings/{booking['uid']}/reschedule", {"start": "2026-03-25T10:00:00Z"}
    )
    for reach, days in ((taken, ["2026-03-04"]), (moved, ["2026-03-04", "2026-03-25"])):
        assert not reach.is_whole_account
        stretches = [
            one.stretch for one in reach.touches if one.event_type == 101 and one.stretch is not None
        ]
        spans = [span for one in stretches if (span := one.days()) is not None]
        assert spans
        for day in days:
            assert any(str(span.first) <= day <= str(span.last) for span in spans), reach.explain()
