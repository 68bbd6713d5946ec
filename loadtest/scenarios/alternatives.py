"""Callers who cannot have what they wish: how long the next best times take, what they cost, and the report's way.

The report's finder looks at three to seven days, one call each: one after another, and as it would have it, at once
(report 5.1, 8.2). Both ask Cal.com itself for the same wishes. Whether what the gateway offers can be had is found out
by booking it.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from urllib.parse import urlencode

import orjson

from calcom.alternatives import question_of
from core.clock import Clock
from loadtest.catalogue import EventType
from loadtest.client import Client, Response
from loadtest.scenarios.judge import starts_of
from loadtest.scenarios.report import Report, Table, Tell, at_least, at_most, exactly
from loadtest.scenarios.stage import BOOKING_HEADERS, SLOTS_HEADERS, Needs, Simulator, Stage
from loadtest.simulated import town
from loadtest.stats import quantile
from loadtest.traffic import ALTERNATIVES_PATH

_ZONES: Final = ("Europe/Berlin", "America/New_York", "Asia/Kolkata")
_WEEKS: Final = 4
_FEWEST_DAYS, _MOST_DAYS = 3, 7
_COUNT: Final = 3
_AT_ONCE: Final = 6
"""Callers of the report's way at a time: it takes long, and they do not disturb one another."""

_COLD_MS: Final = 850
"""The report's slowest call, and what a busy machine may add."""

_WARM_MS: Final = 5
_MOST_CALLS: Final = 2


@dataclass(frozen=True, slots=True)
class Plan:
    """Wishes for times nobody asked about before, and how many more for the same weeks."""

    wishes: int = 40
    warm: int = 2000
    bookings: int = 30
    seed: int = 1
    processes: int = 2


@dataclass(frozen=True, slots=True)
class Wish:
    """One caller. `days` are those the report's way looks at, the nearest first."""

    event_type: EventType
    zone: str
    start: datetime
    days: tuple[date, ...]

    @property
    def query(self) -> str:
        """The question."""
        return urlencode(
            {
                "eventTypeId": self.event_type.id,
                "wish": f"{self.start:%Y-%m-%dT%H:%M}",
                "timeZone": self.zone,
                "count": _COUNT,
            }
        )

    @property
    def target(self) -> str:
        """The question to the gateway."""
        return f"{ALTERNATIVES_PATH}?{self.query}"

    @property
    def reads(self) -> list[str]:
        """The report's questions to Cal.com."""
        name = {"eventTypeId": self.event_type.id, "timeZone": self.zone}
        return ["/v2/slots?" + urlencode({**name, "start": day, "end": day}) for day in self.days]


@dataclass
class Way:
    """What one way to alternatives took: seconds for each wish, those of our own among them where they can be told,
    and calls."""

    seconds: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    offered: list[int] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)
    failed: Counter[int] = field(default_factory=Counter)

    def ms(self, share: float) -> float | None:
        """The time that a share of the wishes took at most."""
        found = quantile(self.seconds, share)
        return None if found is None else 1000 * found


@dataclass
class Found:
    """Whether alternatives can be had: how many were `shown`, of these how many the calendar did not have, and how
    many were booked or refused."""

    shown: int = 0
    untrue: int = 0
    booked: int = 0
    refused: Counter[int] = field(default_factory=Counter)


def needs(plan: Plan) -> Needs:
    """The report's latencies. Nothing expires or is compared meanwhile, so that every call is a wish's own."""
    return Needs(
        simulator=("--latency", "report", "--rate-limit", "10000000", "--seed", str(plan.seed)),
        settings={
            "workers": plan.processes,
            "slots_ttl_seconds": 3600,
            "slots_share_ranges": False,
            "slots_early_refresh": 0,
        },
    )


