"""A request over a scripted ASGI server."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import orjson
import pytest

from core.clock import FakeClock
from proxy.edge import request as request_module
from proxy.edge.request import Message, Request
from proxy.refusals import BodyTooLarge, BudgetSpent, ClientGone, NotServed, TooSlow


class Server:
    """Gives the messages it was given, then waits; keeps what is sent."""

    def __init__(self, *messages: Message) -> None:
        self.messages = list(messages)
        self.sent: list[Message] = []
        self.gone = asyncio.Event()
        self.draining = False

    async def receive(self) -> Message:
        if self.messages:
            return self.messages.pop(0)
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    def request(
        self, headers: Sequence[tuple[bytes, bytes]] = (), clock: FakeClock | None = None, **changes: Any
    ) -> Request:
        scope = {
            "method": "POST",
            "http_version": "1.1",
            "raw_path": b"/v2/slots",
            "query_string": b"",
            "headers": list(headers),
        }
        return Request(scope | changes, self.receive, self.send, clock or FakeClock(), lambda: self.draining)


def piece(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


async def body_of(request: Request, limit: int = 10, seconds: float = 10) -> list[bytes]:
    return [part async for part in request.body(limit, seconds)]


async def test_the_body_comes_in_its_pieces() -> None:
    server = Server(piece(b"ab"), piece(b""), piece(b"c", more=False))
    assert await body_of(server.request()) == [b"ab", b"c"]


async def test_an_announced_body_over_the_limit_is_refused_unread() -> None:
    server = Server(piece(b"x" * 11, more=False))
    with pytest.raises(BodyTooLarge, match="11 bytes; this gateway forwards at most 10"):
        await body_of(server.request([(b"content-length", b"11")]))
    assert server.messages


async def test_a_body_that_grows_over_the_limit_is_refused() -> None:
    with pytest.raises(BodyTooLarge, match="more than 10 bytes"):
        await body_of(Server(piece(b"x" * 6), piece(b"x" * 6)).request())


async def test_a_body_of_exactly_the_limit_passes() -> None:
    assert await body_of(Server(piece(b"x" * 10, more=False)).request()) == [b"x" * 10]


async def test_a_cut_body_is_a_client_that_left() -> None:
    with pytest.raises(ClientGone):
        await body_of(Server(piece(b"x"), {"type": "http.disconnect"}).request())


async def test_a_body_that_stops_is_too_slow() -> None:
    with pytest.raises(TooSlow, match=r"for 0\.01 seconds"):
        await body_of(Server(piece(b"x")).request(), seconds=0.01)


@pytest.mark.parametrize("sent", [b"abcdefgh", b"3f2e-a_b.c-1234", b"x" * 64])
def test_a_sane_request_id_is_kept(sent: bytes) -> None:
    assert Server().request([(b"x-request-id", sent)]).id == sent.decode()


@pytest.mark.parametrize(
    "sent", [b"", b"short", b"x" * 65, b"has space in it", b"<script>alert", b"abcdefgh\n"]
)
def test_any_other_request_id_is_replaced(sent: bytes) -> None:
    made = Server().request([(b"x-request-id", sent)]).id
    assert made != sent.decode()
    assert len(made) == 36


async def test_every_answer_carries_an_id_and_a_date_and_keeps_one_it_has() -> None:
    server = Server()
    request = server.request()
    await request.answer(200, [], b"x")
    headers = dict(server.sent[0]["headers"])
    assert headers[b"x-request-id"] == request.id.encode()
    assert headers[b"date"].endswith(b"GMT")
    server = Server()
    await server.request().answer(200, [(b"date", b"then")], b"x")
    assert [v for n, v in server.sent[0]["headers"] if n == b"date"] == [b"then"]


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_without_a_body_speaks_of_no_length(status: int) -> None:
    server = Server()
    await server.request().start(status, [(b"content-length", b"99")])
    assert b"content-length" not in dict(server.sent[0]["headers"])


async def test_a_refusal_is_calcoms_envelope_with_the_way_out() -> None:
    server = Server()
    request = server.request(query_string=b"a=b")
    await request.refuse(BudgetSpent(limit=120, retry_after=12.2, blocked=False))
    start, body = server.sent
    headers = dict(start["headers"])
    assert start["status"] == 429
    assert headers[b"retry-after"] == headers[b"x-ratelimit-reset-default"] == b"13"
    assert headers[b"cache-control"] == b"no-store"
    assert headers[b"cache-status"] == b"calgate; detail=budget"
    document = orjson.loads(body["body"])
    assert document["path"] == "/v2/slots?a=b"
    assert document["error"]["code"] == "ThrottlerException"
    assert request.outcome == "refused"
    assert request.facts == {"refused": "budget"}


async def test_a_body_too_large_is_swallowed_between_the_answer_and_its_end() -> None:
    server = Server(piece(b"x" * 5), piece(b"x" * 5), piece(b"x", more=False))
    await server.request().refuse(BodyTooLarge("big"))
    assert not server.messages
    assert [message.get("more_body") for message in server.sent] == [None, True, False]
    assert dict(server.sent[0]["headers"])[b"connection"] == b"close"


async def test_other_refusals_keep_the_connection() -> None:
    server = Server(piece(b"x"))
    await server.request().refuse(NotServed("no"))
    assert b"connection" not in dict(server.sent[0]["headers"])
    assert server.messages


async def test_a_drain_that_begins_before_the_answer_closes_the_connection_after_it() -> None:
    server = Server()
    request = server.request()
    server.draining = True
    await request.answer(200, [], b"x")
    assert dict(server.sent[0]["headers"])[b"connection"] == b"close"


async def test_a_client_that_takes_nothing_more_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_module, "_SEND_SECONDS", 0.01)
    server = Server()
    request = server.request()
    await request.start(200, [])

    async def stuck(message: Message) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(request, "_send", stuck)
    with pytest.raises(ClientGone):
        await request.write(b"x", more=True)


async def test_work_that_is_watched_ends_when_the_client_leaves() -> None:
    server = Server()
    request = server.request()
    cleaned = asyncio.Event()

    async def work() -> None:
        async with request.watched():
            try:
                await asyncio.Event().wait()
            finally:
                cleaned.set()

    task = asyncio.ensure_future(work())
    await asyncio.sleep(0)
    server.gone.set()
    with pytest.raises(ClientGone):
        await task
    assert cleaned.is_set()


async def test_the_end_of_the_answer_is_not_taken_for_a_client_that_left() -> None:
    server = Server()
    request = server.request()
    async with request.watched():
        await request.start(200, [])
        await request.write(b"", more=False)
        # As the server does it: with the answer complete, whoever listens is told the exchange is over.
        server.gone.set()
        for _ in range(5):
            await asyncio.sleep(0)


async def test_an_error_of_watched_work_passes_through_and_ends_the_watch() -> None:
    request = Server().request()
    before = asyncio.all_tasks()

    async def work() -> None:
        async with request.watched():
            await asyncio.sleep(0)
            raise ValueError("own")

    with pytest.raises(ValueError, match="own"):
        await work()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_cancelling_watched_work_leaves_no_task_behind() -> None:
    request = Server().request()
    before = asyncio.all_tasks()

    async def work() -> None:
        async with request.watched():
            await asyncio.Event().wait()

    task = asyncio.ensure_future(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


def test_the_target_is_what_the_client_wrote() -> None:
    assert Server().request(raw_path=b"/v2/a%2Fb", query_string=b"x=%41").target == b"/v2/a%2Fb?x=%41"


async def test_a_body_that_trickles_is_too_slow_though_it_never_stops() -> None:
    server = Server(*(piece(b"x") for _ in range(100)))
    clock = FakeClock()
    request = server.request(clock=clock)
    began = clock.monotonic()
    with pytest.raises(TooSlow, match="more slowly than 1024 bytes a second"):
        await all_of(trickling(request, server, clock, every=0.9))
    assert clock.monotonic() - began < 12


async def test_the_time_we_let_a_body_lie_is_not_held_against_it() -> None:
    server = Server(*(piece(b"x") for _ in range(20)), piece(b"x", more=False))
    clock = FakeClock()
    async for _ in server.request(clock=clock).body(100, 10.0):
        await clock.advance(5.0)


async def all_of(body: AsyncIterator[bytes]) -> bytes:
    return b"".join([part async for part in body])


def trickling(request: Request, server: Server, clock: FakeClock, *, every: float) -> AsyncIterator[bytes]:
    """The body of *request*, each piece of which takes *every* seconds to come."""
    receive = server.receive

    async def slowly() -> Message:
        await clock.advance(every)
        return await receive()

    request._receive = slowly
    return request.body(1_000, 10.0)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ([(b"connection", b"Authorization"), (b"authorization", b"Bearer x")], []),
        ([(b"connection", b"close, cal-api-version"), (b"cal-api-version", b"2024-09-04")], []),
        ([(b"te", b"trailers"), (b"x-a", b"1")], [(b"x-a", b"1")]),
    ],
)
def test_what_does_not_cross_decides_nothing(
    sent: list[tuple[bytes, bytes]], kept: list[tuple[bytes, bytes]]
) -> None:
    request = Server().request(sent)
    assert request.headers == kept
    assert request.received == sent


async def test_a_length_with_many_zeros_is_a_number_like_any_other() -> None:
    with pytest.raises(BodyTooLarge, match="11 bytes"):
        await body_of(Server().request([(b"content-length", b"0" * 10_000 + b"11")]))


async def test_a_client_that_was_not_told_to_send_its_body_is_told_that_nothing_more_is_read() -> None:
    server = Server()
    await server.request([(b"expect", b"100-continue"), (b"content-length", b"5")]).refuse(NotServed("no"))
    assert dict(server.sent[0]["headers"])[b"connection"] == b"close"
    server = Server(piece(b"x", more=False))
    request = server.request([(b"expect", b"100-continue"), (b"content-length", b"1")])
    await body_of(request)
    await request.answer(200, [], b"x")
    assert b"connection" not in dict(server.sent[0]["headers"])


def test_a_target_that_ends_in_a_question_mark_keeps_it() -> None:
    scope: dict[str, Any] = {"raw_path": b"/v2/me", "query_string": b"", "calgate.target": b"/v2/me?"}
    assert Server().request(**scope).target == b"/v2/me?"
