"""The client keeps connections, loses none, and says what happened."""

import asyncio

import pytest

from loadtest.client import BadResponse, Client, ConnectFailed, ConnectionLost, TimedOut
from tests.loadtest.servers import answering, ok, read_request, serving


async def test_an_answer_carries_status_headers_body_and_times() -> None:
    answer = ok(b'{"a":1}', "Cache-Status: calgate; hit", "X-One: 1", "x-one: 2")
    async with serving(answering(answer)) as origin, Client(origin) as client:
        response = await client.get("/v2/slots?eventTypeId=1", {"cal-api-version": "2024-09-04"})
    assert (response.status, response.json()) == (200, {"a": 1})
    assert response.header("cache-status") == "calgate; hit"
    assert response.header("X-ONE") == "1, 2"
    assert response.header("absent") is None
    assert response.ended >= response.started
    assert response.seconds == response.ended - response.started


async def test_the_request_is_written_as_asked() -> None:
    seen: list[tuple[str, bytes]] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (request := await read_request(reader)) is not None:
            seen.append(request)
            writer.write(ok(b""))

    async with serving(handle) as origin, Client(origin) as client:
        await client.request("POST", "/v2/bookings", body=b'{"start":"x"}')
        await client.request("POST", "/v2/bookings/1/cancel")
        await client.get("/v2/slots?a=%2B")
    assert seen == [
        ("POST /v2/bookings HTTP/1.1", b'{"start":"x"}'),
        ("POST /v2/bookings/1/cancel HTTP/1.1", b""),
        ("GET /v2/slots?a=%2B HTTP/1.1", b""),
    ]


async def test_requests_one_after_another_share_a_connection() -> None:
    connections = 0
    inner = answering(ok(b"x"))

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await inner(reader, writer)

    async with serving(handle) as origin, Client(origin) as client:
        for _ in range(5):
            await client.get("/")
    assert connections == 1


async def test_more_requests_than_connections_wait_and_all_are_answered() -> None:
    under_way = most = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal under_way, most
        while (request := await read_request(reader)) is not None:
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0)
            under_way -= 1
            writer.write(ok(request[0].split()[1].encode()))

    async with serving(handle) as origin, Client(origin, connections=3) as client:
        responses = await asyncio.gather(*(client.get(f"/{number}") for number in range(40)))
    assert [response.body for response in responses] == [f"/{number}".encode() for number in range(40)]
    assert 1 <= most <= 3


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n", b"abcde"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + ok(b"final"), b"final"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + ok(b"final"), b"final"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n", b""),
    ],
    ids=["chunked", "100 first", "103 first", "204", "304"],
)
async def test_every_framing_is_read_and_the_connection_kept(answer: bytes, body: bytes) -> None:
    async with serving(answering(answer, ok(b"next"))) as origin, Client(origin, connections=1) as client:
        assert (await client.get("/")).body == body
        assert (await client.get("/")).body == b"next"


async def test_a_body_that_ends_with_the_connection_is_complete() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nuntil the end")
        await writer.drain()

    async with serving(handle) as origin, Client(origin) as client:
        assert (await client.get("/")).body == b"until the end"


async def test_a_head_answer_has_no_body_whatever_its_length_says() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    async with serving(answering(head, ok(b"body"))) as origin, Client(origin, connections=1) as client:
        assert (await client.request("HEAD", "/")).body == b""
        assert (await client.get("/")).body == b"body"


async def test_connection_close_is_obeyed() -> None:
    inner = answering(ok(b"x", "Connection: close"))
    async with serving(inner) as origin, Client(origin, connections=1) as client:
        for _ in range(3):
            assert (await client.get("/")).status == 200


async def test_a_safe_request_that_meets_a_closed_connection_goes_out_again() -> None:
    closed = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(ok(b"once"))
        await read_request(reader)
        closed.set()

    async with serving(handle) as origin, Client(origin, connections=1) as client:
        await client.get("/")
        # The server reads this one, answers nothing and closes; the second try finds a new connection.
        assert (await client.get("/")).body == b"once"
        assert closed.is_set()


