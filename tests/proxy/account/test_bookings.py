"""Bookings by uid, on the real Redis."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from calcom.reach import BookingFacts
from core.keys import Keys
from core.redis import connect
from proxy.account.bookings import MAX_BYTES, BookingIndex

NOW = 1_800_000_000.0
START = datetime.fromtimestamp(NOW, UTC) + timedelta(days=2)
DAY = 86_400


def booking(uid: str = "u1", **changes: Any) -> BookingFacts:
    facts: dict[str, Any] = {
        "event_type": 5,
        "start": START,
        "end": START + timedelta(minutes=30),
        "host_ids": frozenset({1, 2}),
        "emails": frozenset({"a@example.com", "b@example.com"}),
        "hosts_complete": True,
        "emails_complete": True,
        "recurring_uid": "series",
    }
    return BookingFacts(uid, **facts | changes)


async def test_another_process_finds_what_one_remembers(redis: Redis, redis_server: str, keys: Keys) -> None:
    await BookingIndex(redis, keys).remember([booking(), booking("u2", start=None, end=None)], NOW)
    client = connect(redis_server, client_name="other")
    other = BookingIndex(client, keys)
    assert await other.find("u1") == booking()
    assert await other.find("u2") == booking("u2", start=None, end=None)
    assert await other.find("U1") is None
    await client.aclose()


async def test_the_last_that_was_told_counts(redis: Redis, keys: Keys) -> None:
    index = BookingIndex(redis, keys)
    await index.remember([booking()], NOW)
    await index.remember([booking(host_ids=frozenset({3}))], NOW)
    assert await index.find("u1") == booking(host_ids=frozenset({3}))


@pytest.mark.parametrize(
    ("end", "seconds"),
    [
        (START, 3 * DAY),
        (START - timedelta(days=30), DAY),
        (START + timedelta(days=4000), 400 * DAY),
        (datetime(9999, 12, 31, tzinfo=UTC), 400 * DAY),
        (None, 7 * DAY),
    ],
)
async def test_a_booking_is_kept_until_a_day_after_its_end(
    redis: Any, keys: Keys, end: datetime | None, seconds: int
) -> None:
    await BookingIndex(redis, keys).remember([booking(end=end)], NOW)
    (key,) = await redis.keys("*")
    assert seconds - 5 < await redis.ttl(key) <= seconds


async def test_what_is_too_large_is_forgotten_with_what_was_known_before(redis: Redis, keys: Keys) -> None:
    index = BookingIndex(redis, keys)
    await index.remember([booking()], NOW)
    crowd = frozenset(f"{one}@example.com" for one in range(MAX_BYTES // 10))
    await index.remember([booking(emails=crowd)], NOW)
    assert await index.find("u1") is None


async def test_a_uid_that_is_none_is_neither_kept_nor_looked_for(redis: Any, keys: Keys) -> None:
    index = BookingIndex(redis, keys)
    await index.remember([booking("x" * 129)], NOW)
    assert not await redis.keys("*")
    assert await index.find("x" * 129) is None


async def test_what_cannot_be_read_is_not_known(redis: Any, keys: Keys) -> None:
    index = BookingIndex(redis, keys)
    await index.remember([booking()], NOW)
    (key,) = await redis.keys("*")
    await redis.set(key, b'{"uid": 3}')
    assert await index.find("u1") is None


async def test_without_redis_nothing_is_known_and_nothing_raised(
    unreachable: Redis, keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    index = BookingIndex(unreachable, keys)
    with caplog.at_level(logging.WARNING):
        await index.remember([booking()], NOW)
        assert await index.find("u1") is None
    assert caplog.messages == ["bookings.not_kept", "bookings.not_found"]


async def test_nothing_to_remember_is_nothing_to_ask(unreachable: Redis, keys: Keys) -> None:
    await BookingIndex(unreachable, keys).remember([], NOW)


async def test_a_reassignment_leaves_a_booking_without_certain_hosts_and_others_leave_it_whole(
    redis: Redis, keys: Keys
) -> None:
    index = BookingIndex(redis, keys)
    await index.remember([booking()], NOW)
    await index.outdate("u1", "POST", "/v2/bookings/u1/cancel", NOW)
    assert await index.find("u1") == booking()
    await index.outdate("u1", "POST", "/v2/bookings/u1/reassign", NOW)
    assert await index.find("u1") == booking(hosts_complete=False)
    await index.outdate("nobody", "POST", "/v2/bookings/nobody/reassign", NOW)
