"""What a client sees: what is ours, what passes, what is refused, what happens when we break."""

import asyncio
import logging

import pytest

from proxy.cache.serve import SlotsCache
from tests.proxy.conftest import Start
from tests.proxy.running import SLOTS_URL, Running
from tests.proxy.upstream import SLOTS, Reply, Upstream


async def test_a_second_look_is_a_hit_with_age_and_the_same_bytes(
    gateway: Running, upstream: Upstream
) -> None:
    first, second = await gateway.get(), await gateway.get()
    assert first.content == second.content == SLOTS
    assert first.headers["cache-status"] == "calgate; fwd=uri-miss; stored"
    assert second.headers["cache-status"].startswith("calgate; hit; ttl=")
    assert "age" not in first.headers
    assert int(second.headers["age"]) >= 0
    assert len(upstream.requests) == 1


async def test_a_look_after_a_write_says_that_what_it_found_was_stale(gateway: Running) -> None:
    await gateway.get()
    await gateway.post()
    assert (await gateway.get()).headers["cache-status"] == "calgate; fwd=stale; stored"


@pytest.mark.parametrize(
    "path", ["/v2/bookings", "/v2/event-types/1/webhooks", "/api/v2/me/ooo", "/v2/whatever/else"]
)
async def test_other_reads_pass_and_are_not_kept(gateway: Running, upstream: Upstream, path: str) -> None:
    for _ in range(2):
        assert (await gateway.get(path)).headers["cache-status"] == "calgate; fwd=bypass"
    assert len(upstream.requests) == 2


async def test_head_of_slots_passes_and_is_not_kept(gateway: Running, upstream: Upstream) -> None:
    upstream.script = lambda seen: Reply(raw=b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n")
    answer = await gateway.client.head(SLOTS_URL, headers={"cal-api-version": "2024-09-04"})
    assert answer.headers["cache-status"] == "calgate; fwd=bypass"
    assert upstream.requests[-1].method == "HEAD"


@pytest.mark.parametrize("status", [200, 201, 400, 404, 409, 418, 500, 502])
async def test_the_status_and_body_of_the_upstream_are_the_clients(
    gateway: Running, upstream: Upstream, status: int
) -> None:
    body = b"<html>not even JSON</html>"
    upstream.script = lambda seen: Reply(status, body, [("content-type", "text/html"), ("x-own", "1")])
    confirmed = await gateway.post("/v2/bookings/u/confirm")
    for answer in (await gateway.get(), confirmed, await gateway.get("/v2/me")):
        assert (answer.status_code, answer.content) == (status, body)
        assert answer.headers["content-type"] == "text/html"
        assert answer.headers["x-own"] == "1"


async def test_a_path_that_is_nobodys_is_a_404_in_the_envelope(gateway: Running, upstream: Upstream) -> None:
    answer = await gateway.get("/v1/slots")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "NotFoundException"
    assert "/v2/*" in answer.json()["error"]["message"]
    assert not upstream.requests


async def test_our_own_answers_have_a_date_and_an_id(gateway: Running) -> None:
    for path in ("/-/healthz", "/-/readyz", "/-/unknown"):
        answer = await gateway.get(path)
        assert answer.headers["date"].endswith("GMT")
        assert answer.headers["x-request-id"]


async def test_a_bug_of_ours_is_a_500_in_the_envelope_and_the_log_says_where_but_not_what(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*said: object) -> None:
        raise KeyError(*said)

    monkeypatch.setattr(SlotsCache, "answer", broken)
    gateway = await start()
    with caplog.at_level(logging.ERROR):
        answer = await gateway.get()
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "InternalServerErrorException"
    (record,) = [record for record in caplog.records if record.getMessage() == "request.failed"]
    assert vars(record)["problem"] == "KeyError"
    assert "in broken" in vars(record)["where"]
    assert "cal_test_key" not in str(vars(record))
    assert (await gateway.get("/v2/me")).status_code == 200


async def test_breaking_off_on_purpose_is_no_news_in_the_log(
    gateway: Running, upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    upstream.script = lambda seen: Reply(raw=b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc", cut=True)
    with caplog.at_level(logging.DEBUG):
        await gateway.raw(b"GET /v2/bookings HTTP/1.1\r\nhost: a\r\n\r\n")
    assert not [record for record in caplog.records if record.name.startswith("uvicorn")]


async def test_many_different_requests_at_once_are_all_answered(gateway: Running, upstream: Upstream) -> None:
    upstream.script = lambda seen: Reply(body=seen.target.encode())
    answers = await asyncio.gather(*(gateway.get(f"/v2/me?n={n}") for n in range(300)))
    assert [answer.text for answer in answers] == [f"/v2/me?n={n}" for n in range(300)]
