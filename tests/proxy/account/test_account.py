"""What a write tells of itself, on the real Redis."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from redis.asyncio import Redis

from calcom.paths import classify
from calcom.ratelimit import credential
from calcom.reach import BookingFacts
from core.clock import FakeClock
from core.keys import Keys
from core.redis import connect
from proxy.account.account import Account, Stranger
from proxy.account.bookings import BookingIndex
from proxy.account.keeper import Keeper
from proxy.account.refresh import Refresher
from proxy.cache.stamps import EVERYTHING
from proxy.refusals import StoreUnavailable
from proxy.upstream import Call
from proxy.writes import Intent
from tests.proxy.account.calcom import answer
from tests.proxy.account.test_reaching import PLAIN

BOOKING = {
    "uid": "u1",
    "eventTypeId": 7,
    "start": "2027-03-01T09:00:00Z",
    "end": "2027-03-01T09:30:00Z",
    "hosts": [{"id": 1, "email": "h@example.org"}],
    "attendees": [{"email": "a@example.org"}],
}
ANSWER = orjson.dumps({"status": "success", "data": BOOKING})


async def nothing(target: str, headers: Any) -> tuple[int, object]:
    raise AssertionError("nobody asked")


def account_on(redis: Redis, keys: Keys, keeper: Keeper | None = None) -> Account:
    clock = FakeClock()
    keeper = keeper or Keeper(redis, keys)
    refresher = Refresher(keeper, redis, keys, nothing, clock)
    return Account(keeper, BookingIndex(redis, keys), refresher, clock, new_seconds=60)


def call(method: str, path: str, body: bytes = b"{}") -> Call:
    return Call(
        method=method,
        target=path.encode(),
        headers=[(b"cal-api-version", b"2024-08-13")],
        credential=credential({}),
        kind=classify(method, path),
        body=body,
    )


async def found(redis: Redis, keys: Keys) -> BookingFacts | None:
    return await BookingIndex(redis, keys).find("u1")


async def test_an_answered_write_says_what_it_touched_and_is_remembered(redis: Redis, keys: Keys) -> None:
    intent = Intent("w")
    async with account_on(redis, keys).informed(intent, call("POST", "/v2/bookings")) as told:
        intent.status, told.body = 201, ANSWER
    assert told.reach is not None
    # Of an account nobody has told of, everything may have changed.
    assert told.reach.is_whole_account
    assert intent.fields == EVERYTHING
    remembered = await found(redis, keys)
    assert remembered is not None
    assert remembered.event_type == 7


@pytest.mark.parametrize("status", [0, 502, 504])
async def test_a_write_of_unknown_outcome_may_have_changed_everything(
    redis: Redis, keys: Keys, status: int
) -> None:
    account = account_on(redis, keys)
    intent = Intent("w")
    async with account.informed(intent, call("POST", "/v2/bookings")) as told:
        intent.status, told.body = 201, ANSWER
    again = Intent("again")
    async with account.informed(again, call("POST", "/v2/bookings/u1/reassign")) as told:
        again.status, told.body = status, None
    assert told.reach is None
    assert again.fields == EVERYTHING
    remembered = await found(redis, keys)
    assert remembered is not None
    assert not remembered.hosts_complete


@pytest.mark.parametrize("status", [0, 502, 504])
async def test_a_booking_of_unknown_outcome_may_have_changed_what_it_would_have(
    redis: Redis, keys: Keys, status: int
) -> None:
    now = FakeClock().now()
    keeper = Keeper(redis, keys)
    await keeper.look(now)
    assert await keeper.learn([answer(path, now) for path in PLAIN], keeper.fence(), now)
    start = datetime.fromtimestamp(now, UTC) + timedelta(days=40)
    asked = {"eventTypeId": 5, "start": start.isoformat(), "attendee": {"email": "a@example.org"}}
    intent = Intent("w")
    booking = call("POST", "/v2/bookings", orjson.dumps(asked))
    async with account_on(redis, keys, keeper).informed(intent, booking) as told:
        intent.status = status
    assert told.reach is None
    assert f"5:{start.date().toordinal()}" in intent.fields
    assert "*" not in intent.fields
    assert not {"t5", "t6"} & set(intent.fields)


@pytest.mark.parametrize(
    ("status", "sent", "is_over"),
    [(403, True, True), (0, False, True), (200, True, True), (502, True, False)],
)
async def test_nothing_is_learned_while_a_change_of_the_map_may_still_land(
    redis: Redis, keys: Keys, status: int, sent: bool, is_over: bool
) -> None:
    intent = Intent("w")
    async with account_on(redis, keys).informed(intent, call("PATCH", "/v2/event-types/7")) as told:
        intent.status, intent.sent = status, sent
        told.body = b"{}" if status else None
    other = Keeper(redis, keys)
    held = await other.look(FakeClock().now())
    assert (held.changing == 0) is is_over


async def test_without_redis_a_change_of_the_map_does_not_leave(keys: Keys) -> None:
    client = connect("redis://127.0.0.1:1/0", client_name="tests")
    intent = Intent("w")
    with pytest.raises(StoreUnavailable):
        async with account_on(client, keys).informed(intent, call("PATCH", "/v2/event-types/7")):
            pytest.fail("it left")
    assert not intent.sent
    await client.aclose()


async def test_a_stranger_leaves_every_write_a_change_of_everything() -> None:
    intent = Intent("w")
    async with Stranger().informed(intent, call("POST", "/v2/bookings")) as told:
        intent.status, told.body = 201, ANSWER
    assert intent.fields == EVERYTHING
    assert told.reach is None
