"""Alternatives out of one look at each event type, which goes the way of any look."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlencode

import httpx2
import orjson
import pytest
from redis.asyncio import Redis

from exporters.merge import merge
from tests.proxy.conftest import Start
from tests.proxy.running import KEY, Running
from tests.proxy.upstream import Gate, Reply, Seen, Upstream
from tests.proxy.waiting import until

# Far enough ahead that nothing passes meanwhile, near enough to be asked for; a Tuesday.
_SOON = datetime.now(UTC).date() + timedelta(days=10)  # noqa: TID251  # the gateway goes by the real clock
TUESDAY = _SOON + timedelta(days=(1 - _SOON.weekday()) % 7)
NOTHING = b'{"status":"success","data":{}}'


def body(*starts: str) -> bytes:
    """Cal.com's answer; each time as days after the Tuesday and time of day, such as "+1 10:00"."""
    days: dict[str, list[dict[str, str]]] = {}
    for start in starts:
        after, at = start.split()
        day = str(TUESDAY + timedelta(days=int(after)))
        days.setdefault(day, []).append({"start": f"{day}T{at}:00.000Z"})
    return orjson.dumps({"status": "success", "data": days})


OFFER = body("+0 09:30", "+0 11:00", "+1 10:00", "+7 10:30")


def target(**values: object) -> str:
    return "/-/alternatives?" + urlencode({"eventTypeId": 101, "wish": f"{TUESDAY}T10:00"} | values)


def asked_for(seen: Seen) -> dict[str, str]:
    path, _, query = seen.target.partition("?")
    assert path == "/v2/slots"
    return {name: values[0] for name, values in parse_qs(query).items()}


