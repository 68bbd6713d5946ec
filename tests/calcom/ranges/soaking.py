"""`python -m tests.calcom.ranges.soaking FIRST LAST`: test_truth.py for as many seeds as one has time for."""

from __future__ import annotations

import sys
from collections import Counter
from random import Random

from tests.calcom.ranges.scenes import (
    additive_type,
    body_of,
    derived,
    params_of,
    planned,
    scene,
    short_sighted,
)


def soak(seed: int) -> Counter[str]:
    """Twenty looks at four event types of one random account. Raises AssertionError for a wrong answer."""
    chance, counted = Random(seed), Counter[str]()
    types = tuple(additive_type(chance, 700 + at) for at in range(4))
    desk = scene(chance, types)
    for one in types * 5:
        params = params_of(chance, one, desk.now)
        counted["looks"] += 1
        look = planned(desk, params)
        if look is None:
            continue
        exact = body_of(desk, params)
        for ask in (body_of, short_sighted):
            made = derived(desk, look, ask)
            assert made is None or made == exact, (seed, ask.__name__, params)
        counted["answered out of windows"] += made is not None
        counted["told from another zone's"] += made is not None and look.is_told
        counted["a short-sighted Cal.com would be wrong"] += short_sighted(desk, params) != exact
    return counted


if __name__ == "__main__":
    first, last = map(int, sys.argv[1:])
    total = sum((soak(seed) for seed in range(first, last + 1)), Counter[str]())
    print(", ".join(f"{what}: {number}" for what, number in total.items()))
