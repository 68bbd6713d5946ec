"""Calls to Cal.com: what crosses, what counts as failure, what is waited for."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
import trustme
from hypercorn.asyncio import serve
from hypercorn.config import Config
from redis.asyncio import Redis

from calcom.ratelimit import credential
from core.keys import Keys
from tests.proxy.conftest import Start
from tests.proxy.running import KEY, Running, running, settings
from tests.proxy.upstream import Gate, Reply, Script, Upstream
from tests.proxy.waiting import until

# A read that is never kept, so that each crosses.
ME = "/v2/webhooks"


def limited(status: int, *headers: tuple[str, str]) -> Reply:
    return Reply(status, b'{"status":"error"}', headers)


async def test_the_call_is_the_clients_byte_for_byte(gateway: Running, upstream: Upstream) -> None:
    await gateway.raw(
        b"PATCH /api/v2/schedules/7?a=%41&b=+%20&a=2 HTTP/1.1\r\nhost: gateway\r\nCookie: uid=1\r\n"
        b"X-Odd: \xe4\r\ncontent-length: 3\r\nconnection: close, x-mine\r\nx-mine: 1\r\n\r\n\x00\x01\x02"
    )
    (seen,) = upstream.requests
    assert (seen.method, seen.target) == ("PATCH", "/api/v2/schedules/7?a=%41&b=+%20&a=2")
    assert seen.body == b"\x00\x01\x02"
    assert seen.values("host") == [upstream.url.removeprefix("http://")]
    assert seen.header("cookie") == "uid=1"
    assert seen.header("x-odd") == "\xe4"
    assert seen.header("content-length") == "3"
    assert seen.header("transfer-encoding") is None
    assert seen.header("x-mine") is None
    assert seen.header("user-agent") is None
    assert seen.header("via") == "1.1 calgate"


async def test_the_clients_request_id_goes_both_ways(gateway: Running, upstream: Upstream) -> None:
    answer = await gateway.get(ME, **{"x-request-id": "call-12345678"})
    assert answer.headers.get_list("x-request-id") == ["call-12345678"]
    assert upstream.requests[-1].values("x-request-id") == ["call-12345678"]


async def test_a_cookie_set_for_one_caller_never_reaches_another(
    gateway: Running, upstream: Upstream
) -> None:
    upstream.script = lambda seen: Reply(201, b"{}", [("set-cookie", "uid=first; Path=/")])
    answer = await gateway.post("/v2/slots/reserve")
    assert answer.headers["set-cookie"] == "uid=first; Path=/"
    gateway.client.cookies.clear()
    await gateway.post("/v2/slots/reserve")
    assert upstream.requests[-1].header("cookie") is None


async def test_a_redirect_is_the_clients_to_follow(gateway: Running, upstream: Upstream) -> None:
    upstream.script = lambda seen: Reply(302, b"", [("location", "http://[broken")])
    answer = await gateway.get(ME)
    assert answer.status_code == 302
    assert answer.headers["location"] == "http://[broken"
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("status", [204, 304])
async def test_answers_without_a_body_stay_so(gateway: Running, upstream: Upstream, status: int) -> None:
    upstream.script = lambda seen: Reply(
        raw=b'HTTP/1.1 %d No\r\netag: "1"\r\n' % status
        + (b"content-length: 9\r\n" if status == 304 else b"")
        + b"\r\n"
    )
    answer = await gateway.raw(b"GET /v2/webhooks HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d" % status)
    assert b"content-length" not in head
    assert b"transfer-encoding" not in head
    assert body == b""


async def test_head_is_answered_with_the_length_and_no_body(gateway: Running, upstream: Upstream) -> None:
    upstream.script = lambda seen: Reply(raw=b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n")
    answer = await gateway.raw(b"HEAD /v2/webhooks HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    assert b"content-length: 99" in answer
    assert answer.endswith(b"\r\n\r\n")
    assert upstream.requests[-1].method == "HEAD"


async def test_interim_answers_of_the_upstream_are_passed_over(gateway: Running, upstream: Upstream) -> None:
    upstream.script = lambda seen: Reply(
        raw=b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
    )
    assert (await gateway.get(ME)).content == b"ok"


async def test_a_chunked_answer_stays_whole_and_is_framed_once(gateway: Running, upstream: Upstream) -> None:
    upstream.script = lambda seen: Reply(
        raw=b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"
    )
    answer = await gateway.get(ME)
    assert answer.content == b"abcdef"
    assert "content-length" not in answer.headers
    assert answer.headers["transfer-encoding"] == "chunked"


@pytest.mark.parametrize("framing", [b"content-length: 99", b"transfer-encoding: chunked"])
async def test_an_answer_cut_short_is_never_taken_for_whole(
    gateway: Running, upstream: Upstream, framing: bytes
) -> None:
    upstream.script = lambda seen: Reply(
        raw=b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n3\r\nabc\r\n", cut=True
    )
    answer = await gateway.raw(b"GET /v2/webhooks HTTP/1.1\r\nhost: a\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert len(body) < 99
    assert not body.endswith(b"0\r\n\r\n")


async def test_a_silent_upstream_is_a_504_and_a_dead_one_a_502(start: Start, upstream: Upstream) -> None:
    gateway = await start(upstream_read_timeout_seconds=0.1)
    upstream.script = Gate()
    assert (await gateway.get(ME)).status_code == 504
    dead = await start(upstream="http://127.0.0.1:9")
    answer = await dead.get(ME)
    assert answer.status_code == 502
    assert answer.json()["error"]["code"] == "BadGatewayException"


async def test_a_large_answer_is_streamed_while_it_comes(gateway: Running, upstream: Upstream) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    body = b"x" * 5_000_000
    upstream.script = lambda seen: Reply(body=body)
    writer.write(b"GET /v2/webhooks HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    assert answer.endswith(body)


async def test_a_client_that_reads_nothing_is_not_read_ahead_for(start: Start, redis: Redis) -> None:
    """The gateway holds a bounded piece of an endless answer, not all of it."""
    sent = 0
    stalled = asyncio.Event()

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
        try:
            while True:
                writer.write(b"x" * 65_536)
                async with asyncio.timeout(0.5):
                    await writer.drain()
                sent += 65_536
        except TimeoutError:
            stalled.set()
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(endless, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    gateway = await start(upstream=f"http://127.0.0.1:{port}")
    _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(b"GET /v2/webhooks HTTP/1.1\r\nhost: a\r\n\r\n")
    await asyncio.wait_for(stalled.wait(), 30)
    # What the kernel's socket buffers and two high-water marks hold; a gateway that reads ahead never stalls.
    assert sent < 100_000_000
    writer.transport.abort()
    server.close()


async def test_a_429_of_the_credentials_own_bucket_stops_it_until_the_reset(
    gateway: Running, upstream: Upstream, redis: Redis, keys: Keys
) -> None:
    upstream.script = lambda seen: limited(
        429,
        ("X-RateLimit-Limit-Default", "120"),
        ("X-RateLimit-Remaining-Default", "0"),
        ("X-RateLimit-Reset-Default", "30"),
    )
    assert (await gateway.get(ME)).status_code == 429
    refused = await gateway.get(ME)
    assert refused.status_code == 429
    assert "blocks this credential" in refused.json()["error"]["message"]
    assert 29 <= int(refused.headers["retry-after"]) <= 31
    assert len(upstream.requests) == 1
    upstream.script = lambda seen: Reply()
    assert (await gateway.get(ME, authorization="Bearer cal_other")).status_code == 200


async def test_a_429_of_another_named_bucket_stops_nothing(gateway: Running, upstream: Upstream) -> None:
    upstream.script = lambda seen: limited(429, ("X-RateLimit-Reset-Booking_guests_add", "60"))
    assert (await gateway.post("/v2/bookings/x/guests")).status_code == 429
    upstream.script = lambda seen: Reply()
    assert (await gateway.get(ME)).status_code == 200


async def test_a_429_without_any_word_stops_the_credential_for_a_window(
    gateway: Running, upstream: Upstream
) -> None:
    upstream.script = lambda seen: limited(429)
    await gateway.get(ME)
    refused = await gateway.get(ME)
    assert 59 <= int(refused.headers["retry-after"]) <= 61
    assert len(upstream.requests) == 1


async def test_a_spent_budget_is_an_honest_429_and_no_call(start: Start, upstream: Upstream) -> None:
    gateway = await start(rate_limit=2, rate_pace_per_second=2, budget_max_wait_seconds=0.1)
    for _ in range(2):
        assert (await gateway.get(ME)).status_code == 200
    refused = await gateway.get(ME)
    assert refused.status_code == 429
    assert refused.json()["error"]["code"] == "ThrottlerException"
    assert refused.headers["x-ratelimit-limit-default"] == "2"
    assert 50 < int(refused.headers["retry-after"]) <= 61
    assert len(upstream.requests) == 2


async def test_a_call_waits_its_turn_within_the_configured_time(start: Start, upstream: Upstream) -> None:
    gateway = await start(rate_limit=100, rate_pace_per_second=2, budget_max_wait_seconds=5)
    answers = await asyncio.gather(*(gateway.get(f"{ME}?n={n}") for n in range(4)))
    assert {answer.status_code for answer in answers} == {200}


async def test_failures_in_a_row_open_the_circuit_of_their_kind_only(
    start: Start, upstream: Upstream
) -> None:
    gateway = await start(breaker_failures=3, breaker_open_seconds=60)
    upstream.script = lambda seen: limited(500)
    for _ in range(3):
        assert (await gateway.get(ME)).status_code == 500
    refused = await gateway.get(ME)
    assert refused.status_code == 503
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert len(upstream.requests) == 3
    upstream.script = lambda seen: Reply()
    assert (await gateway.get()).status_code == 200
    assert (await gateway.post()).status_code == 200


@pytest.mark.parametrize("status", [400, 401, 404, 409, 422])
async def test_a_refusal_never_opens_the_circuit(start: Start, upstream: Upstream, status: int) -> None:
    gateway = await start(breaker_failures=1)
    upstream.script = lambda seen: limited(status)
    for _ in range(3):
        assert (await gateway.get(ME)).status_code == status


async def test_a_429_never_opens_the_circuit(start: Start, upstream: Upstream) -> None:
    gateway = await start(breaker_failures=1)
    upstream.script = lambda seen: limited(429, ("x-ratelimit-reset-other", "1"))
    for _ in range(3):
        assert (await gateway.get(ME)).status_code == 429


async def test_a_probe_whose_client_leaves_lets_the_next_probe_go(start: Start, upstream: Upstream) -> None:
    gateway = await start(breaker_failures=1, breaker_open_seconds=0.1)
    upstream.script = lambda seen: limited(500)
    await gateway.get(ME)
    upstream.script = Gate()
    async with asyncio.timeout(10):
        while len(upstream.requests) < 2:
            probe = asyncio.ensure_future(gateway.get(ME))
            await asyncio.wait([probe], timeout=0.05)
    probe.cancel()
    await upstream.departures(1)
    upstream.script = lambda seen: Reply()
    assert (await gateway.get(ME)).status_code == 200


async def test_callers_that_leave_never_open_the_circuit(start: Start, upstream: Upstream) -> None:
    gateway = await start(breaker_failures=1)
    upstream.script = Gate()
    for n in range(3):
        call = asyncio.ensure_future(gateway.get(ME))
        await upstream.arrivals(n + 1)
        call.cancel()
        await upstream.departures(n + 1)
    upstream.script = lambda seen: Reply()
    assert (await gateway.get(ME)).status_code == 200


async def test_a_full_pool_is_our_own_overload_and_no_failure_of_the_upstream(
    start: Start, upstream: Upstream
) -> None:
    gateway = await start(
        upstream_pool_connections=1, upstream_connect_timeout_seconds=0.1, breaker_failures=1
    )
    gate = Gate()
    upstream.script = gate
    first = asyncio.ensure_future(gateway.get(ME))
    await upstream.arrivals(1)
    refused = await gateway.get(ME + "?second")
    assert refused.status_code == 503
    assert "all the calls" in refused.json()["error"]["message"]
    gate.open()
    assert (await first).status_code == 200
    assert (await gateway.get(ME)).status_code == 200


@asynccontextmanager
async def tls(folder: Path) -> AsyncIterator[tuple[str, list[str]]]:
    """An HTTP/2 upstream behind TLS: its URL, and the protocol each request came by."""
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(str(folder / "cert.pem"), append=True)
    spoken: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        spoken.append(scope["http_version"])
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"x-path", scope["raw_path"])]}
        )
        await send({"type": "http.response.body", "body": b"echo:" + body})

    config = Config()
    config.certfile, config.keyfile = str(folder / "cert.pem"), str(folder / "key.pem")
    config.loglevel = "ERROR"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config.bind = [f"127.0.0.1:{port}"]
    stop = asyncio.Event()
    serving = asyncio.ensure_future(serve(app, config, shutdown_trigger=stop.wait))
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
            except OSError:
                await asyncio.sleep(0.01)
            else:
                writer.close()
                break
    try:
        yield f"https://localhost:{port}", spoken
    finally:
        stop.set()
        await serving


async def test_http_2_is_spoken_where_it_is_offered_and_authorities_come_from_the_environment(
    redis: Redis, redis_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with tls(tmp_path) as (url, spoken):
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        async with running(settings(url, redis_server, tmp_path)) as gateway:
            answer = await gateway.get("/v2/me/%41")
            assert answer.content == b"echo:"
            assert answer.headers["x-path"] == "/v2/me/%41"
            assert (await gateway.post(body=b"{}")).content == b"echo:{}"
            assert (await gateway.post(body=b"x" * 300_000)).content == b"echo:" + b"x" * 300_000
        assert spoken == ["2", "2", "2"]


async def test_a_certificate_nobody_vouches_for_is_refused(
    redis: Redis, redis_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    async with tls(tmp_path) as (url, spoken):
        async with running(settings(url, redis_server, tmp_path)) as gateway:
            assert (await gateway.get(ME)).status_code == 502
        assert spoken == []


async def test_a_connection_that_never_came_to_be_costs_no_call(
    start: Start, redis: Redis, keys: Keys
) -> None:
    dead = await start(upstream="http://127.0.0.1:9")
    assert (await dead.get(ME)).status_code == 502
    bucket = credential(KEY).bucket

    async def given_back() -> bool:
        return not await redis.zcard(keys.permits(bucket))

    await until(given_back)


async def test_what_calcom_says_is_left_holds_whoever_took_the_rest(
    start: Start, upstream: Upstream, redis: Redis, keys: Keys
) -> None:
    gateway = await start(rate_limit=120, rate_pace_per_second=10, budget_max_wait_seconds=0)
    upstream.script = lambda seen: limited(
        200,
        ("X-RateLimit-Limit-Default", "120"),
        ("X-RateLimit-Remaining-Default", "0"),
        ("X-RateLimit-Reset-Default", "30"),
    )
    assert (await gateway.get(ME)).status_code == 200
    refused = await gateway.get(ME)
    assert refused.status_code == 429
    assert 29 <= int(refused.headers["retry-after"]) <= 32
    assert len(upstream.requests) == 1


async def test_during_a_block_nothing_leaves_for_anybody_who_shares_it(
    gateway: Running, upstream: Upstream
) -> None:
    """Reads, bookings and the refresh behind a served answer alike."""
    upstream.script = lambda seen: limited(429)
    await gateway.get(ME)
    for call in (gateway.get(ME), gateway.post("/v2/bookings"), gateway.post("/v2/slots/reservations")):
        assert (await call).status_code == 429
    assert (await gateway.get()).status_code == 429
    assert len(upstream.requests) == 1


async def test_a_side_limit_blocks_its_endpoint_and_nothing_else(
    gateway: Running, upstream: Upstream
) -> None:
    upstream.script = lambda seen: limited(
        429,
        ("X-RateLimit-Limit-Booking_guests_add", "5"),
        ("X-RateLimit-Remaining-Booking_guests_add", "0"),
        ("X-RateLimit-Reset-Booking_guests_add", "60"),
    )
    assert (await gateway.post("/v2/bookings/x/guests")).status_code == 429
    upstream.script = lambda seen: Reply()
    assert (await gateway.post("/v2/bookings/y/guests")).status_code == 429
    assert (await gateway.get(ME)).status_code == 200
    assert len(upstream.requests) == 2


def in_turn(*replies: Reply) -> Script:
    """One after the other, and then the last for ever."""
    left = list(replies)
    return lambda seen: left.pop(0) if len(left) > 1 else left[0]


@pytest.mark.parametrize("first", [limited(502), limited(503), limited(504), Reply(raw=b"", cut=True)])
async def test_a_read_that_failed_quickly_is_tried_once_more(
    gateway: Running, upstream: Upstream, first: Reply
) -> None:
    upstream.script = in_turn(first, Reply())
    assert (await gateway.get(ME)).status_code == 200
    assert len(upstream.requests) == 2


async def test_the_second_answer_stands_whatever_it_is(gateway: Running, upstream: Upstream) -> None:
    upstream.script = in_turn(limited(502), limited(404), Reply())
    assert (await gateway.get(ME)).status_code == 404
    upstream.script = in_turn(limited(503), limited(502), Reply())
    assert (await gateway.get(ME)).status_code == 502


@pytest.mark.parametrize(
    "only",
    [
        limited(500),
        limited(429, ("x-ratelimit-reset-other", "1")),
        limited(404),
        limited(503, ("retry-after", "9")),
    ],
)
async def test_what_would_fail_again_is_not_tried_again(
    gateway: Running, upstream: Upstream, only: Reply
) -> None:
    upstream.script = in_turn(only, Reply())
    assert (await gateway.get(ME)).status_code == only.status
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
async def test_what_changes_something_is_never_tried_again(
    gateway: Running, upstream: Upstream, method: str
) -> None:
    upstream.script = in_turn(limited(502), Reply())
    answer = await gateway.client.request(method, "/v2/webhooks/1", headers=KEY)
    assert answer.status_code == 502
    callback = await gateway.get("/v2/calendars/google/save?code=1")
    assert callback.status_code == 200
    assert len(upstream.requests) == 2


async def test_a_get_that_writes_is_never_tried_again(gateway: Running, upstream: Upstream) -> None:
    upstream.script = in_turn(limited(502), Reply())
    assert (await gateway.get("/v2/calendars/google/save?code=1")).status_code == 502
    assert len(upstream.requests) == 1


async def test_second_tries_are_few_however_much_fails(start: Start, upstream: Upstream) -> None:
    gateway = await start(breaker_failures=1_000)
    upstream.script = lambda seen: limited(502)
    for _ in range(30):
        await gateway.get(ME)
    # Two to begin with, and one for ten.
    assert len(upstream.requests) == 35


async def test_a_second_try_is_paid_for_and_without_leave_the_first_answer_stands(
    start: Start, upstream: Upstream
) -> None:
    gateway = await start(rate_limit=1, rate_pace_per_second=1, budget_max_wait_seconds=0)
    upstream.script = in_turn(limited(502), Reply())
    assert (await gateway.get(ME)).status_code == 502
    assert len(upstream.requests) == 1


async def test_there_is_no_second_try_once_the_circuit_is_open(start: Start, upstream: Upstream) -> None:
    gateway = await start(breaker_failures=1)
    upstream.script = in_turn(limited(502), Reply())
    assert (await gateway.get(ME)).status_code == 502
    assert len(upstream.requests) == 1


async def test_a_call_ends_in_time_although_cal_com_is_never_silent(start: Start) -> None:
    """A head and then a byte now and then: no silence is too long, but all together is."""

    async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n")
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.02)
        writer.close()

    server = await asyncio.start_server(drips, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    gateway = await start(upstream=url, upstream_reads_total_seconds=0.3, breaker_failures=1)
    answer = await gateway.get("/v2/event-types")
    assert answer.status_code == 504
    # It counts as a failure of Cal.com.
    assert (await gateway.get("/v2/event-types")).status_code == 503
    server.close()


async def test_each_class_has_its_own_bound(start: Start, upstream: Upstream) -> None:
    gateway = await start(upstream_reads_total_seconds=0.1, upstream_writes_total_seconds=30)
    gate = Gate()
    upstream.script = gate
    booking = asyncio.ensure_future(gateway.post())
    await upstream.arrivals(1)
    assert (await gateway.get(ME)).status_code == 504
    gate.open()
    assert (await booking).status_code == 200


async def test_a_client_in_a_hurry_gets_its_504_in_time_and_says_nothing_about_cal_com(
    start: Start, upstream: Upstream
) -> None:
    gateway = await start(breaker_failures=1)
    gate = Gate()
    upstream.script = gate
    for name in ("request-timeout", "X-Request-Timeout"):
        answer = await gateway.get(ME, **{name: "0.1"})
        assert answer.status_code == 504
    await upstream.departures(2)
    upstream.script = lambda seen: Reply()
    assert (await gateway.get(ME)).status_code == 200


@pytest.mark.parametrize("value", ["soon", "-1", "1e3", "", "0x1", "99999999", "1;2"])
async def test_a_patience_nobody_understands_is_passed_over(
    gateway: Running, upstream: Upstream, value: str
) -> None:
    assert (await gateway.get(ME, **{"request-timeout": value})).status_code == 200


async def test_a_shared_fetch_goes_on_for_others_when_the_first_has_no_patience_left(
    gateway: Running, upstream: Upstream
) -> None:
    gate = Gate()
    upstream.script = gate
    patient = asyncio.ensure_future(gateway.get())
    await upstream.arrivals(1)
    hasty = await gateway.get(**{"request-timeout": "0.05"})
    assert hasty.status_code == 504
    assert hasty.headers["cache-status"] == "calgate; detail=deadline"
    gate.open()
    assert (await patient).status_code == 200
    assert (await gateway.get(**{"request-timeout": "0.05"})).status_code == 200
    assert len(upstream.requests) == 1
    # It says how long one client waits, which is nothing to those who share the answer.
    assert upstream.requests[0].header("request-timeout") is None


async def test_a_hasty_client_is_shown_what_has_expired(start: Start, upstream: Upstream) -> None:
    gateway = await start(slots_ttl_seconds=0.05, slots_stale_seconds=0)
    assert (await gateway.get()).status_code == 200
    await asyncio.sleep(0.1)
    gate = Gate()
    upstream.script = gate
    answer = await gateway.get(**{"request-timeout": "0.05"})
    assert answer.status_code == 200
    assert answer.headers["cache-status"].endswith("detail=stale-if-error-deadline")
    assert "age" in answer.headers
    gate.open()
    # The fetch went on, and is not left behind.
    assert (await gateway.get()).status_code == 200


async def test_who_would_wait_longer_for_the_budget_than_it_can_is_told_at_once(
    start: Start, upstream: Upstream
) -> None:
    gateway = await start(rate_limit=60, rate_pace_per_second=1, budget_max_wait_seconds=30)
    for _ in range(2):
        answer = await gateway.get(ME, **{"request-timeout": "0.2"})
    assert answer.status_code == 504
    assert 1 <= int(answer.headers["retry-after"]) <= 2
    assert len(upstream.requests) == 1


async def test_a_booking_waits_no_longer_to_leave_but_is_never_cut_once_it_has(
    start: Start, upstream: Upstream
) -> None:
    gateway = await start(rate_limit=60, rate_pace_per_second=1)
    gate = Gate(Reply(201))
    upstream.script = gate
    booking = asyncio.ensure_future(gateway.post("/v2/bookings", b"{}", **{"request-timeout": "0.1"}))
    await upstream.arrivals(1)
    late = await gateway.post("/v2/bookings", b"{}", **{"request-timeout": "0.1"})
    assert late.status_code == 504
    assert "Request-Timeout" in late.json()["error"]["message"]
    gate.open()
    assert (await booking).status_code == 201
    assert len(upstream.requests) == 1


async def test_a_client_that_leaves_while_its_call_waits_leaves_the_line(
    start: Start, upstream: Upstream, redis: Redis, keys: Keys
) -> None:
    gateway = await start(rate_limit=60, rate_pace_per_second=1, budget_max_wait_seconds=30)
    assert (await gateway.get(ME)).status_code == 200
    waiting = asyncio.ensure_future(gateway.get(ME))
    line = keys.lines(credential(KEY).bucket)
    await until(lambda: redis.hlen(line))
    waiting.cancel()

    async def is_empty() -> bool:
        return not await redis.hlen(line)

    await until(is_empty)
    assert len(upstream.requests) == 1


async def test_before_a_write_is_the_probe_a_read_has_to_get_through(
    start: Start, upstream: Upstream
) -> None:
    """A booking that fails once more would be one more in doubt."""
    gateway = await start(breaker_failures=1, breaker_open_seconds=0.1, breaker_longest_open_seconds=0.1)
    upstream.script = lambda seen: limited(500)
    assert (await gateway.post()).status_code == 500

    async def has_looked() -> bool:
        await gateway.post()
        return len(upstream.requests) > 1

    await until(has_looked)
    (look,) = upstream.requests[1:]
    assert (look.method, look.target) == ("GET", "/v2/me")
    assert look.header("authorization") == KEY["authorization"]
    upstream.script = lambda seen: Reply(201)

    async def has_booked() -> bool:
        return (await gateway.post()).status_code == 201

    await until(has_booked)
    assert [one.method for one in upstream.requests].count("POST") == 2


@pytest.mark.parametrize(("status", "closes"), [(400, True), (404, True), (401, False), (403, False)])
async def test_a_probe_that_is_answered_about_the_matter_closes_the_circuit(
    start: Start, upstream: Upstream, redis: Redis, keys: Keys, status: int, closes: bool
) -> None:
    gateway = await start(breaker_failures=1, breaker_open_seconds=0.1, breaker_longest_open_seconds=0.1)
    upstream.script = lambda seen: limited(500)
    await gateway.get(ME)

    async def is_closed() -> bool:
        text: Any = await redis.hget(keys.breaker, "reads")
        return text is not None and orjson.loads(text)["state"] == "closed"

    async def is_open() -> bool:
        return await redis.hexists(keys.breaker, "reads") and not await is_closed()

    await until(is_open)
    upstream.script = lambda seen: limited(status)

    async def was_answered() -> bool:
        return (await gateway.get(ME)).status_code == status

    async def is_closed_after_a_call() -> bool:
        return await was_answered() and await is_closed()

    if closes:
        await until(is_closed_after_a_call)
    else:
        for _ in range(3):
            await until(was_answered)
            assert await is_open()
