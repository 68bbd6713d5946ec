"""More than a process can hold: what is refused, who makes way, and that nothing grows without end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
import socket
from collections import Counter

import pytest
from redis.asyncio import Redis
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from core import tasks
from core.keys import Keys
from proxy.edge import protocol
from proxy.governor.purpose import Purpose, Reserves
from proxy.overload import Place, Room
from proxy.refusals import Overloaded
from tests.proxy.clients.people import blocked
from tests.proxy.conftest import Start
from tests.proxy.edge.test_shortcut import HEAD
from tests.proxy.running import KEY
from tests.proxy.upstream import Gate, Reply, Upstream
from tests.proxy.waiting import until


class Watching:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.most = 0
        self.given_up: Counter[tuple[Purpose, str]] = Counter()

    def in_hand(self, calls: int) -> None:
        self.most = max(self.most, calls)

    def shed(self, purpose: Purpose, how: str) -> None:
        self.given_up[purpose, how] += 1


def room(places: int = 10) -> tuple[Room, Watching]:
    watching = Watching()
    return Room(places, Reserves(), watching), watching


def waiting(room: Room, purpose: Purpose) -> Place:
    """A call that has its place and waits for its turn."""
    place = room.enter(purpose)
    room.may_yield(place)
    return place


@pytest.mark.parametrize(
    ("purpose", "places"),
    [
        (Purpose.BOOKING, 10),
        (Purpose.INTERACTIVE, 9),
        (Purpose.REVALIDATE, 7),
        (Purpose.LEARN, 7),
        (Purpose.WARM, 5),
        (Purpose.AUDIT, 5),
    ],
)
def test_each_class_may_fill_as_much_as_it_may_of_the_budget(purpose: Purpose, places: int) -> None:
    one, watching = room()
    for _ in range(places):
        one.enter(purpose)
    with pytest.raises(Overloaded) as caught:
        one.enter(purpose)
    assert caught.value.headers() == [(b"retry-after", b"1")]
    assert watching.given_up == {(purpose, "refused"): 1}


def test_a_booking_takes_the_place_of_the_least_important_that_waits_and_of_the_last_of_those() -> None:
    one, watching = room()
    looks = [waiting(one, Purpose.INTERACTIVE) for _ in range(6)]
    refreshes = [waiting(one, Purpose.REVALIDATE)]
    bookings = [one.enter(Purpose.BOOKING) for _ in range(3)]
    bookings += [one.enter(Purpose.BOOKING) for _ in range(4)]
    assert [place.is_lost for place in refreshes] == [True]
    assert [place.is_lost for place in looks] == [False] * 3 + [True] * 3
    assert watching.given_up == {(Purpose.REVALIDATE, "evicted"): 1, (Purpose.INTERACTIVE, "evicted"): 3}
    for place in (*looks, *refreshes, *bookings):
        one.stays(place)
        one.leave(place)
    assert one.in_hand == 0


def test_what_has_left_makes_way_for_nobody() -> None:
    one, _ = room()
    for _ in range(9):
        one.stays(waiting(one, Purpose.INTERACTIVE))
    one.enter(Purpose.BOOKING)
    with pytest.raises(Overloaded):
        one.enter(Purpose.BOOKING)


def test_whatever_comes_no_more_are_in_hand_than_there_are_places_and_no_class_yields_to_its_own() -> None:
    dice = random.Random(5)
    one, watching = room(20)
    there: list[Place] = []
    for _ in range(5_000):
        if there and dice.random() < 0.4:
            place = there.pop(dice.randrange(len(there)))
            one.stays(place)
            one.leave(place)
        elif there and dice.random() < 0.2:
            one.stays(dice.choice(there))
        else:
            purpose = dice.choice(list(Purpose))
            with contextlib.suppress(Overloaded):
                before = {place for place in there if not place.is_lost}
                there.append(waiting(one, purpose))
                lost = [place for place in before if place.is_lost]
                assert len(lost) <= 1
                assert all(place.purpose.rank > purpose.rank for place in lost)
        assert one.in_hand == sum(not place.is_lost for place in there) <= 20
    assert watching.most == 20
    assert watching.given_up[Purpose.BOOKING, "evicted"] == 0


async def test_who_loses_its_place_is_told_and_lives_on() -> None:
    one, _ = room(10)
    given_back: list[str] = []

    async def leave() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            given_back.append("turn")

    async def call() -> str:
        with pytest.raises(Overloaded), one.place(Purpose.INTERACTIVE) as place:
            await place.waits(leave())
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        await asyncio.sleep(0)
        return "answered"

    calling = asyncio.ensure_future(call())
    await asyncio.sleep(0)
    bookings = [one.enter(Purpose.BOOKING) for _ in range(10)]
    assert await calling == "answered"
    assert given_back == ["turn"]
    assert one.in_hand == len(bookings)


@pytest.mark.parametrize("is_evicted_too", [True, False])
async def test_who_is_cancelled_is_cancelled(*, is_evicted_too: bool) -> None:
    one, _ = room(10)

    async def call() -> None:
        with one.place(Purpose.INTERACTIVE) as place:
            await place.waits(asyncio.Event().wait())

    calling = asyncio.ensure_future(call())
    await asyncio.sleep(0)
    if is_evicted_too:
        for _ in range(10):
            one.enter(Purpose.BOOKING)
    calling.cancel()
    await asyncio.wait([calling])
    assert calling.cancelled()
    assert one.in_hand == (10 if is_evicted_too else 0)
    assert not any(one._yielding)


async def test_far_more_than_fits_is_refused_at_once_but_no_hit_and_bookings_last(
    start: Start, upstream: Upstream
) -> None:
    gateway = await start(max_calls=20, budget_max_wait_seconds=30)
    assert (await gateway.get()).status_code == 200
    gate = Gate()
    upstream.script = gate
    before = len(tasks._running)
    asks = [asyncio.ensure_future(gateway.get(f"/v2/bookings?n={n}")) for n in range(100)]
    await until(lambda: sum(ask.done() for ask in asks) == 82)
    # Each of the others holds its request, and what watches whether its client is still there.
    assert len(tasks._running) - before <= 2 * 18
    await upstream.arrivals(1 + 18)
    refused = [ask.result() for ask in asks if ask.done()]
    assert {answer.status_code for answer in refused} == {503}
    assert {answer.headers["retry-after"] for answer in refused} == {"1"}
    assert refused[0].json()["error"]["code"] == "ServiceUnavailableException"
    assert (await gateway.get()).headers["cache-status"].startswith("calgate; hit")
    bookings = [asyncio.ensure_future(gateway.post(f"/v2/bookings/{n}/cancel")) for n in range(3)]
    await until(lambda: sum(booking.done() for booking in bookings) == 1)
    await upstream.arrivals(1 + 18 + 2)
    gate.open()
    assert sorted([(await booking).status_code for booking in bookings]) == [200, 200, 503]
    assert Counter([(await ask).status_code for ask in asks]) == {200: 18, 503: 82}


async def test_a_booking_takes_the_place_of_a_look_that_waits_but_not_of_who_follows_elsewhere(
    start: Start, upstream: Upstream, redis: Redis, keys: Keys
) -> None:
    """Bookings take the place of the one that leads, while all wait for a block to pass."""
    patient = {"max_calls": 10, "budget_max_wait_seconds": 30}
    leading, following = await start(**patient), await start(**patient)
    await blocked(redis, keys, KEY["authorization"], 5)
    leader = asyncio.ensure_future(leading.get())

    async def is_announced(field: str) -> bool:
        names = await redis.keys(keys.filling("*"))
        return len(names) == 1 and await redis.hexists(names[0], field)

    await until(lambda: is_announced("token"))
    follower = asyncio.ensure_future(following.get())
    await until(lambda: is_announced("followed"))
    bookings = [asyncio.ensure_future(leading.post(f"/v2/bookings/{n}/cancel")) for n in range(10)]
    assert (await leader).status_code == 503
    assert not any(booking.done() for booking in bookings)
    assert (await follower).status_code == 200
    assert {(await booking).status_code for booking in bookings} == {200}


def cycles() -> int:
    """Requests that were parsed and are not answered."""
    return sum(isinstance(one, RequestResponseCycle) for one in gc.get_objects())


async def test_thousands_of_requests_in_one_piece_are_taken_in_as_they_are_answered(
    start: Start, upstream: Upstream
) -> None:
    """The first takes longer than a head may, and in the middle of a head is where parsing stopped."""
    gateway = await start(client_head_timeout_seconds=0.2)
    gate = Gate()
    upstream.script = gate
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    tiny, count = b"GET / HTTP/1.1\r\nhost:a\r\n\r\n", 2_000
    writer.write(b"GET /v2/bookings HTTP/1.1\r\nhost: a\r\n\r\n" + tiny * count)
    writer.write(b"GET /-/healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    await upstream.arrivals(1)
    await asyncio.sleep(0.5)
    most = protocol._MOST_QUEUED + protocol._SLICE_BYTES // len(tiny) + 10
    gc.collect()
    assert 10 < cycles() <= most
    gate.open()
    answers = bytearray()
    seen = 0
    while piece := await asyncio.wait_for(reader.read(65_536), 60):
        answers += piece
        if len(answers) // 400_000 > seen:
            seen += 1
            gc.collect()
            assert cycles() <= most
    assert answers.count(b"HTTP/1.1 404 ") == count
    assert answers.count(b"HTTP/1.1 200 ") == 2
    writer.close()


async def test_requests_whose_clients_have_left_count_as_connections(
    start: Start, upstream: Upstream
) -> None:
    gateway = await start(max_connections=10)
    gate = Gate()
    upstream.script = gate
    for number in range(60):
        _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(HEAD.replace(b"eventTypeId=1&", b"eventTypeId=%d&" % (number + 2)))
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()
    # At most what was there when the bound was reached, and one each of the connections then open.
    await asyncio.sleep(0.05)
    assert 5 <= len(upstream.requests) <= 20
    assert b"HTTP/1.1 503 " in await gateway.raw(HEAD)
    gate.open()

    async def is_served() -> bool:
        return b"HTTP/1.1 200 " in await gateway.raw(HEAD.replace(b"Accept", b"Connection: close\r\nAccept"))

    await until(is_served)


async def test_what_a_client_does_not_take_is_not_fetched_either(start: Start) -> None:
    """A long answer is passed on as it is taken: the rest stays where it comes from."""
    sent = 0
    whole = 200_000_000

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % whole)
        with contextlib.suppress(ConnectionError):
            while sent < whole:
                writer.write(b"x" * 65_536)
                await writer.drain()
                sent += 65_536
        writer.close()

    server = await asyncio.start_server(endless, "127.0.0.1", 0)
    async with server:
        gateway = await start(upstream=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(b"GET /v2/bookings HTTP/1.1\r\nhost: a\r\n\r\n")
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.2)
        # What the kernel holds on both ways is a few megabytes each.
        assert sent < whole / 5
        writer.close()


async def test_a_client_that_takes_nothing_does_not_keep_its_connection(
    start: Start, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "_STUCK_SECONDS", 0.3)
    upstream.script = lambda seen: Reply(body=b'{"status":"success","data":{"x":"%s"}}' % (b"y" * 400_000))
    gateway = await start(max_connections=2)
    stuck = socket.socket()
    stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    stuck.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(stuck, ("127.0.0.1", gateway.port))
    try:
        await loop.sock_sendall(stuck, HEAD * 30)
        ask = b"GET /-/healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
        assert b"HTTP/1.1 503 " in await gateway.raw(ask)

        async def is_free() -> bool:
            return b"HTTP/1.1 200 " in await gateway.raw(ask)

        await until(is_free)
    finally:
        stuck.close()