async def test_a_write_that_meets_a_closed_connection_is_not_repeated() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(ok(b"once"))
        await read_request(reader)

    async with serving(handle) as origin, Client(origin, connections=1) as client:
        await client.get("/")
        with pytest.raises(ConnectionLost) as caught:
            await client.request("POST", "/", body=b"x")
        assert not caught.value.answered


async def test_an_answer_cut_short_is_an_error() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")
        await writer.drain()

    async with serving(handle) as origin, Client(origin) as client:
        with pytest.raises(ConnectionLost) as caught:
            await client.get("/")
        assert caught.value.answered


async def test_an_answer_that_is_not_http_is_an_error_and_costs_only_itself() -> None:
    async with serving(answering(b"SSH-2.0-nope\r\n")) as origin, Client(origin, connections=1) as client:
        for _ in range(3):
            with pytest.raises(BadResponse):
                await client.get("/")


async def test_nobody_listening_is_an_error_that_names_the_origin() -> None:
    async with serving(answering(ok(b""))) as origin:
        pass
    async with Client(origin, connections=1) as client:
        for _ in range(3):
            with pytest.raises(ConnectFailed, match=origin):
                await client.get("/")


async def test_a_hanging_answer_times_out_and_frees_its_place() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (request := await read_request(reader)) is not None:
            if "/hang" not in request[0]:
                writer.write(ok(b"x"))

    async with serving(handle) as origin, Client(origin, connections=1) as client:
        for _ in range(3):
            with pytest.raises(TimedOut, match=r"GET /hang: no answer within 0\.01 s"):
                await client.request("GET", "/hang", timeout=0.01)
        assert (await client.get("/")).body == b"x"


async def test_cancelling_anywhere_frees_the_place() -> None:
    arrived = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (request := await read_request(reader)) is not None:
            if "/hang" in request[0]:
                arrived.set()
                await asyncio.Event().wait()
            writer.write(ok(b"x"))

    async with serving(handle) as origin, Client(origin, connections=1) as client:
        in_flight = asyncio.ensure_future(client.get("/hang"))
        await arrived.wait()
        waiting = [asyncio.ensure_future(client.get("/")) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        in_flight.cancel()
        assert [(await task).status for task in waiting[1:]] == [200, 200]
        assert in_flight.cancelled()
        assert waiting[0].cancelled()
        assert "open=1/1 idle=1 waiting=0" in repr(client)


async def test_a_place_handed_to_a_request_cancelled_in_the_same_turn_is_passed_on() -> None:
    async with serving(answering(ok(b"x"))) as origin, Client(origin, connections=1) as client:
        first = asyncio.ensure_future(client.get("/"))
        second = asyncio.ensure_future(client.get("/"))
        third = asyncio.ensure_future(client.get("/"))
        # The callback runs in the turn in which `first` ends and hands its place to `second`.
        first.add_done_callback(lambda _: second.cancel())
        assert (await third).status == 200
        assert "open=1/1 idle=1 waiting=0" in repr(client)


async def test_closing_ends_what_is_under_way() -> None:
    arrived = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        arrived.set()
        await asyncio.Event().wait()

    async with serving(handle) as origin:
        client = Client(origin, connections=1)
        first = asyncio.ensure_future(client.get("/"))
        await arrived.wait()
        second = asyncio.ensure_future(client.get("/"))
        await asyncio.sleep(0)
        await client.aclose()
        with pytest.raises(ConnectionLost):
            await first
        with pytest.raises(ConnectFailed):
            await second
        with pytest.raises(ConnectFailed):
            await client.get("/")


@pytest.mark.parametrize("origin", ["ftp://host", "http://", "127.0.0.1:80", "http://host/path"])
def test_what_is_no_origin_is_refused(origin: str) -> None:
    with pytest.raises(ValueError, match="Not an origin"):
        Client(origin)


async def test_a_line_break_cannot_smuggle_a_header() -> None:
    async with Client("http://127.0.0.1:1") as client:
        with pytest.raises(ValueError, match="line break"):
            await client.get("/", {"X": "a\r\nEvil: 1"})
        with pytest.raises(ValueError, match="line break"):
            await client.get("/\nEvil: 1")
