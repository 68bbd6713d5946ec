"""The report's normal load (report 6.1): of five requests three look at a day, one books, one wants other times.

Three services of two teams that share a host, ten callers, fifty requests a minute, thirty days. A look is at one day
of one service, as the report's are; a caller who wants other times causes one look at the weeks around the wish. Time
is not compressed.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson

from core.clock import Clock
from loadtest.client import Client, ClientError, Response
from loadtest.scenarios import hits
from loadtest.scenarios.hits import TTL_SECONDS, Hits
from loadtest.scenarios.report import Report, Table, Tell, at_least, exactly
from loadtest.scenarios.stage import BOOKING_HEADERS, SLOTS_HEADERS, Needs, Simulator, Stage

SERVICES: Final = (105, 106, 116)
"""A collective and a round robin of one team, a round robin of another. One host is in all of them."""

_ROUND_ROBINS: Final = (106, 116)
_ZONE: Final = "Europe/Berlin"
_KINDS: Final = (("look", 3), ("booking", 1), ("alternatives", 1))

_DAYS: Final = 30
_NEAR_DAYS: Final = 4
_NEAR: Final = 0.6
"""The share of wishes for one of the next four days. The report's former rates (60 % for these, 10 % for later ones,
40 % together) have it."""

_WEEKS: Final = 3
"""Whole weeks that are looked at for other times: two weeks from the wish on."""

_STALE_SECONDS: Final = 30.0
_REMEMBERED: Final = 30


@dataclass(frozen=True, slots=True)
class Plan:
    """Requests a minute, for so many seconds after `warm` seconds of the same."""

    rate: float = 50.0
    seconds: float = 600.0
    warm: float = 120.0
    seed: int = 1
    processes: int = 2
    callers: int = 10


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a caller: `kind` of it, `at` seconds after the start, about a service and the day wished for."""

    at: float
    kind: str
    service: int
    day: date
    ahead: int

    @property
    def target(self) -> str:
        """What is asked for; of a booking, what its caller looked at before."""
        if self.kind != "alternatives":
            return f"/v2/slots?eventTypeId={self.service}&start={self.day}&end={self.day}&timeZone={_ZONE}"
        monday = self.day - timedelta(days=self.day.weekday())
        begin, end = (
            datetime.combine(day, at, ZoneInfo(_ZONE)).astimezone(UTC)
            for day, at in ((monday, time(0)), (monday + timedelta(days=7 * _WEEKS - 1), time(23, 59, 59)))
        )
        return (
            f"/v2/slots?eventTypeId={self.service}&start={begin:%Y-%m-%dT%H:%M:%SZ}"
            f"&end={end:%Y-%m-%dT%H:%M:%SZ}&timeZone={_ZONE}"
        )


@dataclass(frozen=True, slots=True)
class Read:
    """One answer, for the judge: `floor` is the newest state of the world acknowledged before it was asked for."""

    target: str
    data: Any
    floor: int
    at: float


@dataclass
class Seen(Hits):
    """What came back. `missed` is what was waited for, by kind and service."""

    empty: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    booked: Counter[str] = field(default_factory=Counter)
    reads: list[Read] = field(default_factory=list)


def needs(plan: Plan) -> Needs:
    """As for all that counts hits."""
    return hits.needs(
        plan.seed,
        plan.processes,
        slots_stale_seconds=_STALE_SECONDS,
        plain_round_robins=",".join(map(str, _ROUND_ROBINS)),
    )


def requests(seconds: float, rate: float, today: date, dice: random.Random) -> Iterator[Request]:
    """At random moments, *rate* of them a minute."""
    at = 0.0
    while (at := at + dice.expovariate(rate / 60)) < seconds:
        (kind,) = dice.choices([kind for kind, _ in _KINDS], [weight for _, weight in _KINDS])
        is_near = dice.random() < _NEAR
        ahead = dice.randrange(_NEAR_DAYS) if is_near else dice.randrange(_NEAR_DAYS, _DAYS)
        yield Request(at, kind, dice.choice(SERVICES), today + timedelta(days=ahead), ahead)


async def run(stage: Stage, plan: Plan, tell: Tell, clock: Clock) -> Report:
    """Warm up, count, and hold what was shown against the truth."""
    began = clock.monotonic()
    # What an operator vouches for has to be so.
    await stage.simulator.ask("POST", "/event-types/plain", {"ids": list(_ROUND_ROBINS)})
    today = datetime.fromtimestamp((await stage.simulator.stats())["now"], UTC).date()
    dice = random.Random(plan.seed)
    async with Client(stage.gateway, connections=plan.callers, timeout=30) as client:
        await client.get("/v2/me", {"authorization": SLOTS_HEADERS["authorization"]})
        callers = Callers(client, dice, clock)
        before = await stage.simulator.calls()
        tell(f"{plan.warm:g} s to warm up")
        await callers.play(list(requests(plan.warm, plan.rate, today, dice)))
        between = await stage.simulator.calls()
        tell(f"{between - before} calls until warm; {plan.seconds:g} s that count")
        callers.seen = Seen()
        await callers.play(list(requests(plan.seconds, plan.rate, today, dice)))
        calls = await stage.simulator.calls() - between
    tell(f"the oracle judges {len(callers.seen.reads)} answers")
    verdict = await judged(stage.simulator, callers.seen.reads)
    return _report(plan, callers.seen, calls, between - before, verdict, clock.monotonic() - began)


