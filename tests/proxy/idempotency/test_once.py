"""One write for a key, through whole gateways that share a Redis; Cal.com is scripted."""

import asyncio
from typing import Any

import httpx2
import orjson
import pytest
from redis.asyncio import Redis

from calcom.ratelimit import credential
from core.keys import Keys
from proxy.idempotency.key import given
from proxy.idempotency.record import Doubt, Go, Record
from proxy.upstream import Call
from tests.proxy.conftest import Start
from tests.proxy.running import KEY, Running
from tests.proxy.upstream import Gate, Reply, Seen, Upstream
from tests.proxy.waiting import until

BODY = orjson.dumps(
    {"eventTypeId": 7, "start": "2050-09-05T09:00:00.000Z", "attendee": {"email": "lee@example.org"}}
)
RECORD = {
    "uid": "made",
    "eventTypeId": 7,
    "start": "2050-09-05T09:00:00.000Z",
    "status": "accepted",
    "createdAt": "2050-01-01T00:00:00.000Z",
}
LOOK = "/v2/slots?eventTypeId=7&start=2050-09-05&end=2050-09-06"
FREE = Reply(200, b'{"status":"success","data":{"2050-09-05":[{"start":"2050-09-05T09:00:00.000Z"}]}}')
TAKEN = Reply(200, b'{"status":"success","data":{}}')
VERSION = {"cal-api-version": "2024-08-13"}


def made(uid: str = "made", status: int = 201) -> Reply:
    return Reply(status, orjson.dumps({"status": "success", "data": RECORD | {"uid": uid}}))


def listed(*records: dict[str, Any]) -> Reply:
    pages = {"hasNextPage": False}
    return Reply(200, orjson.dumps({"status": "success", "data": list(records), "pagination": pages}))


async def can_no_longer_land(redis: Redis, keys: Keys) -> None:
    """As if the last attempt had been an hour ago."""
    (record,) = await redis.keys(keys.idempotent("*"))
    left = int(await redis.hget(record, "left") or 0)
    await redis.hset(record, "left", left - 3_600_000)


async def book(
    gateway: Running, key: str = "k", body: bytes = BODY, url: str = "/v2/bookings"
) -> httpx2.Response:
    return await gateway.post(url, body, **VERSION, **{"idempotency-key": key})


def record_of(redis: Redis, keys: Keys, call: Call) -> Record:
    return Record(redis, keys, given(b"k", call, 600), landing=120)


async def scripts(redis: Redis) -> int:
    """How many scripts Redis has run."""
    stats: dict[str, Any] = await redis.info("commandstats")
    return int(stats["cmdstat_evalsha"]["calls"])


def posts(upstream: Upstream) -> list[Seen]:
    return [one for one in upstream.requests if one.method == "POST"]


async def test_sent_again_it_is_answered_as_before_in_every_process(start: Start, upstream: Upstream) -> None:
    one, other = await start(), await start()
    upstream.script = lambda seen: made()
    first, second, third = await book(one), await book(one), await book(other)
    assert first.status_code == second.status_code == third.status_code == 201
    assert first.content == second.content == third.content
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == third.headers["idempotent-replayed"] == "true"
    assert second.headers["content-type"] == first.headers["content-type"]
    assert len(posts(upstream)) == 1


async def test_a_refusal_that_settles_it_is_repeated_too(gateway: Running, upstream: Upstream) -> None:
    upstream.script = lambda seen: Reply(400, b'{"error":"not available"}')
    first, second = await book(gateway), await book(gateway)
    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert len(posts(upstream)) == 1


@pytest.mark.parametrize("status", [401, 403])
async def test_what_was_refused_unseen_is_sent_again(
    status: int, gateway: Running, upstream: Upstream
) -> None:
    upstream.script = lambda seen: Reply(status, b"{}")
    assert (await book(gateway)).status_code == status
    upstream.script = lambda seen: made()
    assert (await book(gateway)).status_code == 201
    assert len(posts(upstream)) == 2


