"""Cal.com is down for half an hour: what was seen before goes on being shown, bookings are refused at once.

Time is compressed: an outage of 30 minutes, the lives of answers and the breaker's open times are all so many times
shorter. What a call or an answer takes is not.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import orjson
from redis.asyncio import Redis

from core.clock import Clock
from core.keys import Keys
from core.redis import connect
from core.tasks import spawn
from loadtest.client import Client, ClientError
from loadtest.scenarios.report import Gate, Report, Tell, at_least, at_most
from loadtest.scenarios.stage import BOOKING_HEADERS, SLOTS_HEADERS, Needs, Stage
from loadtest.stats import quantile
from proxy.cache.inventory import kept

TYPES: Final = (101, 102, 118)
"""Event types of the person who asks: others' cannot be learned of. Without a vow a booking in doubt of a round robin
hides everything (reach.md).
"""

_DAYS: Final = 28
_BOOKED_FROM: Final = 40
"""Bookings ask for days beyond those looked at: a day with a booking in doubt is not shown, whatever has been seen."""

_MINUTES: Final = 30.0
_OPEN_SECONDS, _LONGEST_SECONDS = 10.0, 30.0
_TTL_SECONDS, _STALE_SECONDS = 60.0, 30.0
_LEARN_SECONDS, _ROUNDS = 120.0, 6
"""The account is learned at ten calls a minute, and counts as known a while after that, in each process."""

_LOOK_SECONDS, _PAUSE_SECONDS = 0.02, 3.0
_QUICK_MS: Final = 50.0
_ENOUGH_CALLS, _ENOUGH_SECONDS = 5, 3.0
_BEST: Final = 99.9


@dataclass(frozen=True, slots=True)
class Plan:
    """`compress`: how many times shorter than life; `kind`: how calls fail, as the simulator names it."""

    compress: float = 15.0
    looks: float = 20.0
    bookings: float = 2.0
    kind: str = "bad_gateway"
    seed: int = 1
    processes: int = 4

    @property
    def seconds(self) -> float:
        """How long the outage lasts."""
        return _MINUTES * 60 / self.compress


def needs(plan: Plan) -> Needs:
    """A gateway whose times are as compressed as the outage is."""
    shorter = {
        "slots_ttl_seconds": _TTL_SECONDS,
        "slots_stale_seconds": _STALE_SECONDS,
        "breaker_open_seconds": _OPEN_SECONDS,
        "breaker_longest_open_seconds": _LONGEST_SECONDS,
    }
    return Needs(
        simulator=("--latency", "none", "--rate-limit", "10000000", "--seed", str(plan.seed)),
        settings={
            "workers": plan.processes,
            "upstream_read_timeout_seconds": 2,
            "upstream_connect_timeout_seconds": 1,
            **{name: value / plan.compress for name, value in shorter.items()},
        },
        parts=("proxy", "worker"),
    )


@dataclass(slots=True)
class Seen:
    """What callers got while Cal.com was down. `waits` are milliseconds until a booking was refused."""

    looks: Counter[str] = field(default_factory=Counter)
    bookings: Counter[str] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    """The same for an answer that needs nothing, asked for at the same moments: what the machine makes of any."""
    oldest: float = 0.0

    def answered(self) -> float | None:
        """Percent of looks that were answered, and said how old the answer is."""
        total = self.looks.total()
        return 100 * self.looks["with its age"] / total if total else None


@dataclass(frozen=True, slots=True)
class Down:
    """One outage: when it began and when it was over, on the machine's clock, and when the circuits opened."""

    began: float
    over: float
    opened: dict[str, float]
    back: float | None
    """Seconds until a look was answered by Cal.com again."""
    booked: float | None
    """Seconds until a booking was answered by Cal.com again, tried from then on."""


async def run(stage: Stage, plan: Plan, tell: Tell, clock: Clock) -> Report:
    """Look, let Cal.com go down, look and book, let it come back."""
    began = clock.monotonic()
    dice = random.Random(plan.seed)
    today = datetime.fromtimestamp((await stage.simulator.stats())["now"], UTC).date()
    targets = list(_targets(today))
    keys = Keys(stage.account)
    async with _redis(stage.redis) as redis, Client(stage.gateway, connections=64, timeout=90) as client:
        await client.get("/v2/me", {"authorization": SLOTS_HEADERS["authorization"]})
        targets = await _look_around(client, redis, keys, targets, tell, clock)
        last = await _last_call(stage)
        tell(f"Cal.com goes down for {plan.seconds:.0f} s")
        seen = Seen()
        down = await _down(stage, client, redis, keys, plan, targets, today, dice, seen, clock)
    calls = await _calls(stage, last, down)
    return _report(plan, seen, down, calls, clock.monotonic() - began)


