"""What an overlay leaves of an older answer is offered after the write too: held against the simulator's truth."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from calcom.account import AccountMap, EventTypeFacts
from calcom.account.facts import UserFacts, Window
from calcom.overlay import Overlay, dumped, loaded, overlay_of, taking
from calcom.reach import Write, reach_of_write
from tests.calcom.overlay.soaking import soak

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
START = datetime(2026, 3, 9, 9, 0, tzinfo=UTC)

TYPE = EventTypeFacts(
    7,
    slug="intro",
    scheduling="individual",
    owner_id=1,
    parent_id=0,
    hosts=frozenset({1}),
    assigns_all_members=False,
    lengths=frozenset({30}),
    slot_interval=0,
    offset=0,
    before_buffer=0,
    after_buffer=0,
    limits_count=(),
    limits_duration=(),
    window=Window("none"),
    first_slot_only=False,
    optimized_slots=False,
    seats=0,
    recurs=False,
    confirms=False,
)


def account(*types: EventTypeFacts) -> AccountMap:
    return AccountMap(
        event_types={one.id: one for one in types},
        users={1: UserFacts(1, email="host@b.example")},
        complete=frozenset({"event_types:1", *(f"hosts:{one.id}" for one in types)}),
    )


def booked(path: str = "/v2/bookings", status: int = 201, **changes: Any) -> Write:
    record = {
        "uid": "u",
        "eventTypeId": 7,
        "status": "accepted",
        "start": "2026-03-09T09:00:00Z",
        "end": "2026-03-09T09:30:00Z",
        "hosts": [{"id": 1}],
        "attendees": [{"email": "a@b.example"}],
        "guests": [],
    }
    answer = {"status": "success", "data": record | changes}
    return Write("POST", path, {"eventTypeId": 7}, status, answer, "2024-08-13")


def overlay(write: Write, *types: EventTypeFacts) -> Overlay | None:
    known = account(*types)
    return overlay_of(known, write, reach_of_write(known, write, NOW))


def stretch(found: Overlay | None, event_type: int = 7) -> tuple[int, int]:
    assert found is not None
    ((first, last),) = found.gone[event_type]
    return first - int(START.timestamp()), last - int(START.timestamp())


def test_a_booking_takes_every_slot_that_would_run_into_it() -> None:
    assert stretch(overlay(booked(), TYPE)) == (-1799, 1800)


def test_buffers_of_both_and_the_longest_slot_are_counted() -> None:
    padded = replace(TYPE, before_buffer=5, after_buffer=10)
    other = replace(TYPE, id=8, slug="long", lengths=frozenset({30, 60}), before_buffer=15, after_buffer=20)
    found = overlay(booked(), padded, other)
    assert stretch(found, 7) == (-60 * (30 + 5 + 10) + 1, 60 * (30 + 10 + 5))
    assert stretch(found, 8) == (-60 * (60 + 5 + 20) + 1, 60 * (30 + 10 + 15))


def test_what_is_freed_takes_nothing() -> None:
    found = overlay(booked("/v2/bookings/u/cancel", 200), TYPE)
    assert found is not None
    assert found.gone == {7: ()}


@pytest.mark.parametrize(
    "changes",
    [
        {"limits_count": (("day", 3),)},
        {"optimized_slots": True},
        {"lengths": frozenset({45})},
        {"first_slot_only": True},
        {"window": Window("calendarDays", "5", rolling=True)},
        {"seats": 4},
        {"before_buffer": None},
        {"scheduling": "roundRobin"},
    ],
)
def test_a_type_that_changes_in_other_ways_too_has_none(changes: dict[str, Any]) -> None:
    found = overlay(booked(), replace(TYPE, **changes))
    assert found is None or 7 not in found.gone


@pytest.mark.parametrize(
    "write",
    [
        replace(booked(), status=None, response_json=None),
        replace(booked(), status=500),
        booked(start=None),
        booked(eventTypeId=99),
        booked("/v2/bookings/u/reassign", 200),
        replace(booked(), method="PATCH", path="/v2/event-types/7"),
    ],
)
def test_a_write_of_which_not_everything_is_known_has_none(write: Write) -> None:
    assert overlay(write, TYPE) is None


def test_it_survives_being_written_down() -> None:
    found = Overlay({7: ((1, 2), (3, 4)), 8: ()})
    assert loaded(dumped(found)) == found


def test_nothing_is_left_that_calcom_does_not_offer() -> None:
    counts: Counter[str] = Counter()
    bad = [line for seed in range(12) for line in soak(seed, counts)]
    assert not bad
    assert counts["with an overlay"] > 20
    assert counts["exact"] > 100


@pytest.mark.parametrize("forgotten", ["buffers", "length", "limits", "alignment"])
def test_the_check_finds_what_was_forgotten(forgotten: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if forgotten == "buffers":
        unpadded = {"before_buffer": 0, "after_buffer": 0}
        real = taking._gone
        monkeypatch.setattr(
            taking,
            "_gone",
            lambda facts, taken: real(
                replace(facts, **unpadded), [(one, replace(kind, **unpadded)) for one, kind in taken]
            ),
        )
    elif forgotten == "length":
        real = taking._gone
        monkeypatch.setattr(
            taking, "_gone", lambda facts, taken: real(replace(facts, lengths=frozenset({1})), taken)
        )
    else:
        rules = {"limits": {"booking-limits", "team-limits"}}.get(forgotten, {forgotten})
        monkeypatch.setattr(taking, "_BY_TIME", taking._BY_TIME | rules)
    counts: Counter[str] = Counter()
    assert any(True for seed in range(120) for _ in soak(seed, counts))
