"""How much more is dropped than had to be: the figures of docs/reach.md.

`python -m tests.calcom.reach.measuring` prints them. One cached answer per (event type, UTC day) over the next
`DAYS` days; a write drops the answers its reach covers, and had to drop those whose truth changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random
from typing import Final

from calcom.account import Promises, resolve
from calcom.reach import Stretch
from calcom.simulator.oracle import Oracle
from calcom.simulator.world import World
from loadtest.scenarios.kinds import KINDS
from loadtest.scenarios.rules import booking, free
from loadtest.scenarios.site import Request
from tests.calcom.reach.desk import Desk, Done, Look, differs, look

DAYS: Final = 30
SERVICES: Final = (105, 106, 116)
"""The report's three services, of two teams."""


@dataclass
class Row:
    """Sums over the writes of one kind."""

    writes: int = 0
    dropped: int = 0
    changed: int = 0
    whole: int = 0
    missed: int = 0
    keys: list[int] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Answers dropped for each that had to be."""
        return self.dropped / self.changed if self.changed else float("nan")


def day_looks(desk: Desk, types: Iterable[int]) -> list[Look]:
    """One look per event type and day."""
    days = [(desk.now + timedelta(days=at)).date() for at in range(DAYS)]
    return [
        look({"eventTypeId": str(one), "start": str(day), "end": str(day)}) for one in types for day in days
    ]


def count(desk: Desk, done: Done, made: Iterable[Look], row: Row) -> None:
    """Add one write to a row."""
    oracle = Oracle(desk.world)
    dropped = changed = 0
    for one in made:
        types = resolve(done.account, one.params)
        drops = done.reach.covers(types, Stretch(one.query.start, one.query.end))
        differs_now = done.before != done.after and differs(oracle, one.query, done, desk.now)
        dropped += drops
        changed += differs_now
        row.missed += differs_now and not drops
    row.writes += 1
    row.dropped += dropped
    row.changed += changed
    row.whole += done.reach.is_whole_account
    row.keys.append(dropped)


def measure(seed: int, writes: int = 12, promises: Promises | None = None) -> dict[str, Row]:
    """A row per kind of write, each write on a fresh world of which everything has been learned."""
    table: dict[str, Row] = {}
    for kind, make in KINDS.items():
        row = table[kind] = Row()
        for number in range(writes):
            chance = Random(f"{seed}:{kind}:{number}")
            desk = Desk(seed, promises=promises)
            desk.learn_everything()
            request = make(desk, chance)
            if request is None:
                continue
            made = day_looks(desk, sorted(desk.world.state.event_types))
            done = desk.do(request)
            if done.answer.status < 300:
                count(desk, done, made, row)
    return table


def without_lead(world: World, event_type: int) -> World:
    """The same world with a round robin in which nobody stands in for anybody."""
    plain = replace(world.state.event_types[event_type], max_lead=None)
    state = replace(world.state, event_types=world.state.event_types.set(event_type, plain))
    return World(state, world.history[-1].committed_at)


def services(seed: int, promises: Promises | None = None) -> Row:
    """The report's setting: one booking, then a cancellation of it, on each service in turn. What is promised
    of a round robin is made true."""
    row = Row()
    for event_type in SERVICES:
        for days in (2, 9, 16, 24):
            desk = Desk(seed, promises=promises)
            for promised in desk.account.promises.plain_round_robins:
                desk.sim.world = without_lead(desk.sim.world, promised)
            desk.learn_everything()
            made = day_looks(desk, SERVICES)
            done = desk.do(booking(free(desk, event_type, days), event_type))
            assert done.answer.status == 201, done
            count(desk, done, made, row)
            uid = done.answer.data["uid"]
            count(desk, desk.do(Request("POST", f"/v2/bookings/{uid}/cancel", {})), made, row)
    return row


def lines(table: dict[str, Row]) -> list[str]:
    """The table as text, one line per kind."""
    return [
        f"{kind:18} {row.writes:4} writes  {row.dropped:6} dropped  {row.changed:6} changed  "
        f"{row.ratio:6.1f} : 1  whole account {row.whole}"
        for kind, row in table.items()
    ]


if __name__ == "__main__":
    print("\n".join(lines(measure(1))))
    for name, promises in (
        ("as learned", None),
        ("106 promised plain", Promises(frozenset({106}))),
        ("106 and 116 promised plain", Promises(frozenset({106, 116}))),
    ):
        row = services(1, promises)
        keys = sorted(row.keys)
        print(
            f"three services, {name}: {row.dropped / row.writes:.1f} of "
            f"{len(SERVICES) * DAYS} keys a write (median {keys[len(keys) // 2]}, most {keys[-1]}), "
            f"changed {row.changed / row.writes:.1f}, missed {row.missed}"
        )