class Callers:
    """Makes requests, and remembers what callers were shown: whoever books, books one of these times."""

    def __init__(self, client: Client, dice: random.Random, clock: Clock) -> None:
        self._client = client
        self._dice = dice
        self._clock = clock
        self._offered: dict[int, deque[list[str]]] = {one: deque(maxlen=_REMEMBERED) for one in SERVICES}
        self._floor = 0
        self._number = 0
        self.seen = Seen()

    async def play(self, asked: list[Request]) -> None:
        """All of them, each at its moment."""
        started = self._clock.monotonic()
        async with asyncio.TaskGroup() as group:
            for request in asked:
                await self._clock.sleep(started + request.at - self._clock.monotonic())
                group.create_task(self._book(request) if request.kind == "booking" else self._look(request))

    async def _look(self, request: Request) -> None:
        floor = self._floor
        answer = await self._answered(self._client.get(request.target, SLOTS_HEADERS))
        if answer is None:
            return
        data = answer.json()["data"]
        self.seen.reads.append(Read(request.target, data, floor, answer.ended))
        starts = [slot["start"] for slots in data.values() for slot in slots]
        if starts:
            self._offered[request.service].append(starts)
        word = said_by(answer)
        self.seen.all[word] += 1
        if request.ahead >= _NEAR_DAYS:
            self.seen.far[word] += 1
        if not starts:
            self.seen.empty[word] += 1
        if word != "hit":
            what = "nothing left" if not starts else request.kind
            self.seen.missed[f"{request.service}, {what}"] += 1

    async def _book(self, request: Request) -> None:
        shown = self._offered[request.service]
        if not shown:
            self.seen.booked["nothing was offered"] += 1
            return
        self._number += 1
        attendee = {"name": "Lee", "email": f"lee{self._number}@example.org", "timeZone": _ZONE}
        start = datetime.fromisoformat(self._dice.choice(self._dice.choice(list(shown)))).astimezone(UTC)
        body = {"eventTypeId": request.service, "start": f"{start:%Y-%m-%dT%H:%M:%SZ}", "attendee": attendee}
        made = self._client.request("POST", "/v2/bookings", headers=BOOKING_HEADERS, body=orjson.dumps(body))
        try:
            answer = await made
        except ClientError as error:
            self.seen.failed[type(error).__name__] += 1
            return
        # Another caller was quicker, or it was shown a while ago.
        self.seen.booked["made" if answer.status == 201 else "refused"] += 1
        self._floor = max(self._floor, int(answer.header("x-sim-version") or 0))

    async def _answered(self, asking: Any) -> Response | None:
        try:
            answer: Response = await asking
        except ClientError as error:
            self.seen.failed[type(error).__name__] += 1
            return None
        if answer.status != 200:
            self.seen.failed[str(answer.status)] += 1
            return None
        return answer


def said_by(answer: Response) -> str:
    """How it was answered, in a word; only a hit was not waited for."""
    said = answer.header("cache-status") or ""
    word = next((one for one in ("hit", "fwd=stale", "collapsed") if one in said), "fwd=miss")
    return word.removeprefix("fwd=")


async def judged(simulator: Simulator, reads: list[Read]) -> Mapping[str, int]:
    """The oracle's counts over all answers."""
    life = TTL_SECONDS + _STALE_SECONDS
    rows = [
        {"target": one.target, "data": one.data, "floor": one.floor, "at": one.at, "since": one.at - life}
        for one in reads
    ]
    verdict: Mapping[str, int] = await simulator.ask("POST", "/oracle/judge", {"reads": rows})
    return verdict


def _report(
    plan: Plan, seen: Seen, calls: int, warm_calls: int, verdict: Mapping[str, int], seconds: float
) -> Report:
    bookings = seen.booked["made"] + seen.booked["refused"]
    asked = seen.all.total()
    return Report(
        scenario="mix",
        seed=plan.seed,
        seconds=seconds,
        figures={
            "requests": asked + bookings,
            "answers": dict(seen.all),
            "of days without anything": dict(seen.empty),
            "waited for": dict(seen.missed.most_common()),
            "bookings": dict(seen.booked),
            "failed": dict(seen.failed),
            "lacking a time that was offered": verdict["stale"] - verdict["shown_gone"],
            "calls to warm up, comparisons and learning included": warm_calls,
        },
        gates=[
            exactly("looks not answered", seen.failed.total(), 0),
            at_least("bookings made", seen.booked["made"], 1),
            exactly("answers that show what is taken", verdict["shown_gone"], 0),
            at_least("looks answered from the cache, %", seen.share(seen.all), 80),
            at_least("of those with a wish 4 to 30 days ahead, %", seen.share(seen.far), 75),
        ],
        tables=[
            Table(
                "Calls to Cal.com",
                ("for", "requests", "calls", "a minute"),
                [
                    (
                        "looks and alternatives",
                        asked,
                        calls - bookings,
                        60 * (calls - bookings) / plan.seconds,
                    ),
                    ("bookings", bookings, bookings, 60 * bookings / plan.seconds),
                ],
            )
        ],
    )
