"""Tricks that a client may try on the edge, each by its own name, over real sockets. loadtest/fuzz looks for more."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import httpx2
import pytest
import pytest_asyncio

from proxy.edge import protocol
from tests.proxy.conftest import Start
from tests.proxy.running import SLOTS_URL, Running
from tests.proxy.upstream import SLOTS, Gate, Reply, Seen, Upstream
from tests.tools import eventually

LAST = b"GET /-/healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
CHUNKED = b"POST /v2/webhooks HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n"


def statuses(answer: bytes) -> list[int]:
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


class Connection:
    """One client connection, read by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def says(self, data: bytes, until: bytes) -> bytes:
        self.writer.write(data)
        return await asyncio.wait_for(self.reader.readuntil(until), 10)

    async def ends(self) -> bytes:
        """What still comes until the gateway hangs up."""
        with suppress(ConnectionError):
            return await asyncio.wait_for(self.reader.read(), 10)
        return b""


Connect = Callable[[Running], Awaitable[Connection]]


@pytest_asyncio.fixture
async def connect(start: Start) -> AsyncIterator[Connect]:
    """Opens connections, and closes them at the end of the test, before any gateway."""
    opened: list[Connection] = []

    async def one(gateway: Running) -> Connection:
        opened.append(Connection(*await asyncio.open_connection("127.0.0.1", gateway.port)))
        return opened[-1]

    yield one
    for connection in opened:
        connection.writer.close()


# ── What is sent after the headers ──


@pytest.mark.parametrize("apart", [False, True], ids=["in one piece", "apart"])
async def test_a_trailer_is_no_header(
    connect: Connect, gateway: Running, upstream: Upstream, *, apart: bool
) -> None:
    head = CHUNKED + b"connection: close\r\n\r\n"
    rest = b"2\r\n{}\r\n0\r\nauthorization: Bearer cal_other\r\nx-injected: 1\r\n\r\n"
    connection = await connect(gateway)
    connection.writer.write(head)
    if apart:
        await connection.writer.drain()
        await asyncio.sleep(0.01)
    connection.writer.write(rest)
    assert statuses(await connection.ends()) == [200]
    (seen,) = upstream.requests
    assert seen.body == b"{}"
    assert seen.header("authorization") is None
    assert seen.header("x-injected") is None


@pytest.mark.parametrize(
    "endless",
    [b"2;" + b"x" * 200_000, b"0\r\nx: " + b"y" * 200_000, b"0\r\n" + b"x: y\r\n" * 40_000],
    ids=["a chunk's extension", "a trailer", "many trailers"],
)
async def test_what_goes_on_for_ever_beside_a_body_is_a_400(
    connect: Connect, start: Start, upstream: Upstream, endless: bytes
) -> None:
    gateway = await start(max_head_bytes=2048)
    connection = await connect(gateway)
    with suppress(ConnectionError):
        connection.writer.write(CHUNKED + b"\r\n")
        await connection.writer.drain()
        for at in range(0, len(endless), 1_000):
            connection.writer.write(endless[at : at + 1_000])
            await connection.writer.drain()
    answer = await connection.ends()
    assert statuses(answer) == [400]
    assert b"exceed 2048 bytes" in answer
    assert not upstream.requests


async def test_large_trailers_are_not_counted_among_the_next_head(start: Start) -> None:
    gateway = await start(max_head_bytes=2048)
    trailers = b"x-trailer: 12345678901234567890\r\n" * 50
    one = CHUNKED + b"\r\n2\r\n{}\r\n0\r\n" + trailers + b"\r\n"
    assert statuses(await gateway.raw(one + one + LAST)) == [200, 200, 200]


# ── Headers that are not what they seem ──


async def test_a_header_that_connection_takes_away_decides_nothing(
    gateway: Running, upstream: Upstream
) -> None:
    """Else the answer Cal.com gives without it would be kept for those who sent it."""
    upstream.script = lambda seen: Reply() if seen.header("cal-api-version") else Reply(404, b'{"no":1}')
    poison = await gateway.get(connection="cal-api-version")
    assert poison.status_code == 404
    assert (await gateway.get()).content == SLOTS
    assert [seen.header("cal-api-version") for seen in upstream.requests] == [None, "2024-09-04"]


