"""Reads of settings are kept for who asked, until a setting is written or their time is over."""

import pytest

from tests.proxy.conftest import Start
from tests.proxy.running import Running
from tests.proxy.upstream import Reply, Upstream

TYPES = b'{"status":"success","data":[]}'


async def test_settings_are_kept_for_who_asked_in_the_version_asked(
    gateway: Running, upstream: Upstream
) -> None:
    upstream.script = lambda seen: Reply(body=TYPES)
    first = await gateway.get("/v2/event-types?username=a&eventSlug=b")
    again = await gateway.get("/v2/event-types?eventSlug=b&username=a")
    assert first.headers["cache-status"] == "calgate; fwd=uri-miss; stored"
    assert again.headers["cache-status"].startswith("calgate; hit; ttl=")
    assert again.content == first.content == TYPES
    for other in (
        {"authorization": "Bearer cal_other"},
        {"cal-api-version": "2024-06-14"},
        {"x-cal-client-id": "c"},
        {"origin": "https://elsewhere.example"},
    ):
        answer = await gateway.get("/v2/event-types?username=a&eventSlug=b", **other)
        assert "uri-miss" in answer.headers["cache-status"]


async def test_brackets_of_arrays_are_one_key_however_they_are_written(
    gateway: Running, upstream: Upstream
) -> None:
    upstream.script = lambda seen: Reply(body=TYPES)
    await gateway.get("/v2/calendars/busy-times?calendarsToLoad%5B0%5D%5BcredentialId%5D=1")
    again = await gateway.get("/v2/calendars/busy-times?calendarsToLoad[0][credentialId]=1")
    assert again.headers["cache-status"].startswith("calgate; hit; ttl=4")


@pytest.mark.parametrize(
    ("path", "goes"), [("/v2/event-types", True), ("/v2/teams/1/memberships", True), ("/v2/bookings", False)]
)
async def test_what_is_written_through_the_gateway_is_seen_at_once(
    start: Start, upstream: Upstream, path: str, *, goes: bool
) -> None:
    gateway = await start(account_map_seconds=600)
    upstream.script = lambda seen: Reply(body=TYPES)
    await gateway.get("/v2/schedules")
    await gateway.post(path)
    answer = await gateway.get("/v2/schedules")
    # Of a booking of which nothing is known everything may have changed.
    assert ("fwd=stale" in answer.headers["cache-status"]) or not goes


@pytest.mark.parametrize(
    "reply", [Reply(404, b"{}"), Reply(401, b"{}"), Reply(200, b"<html>"), Reply(200, b"[]")]
)
async def test_only_good_answers_are_kept(gateway: Running, upstream: Upstream, reply: Reply) -> None:
    upstream.script = lambda seen: reply
    for _ in range(2):
        answer = await gateway.get("/v2/me")
        assert (answer.status_code, answer.content) == (reply.status, reply.body)
    assert len(upstream.requests) == 2


@pytest.mark.parametrize(
    "path",
    ["/v2/calendars/google/connect", "/v2/calendars/google/save", "/v2/stripe/connect", "/v2/bookings/u"],
)
async def test_reads_that_write_or_tell_of_bookings_pass(
    gateway: Running, upstream: Upstream, path: str
) -> None:
    upstream.script = lambda seen: Reply(body=TYPES)
    for _ in range(2):
        assert "hit" not in (await gateway.get(path)).headers["cache-status"]
    assert len(upstream.requests) == 2


async def test_nothing_is_kept_when_nothing_shall_be(start: Start, upstream: Upstream) -> None:
    gateway = await start(reads_ttl_seconds=0)
    upstream.script = lambda seen: Reply(body=TYPES)
    for _ in range(2):
        assert (await gateway.get("/v2/me")).headers["cache-status"] == "calgate; fwd=bypass"
    assert len(upstream.requests) == 2
