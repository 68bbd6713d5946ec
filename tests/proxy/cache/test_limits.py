"""The two limits of an answer, what clients may demand, and what is said when Cal.com cannot."""

import asyncio

import pytest
from redis.asyncio import Redis

from core.keys import Keys
from tests.proxy.conftest import Start, settled
from tests.proxy.running import SLOTS_URL, Running
from tests.proxy.upstream import SLOTS, Gate, Reply, Seen, Upstream
from tests.proxy.waiting import until

NEW = b'{"status":"success","data":{"2050-09-05":[{"start":"2050-09-05T11:00:00.000Z"}]}}'
EMPTY = b'{"status":"success","data":{}}'
PAST = NEW.replace(b'{"2050', b'{"2020-01-01":[{"start":"2020-01-01T11:00:00.000Z"}],"2050')

SHORT = {"slots_ttl_seconds": 0.1, "slots_early_refresh": 0}


def looks(upstream: Upstream) -> int:
    return sum(seen.method == "GET" for seen in upstream.requests)


async def test_an_expired_answer_is_served_while_one_refresh_runs(start: Start, upstream: Upstream) -> None:
    gateway = await start(**SHORT, slots_stale_seconds=60)
    assert (await gateway.get()).content == SLOTS
    await asyncio.sleep(0.11)
    gate = Gate(Reply(body=NEW))
    upstream.script = gate
    answers = [await gateway.get() for _ in range(20)]
    assert {answer.content for answer in answers} == {SLOTS}
    assert all(answer.headers["cache-status"].startswith("calgate; hit; ttl=") for answer in answers)
    assert all("age" in answer.headers for answer in answers)
    await upstream.arrivals(2)
    gate.open()

    async def is_new() -> bool:
        return (await gateway.get()).content == NEW

    await until(is_new)
    assert upstream.requests[1].header("x-request-id") is not None


async def test_past_the_second_limit_it_waits_for_calcom(start: Start, upstream: Upstream) -> None:
    gateway = await start(**SHORT, slots_stale_seconds=0)
    await gateway.get()
    await asyncio.sleep(0.11)
    upstream.script = lambda seen: Reply(body=NEW)
    answer = await gateway.get()
    assert answer.content == NEW
    assert answer.headers["cache-status"] == "calgate; fwd=stale; stored"


@pytest.mark.parametrize(
    "trouble", [Reply(500, b"{}"), Reply(502, b"<html>"), Reply(429, b"{}"), Reply(raw=b"", cut=True)]
)
async def test_when_calcom_cannot_answer_the_old_answer_is_given_and_says_so(
    start: Start, upstream: Upstream, trouble: Reply
) -> None:
    gateway = await start(**SHORT, slots_stale_seconds=0)
    await gateway.get()
    await asyncio.sleep(0.11)
    upstream.script = lambda seen: trouble
    answer = await gateway.get()
    assert answer.status_code == 200
    assert answer.content == SLOTS
    assert "detail=stale-if-error" in answer.headers["cache-status"]
    assert int(answer.headers["age"]) >= 0


async def test_the_old_answer_has_its_end_too(start: Start, upstream: Upstream) -> None:
    gateway = await start(**SHORT, slots_stale_seconds=0, slots_stale_if_error_seconds=0.1)
    await gateway.get()
    await asyncio.sleep(0.25)
    upstream.script = lambda seen: Reply(500, b"{}")
    assert (await gateway.get()).status_code == 500


async def test_what_a_write_touched_is_not_given_even_when_calcom_cannot_answer(
    start: Start, upstream: Upstream
) -> None:
    gateway = await start(**SHORT)
    await gateway.get()
    upstream.script = lambda seen: Reply(201, b"{}") if seen.method == "POST" else Reply(500, b"{}")
    await gateway.post()
    assert (await gateway.get()).status_code == 500


async def test_slots_that_have_begun_are_left_out_of_an_old_answer(start: Start, upstream: Upstream) -> None:
    gateway = await start(**SHORT, slots_stale_seconds=60)
    upstream.script = lambda seen: Reply(body=PAST)
    assert (await gateway.get()).content == PAST
    await asyncio.sleep(0.11)
    upstream.script = Gate(Reply(body=PAST))
    assert (await gateway.get()).json()["data"] == {"2050-09-05": [{"start": "2050-09-05T11:00:00.000Z"}]}


async def test_a_refresh_that_fails_replaces_nothing_and_is_not_tried_with_every_look(
    start: Start, upstream: Upstream
) -> None:
    gateway = await start(**SHORT, slots_stale_seconds=60)
    await gateway.get()
    await asyncio.sleep(0.11)
    upstream.script = lambda seen: Reply(500, b"{}")
    for _ in range(20):
        assert (await gateway.get()).content == SLOTS
    await upstream.arrivals(2)
    assert looks(upstream) == 2


async def test_an_answer_near_its_end_is_asked_for_early(start: Start, upstream: Upstream) -> None:
    """Whoever looks is given the old one meanwhile, so that nobody ever waits for an answer that is in use."""
    gateway = await start(slots_ttl_seconds=2, slots_stale_seconds=0, slots_early_refresh=10)

    async def slow(seen: Seen) -> Reply:
        await asyncio.sleep(0.1)
        return Reply()

    upstream.script = slow
    assert "stored" in (await gateway.get()).headers["cache-status"]
    while looks(upstream) < 3:
        # A request with an id of its own is looked up each time, which is when it is decided.
        answer = await gateway.get(**{"x-request-id": "one-that-looks"})
        assert answer.headers["cache-status"].startswith("calgate; hit; ttl=")
        await asyncio.sleep(0.01)