async def run(stage: Stage, plan: Plan, tell: Tell, clock: Clock) -> Report:
    """The report's two ways; the gateway's, cold, then warm; and then what was offered is booked."""
    began = clock.monotonic()
    now = datetime.fromtimestamp((await stage.simulator.stats())["now"], UTC)
    dice = random.Random(plan.seed)
    wishes = _wishes(plan, now, dice)
    async with (
        Client(stage.gateway, connections=8, timeout=30) as gateway,
        Client(stage.simulator.url, connections=_AT_ONCE * _MOST_DAYS, timeout=30) as calcom,
    ):
        in_turn = await _by_days(calcom, wishes, _one_after_another)
        tell(f"{len(wishes)} wishes, day by day: {sum(in_turn.calls)} calls")
        at_once = await _by_days(calcom, wishes, _all_at_once)
        tell(f"{len(wishes)} wishes, days at once: {sum(at_once.calls)} calls")
        cold = await _cold(stage.simulator, gateway, wishes)
        tell(f"{len(wishes)} wishes, asked of the gateway: {sum(cold.calls)} calls")
        # Where nothing at all is free, Cal.com is soon asked again, since that is suspicious.
        fruitful = [wish for wish, offered in zip(wishes, cold.offered, strict=True) if offered]
        more = [_again(dice.choice(fruitful), dice) for _ in range(plan.warm)] if fruitful else []
        warm = await _warm(stage.simulator, gateway, more)
        tell(f"{len(more)} more wishes for the same weeks: {sum(warm.calls)} calls")
        await stage.simulator.ask("POST", "/latency", {"profile": "none"})
        found = await _booked(stage.simulator, gateway, wishes, plan, dice)
        tell(f"{found.booked} alternatives booked")
    ways = {"day by day": in_turn, "days at once": at_once, "Calgate, cold": cold, "Calgate, warm": warm}
    return _report(plan, ways, found, clock.monotonic() - began)


def _wishes(plan: Plan, now: datetime, dice: random.Random) -> list[Wish]:
    """Each for another event type, zone or week, so that no answer helps with another."""
    today = now.date()
    monday = today - timedelta(days=today.weekday())
    places = [
        (event_type, zone, monday + timedelta(weeks=week))
        for event_type in town(plan.seed, now).event_types
        for zone in _ZONES
        for week in range(1, _WEEKS + 1)
    ]
    chosen = dice.sample(places, min(plan.wishes, len(places)))
    return [_wish(event_type, zone, week, dice) for event_type, zone, week in chosen]


def _wish(event_type: EventType, zone: str, monday: date, dice: random.Random) -> Wish:
    day = monday + timedelta(days=dice.randrange(7))
    start = datetime.combine(day, time(dice.randrange(8, 18), dice.choice((0, 30))))
    reads = dice.randint(_FEWEST_DAYS, _MOST_DAYS)
    days = tuple(day + timedelta(days=ahead) for ahead in range(reads))
    return Wish(event_type, zone, start, days)


def _again(wish: Wish, dice: random.Random) -> Wish:
    """Another wish for the same week."""
    day = wish.start.date()
    return _wish(wish.event_type, wish.zone, day - timedelta(days=day.weekday()), dice)


Reading = Callable[[Client, Sequence[str]], Awaitable[list[Response]]]


async def _one_after_another(client: Client, targets: Sequence[str]) -> list[Response]:
    return [await client.get(target, SLOTS_HEADERS) for target in targets]


async def _all_at_once(client: Client, targets: Sequence[str]) -> list[Response]:
    return list(await asyncio.gather(*(client.get(target, SLOTS_HEADERS) for target in targets)))


async def _by_days(client: Client, wishes: Sequence[Wish], read: Reading) -> Way:
    way = Way()
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(wish: Wish) -> None:
        async with places:
            answers = await read(client, wish.reads)
        way.seconds.append(max(one.ended for one in answers) - min(one.started for one in answers))
        way.calls.append(len(answers))
        way.failed.update(answer.status for answer in answers if answer.status != 200)

    async with asyncio.TaskGroup() as group:
        for wish in wishes:
            group.create_task(one(wish))
    return way


async def _cold(simulator: Simulator, client: Client, wishes: Sequence[Wish]) -> Way:
    """One after another, so that each wish has its own calls."""
    way = Way()
    _, last = await _calls(simulator, 0)
    for wish in wishes:
        answer = await _ask(client, wish, way)
        calls, last = await _calls(simulator, last)
        way.calls.append(len(calls))
        waited = sum(call["completed_real"] - call["arrived_real"] for call in calls)
        way.own.append(answer.ended - answer.started - waited)
    return way


async def _warm(simulator: Simulator, client: Client, wishes: Sequence[Wish]) -> Way:
    way = Way()
    _, last = await _calls(simulator, 0)
    for wish in wishes:
        await _ask(client, wish, way)
    calls, _ = await _calls(simulator, last)
    way.calls.append(len(calls))
    return way


