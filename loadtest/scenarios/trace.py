"""Overlapping looks of 7, 14 and 30 days, a booking for every thousand: how many calls to Cal.com it takes.

The same looks are counted for three others: no cache at all, and a cache that keeps each URL's answer for as long as
the gateway does, once without regard to bookings, once giving up exactly the URLs that show a booked day: the fewest
calls a cache by URL can make without showing what is taken.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Final

import orjson

from core.clock import Clock
from loadtest.client import Client, ClientError
from loadtest.scenarios import hits
from loadtest.scenarios.hits import TTL_SECONDS, Hits
from loadtest.scenarios.report import Report, Table, Tell, at_least, exactly
from loadtest.scenarios.stage import BOOKING_HEADERS, SLOTS_HEADERS, Needs, Stage

TYPES: Final = (101, 105, 118)
"""Types whose settings let ranges be shared (docs/ranges.md)."""

_ZONES: Final = (("Europe/Berlin", 3), ("UTC", 1))
_SPANS: Final = ((7, 6), (14, 2), (30, 1))
_FURTHEST_START: Final = 27
_MOST_AT_ONCE: Final = 64


@dataclass(frozen=True, slots=True)
class Plan:
    """Looks a second, for so many seconds after as many of `warm`."""

    rate: float = 100.0
    seconds: float = 120.0
    warm: float = 60.0
    looks_per_booking: int = 1000
    seed: int = 1
    processes: int = 2


@dataclass(frozen=True, slots=True)
class Look:
    """One look at `days` days; `at` seconds after the start, `ahead` days until the first."""

    at: float
    target: str
    ahead: int
    days: int = 1


@dataclass
class Seen(Hits):
    """What came back. `bookings` are when each was acknowledged, and how many days ahead it is."""

    bookings: list[tuple[float, int]] = field(default_factory=list)


def needs(plan: Plan) -> Needs:
    """As for all that counts hits."""
    return hits.needs(plan.seed, plan.processes)


async def run(stage: Stage, plan: Plan, tell: Tell, clock: Clock) -> Report:
    """Warm up, then count."""
    began = clock.monotonic()
    today = datetime.fromtimestamp((await stage.simulator.stats())["now"], UTC).date()
    dice = random.Random(plan.seed)
    warm = list(looks(plan.warm, plan.rate, today, dice))
    counted = list(looks(plan.seconds, plan.rate, today, dice))
    async with Client(stage.gateway, connections=_MOST_AT_ONCE, timeout=30) as client:
        await client.get("/v2/me", {"authorization": SLOTS_HEADERS["authorization"]})
        before = await stage.simulator.calls()
        tell(f"{len(warm):,} looks to warm up")
        before_counting = await _play(client, warm, plan, today, clock)
        between = await stage.simulator.calls()
        tell(f"{between - before} calls until warm; {len(counted):,} looks that count")
        seen = await _play(client, counted, plan, today, clock)
        calls = await stage.simulator.calls() - between
    # The others begin as warm as the gateway does.
    bookings = [*before_counting.bookings, *((at + plan.warm, day) for at, day in seen.bookings)]
    later = [replace(look, at=look.at + plan.warm) for look in counted]

    def rival(heeded: list[tuple[float, int]]) -> int:
        return by_url([*warm, *later], TTL_SECONDS, heeded) - by_url(warm, TTL_SECONDS, heeded)

    all_calls = (calls, rival([]), rival(bookings))
    return _report(plan, seen, len(counted), all_calls, between - before, clock.monotonic() - began)


def looks(seconds: float, rate: float, today: date, dice: random.Random) -> Iterator[Look]:
    """At random moments, *rate* of them a second."""
    at = 0.0
    while (at := at + dice.expovariate(rate)) < seconds:
        kind = dice.choice(TYPES)
        (zone,) = dice.choices([zone for zone, _ in _ZONES], [weight for _, weight in _ZONES])
        (days,) = dice.choices([days for days, _ in _SPANS], [weight for _, weight in _SPANS])
        ahead = dice.randint(0, _FURTHEST_START)
        first = today + timedelta(days=ahead)
        target = f"/v2/slots?eventTypeId={kind}&start={first}&end={first + timedelta(days=days - 1)}&timeZone={zone}"
        yield Look(at, target, ahead, days)


def by_url(asked: Iterable[Look], ttl: float, bookings: Iterable[tuple[float, int]] = ()) -> int:
    """The calls of a cache by URL that keeps an answer for *ttl* seconds, unless a day that it shows is booked."""
    fetched: dict[str, float] = {}
    booked = sorted(bookings)
    calls = 0
    for look in asked:
        since = fetched.get(look.target, -ttl)
        shown = range(look.ahead, look.ahead + look.days)
        if look.at >= since + ttl or any(since < at <= look.at and day in shown for at, day in booked):
            fetched[look.target] = look.at
            calls += 1
    return calls


async def _play(client: Client, asked: list[Look], plan: Plan, today: date, clock: Clock) -> Seen:
    seen = Seen()
    started = clock.monotonic()
    async with asyncio.TaskGroup() as group:
        for number, look in enumerate(asked, 1):
            await clock.sleep(started + look.at - clock.monotonic())
            group.create_task(_look(client, look, seen))
            if number % plan.looks_per_booking == 0:
                group.create_task(_book(client, today, number, plan.seed, seen, look.at))
    return seen


async def _look(client: Client, look: Look, seen: Seen) -> None:
    try:
        answer = await client.get(look.target, SLOTS_HEADERS)
    except ClientError as error:
        seen.failed[type(error).__name__] += 1
        return
    if answer.status != 200:
        seen.failed[str(answer.status)] += 1
        return
    said = answer.header("cache-status") or ""
    word = next((one for one in ("hit", "fwd=stale", "collapsed") if one in said), "fwd=miss")
    word = word.removeprefix("fwd=")
    seen.all[word] += 1
    if 4 <= look.ahead <= 30:
        seen.far[word] += 1


async def _book(client: Client, today: date, number: int, seed: int, seen: Seen, at: float) -> None:
    dice = random.Random(f"{seed}:{number}")
    kind, first = dice.choice(TYPES[:2]), today + timedelta(days=dice.randint(2, 30))
    # A week of it, so that there is free time whatever the weekday.
    query = f"eventTypeId={kind}&start={first}&end={first + timedelta(days=6)}&timeZone=UTC"
    answer = await client.get(f"/v2/slots?{query}", SLOTS_HEADERS)
    data = answer.json()["data"] if answer.status == 200 else {}
    free = [slot["start"] for slots in data.values() for slot in slots]
    if not free:
        return
    start = dice.choice(free)
    attendee = {"name": "Lee", "email": f"lee{number}@example.org", "timeZone": "UTC"}
    body = orjson.dumps({"eventTypeId": kind, "start": start, "attendee": attendee})
    made = await client.request("POST", "/v2/bookings", headers=BOOKING_HEADERS, body=body)
    if made.status == 201:
        seen.bookings.append((at, (datetime.fromisoformat(start).date() - today).days))


def _report(
    plan: Plan, seen: Seen, asked: int, all_calls: tuple[int, int, int], warm_calls: int, seconds: float
) -> Report:
    calls, careless, url = all_calls
    # Every way has to make the bookings themselves.
    calls -= len(seen.bookings)
    return Report(
        scenario="trace",
        seed=plan.seed,
        seconds=seconds,
        figures={
            "looks": asked,
            "bookings": len(seen.bookings),
            "answers": dict(seen.all),
            "failed": dict(seen.failed),
            "calls to warm up, comparisons and learning included": warm_calls,
        },
        gates=[
            exactly("looks not answered", seen.failed.total(), 0),
            at_least("bookings made", len(seen.bookings), 1),
            at_least("fewer calls than without a cache, %", _fewer(calls, asked), 99),
            at_least("fewer calls than a cache by URL, blind to bookings, %", _fewer(calls, careless), 90),
            at_least("fewer calls than a cache by URL that shows nothing taken, %", _fewer(calls, url), 90),
            at_least("looks answered from the cache, %", seen.share(seen.all), 80),
            at_least("of those that begin 4 to 30 days ahead, %", seen.share(seen.far), 75),
        ],
        tables=[
            Table(
                "Calls to Cal.com for the same looks",
                ("with", "calls", "looks a call"),
                [
                    ("no cache", asked, 1.0),
                    ("a cache by URL, blind to bookings", careless, asked / max(1, careless)),
                    ("a cache by URL that shows nothing taken", url, asked / max(1, url)),
                    ("Calgate", calls, asked / max(1, calls)),
                ],
            )
        ],
    )


def _fewer(calls: int, others: int) -> float | None:
    return 100 * (1 - calls / others) if others else None
