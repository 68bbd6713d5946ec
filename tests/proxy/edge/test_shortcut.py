"""A hit answered before ASGI is the ordinary hit to the byte, and nothing else is ever answered so."""

from __future__ import annotations

import asyncio
import contextlib
import io
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from core.clock import FakeClock
from loadtest.fuzz.cases import cut, spoiled
from proxy import wiring
from proxy.cache.entry import Entry
from proxy.cache.near import Held, Near
from proxy.edge.access_log import AccessLog
from proxy.edge.shortcut import Shortcut, is_one_head, plain
from proxy.telemetry import Telemetry
from tests.proxy.conftest import Start
from tests.proxy.running import SLOTS_URL, Running
from tests.proxy.upstream import Reply, Seen, Upstream
from tests.proxy.waiting import until

HEAD = (
    f"GET {SLOTS_URL} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer cal_test_key\r\n"
    "cal-api-version: 2024-09-04\r\nAccept: */*\r\n\r\n"
).encode()

# What belongs to one exchange and one moment alone.
VOLATILE = re.compile(rb'(x-request-id|age|date): [^\r]*\r\n|ttl=-?\d+|"timestamp":"[^"]*"')


def same(one: bytes, other: bytes) -> bool:
    return VOLATILE.sub(b"", one) == VOLATILE.sub(b"", other)


class Counting:
    """Counts the hits it is told of."""

    hits = 0

    def hit_at_once(self, age: float, seconds: float, client: str) -> None:
        self.hits += 1


class Nobody:
    """There is no Redis to ask."""

    def check(self, checked: Callable[[bool], None]) -> bool:
        return False


NOBODY = Nobody()


def made(clock: FakeClock, *, body: bytes = b"{}", status: int = 200) -> tuple[Shortcut, Near, Counting]:
    near = Near(most_entries=10, most_bytes=1_000_000)
    near.opened()
    near.proven(clock.monotonic(), [])
    now = clock.monotonic()
    entry = Entry(body, (("content-type", "application/json"),), 100.0, 160.0, 160.0, status=status)
    near.put(near.fence(), Held("d", entry, 0, frozenset({"*"}), now, now + 60))
    counting: Any = Counting()
    log = AccessLog(io.BytesIO(), which="off")
    return Shortcut(near, NOBODY, lambda: True, counting, log, clock), near, counting


async def test_a_head_that_was_learned_is_answered_while_its_copy_may_be_used() -> None:
    clock = FakeClock()
    shortcut, near, counting = made(clock)
    assert shortcut.answer(HEAD) is None
    shortcut.learn(HEAD, "d")
    answer = shortcut.answer(HEAD)
    assert answer is not None
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\ncache-status: calgate; hit; ttl=60\r\n" in answer
    assert b"\r\nage: 0\r\n" in answer
    await clock.advance(0.29)
    assert shortcut.answer(HEAD) is not None
    await clock.advance(0.02)
    assert shortcut.answer(HEAD) is None
    near.proven(clock.monotonic(), [])
    near.began("w")
    assert shortcut.answer(HEAD) is None
    near.ended("w")
    shortcut.is_on = False
    assert shortcut.answer(HEAD) is None
    assert counting.hits == 2


async def test_age_and_time_to_live_move_with_the_clock() -> None:
    clock = FakeClock()
    shortcut, near, _ = made(clock)
    shortcut.learn(HEAD, "d")
    shortcut.answer(HEAD)
    await clock.advance(7.5)
    near.proven(clock.monotonic(), [])
    answer = shortcut.answer(HEAD) or b""
    assert b"\r\nage: 7\r\n" in answer
    assert b"ttl=52" in answer


def test_every_answer_has_an_id_of_its_own_that_looks_like_calcoms() -> None:
    shortcut, _, _ = made(FakeClock())
    shortcut.learn(HEAD, "d")
    ids = {re.search(rb"x-request-id: (\S+)", shortcut.answer(HEAD) or b"").group(1) for _ in range(50)}  # type: ignore[union-attr]
    assert len(ids) == 50
    assert all(re.fullmatch(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", one) for one in ids)


def test_a_refusal_in_the_cache_is_not_answered_so() -> None:
    shortcut, _, _ = made(FakeClock(), status=404)
    shortcut.learn(HEAD, "d")
    assert shortcut.answer(HEAD) is None


@given(st.binary(max_size=60), st.integers(0, len(HEAD)))
def test_no_other_bytes_are_taken_for_a_head_that_was_learned(extra: bytes, at: int) -> None:
    shortcut, _, _ = made(FakeClock())
    shortcut.learn(HEAD, "d")
    changed = HEAD[:at] + extra + HEAD[at:]
    assert (shortcut.answer(changed) is not None) == (changed == HEAD)
    assert shortcut.answer(HEAD[:at]) is None or at == len(HEAD)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (HEAD, True),
        (HEAD + HEAD, False),
        (HEAD[:-2], False),
        (HEAD + b"x", False),
        (HEAD.replace(b"GET", b"HEAD"), False),
        (b"GET / HTTP/1.1\r\na: " + b"b" * 5_000 + b"\r\n\r\n", False),
        (b"", False),
    ],
)
def test_only_one_whole_head_may_be_learned(data: bytes, *, expected: bool) -> None:
    assert is_one_head(data) is expected


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        (b"accept", b"*/*", True),
        (b"connection", b"Keep-Alive", True),
        (b"connection", b"close", False),
        (b"cache-control", b"max-age=5", False),
        (b"x-request-id", b"12345678", False),
        (b"content-length", b"0", False),
        (b"if-none-match", b"x", False),
    ],
)
def test_a_request_that_may_want_something_else_is_not_learned(
    name: bytes, value: bytes, *, expected: bool
) -> None:
    assert plain([(b"host", b"a"), (name, value)]) is expected