def _targets(today: date) -> Iterator[str]:
    for kind in TYPES:
        for ahead in range(1, _DAYS + 1):
            day = today + timedelta(days=ahead)
            yield f"/v2/slots?eventTypeId={kind}&start={day}&end={day}"


async def _look_around(
    client: Client, redis: Redis, keys: Keys, targets: Sequence[str], tell: Tell, clock: Clock
) -> list[str]:
    """Look at everything until the answers are kept as what they are: of one event type, on one day.

    Gives back those with slots: that there are none is not believed for long, and not kept.
    """
    until = clock.monotonic() + _LEARN_SECONDS
    answers = await asyncio.gather(*(client.get(target, SLOTS_HEADERS) for target in targets))
    targets = [
        target
        for target, answer in zip(targets, answers, strict=True)
        if any((answer.json().get("data") or {}).values())
    ]
    rounds = 0
    while clock.monotonic() < until and rounds < _ROUNDS:
        await asyncio.gather(*(client.get(target, SLOTS_HEADERS) for target in targets))
        found = [one for one in await kept(redis, keys) if one.target in targets]
        narrow = sum("?" not in one.fields for one in found)
        tell(f"{narrow} of {len(targets)} days are kept, and their event types known")
        rounds = rounds + 1 if narrow == len(targets) else 0
        await clock.sleep(_PAUSE_SECONDS)
    return targets


@asynccontextmanager
async def _redis(url: str) -> AsyncIterator[Redis]:
    redis = connect(url, client_name="loadtest")
    try:
        yield redis
    finally:
        await redis.aclose()


async def _down(
    stage: Stage,
    client: Client,
    redis: Redis,
    keys: Keys,
    plan: Plan,
    targets: Sequence[str],
    today: date,
    dice: random.Random,
    seen: Seen,
    clock: Clock,
) -> Down:
    opened: dict[str, float] = {}
    watch = spawn(_watch(redis, keys, opened, clock), name="outage.watch")
    await stage.simulator.ask("POST", "/faults", {"kind": plan.kind, "seconds": 1e6})
    began = clock.monotonic()
    try:
        async with asyncio.TaskGroup() as group:
            looks = _moments(plan.looks, plan.seconds, dice)
            bookings = _moments(plan.bookings, plan.seconds, dice)
            both = sorted([(at, True) for at in looks] + [(at, False) for at in bookings])
            for number, (at, is_look) in enumerate(both):
                await clock.sleep(began + at - clock.monotonic())
                if is_look:
                    group.create_task(_look(client, dice.choice(targets), seen))
                else:
                    group.create_task(_book(client, today, number, seen))
                    group.create_task(_ping(client, seen))
    finally:
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch
    await stage.simulator.ask("DELETE", "/faults")
    over = clock.monotonic()
    back = await _back(client, targets, clock)
    return Down(began, over, opened, back, await _booked(client, today, clock))


def _moments(rate: float, seconds: float, dice: random.Random) -> list[float]:
    """Random moments, *rate* of them a second."""
    found, at = [], 0.0
    while (at := at + dice.expovariate(rate)) < seconds:
        found.append(at)
    return found


async def _watch(redis: Redis, keys: Keys, opened: dict[str, float], clock: Clock) -> None:
    """When each circuit opened for the fleet."""
    while True:
        found: Any = redis.hgetall(keys.breaker)
        for name, text in (await found).items():
            if orjson.loads(text)["state"] != "closed":
                opened.setdefault(name.decode(), clock.monotonic())
        await clock.sleep(_LOOK_SECONDS)


async def _look(client: Client, target: str, seen: Seen) -> None:
    try:
        answer = await client.get(target, SLOTS_HEADERS)
    except ClientError as error:
        seen.looks[type(error).__name__] += 1
        return
    age = answer.header("age")
    if answer.status == 200 and age is not None:
        seen.looks["with its age"] += 1
        seen.oldest = max(seen.oldest, float(age))
    else:
        seen.looks[f"{answer.status} {answer.header('cache-status')}"] += 1


async def _ping(client: Client, seen: Seen) -> None:
    with suppress(ClientError):
        seen.bare.append(1000 * (await client.get("/-/healthz")).seconds)


async def _book(client: Client, today: date, number: int, seen: Seen) -> None:
    day = today + timedelta(days=_BOOKED_FROM + number % 20)
    attendee = {"name": "Outage", "email": f"outage{number}@example.org", "timeZone": "UTC"}
    body = {"start": f"{day}T10:00:00Z", "eventTypeId": TYPES[number % len(TYPES)], "attendee": attendee}
    try:
        answer = await client.request(
            "POST", "/v2/bookings", headers=BOOKING_HEADERS, body=orjson.dumps(body)
        )
    except ClientError as error:
        seen.bookings[type(error).__name__] += 1
        return
    is_refused = answer.header("retry-after") is not None
    seen.bookings["refused" if is_refused else f"{answer.status} of Cal.com"] += 1
    if is_refused:
        seen.waits.append(1000 * answer.seconds)


