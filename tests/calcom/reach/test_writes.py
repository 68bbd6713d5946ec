"""Cases decided by reading the contract, which the simulator cannot show."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calcom.account import AccountMap, Promises
from calcom.reach import RULES, Span, Stretch, Write, reach_of_write
from loadtest.scenarios.kinds import KINDS
from loadtest.scenarios.rules import booking, free
from loadtest.scenarios.site import Request
from tests.calcom.reach.desk import NOW, Desk, escaped, looks

EMPTY = AccountMap.empty()


def days(month: int, day: int, count: int = 1, *, year: int = 2026) -> Stretch:
    """So many whole days from one on."""
    start = datetime(year, month, day, tzinfo=UTC)
    return Stretch(start, start + timedelta(days=count, seconds=-1))


TODAY = days(NOW.month, NOW.day)


@pytest.fixture(scope="module")
def account() -> AccountMap:
    desk = Desk(1)
    desk.learn_everything()
    return desk.account


def create(start: str, event_type: int, **more: Any) -> dict[str, Any]:
    """The body of a create."""
    return {"start": start, "eventTypeId": event_type, "attendee": {"email": "lee@example.org"}, **more}


@pytest.mark.parametrize("status", [401, 403, 429])
def test_a_refusal_touches_nothing(status: int) -> None:
    assert reach_of_write(EMPTY, Write("POST", "/v2/bookings", {}, status), NOW).is_empty


@pytest.mark.parametrize("status", [None, 201, 400, 404, 409, 500, 502, 524])
def test_any_other_outcome_counts_as_done(status: int | None) -> None:
    assert not reach_of_write(EMPTY, Write("POST", "/v2/bookings", {}, status), NOW).is_empty


@pytest.mark.parametrize(
    "path",
    ["/v2/webhooks", "/v2/bookings/u/mark-absent", "/v2/event-types/5/private-links", "/v2/api-keys/refresh"],
)
def test_writes_without_effect_on_slots_touch_nothing(path: str) -> None:
    assert reach_of_write(EMPTY, Write("POST", path, {}, 201, {"data": {}}), NOW).is_empty


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v2/bookings/u/unheard-of"),
        ("PATCH", "/v2/organizations/1/users/5"),
        ("POST", "/v2/organizations/1/delegation-credentials"),
        ("POST", "/v2/oauth-clients/c/users"),
        ("POST", "/v2/organizations/1/attributes/options/5"),
        ("PUT", "/v2/slots/reservations/u"),
        ("PATCH", "/v2/event-types/101%2Fwebhooks"),
        ("POST", "/v2/something/new"),
    ],
)
def test_writes_that_no_rule_knows_touch_everything(account: AccountMap, method: str, path: str) -> None:
    reach = reach_of_write(account, Write(method, path, {}, 200, {"data": {}}), NOW)
    assert reach.is_whole_account
    assert {one.rule for one in reach.touches} == {"unknown-write", "unmapped-types"}


def test_an_unheard_create_is_taken_at_its_word(account: AccountMap) -> None:
    body = create("2026-03-25T10:00:00Z", 110, lengthInMinutes=60)
    reach = reach_of_write(account, Write("POST", "/v2/bookings", body), NOW)
    assert not reach.is_whole_account
    assert reach.covers({110}, days(3, 25))
    assert not reach.covers({110}, days(3, 27, 34))


@pytest.mark.parametrize("start", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:00Z", "tomorrow", 5, None])
def test_times_that_cannot_be_read_are_all_times(account: AccountMap, start: Any) -> None:
    body = create(start, 101)
    reach = reach_of_write(account, Write("POST", "/v2/bookings", body, 201, {"data": {}}), NOW)
    assert reach.covers({102}, days(1, 1, year=2031))


def test_a_list_of_bookings_on_several_types_is_of_none_in_particular(account: AccountMap) -> None:
    bodies = [create("2026-03-25T10:00:00Z", 101), create("2026-03-26T10:00:00Z", 103)]
    write = Write("POST", "/v2/bookings/recurring", bodies)
    assert reach_of_write(account, write, NOW).is_whole_account


def test_a_type_that_becomes_managed_touches_everything(account: AccountMap) -> None:
    data = {"id": 105, "lengthInMinutes": 30, "teamId": 11, "schedulingType": "managed", "hosts": []}
    write = Write("PATCH", "/v2/teams/11/event-types/105", {}, 200, {"data": data})
    assert reach_of_write(account, write, NOW).is_whole_account


def test_slots_before_the_booking_run_into_it(account: AccountMap) -> None:
    body = create("2026-03-25T00:10:00Z", 101)
    reach = reach_of_write(account, Write("POST", "/v2/bookings", body), NOW)
    eve = days(3, 24)
    assert reach.covers({101}, eve)
    shorter = reach_of_write(
        account, Write("POST", "/v2/bookings", body), NOW, without=frozenset({"slot-length"})
    )
    assert not shorter.covers({101}, eve)


def test_another_first_slot_may_be_shown_the_day_around(account: AccountMap) -> None:
    body = create("2026-03-25T10:00:00Z", 113)
    reach = reach_of_write(account, Write("POST", "/v2/bookings", body), NOW)
    assert {one.rule for one in reach.touches if one.event_type == 112} == {"shared-host", "first-slot"}
    assert reach.covers({112}, days(3, 26))
    assert not reach.covers({113}, days(3, 26))


def test_a_booking_touches_the_hours_around_it_alone(account: AccountMap) -> None:
    reach = reach_of_write(account, Write("POST", "/v2/bookings", create("2026-03-25T10:00:00Z", 113)), NOW)
    at = datetime(2026, 3, 25, tzinfo=UTC)
    touched = [hour for hour in range(24) if reach.covers({113}, Stretch(*_hour(at, hour)))]
    assert 10 in touched
    assert len(touched) <= 4, reach.explain()


def test_slots_that_follow_free_time_shift_within_working_hours_or_on_all_days(account: AccountMap) -> None:
    write = Write("POST", "/v2/bookings", create("2026-03-25T10:00:00Z", 101))
    known = [
        one.stretch and one.stretch.days()
        for one in reach_of_write(account, write, NOW).touches
        if one.rule == "alignment"
    ]
    assert set(known) == {Span(date(2026, 3, 24), date(2026, 3, 26))}
    desk = Desk(1)
    desk.read("/v2/event-types", 1, "2024-06-14")
    unknown = [
        one.stretch for one in reach_of_write(desk.account, write, NOW).touches if one.rule == "alignment"
    ]
    assert set(unknown) == {None}


def test_a_round_robin_promised_plain_is_touched_by_the_day() -> None:
    around = days(3, 20, 11)
    for promises, touched in ((Promises(), True), (Promises(frozenset({106})), False)):
        desk = Desk(1, promises=promises)
        desk.learn_everything()
        assert desk.do(booking(free(desk, 106, 2), 106)).reach.covers({106}, around) is touched


def test_team_limits_that_nobody_shows_touch_the_team_unless_promised_away() -> None:
    far = days(6, 1)
    for promises, touched in ((Promises(), True), (Promises(unlimited_teams=frozenset({11})), False)):
        desk = Desk(1, promises=promises)
        for path in ("/v2/event-types", "/v2/teams/11/event-types"):
            desk.read(path, 1, "2024-06-14")
        write = Write("POST", "/v2/bookings", create("2026-03-25T10:00:00Z", 105))
        assert reach_of_write(desk.account, write, NOW).covers({105}, far) is touched


def test_a_legacy_hold_may_move_the_one_its_cookie_names(account: AccountMap) -> None:
    body = {"eventTypeId": 101, "slotUtcStartDate": "2026-03-25T10:00:00Z"}
    for sent, whole in ((None, True), (True, True), (False, False)):
        write = Write("POST", "/v2/slots/reserve", body, 201, {"data": "uid"}, sent_uid_cookie=sent)
        assert reach_of_write(account, write, NOW).is_whole_account is whole


def test_an_empty_map_makes_every_kind_of_write_touch_everything_it_may_concern() -> None:
    for kind, make in KINDS.items():
        desk = Desk(1)
        request = make(desk, Random(kind))
        if request is None:
            continue
        done = desk.do(request)
        assert done.reach.covers(None, TODAY), (kind, request)
        assert done.reach.covers({101}, TODAY) == done.reach.is_whole_account


def test_every_touch_names_a_rule_that_exists(account: AccountMap) -> None:
    for path in ("/v2/bookings", "/v2/slots/reservations", "/v2/me/ooo", "/v2/schedules", "/v2/teams/11"):
        write = Write("POST", path, create("2026-03-25T10:00:00Z", 103), 201, {"data": {}})
        assert {one.rule for one in reach_of_write(account, write, NOW).touches} <= RULES.keys()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    (
        "id",
        "uid",
        "start",
        "end",
        "eventTypeId",
        "attendees",
        "hosts",
        "guests",
        "userId",
        "ownerId",
        "user",
        "recurringBookingUid",
    )
)
ODD = JSON | st.dictionaries(NAMES, JSON | st.integers(101, 121), max_size=6)
PATHS = st.sampled_from(
    tuple(
        path
        for base in (
            "/v2/bookings",
            "/v2/slots",
            "/v2/schedules",
            "/v2/me",
            "/v2/teams",
            "/v2/event-types",
            "/v2/calendars",
        )
        for path in (
            base,
            f"{base}/101",
            f"{base}/u/cancel",
            f"{base}/11/memberships",
            f"{base}/ooo",
            f"{base}/11/event-types/105",
            f"{base}/reservations/u",
        )
    )
)


@given(
    st.sampled_from(("POST", "PATCH", "DELETE", "PUT")),
    PATHS,
    ODD,
    ODD,
    st.sampled_from((None, 200, 201, 400, 500)),
)
def test_whatever_is_sent_and_answered_has_a_reach(
    account: AccountMap, method: str, path: str, request_json: Any, data: Any, status: int | None
) -> None:
    write = Write(method, path, request_json, status, {"data": data})
    reach = reach_of_write(account, write, NOW)
    assert reach.is_empty or reach.covers(None, TODAY)


def test_reading_is_no_write(account: AccountMap) -> None:
    assert reach_of_write(account, Write("GET", "/v2/bookings", None, 200, {"data": []}), NOW).is_empty
    callback = Write("GET", "/v2/calendars/google/save", None, 200, {"data": {"userId": 1, "teamId": None}})
    assert {one.rule for one in reach_of_write(account, callback, NOW).touches} == {
        "calendar",
        "unmapped-types",
    }


def test_the_index_makes_a_move_exact() -> None:
    for forget_it, exact in ((False, True), (True, False)):
        desk = Desk(1)
        desk.learn_everything()
        made = desk.do(booking(free(desk, 101, 22), 101)).answer.data
        if forget_it:
            desk.index.clear()
        body = {"start": free(desk, 101, 29).isoformat()}
        done = desk.do(Request("POST", f"/v2/bookings/{made['uid']}/reschedule", body))
        far = days(1, 1, year=2027)
        assert done.reach.covers({101}, far) is not exact


@pytest.mark.parametrize("careful", [True, False])
def test_whoever_took_over_a_booking_and_left_the_team_is_free_again_when_it_moves(careful: bool) -> None:
    desk = Desk(1)
    desk.learn_everything()
    made = desk.do(booking(free(desk, 106, 22, alike=110), 106)).answer.data
    base = f"/v2/bookings/{made['uid']}"
    shown = desk.index[made["uid"]]
    there = {one.user_id: one.id for one in desk.world.state.memberships.values() if one.team_id == 11}
    for request in (
        Request("POST", base + "/reassign/4", {}),
        Request("DELETE", f"/v2/teams/11/memberships/{there[4]}"),
    ):
        assert desk.do(request).answer.status == 200
    for path in ("", "/memberships", "/event-types"):
        desk.read(f"/v2/teams/11{path}")
    assert desk.account.hosts_of(106) == frozenset({1, 2, 6})
    if not careful:
        desk.index[made["uid"]] = shown
    done = desk.do(Request("POST", base + "/reschedule", {"start": free(desk, 106, 29).isoformat()}))
    assert done.answer.status == 201
    missed = escaped(desk, done, looks(desk, (110,), desk.now, 32, (None,)))
    assert bool(missed) is not careful, "an index that trusts what a reassignment outdated misses Daniel"


def _hour(day: datetime, hour: int) -> tuple[datetime, datetime]:
    start = day + timedelta(hours=hour)
    return start, start + timedelta(minutes=59)
