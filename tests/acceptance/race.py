"""Readers racing bookers through the gateway, every answer kept for the oracle."""

from __future__ import annotations

import asyncio
import random
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import orjson

from loadtest.client import Client, ClientError, Response
from tests.acceptance.harness import BOOKINGS, SLOTS, Simulator

# Two hosts' own types are booked; types that share these hosts are read as well, because a booking of one type
# takes time from all of its host's types (mechanism 1).
BOOKED_TYPES = (101, 110)
READ_TYPES = (101, 110, 102, 105)


@dataclass(frozen=True, slots=True)
class Read:
    target: str
    body: bytes
    started: float
    ended: float
    cache: str


@dataclass(frozen=True, slots=True)
class Write:
    version: int
    started: float
    ended: float


@dataclass(slots=True)
class Race:
    """What happened. `failed` counts what was no answer: statuses, and errors of the connection by name."""

    reads: list[Read] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)

    def shares(self) -> Counter[str]:
        """Reads by what the gateway says of them."""
        return Counter(read.cache for read in self.reads)


def windows(first: date, count: int) -> list[tuple[date, date]]:
    """Weeks that overlap the way looks do: seven days, a new one each week."""
    return [(first + timedelta(days=7 * n), first + timedelta(days=7 * n + 6)) for n in range(count)]


def target(event_type: int, window: tuple[date, date]) -> str:
    return f"/v2/slots?eventTypeId={event_type}&start={window[0]}&end={window[1]}"


async def offers(
    simulator: Simulator, spans: Sequence[tuple[date, date]], dice: random.Random
) -> list[tuple[int, str]]:
    """What can be booked at the start, in random order."""
    queries = [{"target": target(kind, span)} for kind in BOOKED_TYPES for span in spans]
    answers = (await simulator.ask("POST", "/oracle/truth", {"queries": queries}))["answers"]
    kinds = [kind for kind in BOOKED_TYPES for _ in spans]
    found = [
        (kind, slot["start"])
        for kind, answer in zip(kinds, answers, strict=True)
        for slots in answer["data"].values()
        for slot in slots
    ]
    dice.shuffle(found)
    return found


def booking(event_type: int, start: str, number: int) -> bytes:
    attendee = {"name": "Race", "email": f"race{number}@example.org", "timeZone": "UTC"}
    return orjson.dumps({"start": start, "eventTypeId": event_type, "attendee": attendee})


async def run(
    client: Client,
    offered: list[tuple[int, str]],
    spans: Sequence[tuple[date, date]],
    *,
    reads: int,
    bookings: int,
    readers: int,
    bookers: int,
    seed: int = 1,
) -> Race:
    """At least *reads* answered reads while *bookings* are made, both going on until both are done."""
    race = Race()
    targets = [target(kind, span) for kind in READ_TYPES for span in spans]

    def done() -> bool:
        return len(race.reads) >= reads and (len(race.writes) >= bookings or not offered)

    async def read(dice: random.Random) -> None:
        while not done():
            where = dice.choice(targets)
            answer = await _try(race, client.get(where, SLOTS))
            if answer is not None and answer.status == 200:
                cache = _word(answer.header("cache-status") or "")
                race.reads.append(Read(where, answer.body, answer.started, answer.ended, cache))

    async def book() -> None:
        # Bookings are spread over the whole run: at no moment may there be nothing to race with.
        while offered and not done():
            if len(race.writes) * reads > len(race.reads) * bookings:
                await asyncio.sleep(0.01)
                continue
            kind, start = offered.pop()
            body = booking(kind, start, len(offered))
            answer = await _try(race, client.request("POST", "/v2/bookings", headers=BOOKINGS, body=body))
            if answer is not None and answer.status == 201:
                version = int(answer.header("x-sim-version") or 0)
                race.writes.append(Write(version, answer.started, answer.ended))

    async with asyncio.TaskGroup() as group:
        for number in range(readers):
            group.create_task(read(random.Random(f"{seed}:{number}")))
        for _ in range(bookers):
            group.create_task(book())
    return race


async def _try(race: Race, request: Any) -> Response | None:
    try:
        answer: Response = await request
    except ClientError as error:
        race.failed[type(error).__name__] += 1
        return None
    if answer.status not in (200, 201):
        race.failed[str(answer.status)] += 1
    return answer


async def judge(simulator: Simulator, race: Race) -> Counter[str]:
    """Ask the oracle about every distinct answer; counts of reads by verdict.

    A read must show the state after every booking whose acknowledgement came back before it was sent, and
    can show none whose request was sent after it had ended. A booking of another time whose acknowledgement
    is still on its way may be missing from it, although a later one that it need not concern is there. An older answer
    less what was taken (docs/decisions/0006) may be *short*: it lacks more than it must and shows nothing that is gone.
    """
    acked = sorted((write.ended, write.version) for write in race.writes)
    sent = sorted((write.started, write.version) for write in race.writes)
    floors, ceilings = _running_max(acked), _running_max(sent)
    starts: dict[tuple[str, bytes, int, int, bool], list[float]] = {}
    for read in race.reads:
        floor = floors[bisect_right(acked, (read.started, -1))]
        ceiling = ceilings[bisect_right(sent, (read.ended, 1 << 60))]
        asked = (read.target, read.body, floor, max(floor, ceiling), read.cache == "overlay")
        starts.setdefault(asked, []).append(read.started)
    verdicts: Counter[str] = Counter()
    for (where, body, floor, ceiling, is_older), begun in starts.items():
        row = {"target": where, "data": orjson.loads(body)["data"], "floor": floor, "ceiling": ceiling}
        verdict = await simulator.ask("POST", "/oracle/judge", {"reads": [row]})
        if verdict["stale"]:
            known = {version for ended, version in acked if ended < max(begun)}
            (example,) = verdict["examples"]
            if await _lacks_only_what_was_not_acked(simulator, where, example["matches"], floor, known):
                verdict |= {"stale": 0, "shown_gone": 0, "unacked": 1}
            elif is_older and not verdict["shown_gone"] and not example["wrongly_shown"]:
                verdict |= {"stale": 0, "short": 1}
            else:
                print("stale:", "overlay" if is_older else "", example)
        for name in ("true", "aged", "stale", "shown_gone", "unacked", "short"):
            verdicts[name] += len(begun) * verdict.get(name, 0)
    return verdicts


async def _lacks_only_what_was_not_acked(
    simulator: Simulator, where: str, shown: int | None, floor: int, known: set[int]
) -> bool:
    """Whether no booking after version *shown* that was *known* when the read began changes its answer."""
    if shown is None:
        return False
    queries = [{"target": where, "version": version} for version in range(shown, floor + 1)]
    answers = (await simulator.ask("POST", "/oracle/truth", {"queries": queries}))["answers"]
    return all(
        before["data"] == after["data"] for before, after in pairwise(answers) if after["version"] in known
    )


def _running_max(events: Sequence[tuple[float, int]]) -> list[int]:
    highest = [0]
    for _, version in events:
        highest.append(max(highest[-1], version))
    return highest


def _word(cache_status: str) -> str:
    for word in ("overlay", "hit", "collapsed", "stale", "uri-miss"):
        if word in cache_status:
            return word
    return "other"