async def _back(client: Client, targets: Sequence[str], clock: Clock) -> float | None:
    """Seconds until Cal.com answers a look again; people go on looking."""
    started = clock.monotonic()
    while (waited := clock.monotonic() - started) < _LONGEST_SECONDS:
        for target in targets:
            answer = await client.get(target, SLOTS_HEADERS)
            said = answer.header("cache-status") or ""
            if answer.status == 200 and "stale-if-error" not in said and "ttl=-" not in said:
                return clock.monotonic() - started
        await clock.sleep(_LOOK_SECONDS)
    return waited


async def _booked(client: Client, today: date, clock: Clock) -> float | None:
    """Seconds until Cal.com answers a booking again; people go on trying."""
    started, number = clock.monotonic(), 0
    while (waited := clock.monotonic() - started) < 2 * _LONGEST_SECONDS:
        seen, number = Seen(), number + 1
        await _book(client, today, number, seen)
        if any(word.startswith(("201", "400")) for word in seen.bookings):
            return clock.monotonic() - started
        await clock.sleep(_LOOK_SECONDS)
    return waited


async def _last_call(stage: Stage) -> int:
    entries = (await stage.simulator.ask("GET", "/journal"))["entries"]
    return max((entry["seq"] for entry in entries), default=0)


async def _calls(stage: Stage, last: int, down: Down) -> dict[str, list[Any]]:
    """What reached Cal.com while it was down, by the class that is judged together."""
    entries = (await stage.simulator.ask("GET", f"/journal?since={last}&limit=100000"))["entries"]
    found: dict[str, list[Any]] = {"slots": [], "writes": [], "reads": []}
    for entry in entries:
        if down.began <= entry["arrived_real"] <= down.over:
            is_write = entry["method"] not in ("GET", "HEAD")
            kind = "writes" if is_write else "slots" if entry["endpoint_class"] == "slots" else "reads"
            found[kind].append(entry)
    return found


def at_once(calls: Sequence[Any]) -> int:
    """The most that were under way at one moment."""
    turns = sorted(
        [(call["arrived_real"], 1) for call in calls] + [(call["completed_real"], -1) for call in calls],
        key=lambda turn: (turn[0], turn[1]),
    )
    most = now = 0
    for _, change in turns:
        now += change
        most = max(most, now)
    return most


def _report(plan: Plan, seen: Seen, down: Down, calls: dict[str, list[Any]], seconds: float) -> Report:
    figures: dict[str, Any] = {
        "times shorter than life": plan.compress,
        "outage, s": plan.seconds,
        "looks": dict(seen.looks),
        "oldest answer, s": seen.oldest,
        "bookings": dict(seen.bookings),
        "P50 of a booking's refusal, ms": quantile(seen.waits, 0.5),
        "P50 of /-/healthz meanwhile, ms": quantile(seen.bare, 0.5),
        "P99 of /-/healthz meanwhile, ms": quantile(seen.bare, 0.99),
    }
    gates: list[Gate] = [at_least("looks answered with their age, %", seen.answered(), _BEST)]
    p99 = quantile(seen.waits, 0.99)
    gates.append(at_most("P99 of a booking's refusal, ms", p99, _QUICK_MS))
    probes = 0
    for name in ("slots", "writes"):
        opened = down.opened.get(name)
        before = [one for one in calls[name] if opened is None or one["arrived_real"] < opened]
        after = [one for one in calls[name] if opened is not None and one["arrived_real"] >= opened]
        took = None if opened is None else opened - down.began
        first = min((one["completed_real"] for one in calls[name]), default=down.began)
        since = None if opened is None else max(0.0, opened - first)
        figures[f"{name}: calls until open"] = len(before)
        figures[f"{name}: open after, s"] = took
        figures[f"{name}: calls while open"] = len(after)
        is_quick = since is not None and (len(before) <= _ENOUGH_CALLS or since <= _ENOUGH_SECONDS)
        wanted = f"at most {_ENOUGH_CALLS} calls or {_ENOUGH_SECONDS:g} s after the first that failed"
        gates.append(Gate(f"{name} open for the fleet, s", since, wanted, is_quick))
        gates.append(at_most(f"{name}: calls at one moment while open", at_once(after), 1))
        probes += len(after)
    allowed = 2 * (plan.seconds / (0.8 * _LONGEST_SECONDS / plan.compress) + 4)
    gates.append(at_most("calls while open, slots and writes", probes, round(allowed)))
    longest = _LONGEST_SECONDS / plan.compress
    for name, waited in (("look", down.back), ("booking", down.booked)):
        late = None if waited is None else max(0.0, waited - longest)
        gates.append(at_most(f"seconds until Cal.com answers a {name} again, less one open time", late, 1.0))
    return Report("outage", plan.seed, seconds, figures, gates)