async def test_without_a_key_or_with_another_each_is_sent(gateway: Running, upstream: Upstream) -> None:
    upstream.script = lambda seen: made()
    await book(gateway, "a")
    await book(gateway, "b")
    await gateway.post(body=BODY, **VERSION)
    await gateway.post(body=BODY, **VERSION)
    assert len(posts(upstream)) == 4


@pytest.mark.parametrize(
    ("body", "url"),
    [(BODY + b" ", "/v2/bookings"), (BODY, "/v2/bookings?x=1"), (BODY, "/v2/bookings/u/cancel")],
)
async def test_the_key_of_another_request_is_refused(
    body: bytes, url: str, gateway: Running, upstream: Upstream
) -> None:
    upstream.script = lambda seen: made()
    await book(gateway)
    again = await book(gateway, body=body, url=url)
    assert again.status_code == 422
    assert "needs a new key" in again.text
    assert len(posts(upstream)) == 1


async def test_the_same_key_of_another_credential_is_another(gateway: Running, upstream: Upstream) -> None:
    upstream.script = lambda seen: made()
    await book(gateway)
    headers = {**VERSION, "authorization": "Bearer cal_another", "idempotency-key": "k"}
    answer = await gateway.post("/v2/bookings", BODY + b" ", **headers)
    assert answer.status_code == 201
    assert len(posts(upstream)) == 2


async def test_whoever_comes_while_it_is_under_way_gets_its_answer(
    start: Start, upstream: Upstream, redis: Redis
) -> None:
    one, other = await start(), await start()
    gate = Gate(made())
    upstream.script = gate
    first = asyncio.ensure_future(book(one))
    await upstream.arrivals(1)
    second = asyncio.ensure_future(book(other))
    before = await scripts(redis)

    async def has_looked_twice() -> bool:
        return await scripts(redis) >= before + 2

    await until(has_looked_twice)
    assert not second.done()
    gate.open()
    answers = [await first, await second]
    assert [one.status_code for one in answers] == [201, 201]
    assert "idempotent-replayed" in answers[1].headers
    assert len(posts(upstream)) == 1


async def test_a_booking_whose_answer_was_lost_is_found_and_given(
    gateway: Running, upstream: Upstream
) -> None:
    upstream.script = lambda seen: Reply(cut=True, raw=b"")
    assert (await book(gateway)).status_code == 409
    upstream.script = lambda seen: listed(RECORD) if seen.method == "GET" else made("second")
    again = await book(gateway)
    assert (again.status_code, again.json()["data"]["uid"]) == (201, "made")
    assert again.headers["idempotent-replayed"] == "true"
    assert (await book(gateway)).json()["data"]["uid"] == "made"
    assert len(posts(upstream)) == 1
    look = next(one for one in upstream.requests if one.method == "GET")
    assert look.target.startswith("/v2/bookings?attendeeEmail=lee%40example.org&")
    assert look.header("authorization") == KEY["authorization"]


async def test_one_that_is_not_found_is_not_sent_while_it_may_still_land(
    gateway: Running, upstream: Upstream
) -> None:
    upstream.script = lambda seen: Reply(502, b"{}")
    assert (await book(gateway)).status_code == 409
    upstream.script = lambda seen: listed() if seen.method == "GET" else made()
    again = await book(gateway)
    assert again.status_code == 409
    assert int(again.headers["retry-after"]) > 30
    assert len(posts(upstream)) == 1


async def test_one_that_is_not_found_and_can_no_longer_land_is_sent_anew(
    gateway: Running, upstream: Upstream, redis: Redis, keys: Keys
) -> None:
    upstream.script = lambda seen: Reply(502, b"{}")
    await book(gateway)
    await can_no_longer_land(redis, keys)
    upstream.script = lambda seen: listed() if seen.method == "GET" else made("anew")
    assert (await book(gateway)).json()["data"]["uid"] == "anew"
    assert len(posts(upstream)) == 2


async def test_where_the_list_cannot_be_read_nothing_is_sent(gateway: Running, upstream: Upstream) -> None:
    upstream.script = lambda seen: Reply(502, b"{}")
    await book(gateway)
    upstream.script = lambda seen: Reply(401, b"{}") if seen.method == "GET" else made()
    assert (await book(gateway)).status_code == 409
    assert len(posts(upstream)) == 1


