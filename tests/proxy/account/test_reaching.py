"""From a write to its reach, with everything shared in the real Redis."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from calcom.reach import UNMAPPED, Reach, Write, bookings_in
from core.keys import Keys
from proxy.account import reaching
from proxy.account.bookings import BookingIndex
from proxy.account.keeper import Keeper, Mark
from proxy.account.reaching import effect_of
from tests.proxy.account.calcom import ACCOUNT, answer, event_type, success
from tests.proxy.account.conftest import Process

NOW = 1_800_000_000.0
START = datetime.fromtimestamp(NOW, UTC).replace(hour=12, minute=0) + timedelta(days=40)
PLAIN = ["/v2/me", "/v2/event-types", "/v2/schedules"]


def booked(uid: str = "u1", start: datetime = START) -> dict[str, Any]:
    return success(
        {
            "uid": uid,
            "eventTypeId": 5,
            "start": start.isoformat(),
            "end": (start + timedelta(minutes=30)).isoformat(),
            "hosts": [{"id": 1, "email": "u1@example.com"}],
            "attendees": [{"email": "somebody@example.com"}],
            "guests": [],
        }
    )


def create(body: object = None, status: int | None = 201) -> Write:
    request = {"eventTypeId": 5, "start": START.isoformat(), "attendee": {"email": "somebody@example.com"}}
    return Write("POST", "/v2/bookings", request, status, booked() if body is None else body, "2024-08-13")


async def knowing(process: Process) -> Keeper:
    """A process that knows one person with two event types of their own."""
    keeper = process()
    await keeper.look(NOW)
    assert await keeper.learn([answer(path, NOW) for path in PLAIN], keeper.fence(), NOW)
    return keeper


def types_of(reach: Reach) -> set[int | None]:
    """The event types that a reach names."""
    return {one.event_type for one in reach.touches} - {UNMAPPED}


async def test_a_booking_reaches_the_days_around_it_and_no_more(
    process: Process, redis: Redis, keys: Keys
) -> None:
    keeper = await knowing(process)
    reach, _ = await effect_of(keeper, BookingIndex(redis, keys), create(), keeper.mark(), NOW)
    assert types_of(reach) == {5, 6}
    for one in reach.touches:
        if one.event_type == UNMAPPED:
            continue
        assert one.stretch is not None
        assert abs(one.stretch.start - START) <= timedelta(days=1)
        assert abs(one.stretch.end - START) <= timedelta(days=1)


async def test_without_knowledge_a_booking_reaches_everything(
    process: Process, redis: Redis, keys: Keys
) -> None:
    keeper = process()
    await keeper.look(NOW)
    assert (await effect_of(keeper, BookingIndex(redis, keys), create(), keeper.mark(), NOW))[
        0
    ].is_whole_account


async def test_a_mark_of_nothing_reaches_everything(process: Process, redis: Redis, keys: Keys) -> None:
    keeper = await knowing(process)
    assert (await effect_of(keeper, BookingIndex(redis, keys), create(), Mark(), NOW))[0].is_whole_account


async def test_a_moved_booking_reaches_its_old_time_when_another_process_saw_it(
    process: Process, redis: Redis, keys: Keys
) -> None:
    keeper, index = await knowing(process), BookingIndex(redis, keys)
    await BookingIndex(redis, keys).remember(bookings_in("POST", "/v2/bookings", booked()), NOW)
    later = START + timedelta(days=20)
    moved = Write(
        "POST",
        "/v2/bookings/u1/reschedule",
        {"start": later.isoformat()},
        201,
        booked("u2", later),
        "2024-08-13",
    )
    known, _ = await effect_of(keeper, index, moved, keeper.mark(), NOW)
    stretches = [one.stretch for one in known.touches if one.event_type == 5]
    assert None not in stretches
    for at in (START, later):
        assert any(one is not None and one.start <= at <= one.end for one in stretches)
    await redis.flushdb()
    keeper = await knowing(process)
    unknown, _ = await effect_of(keeper, index, moved, keeper.mark(), NOW)
    assert any(one.stretch is None for one in unknown.touches)


async def test_a_changed_event_type_is_judged_by_what_it_was(
    process: Process, redis: Redis, keys: Keys
) -> None:
    keeper = await knowing(process)
    path = "/v2/event-types/5"
    mark = await keeper.begin_change("w", "PATCH", path, NOW)
    body = success(event_type(5, slug="renamed"))
    write = Write("PATCH", path, {"slug": "renamed"}, 200, body, "2024-06-14")
    reach, _ = await effect_of(keeper, BookingIndex(redis, keys), write, mark, NOW)
    assert types_of(reach) == {5}


async def test_a_refused_write_reaches_nothing(process: Process, redis: Redis, keys: Keys) -> None:
    keeper = await knowing(process)
    reach, _ = await effect_of(keeper, BookingIndex(redis, keys), create(status=403), keeper.mark(), NOW)
    assert reach.is_empty


@pytest.mark.parametrize("body", [[], "text", 3, {"data": [[]]}, {"data": {"uid": [], "start": {}}}])
async def test_an_answer_that_makes_no_sense_reaches_the_booked_type_at_least(
    process: Process, redis: Redis, keys: Keys, body: object
) -> None:
    keeper = await knowing(process)
    reach, _ = await effect_of(keeper, BookingIndex(redis, keys), create(body), keeper.mark(), NOW)
    assert reach.is_whole_account or {5, 6} <= types_of(reach)


async def test_a_failing_rule_makes_it_everything_and_says_where_without_saying_what(
    process: Process,
    redis: Redis,
    keys: Keys,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_: object) -> Reach:
        raise KeyError("somebody@example.com")

    monkeypatch.setattr(reaching, "reach_of_write", broken)
    keeper = await knowing(process)
    with caplog.at_level(logging.ERROR):
        reach, _ = await effect_of(keeper, BookingIndex(redis, keys), create(), keeper.mark(), NOW)
    assert reach.is_whole_account
    (record,) = caplog.records
    assert record.getMessage() == "reach.failed"
    assert record.__dict__["problem"] == "KeyError"
    assert "example.com" not in str(record.__dict__)


async def test_without_redis_everything_is_reached(unreachable: Redis, keys: Keys) -> None:
    keeper = Keeper(unreachable, keys)
    index = BookingIndex(unreachable, keys)
    assert (await effect_of(keeper, index, create(), keeper.mark(), NOW))[0].is_whole_account


def test_the_account_of_these_tests_has_what_is_asked_for() -> None:
    assert set(PLAIN) <= set(ACCOUNT)
