"""Looks answered out of shared windows, before the simulator's own calculations; on a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import httpx2
import orjson
import pytest
import pytest_asyncio
from redis.asyncio import Redis

from calcom import ratelimit
from calcom.account import resolve
from calcom.overlay import Overlay, dumped
from calcom.paths import classify
from calcom.ranges import trust
from calcom.ranges.trust import Terms
from calcom.slots import parse
from core.clock import FakeClock
from core.keys import Keys
from exporters.slots import WorkerSlot
from loadtest.scenarios.site import SLOTS
from proxy.cache.entry import Lives
from proxy.cache.fetch import Arrivals, Fetcher
from proxy.cache.near import Near
from proxy.cache.ranges import Asking, Ranges, _part
from proxy.cache.serve import SlotsCache
from proxy.cache.serving import Answer, Serving
from proxy.cache.shapes import REFRESH_SECONDS, Shapes
from proxy.cache.stamps import Fields
from proxy.cache.store import Store, Timing
from proxy.cache.warm import GAP
from proxy.telemetry import Telemetry
from proxy.upstream import Call
from proxy.wiring import calls_of
from proxy.writes import Writes
from tests.calcom.ranges.scenes import body_of
from tests.calcom.reach.desk import Desk
from tests.proxy.running import settings
from tests.proxy.waiting import until

EMPTY = b'{"status":"success","data":{}}'
TYPE = 101  # 30 minutes, weekdays in Berlin
ODD = "Asia/Tokyo"


class CalCom(httpx2.AsyncBaseTransport):
    """Answers looks out of a desk; in the zones of `odd` slots begin at other minutes, an empty answer has the
    `message`, and while a calendar `is_broken` all are empty."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.asked: list[dict[str, str]] = []
        self.odd: set[str] = set()
        self.message = ""
        self.is_broken = False

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        target = request.extensions["target"].decode()
        params = dict(parse_qsl(target.partition("?")[2]))
        self.asked.append(params)
        head = {"content-type": "application/json"}
        return httpx2.Response(200, headers=head, stream=httpx2.ByteStream(self.says(params)))

    def says(self, params: dict[str, str]) -> bytes:
        """The answer to a look."""
        body = EMPTY if self.is_broken else body_of(self.desk, params)
        if body == EMPTY and self.message:
            return b'{"status":"success","data":{},"message":"%b"}' % self.message.encode()
        return body.replace(b":30:00.000", b":40:00.000") if params.get("timeZone") in self.odd else body

    @property
    def exact(self) -> int:
        """How many looks were asked for as they are: windows are longer."""
        return sum(not self._is_window(one) for one in self.asked)

    @property
    def windows(self) -> set[str | None]:
        """The zones that windows were asked for in."""
        return {one.get("timeZone") for one in self.asked if self._is_window(one)}

    @staticmethod
    def _is_window(params: dict[str, str]) -> bool:
        start, end = (datetime.fromisoformat(params[name]).replace(tzinfo=UTC) for name in ("start", "end"))
        return end - start > timedelta(days=40)