def test_lines_of_hits_are_written_together_and_in_order() -> None:
    stream = io.BytesIO()
    clock = FakeClock()

    async def run() -> None:
        log = AccessLog(stream)
        for number in range(3):
            log.hit(clock, b"id-%d" % number, 1.26)
        assert stream.getvalue() == b""
        log.flush()

    asyncio.run(run())
    lines = [orjson.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["request_id"] for line in lines] == ["id-0", "id-1", "id-2"]
    assert lines[0]["outcome"] == "hit"
    assert lines[0]["age"] == 1.3


@dataclass
class Three:
    """Gateways on one Redis: one answers from copies, one asks Redis of them first, one takes no shortcuts."""

    quick: Running
    asking: Running
    ordinary: Running


@pytest_asyncio.fixture
async def three(start: Start, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> Three:
    headers = [("content-type", "application/json; charset=utf-8"), ("access-control-allow-origin", "*")]

    def slots(seen: Seen) -> Reply:
        return Reply(headers=headers if "eventTypeId=1" in seen.target else [*headers, ("date", "then")])

    upstream.script = slots
    quick, asking = await start(l1=True), await start(l1=False)
    monkeypatch.setattr(wiring, "Shortcut", lambda *_: None)
    return Three(quick, asking, await start(l1=False))


async def said(gateway: Running, *pieces: bytes) -> bytes:
    """What the gateway answers to the pieces, sent one after the other, until it has answered all or closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    heard = bytearray()

    async def listen() -> None:
        with contextlib.suppress(ConnectionError):
            while some := await reader.read(65_536):
                heard.extend(some)

    listening = asyncio.ensure_future(listen())
    try:
        # What is malformed is answered and hung up on, which the rest of the pieces may run into.
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                # Each piece shall come by itself.
                await asyncio.sleep(0.005)
            writer.write(LAST)
        await asyncio.wait_for(listening, 10)
        return bytes(heard)
    finally:
        writer.close()


LAST = b"GET /-/healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"


async def taught(gateway: Running, head: bytes) -> None:
    """Ask until the answer comes at once."""

    async def hits() -> bool:
        answer = await said(gateway, head)
        return b"cache-status: calgate; hit" in answer

    await until(hits)
    for _ in range(3):
        await said(gateway, head)


async def test_all_ways_answer_with_the_same_bytes(three: Three) -> None:
    for url in (
        SLOTS_URL,
        SLOTS_URL.replace("=1&", "=2&"),
        "/api" + SLOTS_URL,
        SLOTS_URL + "&timeZone=Asia/Tokyo",
    ):
        head = HEAD.replace(SLOTS_URL.encode(), url.encode())
        for gateway in (three.quick, three.asking):
            await taught(gateway, head)
            assert same(await said(gateway, head), await said(three.ordinary, head))


async def test_a_hit_that_asks_redis_first_becomes_no_request(
    three: Three, monkeypatch: pytest.MonkeyPatch
) -> None:
    await taught(three.asking, HEAD)
    begun: list[str] = []
    real = Telemetry.began

    def began(telemetry: Telemetry, route: str) -> None:
        begun.append(route)
        real(telemetry, route)

    monkeypatch.setattr(Telemetry, "began", began)
    answer = await said(three.asking, HEAD)
    assert b"calgate; hit" in answer
    assert begun == ["gateway"]


@pytest.mark.parametrize("way", ["quick", "asking"])
async def test_however_the_bytes_come_the_answers_are_the_ordinary_ones(three: Three, way: str) -> None:
    quick, ordinary = getattr(three, way), three.ordinary
    await taught(quick, HEAD)
    await said(ordinary, HEAD)
    dice = random.Random(7)
    close = HEAD.replace(b"Accept", b"Connection: close\r\nAccept")
    post = b"POST /-/nothing HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc"
    told = [
        [HEAD],
        [HEAD, HEAD, HEAD],
        [HEAD + HEAD],
        [HEAD + HEAD + b"GET"],
        [HEAD + b"\r\n", HEAD],
        [b"\r\n", HEAD],
        [HEAD[:5], HEAD[5:]],
        [HEAD[:-1], HEAD[-1:] + HEAD],
        [HEAD, HEAD[:40], HEAD[40:]],
        [post, HEAD, post],
        [post[:-2], post[-2:] + HEAD],
        [HEAD + post, HEAD],
        [close],
        [HEAD, close, HEAD],
        [HEAD.replace(b"1.1", b"1.0")],
        [HEAD.replace(b"GET", b"HEAD")],
        [HEAD.replace(b"Accept", b"ACCEPT")],
        [HEAD.replace(b"Accept", b"Content-Length: 0\r\nAccept")],
        [HEAD.replace(b"Host: a\r\n", b"")],
        [HEAD.replace(b"Host: a\r\n", b"Host: a\r\nHost: b\r\n")],
        [HEAD[:-2] + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", HEAD],
        [HEAD, b"\x16\x03\x01"],
        [b"GET " + HEAD],
    ]
    for _ in range(25):
        whole = HEAD * dice.randint(1, 3)
        cuts = sorted(dice.sample(range(1, len(whole)), dice.randint(1, 5)))
        told.append([whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)])
    for pieces in told:
        assert same(await said(quick, *pieces), await said(ordinary, *pieces)), pieces


ODD = re.compile(rb"cache-status: [^\r]*\r\n")


async def test_bytes_no_client_should_send_are_answered_the_same_with_and_without(
    start: Start, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = await start(l1=True, client_head_timeout_seconds=2)
    with monkeypatch.context() as patched:
        patched.setattr(wiring, "Shortcut", lambda *_: None)
        ordinary = await start(l1=False, client_head_timeout_seconds=2)
    await taught(quick, HEAD)
    await said(ordinary, HEAD)
    dice = random.Random(15)
    told = []
    for _ in range(40):
        heads = [HEAD, HEAD, HEAD]
        heads[dice.randrange(3)] = spoiled(HEAD, dice)
        told.append((HEAD, *cut(b"".join(heads), dice)))

    async def answers(gateway: Running) -> list[bytes]:
        heard = await asyncio.gather(*(said(gateway, *pieces) for pieces in told))
        # What an odd head is answered is kept too: one of them finds what the other fetched.
        return [ODD.sub(b"", answer) for answer in heard]

    compared = zip(told, await answers(quick), await answers(ordinary), strict=True)
    different = [
        (pieces, one, other)
        for pieces, one, other in compared
        # Whether a head that stops came in time is not the same twice.
        if b" 408 " not in one + other and not same(one, other)
    ]
    assert different == []


@pytest.mark.parametrize("way", ["quick", "asking"])
async def test_a_client_that_does_not_read_gets_everything_in_the_end(three: Three, way: str) -> None:
    quick: Running = getattr(three, way)
    await taught(quick, HEAD)
    reader, writer = await asyncio.open_connection("127.0.0.1", quick.port)
    count = 3_000
    for _ in range(count):
        writer.write(HEAD)
        if writer.transport.get_write_buffer_size() > 60_000:
            await asyncio.sleep(0)
    writer.write(LAST)
    answer = await asyncio.wait_for(reader.read(), 60)
    assert answer.count(b"HTTP/1.1 200 OK") == count + 1
    writer.close()


@pytest.mark.parametrize("holds", [True, False])
async def test_a_written_slot_is_gone_from_the_next_answer(
    start: Start, upstream: Upstream, *, holds: bool
) -> None:
    quick, writer = await start(l1=holds), await start(l1=holds)
    await taught(quick, HEAD)
    after = b'{"status":"success","data":{"2050-09-05":[{"start":"2050-09-05T10:00:00.000Z"}]}}'
    upstream.script = lambda seen: Reply(201, b"{}") if seen.method == "POST" else Reply(body=after)
    assert (await writer.post()).status_code == 201
    assert after in await said(quick, HEAD)


@pytest.mark.parametrize("way", ["quick", "asking"])
async def test_a_process_that_stops_says_so_in_its_last_answers(three: Three, way: str) -> None:
    quick: Running = getattr(three, way)
    await taught(quick, HEAD)
    reader, writer = await asyncio.open_connection("127.0.0.1", quick.port)
    writer.write(HEAD)
    assert b"hit" in await reader.readuntil(b"}}")
    quick.task.cancel()
    await asyncio.sleep(0.05)
    writer.write(HEAD)
    answer = await asyncio.wait_for(reader.read(), 10)
    assert b"connection: close" in answer
    writer.close()
