"""Random writes, the overlay of each held against the truth: `python -m tests.calcom.overlay.soaking FIRST LAST`.

What an older answer shows without what the overlay took must be offered after the write too. Prints every slot that
is not, and the sums. The exit status is 1 if there was any.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any, Final
from urllib.parse import urlencode

import orjson

from calcom.account import Promises
from calcom.overlay import dumped, loaded, overlay_of, subtract
from calcom.simulator import envelope
from calcom.simulator.oracle import Oracle
from calcom.simulator.refusals import Refused
from calcom.simulator.routes_slots import present
from loadtest.scenarios.kinds import KINDS
from tests.calcom.reach.desk import NOW, Desk, Done, Look, look
from tests.calcom.reach.soaking import SETTINGS

WRITES: Final = (
    *("book",) * 6,
    *sorted(kind for kind in KINDS if kind not in SETTINGS),
)
DAYS: Final = 40


def body_of(oracle: Oracle, query: Look, version: int, desk: Desk) -> bytes | None:
    """Cal.com's answer to a look in one state of the world."""
    try:
        result = oracle.truth(query.query, version, desk.now)
    except Refused:
        return None
    return envelope.success(present(result, query.query.time_zone, "time"))


def wrong(desk: Desk, done: Done, write: Any, counts: Counter[str]) -> Iterator[str]:
    """The slots that the overlay leaves in an older answer and Cal.com does not offer after the write."""
    if done.before == done.after:
        return
    counts["writes"] += 1
    overlay = overlay_of(done.account, write, done.reach)
    if overlay is None:
        return
    overlay = loaded(dumped(overlay))
    counts["with an overlay"] += 1
    oracle = Oracle(desk.world)
    for event_type, gone in overlay.gone.items():
        for zone in (None, "Pacific/Auckland"):
            params = {
                "eventTypeId": str(event_type),
                "start": str(desk.now.date()),
                "end": str((desk.now + timedelta(days=DAYS)).date()),
                **({"timeZone": zone} if zone else {}),
            }
            query = look(params)
            before, after = (body_of(oracle, query, version, desk) for version in (done.before, done.after))
            if before is None or after is None:
                continue
            left = subtract(before, gone)
            assert left is not None
            counts["answers"] += 1
            counts["exact"] += left == after
            shown, offered = slots(left), slots(after)
            if not shown <= offered:
                yield f"{done.request} {urlencode(params)}: {sorted(shown - offered)[:3]}"


def slots(body: bytes) -> set[tuple[str, str]]:
    """(day, start) of every slot."""
    return {
        (day, slot["start"]) for day, day_slots in orjson.loads(body)["data"].items() for slot in day_slots
    }


def soak(seed: int, counts: Counter[str]) -> Iterator[str]:
    """Writes to one world."""
    chance = Random(seed)
    now = NOW + timedelta(days=chance.randrange(400), hours=chance.randrange(24))
    types = Desk(seed % 5, now).world.state.event_types.values()
    # Only what is so may be promised: a lead looks at other days.
    plain = frozenset(one.id for one in types if one.scheduling == "roundRobin" and one.max_lead is None)
    desk = Desk(seed % 5, now, Promises(plain if chance.random() < 0.5 else frozenset()))
    desk.learn_everything()
    if chance.random() < 0.6:
        for kind in chance.choices(SETTINGS, k=4):
            request = KINDS[kind](desk, chance)
            if request is not None:
                desk.do(request)
        desk.learn_everything()
    for kind in chance.choices(WRITES, k=8):
        request = KINDS[kind](desk, chance) if kind in KINDS else None
        if request is None:
            continue
        known = dict(desk.index)
        done = desk.do(replace(request, lost=False))
        since, desk.index = desk.index, known
        write = desk.write_of(request, done.answer)
        desk.index = since
        for line in wrong(desk, done, write, counts):
            yield f"seed {seed}: {line}"


def main(first: int, last: int) -> int:
    """Soak the seeds from `first` up to `last`, and say what was seen."""
    counts: Counter[str] = Counter()
    bad = [line for seed in range(first, last) for line in soak(seed, counts)]
    for line in bad:
        print(line)
    print(dict(counts), f"{len(bad)} show too much")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
