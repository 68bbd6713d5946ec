"""The way of a booking through whole gateways that share a Redis; Cal.com is scripted."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx2
import orjson
import pytest
from redis.asyncio import Redis

from core.keys import Keys
from tests.proxy.conftest import Start
from tests.proxy.running import KEY, Running
from tests.proxy.upstream import Gate, Reply, Seen, Upstream
from tests.proxy.waiting import until

START = "2050-09-05T09:00:00.000Z"
ATTENDEE = {"name": "Lee", "email": "lee@example.org", "timeZone": "Europe/Paris"}
WISH = {"eventTypeId": 7, "start": START, "attendee": ATTENDEE}
RECORD = {
    "uid": "made",
    "id": 70,
    "eventTypeId": 7,
    "start": START,
    "end": "2050-09-05T09:30:00.000Z",
    "status": "accepted",
    "createdAt": "2060-01-01T00:00:00.000Z",
}
LOST = Reply(cut=True, raw=b"")
JSON = {"cal-api-version": "2024-08-13", "content-type": "application/json"}
LOOK = "/v2/slots?eventTypeId=7&start=2050-09-05&end=2050-09-06"
FREE = Reply(200, b'{"status":"success","data":{"2050-09-05":[{"start":"2050-09-05T09:00:00.000Z"}]}}')
TAKEN = Reply(200, b'{"status":"success","data":{}}')


def one(code: int = 201, /, **changes: Any) -> Reply:
    return Reply(code, orjson.dumps({"status": "success", "data": RECORD | changes}))


def listed(*records: dict[str, Any]) -> Reply:
    pages = {"hasNextPage": False}
    return Reply(200, orjson.dumps({"status": "success", "data": list(records), "pagination": pages}))


async def book(
    gateway: Running, wish: Any = WISH, url: str = "/v2/bookings", **headers: str
) -> httpx2.Response:
    return await gateway.post(url, orjson.dumps(wish), **JSON | headers)


def sent(upstream: Upstream, method: str = "POST") -> list[Seen]:
    return [seen for seen in upstream.requests if seen.method == method]


def by_method(post: Reply, get: Reply) -> Callable[[Seen], Reply]:
    return lambda seen: post if seen.method == "POST" else get


# Refused without a call


async def test_what_cal_com_certainly_refuses_costs_no_call_and_uses_no_key(
    gateway: Running, upstream: Upstream, redis: Redis, keys: Keys
) -> None:
    headers = {"idempotency-key": "k"}
    answer = await book(gateway, {"eventTypeId": 7, "attendee": ATTENDEE}, **headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadRequestException")
    assert (
        answer.json()["error"]["message"]
        == "start property is wrong,start must be a valid ISO 8601 date string"
    )
    assert answer.json()["path"] == "/v2/bookings"
    assert answer.headers["cache-status"] == "calgate; detail=invalid"
    assert upstream.requests == []
    assert await redis.keys(keys.idempotent("*")) == []
    assert not await redis.exists(keys.writes)
    upstream.script = lambda seen: one()
    assert (await book(gateway, **headers)).status_code == 201


async def test_a_held_time_is_refused_with_a_list_of_errors(gateway: Running, upstream: Upstream) -> None:
    headers = {"cal-api-version": "2024-09-04"}
    answer = await book(gateway, {"eventTypeId": 7}, "/v2/slots/reservations", **headers)
    (error,) = answer.json()["error"]["details"]["errors"]
    assert (answer.status_code, error["property"]) == (400, "slotStart")
    assert upstream.requests == []


async def test_checking_can_be_left_to_cal_com(start: Start, upstream: Upstream) -> None:
    gateway = await start(validate_bookings=False)
    upstream.script = lambda seen: Reply(400, b"{}")
    assert (await book(gateway, {})).content == b"{}"


# Lost answers


@pytest.mark.parametrize("answer", [LOST, Reply(502, b"<html>"), Reply(524, b""), Reply(500, b"{}")])
async def test_a_booking_whose_answer_was_lost_is_looked_for_and_told(
    answer: Reply, start: Start, upstream: Upstream, redis: Redis, keys: Keys
) -> None:
    gateway = await start(booking_look_seconds=5)
    upstream.script = by_method(answer, listed(RECORD))
    found = await book(gateway)
    assert (found.status_code, found.json()["data"]["uid"]) == (201, "made")
    assert found.headers["cache-status"] == "calgate; detail=found"
    assert len(sent(upstream)) == 1
    (look,) = sent(upstream, "GET")
    assert look.target.startswith("/v2/bookings?attendeeEmail=lee%40example.org&")
    assert look.header("authorization") == KEY["authorization"]
    assert not await redis.exists(keys.doubt), "what was found leaves nothing in doubt"


async def test_one_that_shows_a_little_later_is_found_too(start: Start, upstream: Upstream) -> None:
    gateway = await start(booking_look_seconds=5)
    answers = iter([listed(), listed(RECORD)])
    upstream.script = lambda seen: LOST if seen.method == "POST" else next(answers)
    assert (await book(gateway)).status_code == 201


async def test_what_was_found_is_gone_from_every_answer(start: Start, upstream: Upstream) -> None:
    gateway = await start(booking_look_seconds=5)
    upstream.script = lambda seen: FREE

    async def is_kept() -> bool:
        return "; hit" in (await gateway.get(LOOK)).headers["cache-status"]

    await until(is_kept)
    upstream.script = lambda seen: (
        LOST if seen.method == "POST" else listed(RECORD) if "/bookings" in seen.target else TAKEN
    )
    assert (await book(gateway)).status_code == 201
    assert "T09:00" not in (await gateway.get(LOOK)).text


@pytest.mark.parametrize(
    "others",
    [
        [],
        [RECORD | {"status": "cancelled"}],
        [RECORD | {"createdAt": "2020-01-01T00:00:00.000Z"}],
        [RECORD | {"eventTypeId": 8}],
    ],
)
async def test_one_that_is_not_found_is_told_as_unknown(
    others: list[dict[str, Any]], start: Start, upstream: Upstream, redis: Redis, keys: Keys
) -> None:
    gateway = await start(booking_look_seconds=0.3)
    upstream.script = by_method(LOST, listed(*others))
    answer = await book(gateway)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "OutcomeUnknown")
    assert answer.headers["x-should-retry"] == "false"
    assert len(sent(upstream)) == 1
    assert await redis.exists(keys.doubt)


async def test_an_error_of_cal_coms_own_stays_what_it_was(start: Start, upstream: Upstream) -> None:
    gateway = await start(booking_look_seconds=5)
    upstream.script = by_method(Reply(500, b'{"statusCode":500}'), listed())
    answer = await book(gateway)
    assert (answer.status_code, answer.content) == (500, b'{"statusCode":500}')
    assert len(sent(upstream, "GET")) == 1


async def test_a_look_that_hangs_does_not_hold_the_answer_up(start: Start, upstream: Upstream) -> None:
    gateway = await start(booking_look_seconds=0.2)
    gate = Gate()
    upstream.script = lambda seen: LOST if seen.method == "POST" else gate(seen)
    assert (await book(gateway)).status_code == 409


async def test_a_client_with_a_key_is_told_when_to_ask_again(start: Start, upstream: Upstream) -> None:
    gateway = await start(booking_look_seconds=0.1)
    upstream.script = by_method(LOST, listed())
    answer = await book(gateway, **{"idempotency-key": "k"})
    assert (answer.status_code, answer.headers["retry-after"]) == (409, "1")
    assert "x-should-retry" not in answer.headers


async def test_a_cancellation_whose_answer_was_lost_is_looked_for(start: Start, upstream: Upstream) -> None:
    gateway = await start(booking_look_seconds=5)
    upstream.script = by_method(LOST, one(200, status="cancelled"))
    answer = await book(gateway, {}, "/v2/bookings/Made-1/cancel")
    assert (answer.status_code, answer.json()["data"]["status"]) == (200, "cancelled")
    assert [seen.target for seen in sent(upstream, "GET")] == ["/v2/bookings/Made-1"]


async def test_a_move_whose_answer_was_lost_is_followed_to_its_new_booking(
    start: Start, upstream: Upstream
) -> None:
    gateway = await start(booking_look_seconds=5)
    old = one(200, status="cancelled", rescheduledToUid="new")
    new = one(200, uid="new", start="2050-09-06T09:00:00.000Z", rescheduledFromUid="made")
    upstream.script = lambda seen: (
        LOST if seen.method == "POST" else new if seen.target.endswith("new") else old
    )
    answer = await book(gateway, {"start": "2050-09-06T09:00:00Z"}, "/v2/bookings/made/reschedule")
    assert (answer.status_code, answer.json()["data"]["uid"]) == (201, "new")


@pytest.mark.parametrize(
    ("url", "wish"),
    [
        ("/v2/bookings/made/cancel", {"seatUid": "s"}),
        ("/v2/bookings/made/cancel", {"cancelSubsequentBookings": True}),
        ("/v2/bookings/made/confirm", {}),
        ("/v2/event-types", {}),
    ],
)
async def test_what_one_look_would_not_show_is_not_looked_for(
    url: str, wish: Any, start: Start, upstream: Upstream
) -> None:
    gateway = await start(booking_look_seconds=5)
    upstream.script = by_method(LOST, one(200, status="cancelled"))
    assert (await book(gateway, wish, url)).status_code == 409
    assert sent(upstream, "GET") == []


# Turns


async def test_of_two_for_the_same_time_the_second_leaves_when_the_first_was_answered(
    start: Start, upstream: Upstream, redis: Redis, keys: Keys
) -> None:
    one_process, other = await start(), await start()
    gate = Gate(one())
    upstream.script = gate
    first = asyncio.ensure_future(book(one_process))
    await upstream.arrivals(1)
    second = asyncio.ensure_future(book(other))

    async def is_waiting() -> bool:
        return await redis.zcard(keys.turns_leases) == 2

    await until(is_waiting)
    assert len(sent(upstream)) == 1
    gate.open()
    assert [(await first).status_code, (await second).status_code] == [201, 201]
    assert len(sent(upstream)) == 2


async def test_other_times_do_not_wait(gateway: Running, upstream: Upstream) -> None:
    gates = {"09": Gate(one()), "10": Gate(one())}
    upstream.script = lambda seen: gates[orjson.loads(seen.body)["start"][11:13]](seen)
    first = asyncio.ensure_future(book(gateway))
    second = asyncio.ensure_future(book(gateway, WISH | {"start": "2050-09-05T10:00:00.000Z"}))
    await upstream.arrivals(2)
    for gate in gates.values():
        gate.open()
    assert [(await first).status_code, (await second).status_code] == [201, 201]


async def test_a_turn_is_waited_for_so_long_and_nothing_is_sent(start: Start, upstream: Upstream) -> None:
    gateway = await start(booking_turn_seconds=0.1)
    gate = Gate(one())
    upstream.script = gate
    first = asyncio.ensure_future(book(gateway))
    await upstream.arrivals(1)
    second = await book(gateway)
    assert (second.status_code, second.headers["retry-after"]) == (503, "1")
    assert "nothing was sent" in second.json()["error"]["message"]
    gate.open()
    await first
    assert len(sent(upstream)) == 1


@pytest.mark.parametrize("headers", [{}, {"idempotency-key": "k"}])
async def test_whoever_leaves_before_its_turn_books_nothing(
    headers: dict[str, str], gateway: Running, upstream: Upstream, redis: Redis, keys: Keys
) -> None:
    gate = Gate(one())
    upstream.script = gate
    first = asyncio.ensure_future(book(gateway))
    await upstream.arrivals(1)
    second = asyncio.ensure_future(book(gateway, **headers))

    async def are_there(number: int) -> bool:
        return await redis.zcard(keys.turns_leases) == number

    await until(lambda: are_there(2))
    second.cancel()
    await asyncio.wait([second])
    await until(lambda: are_there(1))
    gate.open()
    await first
    assert len(sent(upstream)) == 1
    # Its key is as good as new.
    assert (await book(gateway, **headers)).status_code == 201
    assert len(sent(upstream)) == 2


async def test_without_turns_all_go_at_once(start: Start, upstream: Upstream) -> None:
    gateway = await start(booking_turn_seconds=0)
    gate = Gate(one())
    upstream.script = gate
    both = [asyncio.ensure_future(book(gateway)) for _ in range(2)]
    await upstream.arrivals(2)
    gate.open()
    assert [(await one).status_code for one in both] == [201, 201]


# Keys that nobody sent


async def test_the_same_booking_without_a_key_gets_the_answer_of_the_first(
    start: Start, upstream: Upstream
) -> None:
    first_process, other = (
        await start(idempotency_derived_seconds=60),
        await start(idempotency_derived_seconds=60),
    )
    upstream.script = lambda seen: one()
    first = await book(first_process)
    again = await book(other, dict(reversed(WISH.items())))
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert len(sent(upstream)) == 1


@pytest.mark.parametrize(
    ("wish", "headers"),
    [
        (WISH | {"start": "2050-09-05T10:00:00.000Z"}, {}),
        (WISH | {"attendee": ATTENDEE | {"email": "kim@example.org"}}, {}),
        (WISH, {"authorization": "Bearer cal_another"}),
        (WISH, {"cal-api-version": "2026-02-25"}),
        (WISH, {"idempotency-key": "own"}),
    ],
)
async def test_another_booking_is_another(
    wish: Any, headers: dict[str, str], start: Start, upstream: Upstream
) -> None:
    gateway = await start(idempotency_derived_seconds=60)
    upstream.script = lambda seen: one()
    await book(gateway)
    await book(gateway, wish, **headers)
    assert len(sent(upstream)) == 2


@pytest.mark.parametrize(
    "url", ["/v2/bookings/made/cancel", "/v2/bookings/70/cancel", "/v2/bookings/made/reschedule"]
)
async def test_after_a_change_of_the_booking_the_like_of_it_is_another(
    url: str, start: Start, upstream: Upstream
) -> None:
    gateway = await start(idempotency_derived_seconds=60)
    upstream.script = lambda seen: one()
    await book(gateway)
    await book(gateway, {"start": "2050-09-06T09:00:00Z"}, url)
    again = await book(gateway)
    assert "idempotent-replayed" not in again.headers
    assert len(sent(upstream)) == 3


async def test_a_refusal_is_not_repeated_by_a_key_nobody_sent(start: Start, upstream: Upstream) -> None:
    gateway = await start(idempotency_derived_seconds=60)
    upstream.script = lambda seen: Reply(400, b"{}")
    await book(gateway)
    upstream.script = lambda seen: one()
    assert (await book(gateway)).status_code == 201


async def test_such_a_key_ends_with_its_time_and_not_before_its_answer(
    start: Start, upstream: Upstream, redis: Redis, keys: Keys
) -> None:
    gateway = await start(idempotency_derived_seconds=5, upstream_read_timeout_seconds=30)
    gate = Gate(one())
    upstream.script = gate
    first = asyncio.ensure_future(book(gateway))
    await upstream.arrivals(1)
    (record,) = await redis.keys(keys.idempotent("*"))
    assert await redis.ttl(record) > 60
    gate.open()
    await first
    assert 0 < await redis.pttl(record) <= 5_000


async def test_what_nobody_knows_of_is_looked_for_when_asked_again(start: Start, upstream: Upstream) -> None:
    gateway = await start(idempotency_derived_seconds=60)
    upstream.script = lambda seen: LOST
    assert (await book(gateway)).status_code == 409
    upstream.script = by_method(one(uid="second"), listed(RECORD))
    again = await book(gateway)
    assert (again.status_code, again.json()["data"]["uid"]) == (201, "made")
    assert len(sent(upstream)) == 1


async def test_when_it_can_no_longer_land_such_a_key_stands_in_nobodys_way(
    start: Start, upstream: Upstream, redis: Redis, keys: Keys
) -> None:
    gateway = await start(idempotency_derived_seconds=60)
    upstream.script = lambda seen: LOST
    await book(gateway)
    (record,) = await redis.keys(keys.idempotent("*"))
    await redis.hincrby(record, "left", -3_600_000)
    upstream.script = by_method(one(uid="second"), Reply(401, b"{}"))
    assert (await book(gateway)).json()["data"]["uid"] == "second"


async def test_no_key_is_derived_unless_it_is_asked_for(gateway: Running, upstream: Upstream) -> None:
    upstream.script = lambda seen: one()
    await book(gateway)
    await book(gateway)
    assert len(sent(upstream)) == 2


async def test_without_redis_a_change_that_could_not_be_remembered_is_not_sent(
    start: Start, upstream: Upstream, redis: Redis, keys: Keys
) -> None:
    gateway = await start(idempotency_derived_seconds=60)
    await redis.hset(keys.idempotent_of("made"), "not", "a text")
    answer = await book(gateway, {}, "/v2/bookings/made/cancel")
    assert answer.status_code == 503
    assert sent(upstream) == []
