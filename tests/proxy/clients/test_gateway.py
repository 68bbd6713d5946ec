"""A gateway that holds the key, from outside: who gets in, what Cal.com hears, what clients share and what not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from core.keys import Keys
from proxy.telemetry import Telemetry
from tests.proxy.clients.people import KEY, SHOP, VOICE, bearer, blocked, entries
from tests.proxy.conftest import Start
from tests.proxy.edge.test_shortcut import said, same, taught
from tests.proxy.running import SLOTS_URL, Running
from tests.proxy.upstream import Reply, Upstream
from tests.proxy.waiting import until

BOOKING = {"content-type": "application/json", "idempotency-key": "one"}


async def holding(start: Start, shop: str = "", voice: str = "", **changes: Any) -> Running:
    return await start(upstream_api_key=KEY, client_tokens=entries(shop, voice), **changes)


def head(token: str) -> bytes:
    return (
        f"GET {SLOTS_URL} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n"
        "cal-api-version: 2024-09-04\r\nAccept: */*\r\n\r\n"
    ).encode()


@pytest.mark.parametrize("path", [SLOTS_URL, "/v2/me", "/v2/bookings", "/-/alternatives", "/nowhere"])
async def test_without_a_token_nothing_is_asked_of_calcom(
    start: Start, upstream: Upstream, path: str
) -> None:
    gateway = await holding(start)
    for headers in (
        {},
        bearer("cal_gate_wrong"),
        bearer(KEY),
        {"x-cal-client-id": "a", "x-cal-secret-key": "b"},
    ):
        answer = await gateway.client.get(path, headers=headers)
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "UnauthorizedException"
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert (await gateway.client.post("/v2/bookings", content=b"{}")).status_code == 401
    assert not upstream.requests
    assert (await gateway.client.get("/-/readyz")).status_code == 200


async def test_calcom_hears_the_key_and_nothing_of_the_token(start: Start, upstream: Upstream) -> None:
    gateway = await holding(start)
    theirs = {"x-cal-client-id": "them", "x-cal-secret-key": SHOP, "cookie": "a=b"}
    for path in (SLOTS_URL, "/v2/me", "/v2/bookings"):
        await gateway.client.get(path, headers=bearer(SHOP) | theirs)
    await gateway.client.post("/v2/bookings", content=b"{}", headers=bearer(SHOP) | theirs)
    assert len(upstream.requests) == 4
    for seen in upstream.requests:
        assert seen.values("authorization") == [f"Bearer {KEY}"]
        assert seen.header("cookie") == "a=b"
        assert SHOP not in str(seen)
        assert not seen.values("x-cal-client-id")


async def test_clients_share_what_is_cached(start: Start, upstream: Upstream) -> None:
    gateway = await holding(start)
    for path in (SLOTS_URL, "/v2/me"):
        for token in (SHOP, VOICE):
            assert (await gateway.client.get(path, headers=bearer(token))).status_code == 200
    assert len(upstream.requests) == 2


async def test_a_repeat_of_one_client_gets_no_answer_of_anothers(start: Start, upstream: Upstream) -> None:
    answers = iter(range(10))
    upstream.script = lambda seen: Reply(201, b'{"n":%d}' % next(answers))
    gateway = await holding(start)

    async def book(token: str) -> tuple[bytes, str | None]:
        answer = await gateway.client.post("/v2/bookings", content=b"{}", headers=bearer(token) | BOOKING)
        return answer.content, answer.headers.get("idempotent-replayed")

    assert await book(SHOP) == (b'{"n":0}', None)
    assert await book(VOICE) == (b'{"n":1}', None)
    assert await book(SHOP) == (b'{"n":0}', "true")
    assert await book(VOICE) == (b'{"n":1}', "true")


@pytest.mark.parametrize("holds", [True, False])
async def test_hits_before_asgi_are_the_ordinary_ones_and_each_clients_own(
    start: Start, redis: Redis, keys: Keys, monkeypatch: pytest.MonkeyPatch, *, holds: bool
) -> None:
    gateway = await holding(start, l1=holds)
    ordinary = await said(gateway, head(SHOP).replace(b"\r\n\r\n", b"\r\nX-Request-Id: 12345678\r\n\r\n"))
    await taught(gateway, head(SHOP))
    begun: list[str] = []
    real = Telemetry.began

    def began(telemetry: Telemetry, route: str) -> None:
        begun.append(route)
        real(telemetry, route)

    monkeypatch.setattr(Telemetry, "began", began)
    at_once = await said(gateway, head(SHOP))
    assert begun == ["gateway"], "it was not answered before it became a request"
    assert b"calgate; hit" in at_once
    again = await said(gateway, head(SHOP).replace(b"\r\n\r\n", b"\r\nX-Request-Id: 12345678\r\n\r\n"))
    assert same(at_once, again)
    assert not same(at_once, ordinary), "the first was a miss"

    async def counted() -> bool:
        hits = await redis.hget(keys.clients, "shop:hit")
        return hits is not None and int(hits) >= 5

    await until(counted)
    assert await redis.hget(keys.clients, "voice:hit") is None


@pytest.mark.parametrize("holds", [True, False])
async def test_a_head_with_a_wrong_token_is_never_learned(
    start: Start, upstream: Upstream, *, holds: bool
) -> None:
    gateway = await holding(start, l1=holds)
    await taught(gateway, head(SHOP))
    for wrong in (SHOP[:-1] + "6", SHOP + "5", "x", KEY):
        for _ in range(5):
            assert b"HTTP/1.1 401 " in await said(gateway, head(wrong))
    assert len(upstream.requests) == 1


async def test_a_client_past_its_share_is_refused_and_others_are_not(
    start: Start, upstream: Upstream
) -> None:
    gateway = await holding(start, ";share=10", rate_limit=100, rate_pace_per_second=100)
    statuses = [
        (await gateway.client.get(f"/v2/bookings?n={n}", headers=bearer(SHOP))).status_code for n in range(12)
    ]
    assert statuses == [200] * 9 + [429] * 3
    refused = await gateway.client.get("/v2/bookings", headers=bearer(SHOP))
    assert refused.json()["error"]["code"] == "ThrottlerException"
    assert "this client's share of 10 calls" in refused.json()["error"]["message"]
    assert 55 <= int(refused.headers["retry-after"]) <= 61
    booked = [
        (await gateway.client.post("/v2/bookings", content=b"{}", headers=bearer(SHOP))).status_code
        for _ in range(2)
    ]
    assert booked == [200, 429]
    assert (await gateway.client.get("/v2/bookings", headers=bearer(VOICE))).status_code == 200
    # What is cached costs nothing, so it is still answered.
    assert (await gateway.client.get(SLOTS_URL, headers=bearer(VOICE))).status_code == 200
    assert (await gateway.client.get(SLOTS_URL, headers=bearer(SHOP))).status_code == 200
    assert len(upstream.requests) == 12


async def test_who_waits_for_anothers_fetch_is_not_refused_for_the_others_share(
    start: Start, upstream: Upstream, redis: Redis, keys: Keys
) -> None:
    """Both ask for the same at once, whoever is first; the one with a share left gets the answer."""
    gateway = await holding(start, ";share=1", rate_limit=100, rate_pace_per_second=100)
    assert (await gateway.client.get("/v2/bookings", headers=bearer(SHOP))).status_code == 200
    for number in range(10):
        url = SLOTS_URL.replace("=1&", f"={number + 10}&")
        poor, rich = await asyncio.gather(
            gateway.client.get(url, headers=bearer(SHOP)), gateway.client.get(url, headers=bearer(VOICE))
        )
        assert rich.status_code == 200
        assert poor.status_code in (200, 429)
    assert len(upstream.requests) == 11


async def test_a_refusal_for_a_share_is_not_handed_to_another_process(
    start: Start, upstream: Upstream
) -> None:
    """The one process leads with a client whose share goes; the other waits for it with one that has all."""
    one = await holding(start, ";share=1", rate_limit=100, rate_pace_per_second=100)
    two = await holding(start, ";share=1", rate_limit=100, rate_pace_per_second=100)
    assert (await one.client.get("/v2/bookings", headers=bearer(SHOP))).status_code == 200
    for number in range(10):
        url = SLOTS_URL.replace("=1&", f"={number + 10}&")
        poor, rich = await asyncio.gather(
            one.client.get(url, headers=bearer(SHOP)), two.client.get(url, headers=bearer(VOICE))
        )
        assert rich.status_code == 200
        assert poor.status_code in (200, 429)
    assert len(upstream.requests) == 11


async def test_a_refresh_that_one_share_does_not_pay_another_does(start: Start, upstream: Upstream) -> None:
    gateway = await holding(
        start,
        ";share=1",
        rate_limit=100,
        rate_pace_per_second=100,
        slots_ttl_seconds=0.2,
        slots_early_refresh=0,
    )
    assert (await gateway.client.get(SLOTS_URL, headers=bearer(SHOP))).status_code == 200
    await asyncio.sleep(0.25)
    for _ in range(3):
        stale = await gateway.client.get(SLOTS_URL, headers=bearer(SHOP))
        assert "ttl=-" in stale.headers["cache-status"] or "ttl=0" in stale.headers["cache-status"]
    assert len(upstream.requests) == 1
    await gateway.client.get(SLOTS_URL, headers=bearer(VOICE))
    await upstream.arrivals(2)


async def test_a_waiting_client_that_goes_away_is_charged_nothing(
    start: Start, upstream: Upstream, redis: Redis, keys: Keys
) -> None:
    """Its call waits for a block to pass, and never leaves."""
    gateway = await holding(
        start, ";share=50", rate_limit=100, rate_pace_per_second=100, budget_max_wait_seconds=60
    )
    assert (await gateway.client.get("/v2/bookings", headers=bearer(SHOP))).status_code == 200
    await blocked(redis, keys, f"Bearer {KEY}", 50)
    waiting = asyncio.ensure_future(gateway.client.get("/v2/bookings?n=2", headers=bearer(SHOP)))

    async def charged(number: int) -> bool:
        return await redis.zcard(keys.share("shop")) == number

    await until(lambda: charged(2))
    waiting.cancel()
    await until(lambda: charged(1))
    assert len(upstream.requests) == 1


async def test_the_log_has_the_alias_and_no_token(start: Start, capfdbinary: Any) -> None:
    gateway = await holding(start)
    await gateway.client.get("/v2/me", headers=bearer(SHOP))
    await gateway.client.get("/v2/me", headers=bearer("cal_gate_wrong_but_long_enough_to_be_one"))
    lines = capfdbinary.readouterr().out
    assert b'"alias":"shop"' in lines
    assert b'"refused":"client_token"' in lines
    assert b"cal_gate" not in lines
    assert b"cal_live" not in lines
