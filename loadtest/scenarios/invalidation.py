"""What a write makes unservable: counted in the gateway's own Redis, held against the oracle and the report's ways.

The report's setting is three services of two teams that share a host, and an answer for each service and day; of the
account is known what its owner's key shows. Then every kind of write is made, with all known and an answer for each
event type and day.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from calcom.simulator.simulation import Simulation
from core.clock import Clock
from loadtest.client import Response
from loadtest.scenarios.insight import SETTINGS, Insight, look_of, simulation
from loadtest.scenarios.kinds import KINDS
from loadtest.scenarios.report import Gate, Report, Table, Tell, at_least, at_most, exactly
from loadtest.scenarios.rules import MADE, booking, everything
from loadtest.scenarios.site import Request
from loadtest.scenarios.stage import Needs, Stage
from loadtest.scenarios.tapping import Tapped, tapped

SERVICES: Final = (105, 106, 116)
"""A collective and a round robin of one team, a round robin of another. One host is in all of them."""

_OWNER: Final = 1
_ROUND_ROBINS: Final = (106, 116)
_TEAM: Final = 11
_LIMITS: Final[Mapping[str, Mapping[str, int]]] = {"": {}, ", the team limited to 12 a day": {"day": 12}}
"""Booking limits of the team that two of the services belong to: none, as in the report, and the seeded ones."""
_AHEAD: Final = (2, 4, 9, 16, 24)
_DAYS_LATER: Final = 3
_BETTER: Final = 32
"""What the report's better way clears for a booking, where its first way clears 340 (report 2.1)."""

_DAY_KEYS_OF: Final = (105, 116)
_HOUR_KEYS_OF: Final = (*SERVICES, 101)
_HOUR_DAYS: Final = 7
_HOURS: Final = range(9, 19)


@dataclass(frozen=True, slots=True)
class Plan:
    """How many days are cached, how often each service is booked on each of four days, how many writes there are of
    each kind, and on how many days they are looked at. `now` is this machine's time.
    """

    now: datetime
    days: int = 30
    rounds: int = 1
    writes: int = 2
    kind_days: int = 14
    seed: int = 1
    promised: bool = True


@dataclass
class Row:
    """Sums over the writes of one kind. `smart` is the report's better way, for writes that it knows of."""

    writes: int = 0
    dropped: list[int] = field(default_factory=list)
    changed: int = 0
    missed: int = 0
    smart: int = 0
    smart_missed: int = 0
    cached: int = 0


@dataclass
class Keys340:
    """The report's own keys, had we kept them one by one: dropped by each booking, and its better way."""

    dropped: list[int] = field(default_factory=list)
    smart: list[int] = field(default_factory=list)


def needs(plan: Plan) -> Needs:
    """Answers that live long, each by itself, nobody who cleans up, and a Cal.com to look into."""
    settings: dict[str, Any] = dict(SETTINGS)
    if plan.promised:
        settings["plain_round_robins"] = ",".join(map(str, _ROUND_ROBINS))
    return Needs(own=simulation(plan.seed, plan.now), settings=settings)