def reasons(answer: httpx2.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [one["reason"] for one in answer.json()["data"]["alternatives"]]


@pytest.fixture(autouse=True)
def offering(upstream: Upstream) -> None:
    upstream.script = lambda seen: Reply(200, OFFER)


async def test_a_wish_is_answered_out_of_one_look_with_the_callers_own_key(
    gateway: Running, upstream: Upstream
) -> None:
    answer = await gateway.get(target(timeZone="UTC", count=2))
    assert answer.json() == {
        "status": "success",
        "data": {
            "wish": {
                "day": str(TUESDAY),
                "start": f"{TUESDAY}T10:00:00.000+00:00",
                "timeZone": "UTC",
                "isFree": False,
            },
            "alternatives": [
                {
                    "eventTypeId": 101,
                    "start": f"{TUESDAY}T09:30:00.000Z",
                    "startUtc": f"{TUESDAY}T09:30:00.000Z",
                    "strategy": "same_day",
                    "reason": "same_day_earlier",
                    "minutesFromWish": -30,
                    "daysFromWish": 0,
                },
                {
                    "eventTypeId": 101,
                    "start": f"{TUESDAY + timedelta(days=1)}T10:00:00.000Z",
                    "startUtc": f"{TUESDAY + timedelta(days=1)}T10:00:00.000Z",
                    "strategy": "next_workday",
                    "reason": "next_workday_same_time",
                    "minutesFromWish": 1440,
                    "daysFromWish": 1,
                },
            ],
            "lookedAt": {"first": str(TUESDAY), "last": str(TUESDAY + timedelta(days=13))},
            "age": 0,
            "isStale": False,
            "missing": [],
        },
    }
    assert answer.headers["cache-status"] == "calgate; fwd=uri-miss; stored"
    assert answer.headers["cache-control"] == "no-store"
    assert "age" not in answer.headers
    (seen,) = upstream.requests
    asked = asked_for(seen)
    # A fraction of a second may tell it from what Cal.com itself remembers.
    assert asked.pop("end")[:19] == f"{TUESDAY + timedelta(days=19)}T23:59:59"
    assert asked == {
        "eventTypeId": "101",
        "start": f"{TUESDAY - timedelta(days=1)}T00:00:00Z",
        "timeZone": "UTC",
    }
    assert seen.values("authorization") == [KEY["authorization"]]
    assert seen.values("cal-api-version") == ["2024-09-04"]
    assert seen.values("x-request-id") == [answer.headers["x-request-id"]]


async def test_other_wishes_of_that_week_are_answered_from_memory(
    gateway: Running, upstream: Upstream
) -> None:
    await gateway.get(target())
    again = await gateway.get(target(wish=TUESDAY + timedelta(days=1), count=5, strategy="next_free"))
    assert [one["start"][11:16] for one in again.json()["data"]["alternatives"]] == ["10:00", "10:30"]
    assert again.headers["cache-status"].startswith("calgate; hit; ttl=")
    assert int(again.headers["age"]) == again.json()["data"]["age"] >= 0
    assert len(upstream.requests) == 1


async def test_a_look_at_the_same_days_is_the_same_look(gateway: Running, upstream: Upstream) -> None:
    await gateway.get(target(timeZone="UTC"))
    monday, sunday = TUESDAY - timedelta(days=1), TUESDAY + timedelta(days=19)
    look = f"timeZone=UTC&start={monday}T00:00:00Z&end={sunday}T23:59:59Z&eventTypeId=101"
    assert (await gateway.get(f"/v2/slots?{look}")).headers["cache-status"].startswith("calgate; hit")
    assert len(upstream.requests) == 1


async def test_whatever_version_a_client_speaks_the_look_has_its_own(
    gateway: Running, upstream: Upstream
) -> None:
    await gateway.client.get(target(), headers={"cal-api-version": "2024-08-13"})
    assert upstream.requests[0].values("cal-api-version") == ["2024-09-04"]
    assert upstream.requests[0].values("authorization") == []


async def test_nothing_free_is_an_answer(gateway: Running, upstream: Upstream) -> None:
    upstream.script = lambda seen: Reply(200, NOTHING)
    assert reasons(await gateway.get(target())) == []


async def test_several_event_types_are_asked_for_at_once_and_labelled(
    gateway: Running, upstream: Upstream
) -> None:
    gate = Gate(Reply(200, OFFER))
    upstream.script = gate
    asking = asyncio.ensure_future(gateway.get(target(eventTypeId="103,101,102", count=4)))
    await upstream.arrivals(3)
    gate.open()
    found = (await asking).json()["data"]["alternatives"]
    assert [one["eventTypeId"] for one in found] == [103, 101, 102, 103]
    assert {asked_for(seen)["eventTypeId"] for seen in upstream.requests} == {"101", "102", "103"}


async def test_a_caller_who_leaves_does_not_take_the_look_with_him(
    gateway: Running, upstream: Upstream
) -> None:
    gate = Gate(Reply(200, OFFER))
    upstream.script = gate
    _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    head = f"GET {target()} HTTP/1.1\r\nhost: a\r\nauthorization: {KEY['authorization']}\r\n\r\n"
    writer.write(head.encode())
    await upstream.arrivals(1)
    writer.close()
    await writer.wait_closed()
    after = asyncio.ensure_future(gateway.get(target()))
    gate.open()
    assert reasons(await after)
    assert (len(upstream.requests), upstream.left) == (1, 0)


async def test_an_event_type_may_be_named_by_slug(gateway: Running, upstream: Upstream) -> None:
    query = urlencode({"eventTypeSlug": "intro", "username": "ada", "wish": f"{TUESDAY}T10:00"})
    answer = await gateway.get(f"/-/alternatives?{query}")
    first = answer.json()["data"]["alternatives"][0]
    assert (first["eventTypeSlug"], first["username"]) == ("intro", "ada")
    assert asked_for(upstream.requests[0])["eventTypeSlug"] == "intro"


async def test_one_event_type_that_cannot_be_looked_at_is_left_out_and_named(
    gateway: Running, upstream: Upstream
) -> None:
    refused = {"status": "error", "error": {"code": "NotFoundException", "message": "Event Type not found"}}

    def some(seen: Seen) -> Reply:
        match asked_for(seen)["eventTypeId"]:
            case "102":
                return Reply(404, orjson.dumps(refused))
            case "103":
                return Reply(200, b"<html>")
            case "104":
                return Reply(500, b"oh")
            case _:
                return Reply(200, OFFER)

    upstream.script = some
    answer = await gateway.get(target(eventTypeId="102,103,104,101", count=1))
    assert reasons(answer) == ["same_day_earlier"]
    assert answer.json()["data"]["alternatives"][0]["eventTypeId"] == 101
    assert answer.json()["data"]["missing"] == [
        {"eventTypeId": 102, "status": 404, "message": "Event Type not found"},
        {
            "eventTypeId": 103,
            "status": 502,
            "message": "Calgate - Cal.com answered with something that is not a list of slots.",
        },
        {"eventTypeId": 104, "status": 500, "message": ""},
    ]


async def test_without_any_the_answer_is_that_of_the_look(gateway: Running, upstream: Upstream) -> None:
    upstream.script = lambda seen: Reply(
        404, b'{"status":"error"}', [("content-type", "x/y"), ("x-own", "1")]
    )
    answer = await gateway.get(target(eventTypeId="101,102"))
    assert (answer.status_code, answer.content) == (404, b'{"status":"error"}')
    assert (answer.headers["content-type"], answer.headers["x-own"]) == ("x/y", "1")
    assert answer.headers["cache-status"].startswith("calgate; fwd=uri-miss")


async def test_what_is_no_list_of_slots_is_a_bad_gateway(gateway: Running, upstream: Upstream) -> None:
    upstream.script = lambda seen: Reply(200, b"[]")
    answer = await gateway.get(target())
    assert answer.status_code == 502
    assert answer.json()["error"]["code"] == "BadGatewayException"


async def test_a_spent_budget_says_when_to_come_back_for_all_or_for_some(
    start: Start, upstream: Upstream
) -> None:
    gateway = await start(rate_limit=6, rate_pace_per_second=6, budget_max_wait_seconds=0.1)
    while (
        answer := await gateway.get(target(eventTypeId=f"{len(upstream.requests) + 201}"))
    ).status_code == 200:
        pass
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    calls = len(upstream.requests)
    partial = await gateway.get(target(eventTypeId="999,201"))
    (missing,) = partial.json()["data"]["missing"]
    assert (missing["eventTypeId"], missing["status"]) == (999, 429)
    assert missing["retryAfter"] >= 1
    assert reasons(partial)
    assert len(upstream.requests) == calls


async def test_an_old_answer_says_so_and_how_old_it_is(start: Start, upstream: Upstream) -> None:
    gateway = await start(slots_ttl_seconds=1, slots_stale_seconds=0, slots_early_refresh=0)
    await gateway.get(target())
    upstream.script = lambda seen: Reply(503, b"")
    answer = httpx2.Response(0)

    async def is_stale() -> bool:
        nonlocal answer
        answer = await gateway.get(target())
        return bool(answer.json()["data"]["isStale"])

    await until(is_stale)
    assert reasons(answer)
    assert answer.json()["data"]["age"] == int(answer.headers["age"]) >= 1
    assert "detail=stale-if-error-503" in answer.headers["cache-status"]


async def test_a_client_may_ask_for_what_is_kept_only_or_for_what_is_new(
    gateway: Running, upstream: Upstream
) -> None:
    refused = await gateway.get(target(), **{"cache-control": "only-if-cached"})
    assert refused.status_code == 504
    await gateway.get(target())
    assert reasons(await gateway.get(target(), **{"cache-control": "only-if-cached"}))
    await gateway.get(target(), **{"cache-control": "no-cache"})
    assert len(upstream.requests) == 2


async def test_a_booking_is_gone_from_the_next_answer(
    gateway: Running, upstream: Upstream, redis: Redis
) -> None:
    assert "same_day_earlier" in reasons(await gateway.get(target()))
    upstream.script = lambda seen: Reply(200, body("+0 11:00") if seen.method == "GET" else b"{}")
    await gateway.post()
    assert "same_day_earlier" not in reasons(await gateway.get(target()))


async def test_what_is_not_understood_is_refused_in_the_envelope_and_costs_nothing(
    gateway: Running, upstream: Upstream
) -> None:
    for query, words in (
        ("", "wish is missing"),
        (f"eventTypeId=101&wish={date(2020, 1, 1)}", "which is today in UTC"),
        (f"eventTypeId=101&wish={TUESDAY}&count=1000000000000", "count must be a whole number from 1 to 20"),
        (f"eventTypeId={','.join(map(str, range(1, 101)))}&wish={TUESDAY}", "at most 5 are allowed"),
        (f"eventTypeId=101&wish={TUESDAY}&timeZone=%FF%FE", "timeZone must be an IANA name"),
        (f"eventTypeId=101&wish={TUESDAY}&wish={TUESDAY}", "wish may be given only once"),
        ("eventTypeId=101&wish=9999-12-31T23:59:59-12:00", "wish must be a date as"),
        ("&&&", "of the form name=value"),
    ):
        answer = await gateway.get(f"/-/alternatives?{query}")
        assert answer.status_code == 400, query
        error = answer.json()["error"]
        assert error["code"] == "BadRequestException"
        assert words in error["message"]
        assert answer.headers["cache-control"] == "no-store"
    assert not upstream.requests


async def test_other_methods_are_told_which_ones_there_are(gateway: Running, upstream: Upstream) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        answer = await gateway.client.request(method, target(), headers=KEY)
        assert answer.status_code == 405, method
        assert answer.headers["allow"] == "GET, HEAD"
        assert answer.json()["error"]["code"] == "MethodNotAllowedException"
    assert not upstream.requests


async def test_a_head_is_a_get_without_its_body(gateway: Running) -> None:
    head = await gateway.client.head(target(), headers=KEY)
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) == len((await gateway.get(target())).content)


async def test_it_is_its_own_route_and_its_results_are_counted(
    start: Start, upstream: Upstream, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    gateway = await start(access_log="all")
    for wish in (f"{TUESDAY}T10:00", f"{TUESDAY}T11:00"):
        await gateway.get(target(wish=wish))
    upstream.script = lambda seen: Reply(200, NOTHING)
    await gateway.get(target(eventTypeId=102))
    await gateway.get(target(wish="soon"))
    samples = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in merge(tmp_path / "metrics", now=datetime.now(UTC).timestamp())  # noqa: TID251
        for sample in family.samples
    }
    counted = [
        samples["calgate_alternatives_answers_total", result] for result in ("exact", "others", "nothing")
    ]
    assert counted == [1, 1, 1]
    answered = "calgate_http_request_duration_seconds_count"
    outcomes = [samples[answered, *sorted(("alternatives", one))] for one in ("miss", "hit", "refused")]
    assert outcomes == [2, 1, 1]
    lines = [orjson.loads(line) for line in capfd.readouterr().out.splitlines() if '"request"' in line]
    assert [(one["path"], one["route"]) for one in lines[:1]] == [("/-/alternatives", "alternatives")]
    assert "wish" not in str(lines)