async def test_a_missing_type_is_asked_for_once_in_a_while(gateway: Running, upstream: Upstream) -> None:
    upstream.script = lambda seen: Reply(404, b'{"status":"error"}')
    for _ in range(3):
        answer = await gateway.get()
        assert answer.status_code == 404
        assert answer.content == b'{"status":"error"}'
    assert looks(upstream) == 1
    await gateway.post("/v2/event-types")
    upstream.script = lambda seen: Reply()
    assert (await gateway.get()).status_code == 200


@pytest.mark.parametrize(
    ("said", "calls"),
    [
        ("no-cache", 2),
        ("max-age=0", 2),
        ("min-fresh=100", 2),
        ("max-age=100", 1),
        ("only-if-cached", 1),
        ("max-stale=5", 1),
    ],
)
async def test_a_client_says_how_fresh_an_answer_must_be(
    gateway: Running, upstream: Upstream, said: str, calls: int
) -> None:
    await gateway.get()
    await asyncio.sleep(0.01)
    assert (await gateway.get(**{"cache-control": said})).status_code == 200
    assert looks(upstream) == calls


async def test_only_if_cached_is_refused_at_once_when_nothing_is(
    gateway: Running, upstream: Upstream
) -> None:
    answer = await gateway.get(**{"cache-control": "only-if-cached"})
    assert answer.status_code == 504
    assert answer.json()["status"] == "error"
    assert looks(upstream) == 0


async def test_nothing_is_kept_of_what_must_not_be(gateway: Running, upstream: Upstream) -> None:
    await gateway.get(**{"cache-control": "no-store"})
    await gateway.get()
    assert looks(upstream) == 2


async def test_who_wants_a_new_answer_does_not_get_the_one_under_way(
    gateway: Running, upstream: Upstream
) -> None:
    gate = Gate()
    upstream.script = gate
    first = asyncio.ensure_future(gateway.get())
    await upstream.arrivals(1)
    second = asyncio.ensure_future(gateway.get(**{"cache-control": "no-cache"}))
    await upstream.arrivals(2)
    gate.open()
    assert (await first).content == (await second).content == SLOTS


async def test_an_answer_that_varies_by_the_caller_is_not_kept(gateway: Running, upstream: Upstream) -> None:
    upstream.script = lambda seen: Reply(headers=[("vary", "User-Agent")])
    await gateway.get()
    await gateway.get()
    assert looks(upstream) == 2


async def test_the_older_call_is_kept_by_its_cookie(gateway: Running, upstream: Upstream) -> None:
    body = b'{"status":"success","data":{"slots":{"2050-09-05":[{"time":"2050-09-05T09:00:00.000Z"}]}}}'
    upstream.script = lambda seen: Reply(body=body)
    url = "/v2/slots/available?eventTypeId=1&startTime=2050-09-05T00:00:00Z&endTime=2050-09-06T00:00:00Z"
    old = {"cal-api-version": "2024-08-13"}
    for cookie in ("uid=mine", "uid=mine; other=1", "", "uid=yours"):
        for _ in range(2):
            answer = await gateway.get(url, **old, **({"cookie": cookie} if cookie else {}))
            assert answer.content == body
    # The whole header counts where it may have a uid in it: how Cal.com takes it apart is not known.
    assert looks(upstream) == 4
    await gateway.get(url, **{"cal-api-version": "2024-04-15"})
    assert looks(upstream) == 5


async def test_an_empty_answer_that_comes_again_is_believed_longer(start: Start, upstream: Upstream) -> None:
    gateway = await start(slots_ttl_seconds=60)
    upstream.script = lambda seen: Reply(body=EMPTY)
    first = await gateway.get()
    again = await gateway.get(**{"cache-control": "no-cache"})
    assert first.content == again.content == EMPTY
    kept = await gateway.get()
    assert kept.headers["cache-status"].startswith("calgate; hit; ttl=5")


async def test_after_a_write_calcom_is_asked_past_its_own_cache(
    gateway: Running, upstream: Upstream, redis: Redis, keys: Keys
) -> None:
    await settled(redis, keys)
    await gateway.get()
    await gateway.post()
    async with asyncio.timeout(5):
        answer = await gateway.get()
    assert answer.status_code == 200
    asked = [seen.target for seen in upstream.requests if seen.method == "GET"]
    assert asked[0] == SLOTS_URL
    assert asked[1].startswith(SLOTS_URL + "T23:59:59.")
    await gateway.post()
    await gateway.get()
    assert len({seen.target for seen in upstream.requests if seen.method == "GET"}) == 3


async def test_an_error_of_a_distinct_question_quotes_the_clients(
    gateway: Running, upstream: Upstream
) -> None:
    upstream.script = lambda seen: Reply(400, b'{"path":"' + seen.target.encode() + b'"}')
    await gateway.post()
    answer = await gateway.get()
    assert upstream.requests[-1].target != SLOTS_URL
    assert answer.json()["path"] == SLOTS_URL