async def test_a_credential_that_connection_takes_away_pays_for_nothing(
    gateway: Running, upstream: Upstream
) -> None:
    await gateway.get("/v2/me")
    await gateway.get("/v2/me", connection="authorization")
    assert [seen.header("authorization") for seen in upstream.requests] == [
        "Bearer cal_test_key",
        None,
    ]


@pytest.mark.parametrize("cookies", ["uid=mine", "a=1; uid =mine", 'uid="mine"'])
async def test_an_answer_for_the_bearer_of_a_cookie_is_not_given_to_others(
    gateway: Running, upstream: Upstream, cookies: str
) -> None:
    url = "/v2/slots/available?eventTypeId=1&startTime=2050-09-05&endTime=2050-09-06"
    upstream.script = lambda seen: Reply(
        body=b'{"status":"success","data":{"slots":{"2050-09-05":[{"time":"2050-09-05T%s:00:00.000Z"}]}}}'
        % (b"09" if seen.header("cookie") else b"10")
    )
    mine = await gateway.get(url, **{"cookie": cookies, "cal-api-version": "2024-08-13"})
    theirs = await gateway.get(url, **{"cal-api-version": "2024-08-13"})
    assert b"T09" in mine.content
    assert b"T10" in theirs.content


async def test_cookies_in_two_headers_are_one(gateway: Running, upstream: Upstream) -> None:
    url = "/v2/slots/available?eventTypeId=1&startTime=2050-09-05&endTime=2050-09-06"
    headers = [("authorization", "Bearer cal_test_key"), ("cookie", "a=1")]
    ask = gateway.client.get
    for own in ("mine", "yours", "mine"):
        await ask(url, headers=httpx2.Headers([*headers, ("cookie", f"uid={own}")]))
    assert len(upstream.requests) == 2


async def test_a_length_of_many_zeros_is_no_error_of_ours(gateway: Running) -> None:
    head = b"POST /v2/webhooks HTTP/1.1\r\nhost: a\r\ncontent-length: " + b"0" * 5_000 + b"2\r\n\r\n{}"
    assert statuses(await gateway.raw(head + LAST)) == [200, 200]


async def test_a_client_of_http_1_0_is_not_told_to_continue(gateway: Running) -> None:
    answer = await gateway.raw(
        b"POST /v2/webhooks HTTP/1.0\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n{}"
    )
    assert statuses(answer) == [200]


async def test_a_client_refused_before_it_sent_its_body_cannot_send_something_else_in_its_place(
    connect: Connect, gateway: Running, upstream: Upstream
) -> None:
    connection = await connect(gateway)
    await connection.says(
        b"POST /nowhere HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 44\r\n\r\n",
        b"connection: close\r\n",
    )
    connection.writer.write(b"GET /v2/me HTTP/1.1\r\nhost: a\r\n\r\n")
    assert b"HTTP/1.1" not in await connection.ends()
    assert not upstream.requests


# ── Targets ──


async def test_a_fragment_is_a_400(gateway: Running, upstream: Upstream) -> None:
    for target in (b"/v2/me#x", b"/v2/slots?start=1#&end=2", b"http://a/v2/me#"):
        assert statuses(await gateway.raw(b"GET " + target + b" HTTP/1.1\r\nhost: a\r\n\r\n")) == [400]
    assert not upstream.requests


TARGETS = [
    "/v2/me?",
    "/v2/me??",
    "/v2//me/",
    "/v2/ME;x=1",
    "/v2/me%00",
    "/v2/%6de?a=%2e%2e/&b[]=1&&c",
    "/api/v2/me?u=http://x/../y",
    "/v2/me\\",
    "/v2/a|b\"<>^`{}'",
]


async def test_a_target_arrives_byte_for_byte(gateway: Running, upstream: Upstream) -> None:
    for target in TARGETS:
        await gateway.raw(f"GET {target} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".encode())
    assert [seen.target for seen in upstream.requests] == TARGETS


