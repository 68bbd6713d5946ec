"""What a booking makes unservable: counted in the gateway's own Redis, held against the oracle and the report's ways.

The report's setting: three services of two teams that share a host, an answer for each service and day. Its keys of
hours are left out: they are windows of days here.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import orjson
from redis.asyncio import Redis

from core.clock import Clock
from core.keys import Keys
from core.redis import connect
from loadtest.client import Client
from loadtest.scenarios.report import Report, Table, Tell, at_least, at_most, exactly
from loadtest.scenarios.stage import BOOKING_HEADERS, SLOTS_HEADERS, Needs, Stage
from proxy.cache.inventory import Kept, kept

SERVICES: Final = (105, 106, 116)
"""A collective and a round robin of one team, a round robin of another. One host is in all of them."""

_ROUND_ROBINS: Final = (106, 116)
_AHEAD: Final = (2, 9, 16, 24)
_LEARNED_SECONDS: Final = 60.0
_BETTER: Final = 32
"""What the report's better way clears for a booking, where its first way clears 340 (report 2.1)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How many days are cached, and how often each service is booked on each of four days."""

    days: int = 30
    rounds: int = 1
    seed: int = 1
    promised: bool = True


@dataclass
class Row:
    """Sums over the writes of one kind; `scripts` are Redis scripts run during a write, learning's among them."""

    writes: int = 0
    dropped: list[int] = field(default_factory=list)
    changed: int = 0
    missed: int = 0
    smart: int = 0
    smart_missed: int = 0
    cached: int = 0
    scripts: set[int] = field(default_factory=set)


def needs(plan: Plan) -> Needs:
    """Answers that live long, nobody who cleans up, and an account that is soon known."""
    settings: dict[str, Any] = {
        "workers": 1,
        "slots_ttl_seconds": 3600,
        "slots_share_ranges": False,
        "slots_early_refresh": 0,
        "account_map_seconds": 3600,
        "upstream_read_timeout_seconds": 1,
        "upstream_connect_timeout_seconds": 1,
    }
    if plan.promised:
        settings["plain_round_robins"] = ",".join(map(str, _ROUND_ROBINS))
    flags = ("--latency", "none", "--rate-limit", "10000000", "--slots-cache", "0", "--seed", str(plan.seed))
    return Needs(simulator=flags, settings=settings)


async def run(stage: Stage, plan: Plan, tell: Tell, clock: Clock) -> Report:
    """Fill, book, count; cancel, count."""
    began = clock.monotonic()
    dice = random.Random(plan.seed)
    if plan.promised:
        # What an operator vouches for has to be so.
        await stage.simulator.ask("POST", "/event-types/plain", {"ids": list(_ROUND_ROBINS)})
    today = datetime.fromtimestamp((await stage.simulator.stats())["now"], UTC).date()
    days = [today + timedelta(days=at) for at in range(1, plan.days + 1)]
    looks = {_look(service, day): day for service in SERVICES for day in days}
    rows = {"booking": Row(), "cancellation": Row()}
    async with Client(stage.gateway, connections=8) as client:
        redis = connect(stage.redis, client_name="calgate-loadtest", account=stage.account)
        book = _Bookings(stage, client, redis, looks, clock)
        try:
            await book.learn(tell)
            for number in range(plan.rounds):
                for service in SERVICES:
                    for day in (today + timedelta(days=ahead) for ahead in _AHEAD):
                        uid = await book.one(service, day, dice, rows["booking"])
                        if uid is not None:
                            await book.cancel(uid, day, rows["cancellation"])
                    tell(f"round {number + 1}: {sum(row.writes for row in rows.values())} writes")
        finally:
            await redis.aclose()
    return _report(plan, rows, clock.monotonic() - began)


