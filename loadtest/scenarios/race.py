"""Readers racing writers over four gateway processes that keep dying, before a Cal.com that keeps failing."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple

from core.clock import Clock
from loadtest.client import Client
from loadtest.scenarios import havoc
from loadtest.scenarios.judge import Example, Verdict, judge, landed
from loadtest.scenarios.reading import Readers, Task
from loadtest.scenarios.report import Gate, Report, Table, Tell, at_least, exactly
from loadtest.scenarios.stage import KEY, USERS, Needs, Simulator, Stage, key_of
from loadtest.scenarios.truth import Ledger, timelines
from loadtest.scenarios.writing import Diary, Writer
from proxy.cache.store import Timing

SPEED: Final = 20
"""How many times as fast as life Cal.com goes: its own slot cache lives for 0.1 s of ours."""

BOOKED: Final = (101, 102, 103, 105, 110)
READ: Final = (101, 102, 103, 105, 110)
"""Types of ada, bela and daniel, and one of all three: whatever is booked takes time from the others."""

SHARES: Final[Mapping[str, float]] = {
    "book": 0.5,
    "cancel": 0.18,
    "move": 0.14,
    "hold": 0.08,
    "release": 0.08,
    "settings": 0.02,
}

_WEEKS = 6
# Far enough ahead that no minimum notice, no rolling window and no clock reaches it during a run.
_FIRST_DAY = 30
_READERS = 24
_WRITERS = 6
# An intent's ten seconds from when its process was last heard of; then the next look empties the cache.
_LEASE_SECONDS = Timing().lease + 2.0
_LAST_LOOKS_SECONDS = 5.0
# For a version of which nobody knows who made it: as long again, for a slow call and Cal.com's own memory.
_GRACE_SECONDS = 20.0
_TELL_SECONDS = 5.0
# Fences matter for answers that are long on their way and were made at their beginning; holding off matters for as
# long as Cal.com remembers, which at this speed is less than a busy machine takes to ask again.
_LONG_MEMORY: Final = 40
_EXPOSING: Final[Mapping[str | None, tuple[str, ...]]] = {
    "fencing": ("--latency", "5-10", "--state-read", "start"),
    "hold-off": ("--slots-cache", str(_LONG_MEMORY)),
}
# For one write, where it is writes that show it.
_MANY: Final = 100
# Parts of a day that are looked at by themselves.
_HOURS: Final = (range(7, 10), range(10, 14), range(14, 15))
# One read in so many has to race with an acknowledgement, or nothing stale is no news.
_SHARP_AT_LEAST: Final = 1_000
_LEARN_SECONDS = 30.0


class Pace(NamedTuple):
    """Writers write for `burst` seconds of every `period`, and rest."""

    burst: float
    period: float


# While any write is on its way no process answers from its own copies.
_USUAL: Final = Pace(0.8, 2.5)
# What died with its process is noticed when nothing else touches the same for longer than a lease.
_LONELY: Final = Pace(0.03, 20.0)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much. `seconds` ends it whatever was reached by then; 0 for `kill_every` or `fault_every` is never.

    `rest` are seconds between two looks of a reader.
    """

    reads: int = 100_000
    seconds: float = 3600.0
    seed: int = 1
    processes: int = 4
    clients: int = 2
    kill_every: float = 3.0
    fault_every: float = 2.0
    redis_gone: float = 0.0
    rest: float = 0.0
    webhook_loss: float = 0.3
    learns: bool = True
    without: str | None = None
    shares: Mapping[str, float] = field(default_factory=lambda: SHARES)
    reads_per_write: int = 1000
    pace: Pace = _USUAL
    kills_writes: bool = False
    """Whether all gateway processes die at once, once a burst, and only while something is written."""
    exposing: str | None = None
    """What would be missed if it were gone; `without` unless it says otherwise."""

    @property
    def shown(self) -> str | None:
        """The mechanism that the race is about, if it is about one."""
        return self.exposing or self.without

    def shaped(self) -> Plan:
        """The same plan, so that what it is about can be missed."""
        if self.redis_gone:
            # Whoever dies then has nothing left to show.
            return dataclasses.replace(self, kill_every=0)
        if self.shown is None:
            return self
        if self.shown != "intents":
            return dataclasses.replace(self, reads_per_write=_MANY)
        # A failing Cal.com leaves doubt behind, in which nothing is kept for long.
        return dataclasses.replace(
            self, shares={"book": 1.0}, pace=_LONELY, kill_every=0, fault_every=0, kills_writes=True
        )

    @property
    def writes(self) -> int:
        """Fewest writes, spread over the whole run."""
        return max(self.reads // self.reads_per_write, 50)


def needs(plan: Plan) -> Needs:
    """All mechanisms on, at the simulator's speed."""
    flags = ("--speed", str(SPEED), "--rate-limit", "10000000", "--seed", str(plan.seed))
    return Needs(
        simulator=(*flags, *_EXPOSING.get(plan.shown, ())),
        settings={
            "workers": plan.processes,
            "upstream_slots_cache_seconds": (_LONG_MEMORY if plan.shown == "hold-off" else 2) / SPEED,
            # Covers travel, which no speed shrinks.
            "upstream_slots_cache_margin_seconds": 0.1,
            "upstream_read_timeout_seconds": 2,
            "upstream_connect_timeout_seconds": 1,
            "breaker_open_seconds": 1,
            "breaker_longest_open_seconds": 1,
            "account_map_seconds": 600 if plan.learns else 0,
            # What a Redis that comes back counts as spent is two seconds of the pace.
            "rate_pace_per_second": 10_000,
        },
        redis_rests=plan.redis_gone,
        parts=("proxy", "worker"),
        without=plan.without,
    )


async def run(stage: Stage, plan: Plan, tell: Tell, clock: Clock) -> Report:
    """Race until as many reads began after an acknowledgement as the plan wants; then judge them all."""
    plan = plan.shaped()
    began = clock.monotonic()
    first = datetime.fromtimestamp((await stage.simulator.stats())["now"], UTC).date()
    targets = slots_targets(READ, first + timedelta(days=_FIRST_DAY))
    dice = random.Random(plan.seed)
    deaths: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    ledger = Ledger(stage.simulator, clock)
    diary = Diary(await offers(stage.simulator, BOOKED, targets), dice)
    if plan.learns:
        await learn(stage, clock, tell)
    await havoc.lose_webhooks(stage.simulator, plan.webhook_loss)
    async with Client(stage.gateway, connections=4 * _WRITERS) as client:
        writer = Writer(client, diary, clock, targets, lambda day: touching(targets, day), plan.shares)
        while not writer.writes:
            await writer.write()
        tasks = [
            Task(number, stage.gateway, targets, _READERS, plan.seed, plan.rest)
            for number in range(plan.clients)
        ]
        raced = clock.monotonic()
        async with Readers(tasks) as readers, asyncio.TaskGroup() as group:
            trouble = []
            if plan.kill_every:
                trouble.append(
                    havoc.kill_now_and_then(stage, clock, plan.kill_every, dice, deaths, writer.left)
                )
            if plan.kills_writes:
                trouble.append(havoc.kill_writes(stage, clock, plan.pace.period / 2, deaths, writer.left))
            if plan.fault_every:
                trouble.append(
                    havoc.fail_now_and_then(stage.simulator, clock, plan.fault_every, dice, faults)
                )
            running = [group.create_task(one) for one in trouble]
            over = asyncio.Event()
            for _ in range(_WRITERS):
                group.create_task(_keep_writing(writer, readers, plan, over, clock))
            await _watch(writer, readers, plan, ledger, tell, clock)
            if plan.redis_gone:
                await havoc.lose_redis(stage, clock, plan.redis_gone, tell, writer.left)
            over.set()
            for task in running:
                task.cancel()
            if plan.kills_writes:
                # What died last has to be seen only when its lease is over.
                await clock.sleep(_LEASE_SECONDS + _LAST_LOOKS_SECONDS)
            reads = await readers.stop()
        raced = clock.monotonic() - raced
    reads.merge(writer.reads)
    await stage.simulator.ask("DELETE", "/faults")
    await ledger.read()
    truth = await timelines(stage.simulator, targets, tell)
    lost = landed(writer.lost, ledger.made, _LEASE_SECONDS)
    unheard = {one.version for one in writer.writes} - {version for version, _ in ledger.made.values()}
    verdict = judge(reads, truth, writer.writes, lost=lost, grace=_GRACE_SECONDS)
    return Report(
        scenario="race",
        seed=plan.seed,
        seconds=clock.monotonic() - began,
        figures={
            "reads": verdict.reads,
            "reads begun after an acknowledgement": verdict.after_ack,
            "reads within a second of one that changed them": verdict.sharp,
            "older ones less what was taken, with slots missing": verdict.partly,
            "stale": verdict.stale,
            "reads after a lost write had to be seen in them": verdict.orphaned,
            "writes acknowledged": len(writer.writes),
            "writes lost, and made all the same": len(lost),
            "versions acknowledged twice": len(writer.writes) - len({one.version for one in writer.writes}),
            "states of the world": max((write.version for write in writer.writes), default=0),
            "different answers": len(reads.digests),
            "seconds of racing": raced,
            "reads a second": verdict.reads / raced,
            "without": plan.without or "nothing",
            "answers": dict(reads.words),
            "no answer": dict(reads.failed),
            "writes": dict(writer.outcomes),
            "killed": dict(deaths),
            "faults": dict(faults),
        },
        gates=[
            *_gates(plan, verdict),
            exactly("acknowledged writes that the journal lacks", len(unheard), 0),
        ],
        tables=[_examples(verdict.examples, targets)] if verdict.examples else [],
    )


def slots_targets(types: Sequence[int], first: date) -> tuple[str, ...]:
    """Weeks side by side, days, and hours of a day, as looks overlap: in one order for one first day."""
    spans = [(7 * week, 7) for week in range(_WEEKS)] + [(4, 1), (8, 1), (17, 14)]
    ranges = [
        (f"{first + timedelta(days=at)}", f"{first + timedelta(days=at + days - 1)}") for at, days in spans
    ]
    ranges += [
        (f"{day}T{hours.start:02}:00:00Z", f"{day}T{hours.stop - 1:02}:59:59Z")
        for day in (first + timedelta(days=4), first + timedelta(days=9))
        for hours in _HOURS
    ]
    return tuple(
        f"/v2/slots?eventTypeId={kind}&start={start}&end={end}" for kind in types for start, end in ranges
    )


def touching(targets: Sequence[str], day: str) -> list[int]:
    """Targets of all types whose range has that day; all of them without a day."""
    near = [
        number
        for number, target in enumerate(targets)
        if target.partition("start=")[2][:10] <= day <= target.partition("end=")[2][:10]
    ]
    return near or list(range(len(targets)))


async def offers(simulator: Simulator, types: Sequence[int], targets: Sequence[str]) -> dict[int, list[str]]:
    """What can be booked of each type at the start."""
    found: dict[int, set[str]] = {kind: set() for kind in types}
    answers = await simulator.truths([{"target": target} for target in targets])
    for target, answer in zip(targets, answers, strict=True):
        kind = int(target.partition("eventTypeId=")[2].partition("&")[0])
        if kind in found:
            found[kind] |= {slot["start"] for slots in answer["data"].values() for slot in slots}
    return {kind: sorted(starts) for kind, starts in found.items()}


async def learn(stage: Stage, clock: Clock, tell: Tell) -> None:
    """Show the gateway everybody's credential, and wait until it has asked for all it wants to know."""
    tell("the gateway learns the account")
    async with Client(stage.gateway) as client:
        for key in (KEY, *(key_of(user) for user in USERS)):
            await client.get("/v2/me", {"authorization": f"Bearer {key}"})
    deadline = clock.monotonic() + _LEARN_SECONDS
    calls, quiet = -1, 0
    # Settled for three seconds: so long a fetch from before may run, after which all it knows is certain.
    while quiet < 3 and clock.monotonic() < deadline:
        await clock.sleep(1)
        now = await stage.simulator.calls()
        quiet, calls = (quiet + 1, calls) if now == calls else (0, now)


async def _keep_writing(
    writer: Writer, readers: Readers, plan: Plan, over: asyncio.Event, clock: Clock
) -> None:
    began = clock.monotonic()
    while not over.is_set():
        if (clock.monotonic() - began) % plan.pace.period > plan.pace.burst:
            await clock.sleep(0.02)
            continue
        # Spread over the whole run: at no time may there be nothing to race with.
        if len(writer.writes) * plan.reads > (readers.count + len(writer.reads)) * plan.writes + plan.reads:
            await clock.sleep(0.01)
        else:
            await writer.write()


async def _watch(
    writer: Writer, readers: Readers, plan: Plan, ledger: Ledger, tell: Tell, clock: Clock
) -> None:
    began = told = clock.monotonic()
    while True:
        await clock.sleep(0.2)
        now, count = clock.monotonic(), readers.count
        if now - told >= _TELL_SECONDS:
            told = now
            await ledger.read()
            tell(f"{count:,} of {plan.reads:,} reads, {len(writer.writes):,} writes acknowledged")
        if (count >= plan.reads and len(writer.writes) >= plan.writes) or now - began >= plan.seconds:
            return


def _gates(plan: Plan, verdict: Verdict) -> list[Gate]:
    if plan.without is not None:
        return [at_least(f"stale answers found without {plan.without}", verdict.stale, 1)]
    stale = exactly("stale answers", verdict.stale, 0)
    if plan.exposing is not None:
        # Nothing stale is no news unless it was looked for where it would be.
        looked = verdict.orphaned if plan.exposing == "intents" else verdict.sharp
        return [stale, at_least("reads where it would be seen", looked, 1)]
    return [
        stale,
        at_least("reads begun after an acknowledgement", verdict.after_ack, plan.reads),
        at_least(
            "reads within a second of one that changed them", verdict.sharp, verdict.reads // _SHARP_AT_LEAST
        ),
    ]


def _examples(examples: Sequence[Example], targets: Sequence[str]) -> Table:
    return Table(
        "Stale answers, for instance",
        ("read", "showed version", "had to show", "acknowledged before, s"),
        [(targets[one.target].partition("?")[2], one.shown, one.floor, one.late_seconds) for one in examples],
    )