async def test_no_spelling_of_a_path_changes_what_the_plain_one_is_answered(
    gateway: Running, upstream: Upstream
) -> None:
    """Cal.com's router does not know some of them, and its refusal must not be kept for those it knows."""
    upstream.script = lambda seen: Reply() if seen.target.startswith("/v2/slots?") else Reply(404, b"{}")
    query = SLOTS_URL.partition("?")[2]
    for number, path in enumerate(["/v2//slots", "/v2/%73lots", "/v2/slots/", "/v2/Slots", "/v2/slots\\"]):
        for asked, expected in ((path, 404), ("/v2/slots", 200), (path, 404)):
            answer = await gateway.get(f"{asked}?{query}&duration={number}")
            assert answer.status_code == expected, path


async def test_no_detour_leads_to_our_own_paths(gateway: Running, upstream: Upstream) -> None:
    for path in ("/v2/../-/healthz", "/v2/..%2f-/readyz", "/v2/%2e%2e/-/healthz", "/v2/..\\-\\healthz"):
        answer = await gateway.raw(f"GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".encode())
        assert statuses(answer) == [400]
        assert b"dot segments" in answer
    assert not upstream.requests


async def test_from_our_own_paths_nothing_is_forwarded(gateway: Running, upstream: Upstream) -> None:
    for path in ("/-/../v2/me", "/-/healthz/../../v2/me", "/-/healthz%00", "/-//healthz"):
        answer = await gateway.raw(f"GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".encode())
        assert statuses(answer) == [404]
    assert not upstream.requests


async def test_a_head_of_a_link_that_writes_is_a_write(gateway: Running, upstream: Upstream) -> None:
    after = SLOTS.replace(b"T09", b"T10")
    assert (await gateway.get()).content == SLOTS
    upstream.script = lambda seen: Reply(body=b"") if seen.method == "HEAD" else Reply(body=after)
    await gateway.client.head("/v2/calendars/google/save?code=x", headers={"authorization": "Bearer cal_x"})
    assert (await gateway.get()).content == after


# ── Clients that take their time ──


async def test_the_rest_of_a_body_that_was_answered_keeps_no_connection(
    connect: Connect, start: Start
) -> None:
    gateway = await start(keepalive_seconds=1)
    connection = await connect(gateway)
    await connection.says(b"POST /no HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n", b'*."')
    ended = asyncio.ensure_future(connection.ends())
    for _ in range(80):
        connection.writer.write(b"x")
        if (await asyncio.wait([ended], timeout=0.05))[0]:
            return
    ended.cancel()
    pytest.fail("it is still held")


@pytest.mark.parametrize(
    "extra", [b"", b"connection: upgrade\r\nupgrade: h2c\r\n"], ids=["kept", "upgrading"]
)
async def test_a_connection_ends_though_its_body_came_after_its_answer(
    connect: Connect, start: Start, extra: bytes
) -> None:
    gateway = await start(keepalive_seconds=1)
    connection = await connect(gateway)
    head = b"POST /no HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n"
    await connection.says(head + extra + b"\r\n", b'*."')
    connection.writer.write(b"body")
    await connection.ends()
    assert connection.reader.at_eof()


