"""Many more random writes than a test should make: `python -m tests.calcom.reach.soaking FIRST LAST`.

Each seed is a world of its own at a time of its own, mostly with changed settings, sometimes hardly learned.
Prints every write of which a query escaped, and the sums. The exit status is 1 if any did.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from random import Random

from loadtest.scenarios.kinds import KINDS
from tests.calcom.reach.desk import NOW, Desk, Done, Look, escaped
from tests.calcom.reach.test_soundness import all_looks, told

STEPS = 8
SETTINGS = ("event_type", "event_type", "event_type", "schedule", "team", "membership")


def writes(seed: int) -> Iterator[tuple[Done, list[Look]]]:
    """Writes to one world, each with the looks that escaped it."""
    chance = Random(seed)
    desk = Desk(seed % 5, NOW + timedelta(days=chance.randrange(400), hours=chance.randrange(24)))
    if chance.random() < 0.8:
        desk.learn_everything()
    else:
        desk.read("/v2/event-types", chance.randint(1, 8), "2024-06-14")
        desk.read("/v2/teams/11/event-types")
    if chance.random() < 0.6:
        for kind in chance.choices(SETTINGS, k=6):
            request = KINDS[kind](desk, chance)
            if request is not None:
                desk.do(request)
        if chance.random() < 0.8:
            desk.learn_everything()
    for kind in chance.choices(sorted(KINDS), k=STEPS):
        request = KINDS[kind](desk, chance)
        if request is not None:
            done = desk.do(replace(request, lost=chance.random() < 0.15))
            yield done, escaped(desk, done, all_looks(desk, done, chance))
        if chance.random() < 0.3:
            desk.learn_everything()


def main(first: int, last: int) -> int:
    """Soak the seeds from `first` up to `last`, and say what was seen."""
    made = whole = bad = 0
    for seed in range(first, last):
        for done, missed in writes(seed):
            made += 1
            whole += done.reach.is_whole_account
            bad += bool(missed)
            if missed:
                print(f"seed {seed}: {told(done, missed)}")
    print(f"{made} writes, {whole} of them touch the whole account, {bad} let a query escape")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
