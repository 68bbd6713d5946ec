"""One process's slots cache with ranges, before the simulator's own calculations; on a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import httpx2
import orjson
from redis.asyncio import Redis

from calcom import ratelimit
from calcom.account import resolve
from calcom.paths import classify
from calcom.ranges.trust import Terms
from calcom.reach import Stretch
from calcom.slots import parse
from core.clock import FakeClock
from core.keys import Keys
from exporters.slots import WorkerSlot
from loadtest.scenarios.site import SLOTS
from proxy.cache.entry import Lives
from proxy.cache.fetch import Arrivals, Fetcher
from proxy.cache.near import Near
from proxy.cache.ranges import Asking, Ranges
from proxy.cache.serve import SlotsCache
from proxy.cache.serving import Answer, Serving
from proxy.cache.shapes import REFRESH_SECONDS, Shapes
from proxy.cache.stamps import written_on
from proxy.cache.store import Store, Timing
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
    `message`, and while a calendar `is_broken` all are empty. A slot that is `leaked` is in every answer."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.asked: list[dict[str, str]] = []
        self.odd: set[str] = set()
        self.message = ""
        self.is_broken = False
        self.leaked = ""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        target = request.extensions["target"].decode()
        params = dict(parse_qsl(target.partition("?")[2]))
        self.asked.append(params)
        head = {"content-type": "application/json"}
        return httpx2.Response(200, headers=head, stream=httpx2.ByteStream(self.says(params)))

    def says(self, params: dict[str, str]) -> bytes:
        """The answer to a look."""
        body = EMPTY if self.is_broken else body_of(self.desk, params)
        if self.leaked:
            stray = orjson.dumps({self.leaked[:10]: [{"start": self.leaked}]})
            body = body.replace(b'"data":{', b'"data":%b,' % stray[:-1], 1)
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
        whole = datetime(day.year, day.month, day.day, tzinfo=UTC)
        fields = ("?", f"T{TYPE}", *written_on(TYPE, Stretch(whole, whole + timedelta(hours=23))))
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