async def test_one_whose_process_was_killed_counts_as_in_doubt(
    gateway: Running, upstream: Upstream, redis: Redis, keys: Keys
) -> None:
    headers = [(b"authorization", KEY["authorization"].encode())]
    call = Call("POST", b"/v2/bookings", headers, credential(KEY), None, BODY)  # type: ignore[arg-type]
    await record_of(redis, keys, call).begin()
    (record,) = await redis.keys(keys.idempotent("*"))
    await redis.hset(record, "lease", 0)
    upstream.script = lambda seen: listed(RECORD) if seen.method == "GET" else made("second")
    assert (await book(gateway)).json()["data"]["uid"] == "made"
    assert posts(upstream) == []


async def test_a_cancellation_in_doubt_is_sent_again(gateway: Running, upstream: Upstream) -> None:
    upstream.script = lambda seen: Reply(502, b"{}")
    await book(gateway, url="/v2/bookings/u/cancel", body=b"{}")
    upstream.script = lambda seen: made(status=200)
    assert (await book(gateway, url="/v2/bookings/u/cancel", body=b"{}")).status_code == 200
    assert len(posts(upstream)) == 2


@pytest.mark.parametrize("key", ["", "k" * 256])
async def test_a_key_that_is_none_is_refused_before_anything_is_sent(
    key: str, gateway: Running, upstream: Upstream
) -> None:
    answer = await book(gateway, key)
    assert answer.status_code == 400
    assert "1 to 255" in answer.text
    assert upstream.requests == []


async def test_a_read_may_carry_a_key_that_means_nothing(gateway: Running, upstream: Upstream) -> None:
    assert (await gateway.get(**{"idempotency-key": ""})).status_code == 200


async def test_a_replayed_answer_is_said_in_the_cache_status(gateway: Running, upstream: Upstream) -> None:
    upstream.script = lambda seen: made()
    await book(gateway)
    assert (await book(gateway)).headers["cache-status"] == "calgate; detail=replayed"


async def test_after_a_booking_was_found_nothing_shows_what_it_took(
    gateway: Running, upstream: Upstream
) -> None:
    """It landed after a look was kept, so that the look is older than what the client is told now."""
    upstream.script = lambda seen: Reply(502, b"{}") if seen.method == "POST" else FREE
    await book(gateway)

    async def is_kept() -> bool:
        return "; hit" in (await gateway.get(LOOK)).headers["cache-status"]

    await until(is_kept)
    upstream.script = lambda seen: listed(RECORD) if "/bookings" in seen.target else TAKEN
    assert (await book(gateway)).status_code == 201
    assert "T09:00" not in (await gateway.get(LOOK)).text


@pytest.mark.parametrize("status", ["cancelled", "rejected"])
async def test_one_that_was_made_and_given_up_again_is_not_made_anew(
    status: str, gateway: Running, upstream: Upstream, redis: Redis, keys: Keys
) -> None:
    upstream.script = lambda seen: Reply(502, b"{}")
    await book(gateway)
    await can_no_longer_land(redis, keys)
    gone = RECORD | {"status": status}
    upstream.script = lambda seen: listed(gone) if seen.method == "GET" else made("second")
    again = await book(gateway)
    assert (again.status_code, again.json()["data"]) == (201, gone)
    assert len(posts(upstream)) == 1


async def test_where_there_are_more_bookings_than_the_list_shows_nothing_is_sent(
    gateway: Running, upstream: Upstream, redis: Redis, keys: Keys
) -> None:
    upstream.script = lambda seen: Reply(502, b"{}")
    await book(gateway)
    await can_no_longer_land(redis, keys)
    page = orjson.dumps({"status": "success", "data": [], "pagination": {"hasNextPage": True}})
    upstream.script = lambda seen: Reply(200, page) if seen.method == "GET" else made()
    assert (await book(gateway)).status_code == 409
    assert len(posts(upstream)) == 1