class Process:
    """One process that needs a single agreement, and its Cal.com."""

    def __init__(
        self, slots: SlotsCache, shapes: Shapes, store: Store, near: Near, calcom: CalCom, clock: FakeClock
    ) -> None:
        self.slots, self.shapes, self.store, self.near = slots, shapes, store, near
        self.calcom, self.clock = calcom, clock
        self.ahead = 0

    async def write(self, day: date, overlay: str = "", *, is_heard: bool = False) -> None:
        """Something is written that touches the type on a day."""
        fields = (f"{TYPE}:{day.toordinal()}", "?", f"T{TYPE}")
        generation = await self.store.write_end("w", known=True, fields=fields, overlay=overlay)
        if is_heard:
            self.near.bumped(generation, fields, "w")

    async def pass_by(self, seconds: float, redis: Redis, keys: Keys) -> None:
        """Make all that was found out so much older: Redis goes by its own clock."""
        for name, text in (await redis.hgetall(keys.shapes)).items():
            proof = orjson.loads(text)
            times = {at: proof[at] - seconds for at in ("asked", "checked", "doubted") if proof[at]}
            await redis.hset(keys.shapes, name, orjson.dumps(proof | times))
        await self.clock.advance(REFRESH_SECONDS)

    async def ask(
        self, zone: str | None, first: date | None = None, last: date | None = None
    ) -> tuple[Answer, bool]:
        """The answer to a look, and whether it is Cal.com's; without days, to one that nobody had before."""
        if first is None or last is None:
            self.ahead += 1
            first = self.calcom.desk.now.date() + timedelta(days=2 + self.ahead % 20)
            last = first + timedelta(days=7 + self.ahead // 20)
        params = {"eventTypeId": str(TYPE), "start": str(first), "end": str(last)}
        params |= {"timeZone": zone} if zone else {}
        query = parse(urlencode(params), SLOTS)
        assert query is not None
        answer = await self.slots.answer(query, call(params))
        return answer, answer.body == self.calcom.says(params)

    async def is_shared(self, zone: str | None, first: date | None = None, last: date | None = None) -> bool:
        """Whether a look, which is answered as Cal.com would, is answered out of windows."""
        answer, is_right = await self.ask(zone, first, last)
        assert is_right
        return "range" in answer.cache_status

    async def settle(self, zone: str | None) -> None:
        """Look until it is shared."""
        await until(lambda: self.is_shared(zone))


def call(params: dict[str, str]) -> Call:
    return Call(
        method="GET",
        target=f"/v2/slots?{urlencode(params)}".encode(),
        headers=[(b"cal-api-version", SLOTS.encode())],
        credential=ratelimit.credential({"authorization": "Bearer key"}),
        kind=classify("GET", "/v2/slots"),
        body=b"",
    )


@asynccontextmanager
async def process(redis: Redis, redis_url: str, keys: Keys, folder: Path) -> AsyncIterator[Process]:
    now = datetime.now(UTC)  # noqa: TID251 - what is kept is judged by Redis' clock
    desk = Desk(1, now.replace(microsecond=0))
    desk.learn_everything()
    clock = FakeClock(now.timestamp())
    calcom = CalCom(desk)
    config = settings("http://calcom.test", redis_url, folder)
    with WorkerSlot.open(folder, 0, "proxy") as slot:
        telemetry = Telemetry(slot)
        store = Store(redis, keys, Timing.of(config))
        writes = Writes(store, telemetry, clock)
        calls = calls_of(config, calcom, redis, keys, telemetry, clock)
        fetcher = Fetcher(store, calls, telemetry, clock, arrivals=Arrivals())
        serving = Serving(store, fetcher, writes, telemetry, clock, scope="slots", stale=30.0, eagerness=0.0)
        near = Near(most_entries=0, most_bytes=0)
        shapes = Shapes(redis, keys, clock, lambda: desk.account, Terms(needed=1, gap=0.0))

        def ranges(asking: Asking) -> Ranges:
            return Ranges(serving, store, shapes, lambda: desk.account, asking, telemetry, clock)

        slots = SlotsCache(
            serving,
            fetcher,
            lives=Lives(ttl=60.0, stale=30.0, stale_if_error=60.0),
            types_of=lambda query: resolve(desk.account, dict(query.parameters)),
            near=near,
            telemetry=telemetry,
            clock=clock,
            ranges=ranges,
        )
        yield Process(slots, shapes, store, near, calcom, clock)
        behind = [task for task in asyncio.all_tasks() if task.get_name().startswith(("cache.", "ranges."))]
        for task in behind:
            task.cancel()
        await asyncio.gather(*behind, return_exceptions=True)


@pytest_asyncio.fixture
async def one(redis: Redis, redis_server: str, keys: Keys, tmp_path: Path) -> AsyncIterator[Process]:
    async with process(redis, redis_server, keys, tmp_path) as built:
        yield built


async def test_looks_in_two_zones_are_answered_out_of_one_fetch(one: Process) -> None:
    await one.settle("Europe/Berlin")
    await one.settle("America/New_York")
    before = len(one.calcom.asked)
    for _ in range(10):
        for zone in ("Europe/Berlin", "America/New_York"):
            assert await one.is_shared(zone)
    assert len(one.calcom.asked) == before
    assert one.calcom.windows == {"UTC"}


async def test_a_zone_is_not_told_from_anothers_windows_before_one_of_its_looks_agreed(one: Process) -> None:
    await one.settle("UTC")
    exact = one.calcom.exact
    assert not await one.is_shared("Europe/Berlin")
    assert one.calcom.exact == exact + 1
    await one.settle("Europe/Berlin")
    assert not await one.is_shared(None)


async def test_a_zone_whose_answers_differ_gets_windows_of_its_own_and_the_others_go_on(
    one: Process, redis: Redis, keys: Keys
) -> None:
    await one.settle("UTC")
    one.calcom.odd = {"Asia/Tokyo"}

    async def is_set_apart() -> bool:
        assert not await one.is_shared("Asia/Tokyo")
        await one.pass_by(trust.REPEAT_AFTER, redis, keys)
        return not one.shapes.may_borrow(TYPE, "Asia/Tokyo")

    await until(is_set_apart)
    await one.settle("UTC")
    await one.settle("Europe/Berlin")
    await one.settle("Asia/Tokyo")
    assert one.calcom.windows == {"UTC", "Asia/Tokyo"}


async def test_what_is_shared_all_the_time_is_still_compared_in_time(
    one: Process, redis: Redis, keys: Keys
) -> None:
    await one.settle("Europe/Berlin")
    one.calcom.asked.clear()
    assert await one.is_shared("Europe/Berlin")
    await one.pass_by(trust.RECHECK, redis, keys)
    assert await one.is_shared("Europe/Berlin")
    await until(lambda: one.calcom.exact == 1)


async def test_a_difference_that_came_later_is_found_and_stops_sharing(
    one: Process, redis: Redis, keys: Keys
) -> None:
    await one.settle("Europe/Berlin")
    one.calcom.odd = {"Europe/Berlin"}
    await one.pass_by(trust.RECHECK, redis, keys)
    await one.ask("Europe/Berlin")

    async def has_stopped() -> bool:
        await one.clock.advance(REFRESH_SECONDS)
        return not await one.shapes.may_share(TYPE)

    await until(has_stopped)
    assert not await one.is_shared("Europe/Berlin")


async def test_a_day_with_nothing_left_is_shared_once_it_is_known_how_calcom_says_so(one: Process) -> None:
    await one.settle("Europe/Berlin")
    one.calcom.message = "None."
    today = one.calcom.desk.now.date()
    saturdays = [today + timedelta(days=at) for at in range(2, 30) if (today.weekday() + at) % 7 == 5]
    exact = one.calcom.exact
    assert not await one.is_shared("Europe/Berlin", saturdays[0], saturdays[0])
    assert one.calcom.exact == exact + 1
    await until(lambda: one.is_shared("Europe/Berlin", saturdays[0], saturdays[0]))
    before = len(one.calcom.asked)
    for day in saturdays[1:]:
        assert await one.is_shared("Europe/Berlin", day, day)
    assert len(one.calcom.asked) == before


async def test_a_window_without_any_slot_is_not_believed(one: Process, redis: Redis) -> None:
    await one.settle("Europe/Berlin")
    today = one.calcom.desk.now.date()
    sunday = today + timedelta(days=13 - today.weekday())
    await until(lambda: one.is_shared("Europe/Berlin", sunday, sunday))
    one.calcom.is_broken = True
    # As if their time were over.
    for name in await redis.keys("*:e:*"):
        await redis.delete(name)
    assert not await one.is_shared("Europe/Berlin", sunday, sunday)
    assert not await one.is_shared("Europe/Berlin")


async def test_what_is_written_to_one_day_leaves_the_looks_at_others(one: Process) -> None:
    await one.settle("Europe/Berlin")
    today = one.calcom.desk.now.date()
    booked = today + timedelta(days=10)
    await one.write(booked)
    one.calcom.asked.clear()
    for first, last in ((2, 8), (12, 15), (12, 26)):
        assert await one.is_shared(
            "Europe/Berlin", today + timedelta(days=first), today + timedelta(days=last)
        )
    assert not one.calcom.asked
    answer, is_right = await one.ask("Europe/Berlin", booked, booked + timedelta(days=6))
    assert is_right
    assert "fwd=stale" in answer.cache_status
    assert one.calcom.windows == {"UTC"}
    assert await one.is_shared("Europe/Berlin", booked, booked + timedelta(days=5))


async def test_an_answer_less_what_was_taken_says_so_and_is_not_empty(one: Process) -> None:
    await one.settle("Europe/Berlin")
    today = one.calcom.desk.now.date()
    saturday = today + timedelta(days=12 - today.weekday())
    await until(lambda: one.is_shared("Europe/Berlin", saturday, saturday))
    booked = saturday + timedelta(days=2)
    begin = int(datetime(booked.year, booked.month, booked.day, tzinfo=UTC).timestamp())
    await one.write(booked, dumped(Overlay({TYPE: ((begin, begin + 86_400),)})))
    lacking, _ = await one.ask("Europe/Berlin", booked, booked + timedelta(days=6))
    assert "detail=overlay" in lacking.cache_status
    assert str(booked).encode() not in lacking.body
    # What is refreshed behind it may be here by now, and is whole; nothing else may be said of that day alone.
    answer, is_right = await one.ask("Europe/Berlin", booked, booked)
    assert is_right
    assert str(booked).encode() in answer.body


async def test_a_window_that_is_looked_at_is_there_again_before_anybody_waits_for_it(one: Process) -> None:
    await one.settle("Europe/Berlin")
    today = one.calcom.desk.now.date()
    booked = today + timedelta(days=10)
    assert await one.is_shared("Europe/Berlin", booked, booked + timedelta(days=6))
    one.calcom.asked.clear()
    await one.write(booked, is_heard=True)
    await until(lambda: one.calcom.windows == {"UTC"})
    answer, is_right = await one.ask("Europe/Berlin", booked, booked + timedelta(days=5))
    assert is_right
    # It may still be on its way from Cal.com, but nobody asks once more.
    assert "hit" in answer.cache_status or "collapsed" in answer.cache_status
    assert len(one.calcom.asked) == 1


async def test_what_can_be_shown_less_what_was_taken_is_not_asked_for_before_somebody_looks(
    one: Process,
) -> None:
    await one.settle("Europe/Berlin")
    booked = one.calcom.desk.now.date() + timedelta(days=10)
    assert await one.is_shared("Europe/Berlin", booked, booked + timedelta(days=6))
    one.calcom.asked.clear()
    await one.write(booked, dumped(Overlay({TYPE: ()})), is_heard=True)
    await one.clock.advance(2 * GAP)
    assert not one.calcom.asked
    assert (
        "detail=overlay"
        in (await one.ask("Europe/Berlin", booked, booked + timedelta(days=5)))[0].cache_status
    )

    async def is_asked_for() -> bool:
        # It waits until Cal.com's own cache cannot answer with the past, so that bookings in a row cost one call.
        await one.clock.advance(0.1)
        return len(one.calcom.asked) == 1

    await until(is_asked_for)


async def test_a_look_out_of_two_windows_needs_only_the_one_again_that_has_the_day(one: Process) -> None:
    await one.settle("Europe/Berlin")
    today = one.calcom.desk.now.date()
    first, last = today + timedelta(days=10), today + timedelta(days=55)
    await one.ask("Europe/Berlin", first, last)
    one.calcom.asked.clear()
    await one.write(today + timedelta(days=12))
    _, is_right = await one.ask("Europe/Berlin", first, last - timedelta(days=1))
    assert is_right
    assert len(one.calcom.asked) == 1


def test_a_look_reads_of_a_window_the_days_they_share() -> None:
    window = ("*", "t7", "7:100", "7:101", "7:102")
    assert _part(window, ("*", "t7", "7:99", "7:100", "7:101")) == ("*", "t7", "7:100", "7:101")
    assert _part(("*", "?"), ("*", "?")) == ("*", "?")


@pytest.mark.parametrize("look", [("*", "t7", "T7"), ("*", "?"), ("*", "t7", "t8", "7:100")])
def test_a_look_that_does_not_name_its_days_reads_all_of_a_window(look: Fields) -> None:
    assert _part(("*", "t7", "7:100", "7:101"), look) is None
    assert _part(("*", "?"), ("*", "t7", "7:100")) is None
