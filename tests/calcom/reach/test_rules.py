"""Each rule is needed: left out, a write escapes that is touched with it."""

from __future__ import annotations

from random import Random

import pytest

from calcom.reach import RULES, Reach
from loadtest.scenarios.rules import SCENES, UNSEEN_HERE
from tests.calcom.reach.desk import Desk, Done, escaped, looks, played
from tests.calcom.reach.test_soundness import DAYS, all_looks, told


def test_every_rule_has_a_scene_or_a_reason_to_have_none() -> None:
    assert SCENES.keys() | UNSEEN_HERE.keys() == RULES.keys()
    assert not SCENES.keys() & UNSEEN_HERE.keys()


@pytest.mark.parametrize("rule", sorted(SCENES))
def test_a_write_escapes_without_the_rule_and_not_with_it(rule: str) -> None:
    desk = Desk(1)
    done = in_one(played(desk, SCENES[rule].steps(desk)))
    missed = escaped(desk, done, all_looks(desk, done, Random(1)))
    assert not missed, told(done, missed)
    assert any(touch.rule == rule for touch in done.reach.touches), told(done, [])

    desk = Desk(1)
    done = in_one(played(desk, SCENES[rule].steps(desk), [rule]))
    watched = looks(desk, SCENES[rule].watch, desk.now, DAYS, [None])
    assert escaped(desk, done, [one for one in watched if "eventTypeId" in one.params]), told(done, [])


def in_one(done: list[Done]) -> Done:
    """Several writes as if they were one."""
    touches = tuple(touch for one in done for touch in one.reach.touches)
    return done[-1]._replace(reach=Reach(touches), before=done[0].before)
