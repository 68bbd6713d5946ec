"""The promises of the slots cache, seen from outside a whole gateway."""

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
import pytest_asyncio
from redis.asyncio import Redis

from core.keys import Keys
from proxy.cache import fetch
from proxy.cache.entry import Entry
from proxy.cache.serve import _shown
from proxy.cache.store import Looked, Store
from tests.proxy.conftest import Start, settled
from tests.proxy.running import HOLD_OFF, SLOTS_URL, Running
from tests.proxy.upstream import SLOTS, Gate, Reply, Seen, Upstream
from tests.proxy.waiting import until

BEFORE = b'{"status":"success","data":{"2050-09-05":[{"start":"2050-09-05T09:00:00.000Z"}]}}'
AFTER = b'{"status":"success","data":{"2050-09-05":[{"start":"2050-09-05T10:00:00.000Z"}]}}'


class CalCom:
    """Slots with Cal.com's own cache: computed when the call arrives, remembered from when it is answered."""

    def __init__(self, remembers: float) -> None:
        self.remembers = remembers
        self.truth = BEFORE
        self.gates: list[Gate] = []
        self._cache: dict[str, tuple[float, bytes]] = {}

    async def __call__(self, seen: Seen) -> Reply:
        if seen.method != "GET":
            self.truth = AFTER
            return Reply(201, b"{}")
        loop = asyncio.get_running_loop()
        kept = self._cache.get(seen.target)
        if kept and kept[0] > loop.time():
            return Reply(body=kept[1])
        answer = self.truth
        if self.gates:
            await self.gates.pop(0)(seen)
        self._cache[seen.target] = (loop.time() + self.remembers, answer)
        return Reply(body=answer)


@pytest_asyncio.fixture
async def waiting(start: Start) -> Running:
    """A gateway that waits Cal.com's own cache out instead of asking past it."""
    return await start(slots_distinct_after_write=False)


def slots_calls(upstream: Upstream) -> int:
    return sum(seen.method == "GET" for seen in upstream.requests)


async def test_a_read_after_the_ack_waits_out_the_upstreams_own_cache_and_sees_the_truth(
    waiting: Running, upstream: Upstream
) -> None:
    upstream.script = CalCom(remembers=0.2)
    assert (await waiting.get()).content == BEFORE
    # Another reader makes Cal.com remember the old answer anew, just before the write.
    await waiting.get("/v2/slots?eventTypeId=1&start=2050-09-05&end=2050-09-06&timeZone=UTC")
    assert (await waiting.post()).status_code == 201
    assert (await waiting.get()).content == AFTER


async def test_a_fill_that_overlaps_a_write_is_neither_kept_nor_given_to_who_came_after(
    gateway: Running, upstream: Upstream, redis: Redis, keys: Keys
) -> None:
    calcom = CalCom(remembers=0.2)
    gate = Gate()
    calcom.gates.append(gate)
    upstream.script = calcom
    early = asyncio.ensure_future(gateway.get())
    await upstream.arrivals(1)
    await gateway.post()
    late = asyncio.ensure_future(gateway.get())
    gate.open()
    answer = await early
    assert answer.content == BEFORE
    assert "stored" not in answer.headers["cache-status"]
    assert (await late).content == AFTER
    assert (await gateway.get()).content == AFTER


async def test_an_older_fetch_of_the_same_span_holds_the_newer_up_until_calcom_forgets(
    waiting: Running, upstream: Upstream, redis: Redis, keys: Keys
) -> None:
    calcom = CalCom(remembers=0.2)
    gate = Gate()
    calcom.gates.append(gate)
    upstream.script = calcom
    early = asyncio.ensure_future(waiting.get())
    await upstream.arrivals(1)
    await waiting.post()
    await settled(redis, keys)
    # The hold-off of the write is over, but the old fetch is not: what it ends with would be remembered.
    late = asyncio.ensure_future(waiting.get())
    gate.open()
    assert (await early).content == BEFORE
    assert (await late).content == AFTER


async def test_a_fetch_whose_caller_left_still_counts_since_calcom_goes_on(
    waiting: Running, upstream: Upstream, redis: Redis, keys: Keys
) -> None:
    upstream.script = Gate()
    url = "/v2/slots/available?eventTypeId=1&startTime=2050-09-05&endTime=2050-09-06"
    leaver = asyncio.ensure_future(waiting.get(url))
    await upstream.arrivals(1)
    leaver.cancel()
    await upstream.departures(1)
    upstream.script = lambda seen: Reply()
    await waiting.post()
    await settled(redis, keys)
    late = asyncio.ensure_future(waiting.get())
    # Well past the hold-off: what Cal.com still computes for the leaver may be older than the write.
    done, _ = await asyncio.wait([late], timeout=4 * HOLD_OFF)
    assert not done
    late.cancel()


