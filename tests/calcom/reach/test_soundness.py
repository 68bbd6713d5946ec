"""No slot changes that the reach of the write does not touch: held against the simulator's truth.

The map is learned through answers alone. After every write the truth of many queries is compared with the
truth before it, at the same instant; each query that changed must be touched.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calcom.reach import UNMAPPED, Stretch, Write, reach_of_write, uid_of
from loadtest.scenarios.kinds import KINDS
from tests.calcom.reach.desk import Desk, Done, Look, escaped, looks

DAYS = 32
FAR_ZONES = (None, "Pacific/Auckland", "America/Los_Angeles", "Asia/Kolkata")


def all_looks(desk: Desk, done: Done, chance: Random) -> list[Look]:
    """Looks at every event type there was or is, in UTC and one other zone."""
    before = desk.world.history[done.before].state.event_types
    types = sorted(set(before) | set(desk.world.state.event_types))
    return looks(desk, types, desk.now, DAYS, (None, chance.choice(FAR_ZONES[1:])))


def told(done: Done, missed: list[Look]) -> str:
    """What a failure says."""
    lines = [str(done.request), f"status {done.answer.status}", *done.reach.explain()[:20]]
    return "\n".join([*lines, *(f"escaped: {one.params}" for one in missed[:5])])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.integers(1, 5),
    st.randoms(use_true_random=False),
    st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=6),
    st.booleans(),
)
def test_every_query_whose_truth_changed_is_touched(
    seed: int, chance: Random, kinds: list[str], ignorant: bool
) -> None:
    desk = Desk(seed)
    if ignorant:
        for user in chance.sample(range(1, 9), 3):
            desk.read("/v2/event-types", user, "2024-06-14")
        desk.read(f"/v2/teams/{chance.choice((11, 12))}/event-types")
    else:
        desk.learn_everything()
    for kind in kinds:
        request = KINDS[kind](desk, chance)
        if request is None:
            continue
        done = desk.do(replace(request, lost=chance.random() < 0.15))
        missed = escaped(desk, done, all_looks(desk, done, chance))
        assert not missed, told(done, missed)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.integers(1, 5),
    st.randoms(use_true_random=False),
    st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=6),
)
def test_what_a_write_touches_was_touched_by_its_intent(seed: int, chance: Random, kinds: list[str]) -> None:
    desk = Desk(seed)
    desk.learn_everything()
    hours = [desk.now + timedelta(hours=at) for at in range(-48, 60 * 24)]
    for kind in kinds:
        request = KINDS[kind](desk, chance)
        if request is None:
            continue
        uid = uid_of(request.path, request.body)
        known = desk.index.get(uid) if uid is not None else None
        planned = Write(
            request.method,
            request.path,
            request.body,
            api_version=request.version,
            known_booking=known,
            sent_uid_cookie=False,
        )
        intent = reach_of_write(desk.account, planned, desk.now)
        done = desk.do(request)
        for event_type in (*done.account.event_types, UNMAPPED):
            for at in hours:
                one = Stretch(at, at)
                assert intent.covers({event_type}, one) or not done.reach.covers({event_type}, one), (
                    f"{request}: {event_type} at {at}"
                )