async def test_a_request_after_a_body_nobody_waited_for_is_answered_in_full(
    connect: Connect, start: Start, upstream: Upstream
) -> None:
    """The patience with the body must not end the answer to the next request."""
    gateway = await start(keepalive_seconds=1)
    gate = Gate()
    upstream.script = gate
    connection = await connect(gateway)
    await connection.says(b"POST /no HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\n", b'*."')
    connection.writer.write(b"body" + b"GET /v2/me HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    await upstream.arrivals(1)
    await asyncio.sleep(1.2)
    gate.open()
    assert SLOTS in await connection.ends()


async def test_a_client_that_takes_nothing_is_broken_off_and_lets_go_of_cal_com(
    connect: Connect, start: Start, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "_STUCK_SECONDS", 0.1)
    gateway = await start(upstream_pool_connections=1)
    upstream.script = lambda seen: Reply(body=b"x" * 20_000_000) if "large" in seen.target else Reply()
    connection = await connect(gateway)
    connection.writer.write(b"GET /v2/large HTTP/1.1\r\nhost: a\r\n\r\n")
    connection.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await upstream.arrivals(1)
    # It holds the only connection to Cal.com until it is given up.
    assert (await gateway.get("/v2/bookings")).status_code == 200


async def test_an_answer_that_ends_the_connection_is_not_held_for_ever(
    connect: Connect, start: Start, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "_STUCK_SECONDS", 0.1)
    gateway = await start(max_connections=2)
    upstream.script = lambda seen: Reply(body=b'{"a":"' + b"x" * 20_000_000 + b'"}')
    connection = await connect(gateway)
    # Of HTTP/1.0, so that it is sent as a whole, and closed behind.
    connection.writer.write(b"GET /v2/bookings HTTP/1.0\r\n\r\n")
    connection.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await upstream.arrivals(1)

    async def is_let_in() -> bool:
        return statuses(await gateway.raw(LAST)) == [200]

    await eventually(is_let_in)


async def test_a_client_that_reads_slowly_is_waited_for(
    connect: Connect, start: Start, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "_STUCK_SECONDS", 0.2)
    gateway = await start()
    upstream.script = lambda seen: Reply(body=b"x" * 20_000_000)
    connection = await connect(gateway)
    connection.writer.write(b"GET /v2/large HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    got = 0
    while piece := await asyncio.wait_for(connection.reader.read(1_000_000), 10):
        got += len(piece)
        await asyncio.sleep(0.01)
    assert got > 20_000_000


async def test_a_client_that_leaves_ends_its_first_request_though_it_sent_two(
    connect: Connect, gateway: Running, upstream: Upstream
) -> None:
    upstream.script = Gate()
    connection = await connect(gateway)
    connection.writer.write(b"GET /v2/bookings HTTP/1.1\r\nhost: a\r\n\r\n" * 2)
    await upstream.arrivals(1)
    connection.writer.transport.abort()
    await upstream.departures(1)
    assert len(upstream.requests) == 1


async def test_many_that_dawdle_hold_nobody_up(connect: Connect, start: Start, upstream: Upstream) -> None:
    gateway = await start()
    heads = [
        b"GET /v2/me HTTP/1.1\r\nx: ",
        b"POST /v2/webhooks HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n{",
        CHUNKED + b"\r\n2\r\n",
        CHUNKED + b"\r\n0\r\nx:",
        b"",
    ]
    slow = [await connect(gateway) for _ in range(100)]
    for number, one in enumerate(slow):
        one.writer.write(heads[number % len(heads)])
        await one.writer.drain()
    answers = await asyncio.gather(*(gateway.get() for _ in range(50)))
    assert [answer.status_code for answer in answers] == [200] * 50


def of_hop(seen: Seen) -> set[str]:
    hops = {"keep-alive", "proxy-authorization", "proxy-connection", "te", "trailer", "upgrade", "x-mine"}
    return {name for name, _ in seen.headers} & hops


async def test_what_is_for_one_connection_reaches_nobody_else(gateway: Running, upstream: Upstream) -> None:
    answer = await gateway.raw(
        b"GET /v2/me HTTP/1.1\r\nhost: a\r\nconnection: close, x-mine\r\nx-mine: 1\r\nkeep-alive: 5\r\nte: trailers\r\n"
        b"trailer: x\r\nproxy-authorization: Basic x\r\nproxy-connection: keep-alive\r\nupgrade: h2c\r\n\r\n"
    )
    assert statuses(answer) == [200]
    assert [of_hop(seen) for seen in upstream.requests] == [set()]


async def test_a_trailer_after_which_nothing_is_read_ends_the_connection(
    connect: Connect, gateway: Running
) -> None:
    connection = await connect(gateway)
    connection.writer.write(CHUNKED + b"\r\n2\r\n{}\r\n0\r\nconnection: close\r\n\r\n" + LAST)
    assert statuses(await connection.ends()) == [200]
    assert connection.reader.at_eof()