async def test_a_call_that_was_never_made_delays_nobody(start: Start, upstream: Upstream) -> None:
    gateway = await start(rate_limit=2, rate_pace_per_second=2, budget_max_wait_seconds=0)
    await gateway.get("/v2/bookings")
    await gateway.get("/v2/bookings")
    assert (await gateway.get()).status_code == 429
    other = {"authorization": "Bearer cal_other"}
    await gateway.client.post("/v2/bookings", headers=other)
    async with asyncio.timeout(4):
        assert (await gateway.get(**other)).status_code == 200


async def test_the_legacy_read_sees_the_truth_after_the_ack_too(gateway: Running, upstream: Upstream) -> None:
    upstream.script = CalCom(remembers=0.2)
    url = "/v2/slots/available?eventTypeId=1&startTime=2050-09-05&endTime=2050-09-06"
    assert (await gateway.get(url)).content == BEFORE
    await gateway.post()
    answer = await gateway.get(url)
    assert answer.content == AFTER
    assert answer.headers["cache-status"] == "calgate; fwd=bypass"


async def test_writes_that_never_stop_do_not_starve_a_reader(waiting: Running, upstream: Upstream) -> None:
    calcom = CalCom(remembers=0.2)
    upstream.script = calcom
    done = asyncio.Event()

    async def write() -> None:
        while not done.is_set():
            await waiting.post()

    writer = asyncio.ensure_future(write())
    try:
        async with asyncio.timeout(10):
            for _ in range(5):
                answer = await waiting.get()
                assert answer.status_code == 200
    finally:
        done.set()
        await writer
    # Each reader waited for the writes before it, not for those after: far fewer holds than writes.
    writes = len(upstream.requests) - slots_calls(upstream)
    assert writes > 5


async def test_readers_of_steady_writes_share_fetches_that_do_not_queue_up(
    waiting: Running, upstream: Upstream
) -> None:
    upstream.script = CalCom(remembers=0.2)
    loop = asyncio.get_running_loop()
    readers: list[Awaitable[object]] = []
    begun = loop.time()
    for _ in range(10):
        await waiting.post()
        readers.append(asyncio.ensure_future(waiting.get()))
        await asyncio.sleep(0.1)
    await asyncio.gather(*readers)
    # Ten generations, each of which would have waited for the fetch of the one before.
    assert slots_calls(upstream) < 10
    assert loop.time() - begun < 10 * HOLD_OFF * 2


async def test_two_hundred_identical_misses_are_one_call(gateway: Running, upstream: Upstream) -> None:
    gate = Gate()
    upstream.script = gate
    readers = [asyncio.ensure_future(gateway.get()) for _ in range(200)]
    await upstream.arrivals(1)
    gate.open()
    answers = await asyncio.gather(*readers)
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.content for answer in answers} == {SLOTS}
    assert slots_calls(upstream) == 1
    words = [answer.headers["cache-status"] for answer in answers]
    assert sum("collapsed" in word or "hit" in word for word in words) == 199


async def test_a_first_caller_that_goes_away_cancels_nothing(gateway: Running, upstream: Upstream) -> None:
    gate = Gate()
    upstream.script = gate
    first = asyncio.ensure_future(gateway.get())
    await upstream.arrivals(1)
    second = asyncio.ensure_future(gateway.get())
    first.cancel()
    await asyncio.wait([first])
    gate.open()
    assert (await second).content == SLOTS
    assert slots_calls(upstream) == 1


async def test_an_error_is_shared_with_waiters_and_not_kept(gateway: Running, upstream: Upstream) -> None:
    gate = Gate(Reply(500, b'{"status":"error"}'))
    upstream.script = gate
    readers = [asyncio.ensure_future(gateway.get()) for _ in range(20)]
    await upstream.arrivals(1)
    gate.open()
    assert {answer.status_code for answer in await asyncio.gather(*readers)} == {500}
    upstream.script = lambda seen: Reply()
    assert (await gateway.get()).status_code == 200
    assert (await gateway.get()).headers["cache-status"].startswith("calgate; hit")


async def test_answers_are_not_shared_between_credentials_or_spellings_of_the_zone(
    gateway: Running, upstream: Upstream
) -> None:
    await gateway.get()
    await gateway.get(authorization="Bearer cal_other")
    await gateway.get(SLOTS_URL + "&timeZone=Asia/Kolkata")
    await gateway.get(SLOTS_URL + "&timeZone=Asia/Kathmandu")
    assert slots_calls(upstream) == 4


async def test_the_order_of_parameters_and_the_case_of_the_format_make_no_second_call(
    gateway: Running, upstream: Upstream
) -> None:
    await gateway.get("/v2/slots?format=Range&eventTypeId=1&start=2050-09-05&end=2050-09-06")
    await gateway.get("/v2/slots?end=2050-09-06&start=2050-09-05&eventTypeId=1&format=range")
    assert slots_calls(upstream) == 1


async def test_other_versions_and_unknown_parameters_pass_by_the_cache(
    gateway: Running, upstream: Upstream
) -> None:
    for _ in range(2):
        await gateway.get(**{"cal-api-version": "2024-04-15"})
        await gateway.get(SLOTS_URL + "&surprise=1")
        await gateway.get(SLOTS_URL + "&start=2050-09-07")
    assert slots_calls(upstream) == 6