async def run(stage: Stage, own: Simulation, plan: Plan, tell: Tell, clock: Clock) -> Report:
    """Fill, book, count; cancel, count; then every kind of write."""
    began = clock.monotonic()
    dice = random.Random(plan.seed)
    if plan.promised:
        # What an operator vouches for has to be so.
        await stage.simulator.ask("POST", "/event-types/plain", {"ids": list(_ROUND_ROBINS)})
    today = own.clock.now().date()
    taps: list[Tapped] = []
    services: dict[str, Row] = {}
    populations: dict[str, Keys340] = {}
    kinds: dict[str, Row] = {}
    async with Insight.into(stage, own, clock) as insight:
        looks = _looks(SERVICES, today, plan.days)
        counter = _Counter(insight, looks, taps)
        for words, limits in _LIMITS.items():
            await insight.ask(Request("PATCH", f"/v2/teams/{_TEAM}", {"bookingLimits": dict(limits)}))
            tell(f"the gateway learns the account{words}")
            await insight.learn([one for one in everything(insight) if one.user == _OWNER], looks)
            rows = {"booking": Row(), "cancellation": Row()}
            services |= {name + words: row for name, row in rows.items()}
            populations[words] = Keys340()
            for number in range(plan.rounds):
                for service in SERVICES:
                    for ahead in _AHEAD:
                        await _booked_and_cancelled(
                            counter, service, today, ahead, dice, rows, populations[words]
                        )
                tell(f"round {number + 1}: {sum(row.writes for row in rows.values())} writes")
        types = [one.id for one in own.world.state.event_types.values() if one.scheduling != "managed"]
        looks = _looks(types, today, plan.kind_days)
        for kind in KINDS:
            row = kinds[kind] = Row()
            counter = _Counter(insight, looks, taps)
            for _ in range(plan.writes):
                reads = everything(insight)
                await insight.learn(reads, looks)
                await insight.seen(reads)
                request = KINDS[kind](insight, dice)
                if request is not None:
                    await counter.count(request, row)
            tell(f"{kind}: {row.writes} writes, {sum(row.dropped)} answers dropped, {row.changed} changed")
    return _report(plan, services, kinds, populations, taps, clock.monotonic() - began)


async def _booked_and_cancelled(
    counter: _Counter,
    service: int,
    today: date,
    ahead: int,
    dice: random.Random,
    rows: Mapping[str, Row],
    population: Keys340,
) -> None:
    # Whatever weekday it is today: a day without slots gives way to the next that has some.
    days = (today + timedelta(days=ahead + later) for later in range(_DAYS_LATER))
    free = next((found for day in days if (found := counter.insight.free(service, day))), [])
    if not free:
        return
    keys = report_keys(today)
    before = await counter.insight.generation()
    start = dice.choice(free)
    answer = await counter.count(booking(start, service), rows["booking"])
    if answer is None:
        return
    population.dropped.append(len(await counter.insight.outdated(keys, before)))
    population.smart.append(sum(is_cleared(*keys[look], start) for look in keys))
    uid = answer.json()["data"]["uid"]
    await counter.count(Request("POST", f"/v2/bookings/{uid}/cancel", {}), rows["cancellation"])


class _Counter:
    """Makes writes through the gateway and counts what each did to the cached answers."""

    def __init__(self, insight: Insight, looks: Mapping[str, date], taps: list[Tapped]) -> None:
        self.insight = insight
        self._looks = looks
        self._taps = taps

    async def count(self, request: Request, row: Row) -> Response | None:
        """None if it was refused."""
        insight = self.insight
        await insight.fill(self._looks)
        known, before = await insight.kept(self._looks), insight.truths(self._looks)
        day = _day_of(insight, request)
        answer, tap = await tapped(insight.redis, insight.keys.generation, lambda: insight.ask(request))
        if answer.status not in MADE:
            return None
        self._taps.append(tap)
        left, after = await insight.kept(self._looks), insight.truths(self._looks)
        dropped = known.keys() - left.keys()
        changed = {look for look in known if before[look] != after[look]}
        # The day and the next: what the report's better way clears (report 2.1), when it hears of it at all.
        smart = {
            look for look in known if day is not None and day <= self._looks[look] <= day + timedelta(days=1)
        }
        row.writes += 1
        row.cached += len(known)
        row.dropped.append(len(dropped))
        row.changed += len(changed)
        row.missed += len(changed - dropped)
        row.smart += len(smart)
        row.smart_missed += len(changed - smart)
        return answer


def _day_of(insight: Insight, request: Request) -> date | None:
    """The day of the booking that is made, moved or ended; None for other writes."""
    if not request.path.startswith("/v2/bookings"):
        return None
    body = request.body[0] if isinstance(request.body, list) else request.body or {}
    start = body.get("start")
    if start is not None:
        return datetime.fromisoformat(start).astimezone(UTC).date()
    named = request.path.split("/")
    return next((one.start.date() for one in insight.world.state.bookings.values() if one.uid in named), None)


def _looks(types: Iterable[int], today: date, days: int) -> dict[str, date]:
    """A look at each type on each of so many days, and its day."""
    return {
        look_of(one, str(day), str(day)): day
        for one in types
        for day in (today + timedelta(days=at) for at in range(1, days + 1))
    }


