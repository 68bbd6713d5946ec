import asyncio

import pytest

from proxy.cache.flights import Flight, Flights


class Fetch:
    """A fetch that starts and lands when told."""

    def __init__(self, *, good_for: int = 0, error: Exception | None = None) -> None:
        self.calls = 0
        self.started = asyncio.Event()
        self.may_start = asyncio.Event()
        self.may_land = asyncio.Event()
        self._good_for = good_for
        self._error = error

    async def __call__(self, flight: Flight[str]) -> str:
        self.calls += 1
        number = self.calls
        await self.may_start.wait()
        flight.start(max(self._good_for, flight.good_for))
        self.started.set()
        await self.may_land.wait()
        if self._error:
            raise self._error
        return f"answer {number}"


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_everyone_who_asks_for_the_same_boards_one_flight() -> None:
    flights: Flights[str] = Flights()
    fetch = Fetch()
    fetch.may_start.set()
    fetch.may_land.set()
    results = await asyncio.gather(*(flights.board("k", 1, fetch) for _ in range(200)))
    assert fetch.calls == 1
    assert {answer for answer, _ in results} == {"answer 1"}
    assert sum(joined for _, joined in results) == 199
    assert len(flights) == 0


async def test_different_keys_fly_apart() -> None:
    flights: Flights[str] = Flights()
    fetch = Fetch()
    fetch.may_start.set()
    fetch.may_land.set()
    await asyncio.gather(flights.board("a", 1, fetch), flights.board("b", 1, fetch))
    assert fetch.calls == 2


async def test_a_cancelled_first_caller_cancels_no_flight() -> None:
    flights: Flights[str] = Flights()
    fetch = Fetch()
    first = asyncio.ensure_future(flights.board("k", 1, fetch))
    second = asyncio.ensure_future(flights.board("k", 1, fetch))
    await turns()
    first.cancel()
    fetch.may_start.set()
    fetch.may_land.set()
    assert await second == ("answer 1", True)
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_with_every_caller_gone_the_fetch_still_lands() -> None:
    flights: Flights[str] = Flights()
    fetch = Fetch(error=ValueError("nobody hears it"))
    only = asyncio.ensure_future(flights.board("k", 1, fetch))
    await turns()
    only.cancel()
    fetch.may_start.set()
    fetch.may_land.set()
    await asyncio.wait([only])
    await turns()
    assert len(flights) == 0


async def test_an_error_reaches_every_passenger_and_nobody_after() -> None:
    flights: Flights[str] = Flights()
    failing = Fetch(error=ValueError("down"))
    failing.may_start.set()
    failing.may_land.set()
    results = await asyncio.gather(
        *(flights.board("k", 1, failing) for _ in range(3)), return_exceptions=True
    )
    assert [str(error) for error in results] == ["down"] * 3
    assert failing.calls == 1
    fine = Fetch()
    fine.may_start.set()
    fine.may_land.set()
    assert await flights.board("k", 1, fine) == ("answer 1", False)


async def test_a_caller_of_a_newer_generation_never_takes_an_older_answer() -> None:
    flights: Flights[str] = Flights()
    fetch = Fetch()
    fetch.may_start.set()
    old = asyncio.ensure_future(flights.board("k", 1, fetch))
    await fetch.started.wait()
    new = asyncio.ensure_future(flights.board("k", 2, fetch))
    await turns()
    assert fetch.calls == 2
    fetch.may_land.set()
    assert await old == ("answer 1", False)
    assert await new == ("answer 2", False)
    assert len(flights) == 0


async def test_a_waiting_flight_takes_a_newer_caller_along_if_it_starts_late_enough() -> None:
    flights: Flights[str] = Flights()
    fetch = Fetch(good_for=2)
    old = asyncio.ensure_future(flights.board("k", 1, fetch))
    await turns()
    new = asyncio.ensure_future(flights.board("k", 2, fetch))
    fetch.may_start.set()
    fetch.may_land.set()
    assert await old == ("answer 1", False)
    assert await new == ("answer 1", True)


async def test_a_newer_caller_that_boarded_too_early_takes_the_next_flight() -> None:
    flights: Flights[str] = Flights()
    fetch = Fetch(good_for=1)
    old = asyncio.ensure_future(flights.board("k", 1, fetch))
    await turns()
    new = asyncio.ensure_future(flights.board("k", 2, fetch))
    fetch.may_start.set()
    fetch.may_land.set()
    assert await old == ("answer 1", False)
    assert await new == ("answer 2", False)
