"""Answers are held against the oracle with the right floor."""

import asyncio

import orjson
import pytest

from calgate.demo.figures import Truth
from calgate.demo.truth import Auditor
from core.clock import FakeClock
from loadtest.client import Client, ClientError, Response
from loadtest.stats import Cached, Outcome
from tests.loadtest.servers import ok, read_request, serving

TARGET = "/v2/slots?eventTypeId=105&start=2026-11-24&end=2026-11-24"


class Oracle:
    """Answers as the simulator's admin port does, and keeps what it was asked."""

    def __init__(self, answer: bytes = ok(b'{"reads": 1, "stale": 0}')) -> None:
        self.asked: list[dict[str, object]] = []
        self._answer = answer

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (request := await read_request(reader)) is not None:
            self.asked += orjson.loads(request[1])["reads"]
            writer.write(self._answer)


def write(ended: float, version: int) -> tuple[Outcome, Response]:
    outcome = Outcome("create", "booking", "POST", "/v2/bookings", 201, Cached.BYPASS, 0, ended - 3, ended)
    return outcome, Response(201, [(b"X-Sim-Version", str(version).encode())], b"{}", ended - 3, ended)


def read(
    started: float, ended: float, *, status: int = 200, said: bytes = b"calgate; hit"
) -> tuple[Outcome, Response]:
    outcome = Outcome("slots", "availability", "GET", TARGET, status, Cached.HIT, 0, started, ended)
    return outcome, Response(
        status, [(b"cache-status", said)], b'{"status":"success","data":{"2026-11-24":[]}}', started, ended
    )


async def test_the_floor_is_the_newest_write_acknowledged_before_the_read_began() -> None:
    clock, oracle = FakeClock(start=1000.0), Oracle()
    async with serving(oracle.handle) as origin, Client(origin) as admin:
        auditor = Auditor(admin, clock, lifetime=60)
        auditor.tell_time(5000.0, 10.0)
        for ended, version in ((1000.5, 4), (1001.0, 3), (1002.0, 7)):
            auditor.witness(*write(ended, version))
        auditor.witness(*read(1001.5, 1003.0))
        await auditor.look()
    (asked,) = oracle.asked
    assert asked["floor"] == 4
    # Two more were made before it, and nobody had been told.
    assert asked["unheard"] == [1, 2]
    assert asked["target"] == TARGET
    assert asked["data"] == {"2026-11-24": []}
    # Three real seconds after the clocks agreed are thirty simulated ones.
    assert asked["at"] == asked["ceiling_at"] == 5030.0
    assert asked["since"] == 5030.0 - 60 - 10
    assert auditor.truth == Truth(checked=1, stale=0)


async def test_an_answer_that_may_lack_what_was_freed_is_judged_as_such() -> None:
    clock, oracle = FakeClock(start=1000.0), Oracle()
    async with serving(oracle.handle) as origin, Client(origin) as admin:
        auditor = Auditor(admin, clock, lifetime=60)
        auditor.tell_time(5000.0, 1.0)
        auditor.witness(*read(1001.0, 1001.5))
        auditor.witness(*read(1002.0, 1002.5, said=b"calgate; hit; ttl=1; detail=overlay"))
        await auditor.look()
    assert [one["partly"] for one in oracle.asked] == [False, True]


async def test_alternatives_are_neither_a_write_nor_all_that_is_free() -> None:
    clock, oracle = FakeClock(start=1000.0), Oracle()
    async with serving(oracle.handle) as origin, Client(origin) as admin:
        auditor = Auditor(admin, clock, lifetime=60)
        auditor.tell_time(5000.0, 1.0)
        _, told = write(1000.5, 9)
        asked = Outcome(
            "alternatives", "alternatives", "GET", "/-/alternatives", 200, Cached.HIT, 0, 999, 1000
        )
        auditor.witness(asked, told)
        auditor.witness(*read(1001.0, 1001.5))
        await auditor.look()
    assert [one["floor"] for one in oracle.asked] == [0]


async def test_refusals_and_answers_before_the_clocks_agreed_are_not_judged() -> None:
    clock, oracle = FakeClock(start=1000.0), Oracle()
    async with serving(oracle.handle) as origin, Client(origin) as admin:
        auditor = Auditor(admin, clock, lifetime=60)
        auditor.witness(*read(1000, 1001))
        auditor.tell_time(5000.0, 1.0)
        auditor.witness(*read(1000, 1001, status=429))
        await auditor.look()
    assert oracle.asked == []


async def test_stale_answers_add_up_and_only_a_few_are_asked_at_once() -> None:
    clock, oracle = FakeClock(start=1000.0), Oracle(ok(b'{"reads": 10, "stale": 2}'))
    async with serving(oracle.handle) as origin, Client(origin) as admin:
        auditor = Auditor(admin, clock, lifetime=60)
        auditor.tell_time(5000.0, 1.0)
        for _ in range(25):
            auditor.witness(*read(1000, 1001))
        await auditor.look()
        assert len(oracle.asked) == 10
        await auditor.look()
    assert auditor.truth == Truth(checked=20, stale=4)


async def test_an_oracle_that_refuses_is_an_error_of_the_client_kind() -> None:
    oracle = Oracle(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 4\r\n\r\nnope")
    async with serving(oracle.handle) as origin, Client(origin) as admin:
        auditor = Auditor(admin, FakeClock(), lifetime=60)
        auditor.tell_time(5000.0, 1.0)
        auditor.witness(*read(1000, 1001))
        with pytest.raises(ClientError, match="nope"):
            await auditor.look()


async def test_the_first_stale_answer_is_told() -> None:
    example = {"event_type_id": 7, "floor": 4, "ceiling": 5, "matches": 3, "wrongly_hidden": []}
    shown = example | {"wrongly_shown": [["2026-12-01", 1796133600]]}
    answer = orjson.dumps({"reads": 1, "stale": 1, "examples": [shown]})
    oracle = Oracle(ok(answer))
    async with serving(oracle.handle) as origin, Client(origin) as admin:
        auditor = Auditor(admin, FakeClock(start=1000.0), lifetime=60)
        auditor.tell_time(5000.0, 1.0)
        auditor.witness(*read(1001.0, 1001.5))
        await auditor.look()
    assert auditor.truth.stale == 1
    assert "event type 7 showed [['2026-12-01', 1796133600]], as of version 3" in auditor.truth.example