def report_keys(today: date) -> dict[str, tuple[datetime, bool]]:
    """The 340 keys of report 2.1: a day each of 30 for two teams, an hour each of 7 days for four services. With the
    start of each, and whether it is of an hour.
    """
    keys: dict[str, tuple[datetime, bool]] = {}
    for at in range(30):
        day = today + timedelta(days=at)
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        for one in _DAY_KEYS_OF:
            keys[look_of(one, str(day), str(day))] = (start, False)
        for hour in _HOURS if at < _HOUR_DAYS else ():
            for one in _HOUR_KEYS_OF:
                begin = start + timedelta(hours=hour)
                end = begin + timedelta(minutes=59)
                keys[look_of(one, f"{begin:%Y-%m-%dT%H:%M:%SZ}", f"{end:%Y-%m-%dT%H:%M:%SZ}")] = (begin, True)
    return keys


def is_cleared(begin: datetime, is_hour: bool, booked: datetime) -> bool:
    """Whether the report's better way clears a key: the day and the next; of hours four, from the one before."""
    day = booked.date()
    near = day <= begin.date() <= day + timedelta(days=1)
    return near and (not is_hour or booked.hour - 1 <= begin.hour <= booked.hour + 2)


def _report(
    plan: Plan,
    services: Mapping[str, Row],
    kinds: Mapping[str, Row],
    populations: Mapping[str, Keys340],
    taps: Sequence[Tapped],
    seconds: float,
) -> Report:
    dropped = [count for row in services.values() for count in row.dropped]
    writes = len(dropped)
    rows = [*services.values(), *kinds.values()]
    return Report(
        scenario="invalidation",
        seed=plan.seed,
        seconds=seconds,
        figures={
            "answers cached before a write": _mean([row.cached for row in services.values()], writes),
            "plain round robins promised": str(plan.promised),
            "dropped by a write": {"mean": _mean(dropped, writes), "most": max(dropped, default=0)},
            "commands that Redis was sent during a write, at most": max(
                (tap.commands for tap in taps), default=None
            ),
            **{
                f"of the report's 340 keys, if each were kept{words}": {
                    "clear everything": 340,
                    "its smart clear, mean": _mean(population.smart, len(population.smart)),
                    "its smart clear, most": max(population.smart, default=None),
                    "ours, mean": _mean(population.dropped, len(population.dropped)),
                    "ours, most": max(population.dropped, default=None),
                }
                for words, population in populations.items()
            },
        },
        gates=[
            at_least("writes counted", writes, 2),
            at_most("answers dropped by a write, most", max(dropped, default=None), _BETTER),
            at_most(
                "of the report's 340 keys dropped by a booking, most",
                max(populations[""].dropped, default=None),
                _BETTER,
            ),
            exactly("answers whose truth changed and that were kept", sum(row.missed for row in rows), 0),
            *_in_one_round_trip(taps),
        ],
        tables=[
            _table("Three services of two teams, an answer for each day", services),
            _table("Every kind of write, an answer for each event type and day", kinds),
        ],
    )


def _in_one_round_trip(taps: Sequence[Tapped]) -> list[Gate]:
    bumps = [tap.bumps for tap in taps]
    return [
        exactly("scripts that empty the cache, fewest a write", min(bumps, default=None), 1),
        exactly("scripts that empty the cache, most a write", max(bumps, default=None), 1),
    ]


def _mean(numbers: Sequence[int], count: int) -> float | None:
    return sum(numbers) / count if count else None


def _table(title: str, rows: Mapping[str, Row]) -> Table:
    headings: Sequence[str] = (
        *("write", "writes", "changed", "dropped", "most", "dropped for each changed", "kept untrue"),
        *("clear everything", "smart clear", "its kept untrue"),
    )
    return Table(
        title,
        headings,
        [
            (
                name,
                row.writes,
                row.changed,
                sum(row.dropped),
                max(row.dropped, default=None),
                sum(row.dropped) / row.changed if row.changed else None,
                row.missed,
                row.cached,
                row.smart,
                row.smart_missed,
            )
            for name, row in rows.items()
        ],
    )