async def test_a_booking_of_before_the_key_is_not_its_answer(gateway: Running, upstream: Upstream) -> None:
    upstream.script = lambda seen: Reply(502, b"{}")
    await book(gateway)
    older = RECORD | {"uid": "older", "createdAt": "2020-01-01T00:00:00.000Z"}
    upstream.script = lambda seen: listed(older) if seen.method == "GET" else made()
    assert (await book(gateway)).status_code == 409


async def test_an_answer_too_large_to_keep_is_not_kept_and_the_request_not_sent_again(
    gateway: Running, upstream: Upstream, redis: Redis, keys: Keys
) -> None:
    upstream.script = lambda seen: Reply(201, b"{}" + b" " * 1_000_000)
    assert (await book(gateway)).status_code == 201
    again = await book(gateway)
    assert (again.status_code, "too large to be kept" in again.text) == (409, True)
    (record,) = await redis.keys(keys.idempotent("*"))
    assert (await redis.memory_usage(record) or 0) < 10_000
    assert len(posts(upstream)) == 1


async def test_a_date_nobody_books_is_answered_like_any_other(gateway: Running, upstream: Upstream) -> None:
    upstream.script = lambda seen: Reply(502, b"{}")
    body = BODY.replace(b"2050-09-05T09:00:00.000Z", b"0001-01-01T00:00:00+05:00")
    await book(gateway, body=body)
    assert (await book(gateway, body=body)).status_code == 409


async def test_how_long_an_attempt_waited_for_its_turn_is_not_time_since_it_left(
    redis: Redis, keys: Keys
) -> None:
    call = Call("POST", b"/v2/bookings", [], credential(KEY), None, BODY)  # type: ignore[arg-type]
    first = record_of(redis, keys, call)
    assert isinstance(await first.begin(), Go)
    (name,) = await redis.keys(keys.idempotent("*"))
    an_hour_ago = int(await redis.hget(name, "claimed") or 0) - 3_600_000
    await redis.hset(name, mapping={"claimed": an_hour_ago, "left": an_hour_ago})
    await first.doubt()
    found = await record_of(redis, keys, call).begin()
    assert isinstance(found, Doubt)
    assert found.age < 60


async def test_looking_without_finding_does_not_make_it_younger(redis: Redis, keys: Keys) -> None:
    call = Call("POST", b"/v2/bookings", [], credential(KEY), None, BODY)  # type: ignore[arg-type]
    first = record_of(redis, keys, call)
    await first.begin()
    await first.doubt()
    await can_no_longer_land(redis, keys)
    for _ in range(2):
        record = record_of(redis, keys, call)
        found = await record.begin()
        assert isinstance(found, Doubt)
        assert found.age > 3_000
        await record.still_open(looked=True)


async def test_an_attempt_that_lost_its_claim_is_told(redis: Redis, keys: Keys) -> None:
    call = Call("POST", b"/v2/bookings", [], credential(KEY), None, BODY)  # type: ignore[arg-type]
    first, second = (record_of(redis, keys, call) for _ in range(2))
    await first.begin()
    assert await first.keep()
    (name,) = await redis.keys(keys.idempotent("*"))
    await redis.hset(name, "lease", 0)
    await second.begin()
    assert (await first.keep(), await second.keep()) == (False, True)


async def test_however_often_it_is_asked_it_is_looked_for_once_a_second(
    gateway: Running, upstream: Upstream, redis: Redis, keys: Keys
) -> None:
    upstream.script = lambda seen: Reply(502, b"{}")
    await book(gateway)
    upstream.script = lambda seen: listed() if seen.method == "GET" else made()
    assert (await book(gateway)).status_code == 409
    (record,) = await redis.keys(keys.idempotent("*"))
    assert len(upstream.requests) == 2
    # As if that second did not pass.
    await redis.hincrby(record, "looked", 3_600_000)
    assert [(await book(gateway)).status_code for _ in range(3)] == [409] * 3
    assert len(upstream.requests) == 2, "every retry was a call"
    await redis.hset(record, "looked", 1)
    upstream.script = lambda seen: listed(RECORD) if seen.method == "GET" else made("second")
    assert (await book(gateway)).status_code == 201
