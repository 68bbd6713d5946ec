"""What a webhook tells is enough to touch all that changed, for every event Cal.com sends about slots."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calcom.account import AccountMap
from calcom.reach import Reach, Touch, reach_of_webhook
from calcom.simulator import webhook_payloads
from loadtest.scenarios.kinds import KINDS
from loadtest.scenarios.site import TYPES
from tests.calcom.reach.desk import NOW, Desk, escaped
from tests.calcom.reach.test_soundness import all_looks, told

TELLING = ("book", "book_often", "reschedule", "cancel", "decide", "ask_again", "absence")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.integers(1, 5),
    st.randoms(use_true_random=False),
    st.lists(st.sampled_from(TELLING), min_size=1, max_size=5),
)
def test_the_events_of_a_write_touch_every_query_whose_truth_changed(
    seed: int, chance: Random, kinds: list[str]
) -> None:
    desk = Desk(seed)
    desk.learn_everything()
    for kind in kinds:
        request = KINDS[kind](desk, chance)
        if request is None:
            continue
        sent = len(desk.world.events)
        done = desk.do(request)
        events = desk.world.events[sent:]
        if not events:
            continue  # nothing is told of what only PATCH and DELETE do to an absence
        touches: list[Touch] = []
        for fact in events:
            body = webhook_payloads.body(fact, desk.world.state)
            touches += reach_of_webhook(done.account, fact.trigger, body["payload"], desk.now).touches
        heard = done._replace(reach=Reach(tuple(touches)))
        missed = escaped(desk, heard, all_looks(desk, heard, chance))
        assert not missed, told(heard, missed)


@pytest.mark.parametrize("trigger", ["BOOKING_NO_SHOW_UPDATED", "MEETING_ENDED", "FORM_SUBMITTED"])
def test_events_about_no_time_touch_nothing(trigger: str) -> None:
    assert reach_of_webhook(AccountMap.empty(), trigger, {}, NOW).is_empty


@pytest.mark.parametrize("trigger", ["BOOKING_CREATED", "OOO_CREATED", "DELEGATION_CREDENTIAL_ERROR", "NEWS"])
def test_events_that_cannot_be_read_touch_everything(trigger: str) -> None:
    assert reach_of_webhook(AccountMap.empty(), trigger, {}, NOW).is_whole_account


def test_a_request_may_be_a_move_whose_old_time_is_not_told() -> None:
    desk = Desk(1)
    desk.read("/v2/event-types", 6, TYPES)
    payload = {
        "eventTypeId": 114,
        "startTime": "2026-03-05T10:00:00Z",
        "endTime": "2026-03-05T10:30:00Z",
        "organizer": {"id": 6, "email": "farid@example.com"},
        "attendees": [{"email": "lee@example.org"}],
        "seatsPerTimeSlot": None,
        "responses": {"guests": {"value": []}},
    }
    created = reach_of_webhook(desk.account, "BOOKING_CREATED", payload, NOW)
    requested = reach_of_webhook(desk.account, "BOOKING_REQUESTED", payload, NOW)
    assert {one.rule for one in requested.touches} - {one.rule for one in created.touches} == {"unknown-time"}