class _Bookings:
    """Makes writes through the gateway and counts what each did to the cached answers."""

    def __init__(
        self, stage: Stage, client: Client, redis: Redis, looks: Mapping[str, date], clock: Clock
    ) -> None:
        self._stage = stage
        self._client = client
        self._looks = looks
        self._clock = clock
        self._redis = redis

    async def learn(self, tell: Tell) -> None:
        """Wait until the gateway knows the account well enough to rely on it."""
        await self._client.get("/v2/me", {"authorization": SLOTS_HEADERS["authorization"]})
        until = self._clock.monotonic() + _LEARNED_SECONDS
        while self._clock.monotonic() < until:
            await self._fill()
            found = await self._kept()
            narrow = sum("?" not in one.fields for one in found.values())
            tell(f"{narrow} of {len(found)} answers are of event types that are known")
            if found and narrow == len(found):
                return
            await self._client.request(
                "DELETE", "/v2/slots/reservations/none", headers=BOOKING_HEADERS, body=b""
            )
            await self._clock.sleep(1.0)

    async def one(self, service: int, day: date, dice: random.Random, row: Row) -> str | None:
        """Book the service on that day; its uid, `None` if nothing is free."""
        free = await self._free(service, day)
        if not free:
            return None
        attendee = {"name": "Lee", "email": "lee@example.org", "timeZone": "UTC"}
        body = {"eventTypeId": service, "start": dice.choice(free), "attendee": attendee}
        answer = await self._counted("/v2/bookings", body, day, row)
        return None if answer is None else str(answer["data"]["uid"])

    async def cancel(self, uid: str, day: date, row: Row) -> None:
        """Cancel it again."""
        await self._counted(f"/v2/bookings/{uid}/cancel", {}, day, row)

    async def _counted(self, path: str, body: Any, day: date, row: Row) -> Any:
        await self._fill()
        before, known = await self._truths(), await self._kept()
        scripts = await self._scripts()
        answer = await self._client.request("POST", path, headers=BOOKING_HEADERS, body=orjson.dumps(body))
        row.scripts.add(await self._scripts() - scripts)
        after, now_kept = await self._truths(), await self._kept()
        if answer.status >= 300:
            return None
        dropped = {look for look in known if look not in now_kept or now_kept[look].outdated_by}
        changed = {look for look in known if before[look] != after[look]}
        # The day and the next, of every service: what the report's better way clears (report 2.1).
        smart = {look for look in known if day <= self._looks[look] <= day + timedelta(days=1)}
        row.writes += 1
        row.cached += len(known)
        row.dropped.append(len(dropped))
        row.changed += len(changed)
        row.missed += len(changed - dropped)
        row.smart += len(smart)
        row.smart_missed += len(changed - smart)
        return answer.json()

    async def _free(self, service: int, day: date) -> list[str]:
        answer = await self._client.get(_look(service, day), SLOTS_HEADERS)
        return [slot["start"] for slots in answer.json()["data"].values() for slot in slots]

    async def _fill(self) -> None:
        for look in self._looks:
            await self._client.get(look, SLOTS_HEADERS)

    async def _kept(self) -> dict[str, Kept]:
        """What is cached and would be served as it is, by look. Days without slots are not kept for long enough."""
        found = await kept(self._redis, Keys(self._stage.account))
        return {
            one.target: one for one in found if one.target in self._looks and one.fresh_until > one.now + 30
        }

    async def _truths(self) -> dict[str, bytes]:
        stats = await self._stage.simulator.stats()
        asked = [{"target": look, "version": stats["version"], "at": stats["now"]} for look in self._looks]
        found = await self._stage.simulator.truths(asked)
        return {
            look: orjson.dumps(one["data"], option=orjson.OPT_SORT_KEYS)
            for look, one in zip(self._looks, found, strict=True)
        }

    async def _scripts(self) -> int:
        """Scripts that Redis has run."""
        stats: dict[str, Any] = await self._redis.info("commandstats")
        return int(stats.get("cmdstat_evalsha", {}).get("calls", 0))


def _look(service: int, day: date) -> str:
    return f"/v2/slots?eventTypeId={service}&start={day}&end={day}"


def _report(plan: Plan, rows: dict[str, Row], seconds: float) -> Report:
    writes = sum(row.writes for row in rows.values())
    dropped = [count for row in rows.values() for count in row.dropped]
    mean = sum(dropped) / len(dropped) if dropped else None
    return Report(
        scenario="invalidation",
        seed=plan.seed,
        seconds=seconds,
        figures={
            "answers cached before a write": sum(row.cached for row in rows.values()) / writes
            if writes
            else None,
            "plain round robins promised": str(plan.promised),
            "dropped by a write": {"mean": mean, "most": max(dropped, default=0)},
        },
        gates=[
            at_least("writes counted", writes, 2),
            at_most("answers dropped by a write, mean", mean, _BETTER),
            exactly(
                "answers whose truth changed and that were kept", sum(row.missed for row in rows.values()), 0
            ),
        ],
        tables=[_table(rows)],
    )


def _table(rows: dict[str, Row]) -> Table:
    headings: Sequence[str] = (
        *("write", "writes", "changed", "dropped", "dropped for each changed", "kept untrue"),
        *("clear everything", "smart clear", "its kept untrue", "fewest scripts a write"),
    )
    return Table(
        "Answers over all writes of a kind",
        headings,
        [
            (
                name,
                row.writes,
                row.changed,
                sum(row.dropped),
                sum(row.dropped) / row.changed if row.changed else None,
                row.missed,
                row.cached,
                row.smart,
                row.smart_missed,
                min(row.scripts, default=None),
            )
            for name, row in rows.items()
        ],
    )