async def test_a_hit_repeats_the_headers_that_belong_to_the_slots_only(
    gateway: Running, upstream: Upstream
) -> None:
    upstream.script = lambda seen: Reply(
        headers=[
            ("Content-Type", "application/json; charset=utf-8"),
            ("Date", "Mon, 05 Sep 2050 08:00:00 GMT"),
            ("Access-Control-Allow-Origin", "*"),
            ("X-RateLimit-Remaining-Default", "119"),
            ("Set-Cookie", "uid=secret"),
            ("ETag", 'W/"1"'),
        ]
    )
    miss, hit = await gateway.get(), await gateway.get()
    assert miss.headers["set-cookie"] == "uid=secret"
    assert hit.headers["date"] == "Mon, 05 Sep 2050 08:00:00 GMT"
    assert hit.headers["access-control-allow-origin"] == "*"
    assert hit.headers["content-type"] == "application/json; charset=utf-8"
    assert not {"set-cookie", "etag", "x-ratelimit-remaining-default"} & set(hit.headers)
    assert hit.headers["x-request-id"] != miss.headers["x-request-id"]


async def test_a_coded_answer_passes_as_it_is_and_is_not_kept(gateway: Running, upstream: Upstream) -> None:
    upstream.script = lambda seen: Reply(
        raw=b"HTTP/1.1 200 OK\r\ncontent-encoding: odd\r\ncontent-length: 3\r\n\r\n\x01\x02\x03"
    )
    request = (
        f"GET {SLOTS_URL} HTTP/1.1\r\nhost: a\r\ncal-api-version: 2024-09-04\r\nconnection: close\r\n\r\n"
    )
    for _ in range(2):
        head, _, body = (await gateway.raw(request.encode())).partition(b"\r\n\r\n")
        assert b"content-encoding: odd" in head
        assert body == b"\x01\x02\x03"
    assert slots_calls(upstream) == 2
    assert upstream.requests[0].values("accept-encoding") == ["identity"]


async def test_the_process_says_settling_when_a_span_never_settles(
    start: Start, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older fetch that hangs must not hold readers for ever."""
    monkeypatch.setattr(fetch, "_LONGEST_WAIT_SECONDS", 0.3)
    gateway = await start(slots_distinct_after_write=False)
    calcom = CalCom(remembers=0.2)
    gate = Gate()
    calcom.gates.append(gate)
    upstream.script = calcom
    early = asyncio.ensure_future(gateway.get())
    await upstream.arrivals(1)
    await gateway.post()
    refused = await gateway.get()
    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.json()["error"]["code"] == "ServiceUnavailableException"
    gate.open()
    await early


async def test_while_a_write_is_over_and_redis_not_told_nothing_kept_is_served(
    gateway: Running, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    await gateway.get()
    asked, may_answer = asyncio.Event(), asyncio.Event()
    real = Store.write_end

    async def slow(store: Store, write: str, **options: Any) -> int:
        asked.set()
        await may_answer.wait()
        return await real(store, write, **options)

    monkeypatch.setattr(Store, "write_end", slow)
    write = asyncio.ensure_future(gateway.post())
    await asked.wait()
    assert not (await gateway.get()).headers["cache-status"].startswith("calgate; hit")
    assert not write.done()
    may_answer.set()
    assert (await write).status_code == 200


async def test_a_hit_is_answered_from_the_process_itself_until_another_process_writes(
    start: Start, upstream: Upstream, redis: Redis
) -> None:
    reader, writer = await start(l1=True), await start(l1=True)
    upstream.script = CalCom(remembers=0.2)

    async def from_memory() -> bool:
        before = (await redis.info("commandstats")).get("cmdstat_evalsha", {}).get("calls", 0)
        answer = await reader.get()
        after = (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"]
        assert answer.content == BEFORE
        return "hit" in answer.headers["cache-status"] and before == after

    await until(from_memory)
    assert (await writer.post()).status_code == 201
    for _ in range(20):
        assert (await reader.get()).content == AFTER


def test_what_has_come_within_the_notice_since_is_not_shown_and_what_was_within_it_before_is() -> None:
    stored = datetime(2050, 9, 5, 9, tzinfo=UTC).timestamp()
    starts = [f"2050-09-05T{time}:00.000Z" for time in ("08:59", "10:30", "11:00", "11:05", "11:06", "12:00")]
    body = orjson.dumps({"status": "success", "data": {"2050-09-05": [{"start": start} for start in starts]}})
    entry = Entry(body, (), stored, stored + 60, stored + 600)
    looked = Looked(stored + 300, 0, entry)
    shown = _shown(frozenset({7}), 7200.0, entry, looked)
    assert shown is not None
    left = [slot["start"][11:16] for slot in orjson.loads(shown)["data"]["2050-09-05"]]
    # 10:30 was offered although two hours ahead is 11:00: Cal.com knows its notice better.
    assert left == ["10:30", "11:06", "12:00"]
