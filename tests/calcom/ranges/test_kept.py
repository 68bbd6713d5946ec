"""What an older window says of days that a write did not touch is still what Cal.com says of them."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from random import Random
from urllib.parse import urlencode

import pytest

from calcom.account import Promises
from calcom.ranges import Look, is_additive, look_of, slice_answer
from calcom.slots import parse
from loadtest.scenarios.kinds import KINDS
from loadtest.scenarios.site import SLOTS
from proxy.cache.stamps import read_by, written_by
from tests.calcom.ranges.scenes import Params, body_of
from tests.calcom.reach.desk import NOW, Desk
from tests.calcom.reach.soaking import SETTINGS

WRITES = ("book",) * 4 + tuple(sorted(kind for kind in KINDS if kind not in SETTINGS))
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata")


def looks_at(desk: Desk, event_type: int, chance: Random, count: int) -> list[Params]:
    """Looks at one type; short ones, so that few are touched."""
    found: list[Params] = []
    for _ in range(count):
        first = desk.now.date() + timedelta(days=chance.randrange(35))
        last = first + timedelta(days=chance.choice((0, 0, 2, 6)))
        days = {"start": str(first), "end": str(last), "timeZone": chance.choice(ZONES)}
        found.append({"eventTypeId": str(event_type), **days})
    return found


def kept(seed: int, *, heeds: bool = True) -> Counter[str]:
    """Writes to one world, and looks at days that they did not touch; with *heeds* off, at any days. Counts what
    came of them."""
    chance, counted = Random(seed), Counter[str]()
    now = NOW + timedelta(days=chance.randrange(400), hours=chance.randrange(24))
    types = Desk(seed % 5, now).world.state.event_types.values()
    plain = frozenset(one.id for one in types if one.scheduling == "roundRobin" and one.max_lead is None)
    desk = Desk(seed % 5, now, Promises(plain))
    desk.learn_everything()
    additive = [one for one in desk.account.event_types if is_additive(desk.account, one)]
    for kind in chance.choices(WRITES, k=4):
        request = KINDS[kind](desk, chance)
        if request is None:
            continue
        before: list[tuple[Params, Look, list[bytes]]] = []
        for params in (one for number in additive for one in looks_at(desk, number, chance, 4)):
            query = parse(urlencode(params), SLOTS)
            assert query is not None
            look = look_of(desk.account, query, SLOTS, desk.now)
            if look is not None:
                windows = [body_of(desk, dict(one.query.parameters)) for one in look.windows]
                before.append((params, look, windows))
        written = set(written_by(desk.do(request).reach))
        for params, look, windows in before:
            query = parse(urlencode(params), SLOTS)
            assert query is not None
            if heeds and written & set(read_by({look.event_type}, query.bounds)):
                counted["touched"] += 1
                continue
            made = slice_answer(look, windows)
            if made is not None:
                counted["right" if made == body_of(desk, params) else "wrong"] += 1
    return counted


@pytest.mark.parametrize("seed", range(6))
def test_days_that_a_write_did_not_touch_are_as_the_older_window_has_them(seed: int) -> None:
    counted = kept(seed)
    assert counted["wrong"] == 0
    assert counted["right"] > 0


def test_days_that_it_touched_are_not() -> None:
    assert sum((kept(seed, heeds=False) for seed in range(3)), Counter[str]())["wrong"] > 0