async def _ask(client: Client, wish: Wish, way: Way) -> Response:
    answer = await client.get(wish.target, SLOTS_HEADERS)
    way.seconds.append(answer.ended - answer.started)
    if answer.status != 200:
        way.failed[answer.status] += 1
    else:
        way.offered.append(len(answer.json()["data"]["alternatives"]))
    return answer


async def _calls(simulator: Simulator, since: int) -> tuple[list[Any], int]:
    """Looks that reached Cal.com after a number of its journal, and the newest number."""
    entries = (await simulator.ask("GET", f"/journal?since={since}"))["entries"]
    last = max((entry["seq"] for entry in entries), default=since)
    return [entry for entry in entries if entry["endpoint_class"] == "slots"], last


async def _booked(
    simulator: Simulator, client: Client, wishes: Sequence[Wish], plan: Plan, dice: random.Random
) -> Found:
    """Book one alternative of each wish through the gateway, then ask again."""
    found = Found()
    for number, wish in enumerate(wishes):
        offered = await _checked(simulator, client, wish, found)
        if not offered or found.booked >= plan.bookings:
            continue
        body = _booking(wish, dice.choice(offered), f"caller-{number}")
        made = await client.request("POST", "/v2/bookings", headers=BOOKING_HEADERS, body=body)
        if made.status == 201:
            found.booked += 1
        else:
            found.refused[made.status] += 1
        await _checked(simulator, client, wish, found)
    return found


async def _checked(simulator: Simulator, client: Client, wish: Wish, found: Found) -> list[str]:
    """What the gateway offers, held against the calendar as it is at that moment."""
    answer = await client.get(wish.target, SLOTS_HEADERS)
    if answer.status != 200:
        found.refused[answer.status] += 1
        return []
    offered: list[str] = [one["startUtc"] for one in answer.json()["data"]["alternatives"]]
    stats = await simulator.stats()
    question = question_of(wish.query, datetime.fromtimestamp(stats["now"], UTC))
    look = {"target": f"/v2/slots?{question.look(question.types[0])}", "at": stats["now"]}
    (truth,) = await simulator.truths([{**look, "version": stats["version"]}])
    free = set(starts_of(truth["data"]))
    found.shown += len(offered)
    found.untrue += sum(int(datetime.fromisoformat(start).timestamp()) not in free for start in offered)
    return offered


def _booking(wish: Wish, start: str, name: str) -> bytes:
    attendee = {"name": name, "email": f"{name}@example.org", "timeZone": wish.zone}
    body: dict[str, Any] = {"eventTypeId": wish.event_type.id, "start": start, "attendee": attendee}
    if wish.event_type.is_variable:
        body["lengthInMinutes"] = wish.event_type.lengths[0]
    return orjson.dumps(body)


def _report(plan: Plan, ways: dict[str, Way], found: Found, seconds: float) -> Report:
    cold, warm = ways["Calgate, cold"], ways["Calgate, warm"]
    own = quantile(cold.own, 0.95)
    return Report(
        scenario="alternatives",
        seed=plan.seed,
        seconds=seconds,
        figures={
            "wishes": len(cold.seconds),
            "more wishes for the same weeks": len(warm.seconds),
            "of a cold answer the gateway's own part, P95, ms": None if own is None else 1000 * own,
            "alternatives held against the calendar": found.shown,
            "alternatives booked": found.booked,
        },
        gates=[
            exactly("questions not answered", sum(way.failed.total() for way in ways.values()), 0),
            at_most("P95 of a cold answer, ms", cold.ms(0.95), _COLD_MS),
            at_most("calls for a cold answer, most", max(cold.calls, default=None), _MOST_CALLS),
            at_most("P99 of a warm answer, ms", warm.ms(0.99), _WARM_MS),
            exactly("calls for warm answers", sum(warm.calls), 0),
            at_least("alternatives booked", found.booked, 1),
            exactly("alternatives that could not be booked", found.refused.total(), 0),
            exactly("alternatives that the calendar does not have", found.untrue, 0),
        ],
        tables=[
            Table(
                "Alternatives to a wish",
                ("way", "wishes", "P50, ms", "P95, ms", "P99, ms", "calls", "calls a wish"),
                [
                    (
                        name,
                        len(way.seconds),
                        way.ms(0.5),
                        way.ms(0.95),
                        way.ms(0.99),
                        sum(way.calls),
                        sum(way.calls) / max(1, len(way.seconds)),
                    )
                    for name, way in ways.items()
                ],
            )
        ],
    )
