"""Several processes that want the same ask Cal.com once."""

import asyncio

import pytest
from redis.asyncio import Redis

from proxy.cache.fetch import Arrivals
from tests.proxy.conftest import Start
from tests.proxy.upstream import SLOTS, Gate, Reply, Upstream
from tests.proxy.waiting import until


async def followed(redis: Redis) -> None:
    """Return when another process waits for the fetch under way."""

    async def one() -> bool:
        leads = await redis.keys("*:l:*")
        return bool(leads) and bool(await redis.hexists(leads[0], "followed"))

    await until(one)


def looks(upstream: Upstream) -> int:
    return sum(seen.method == "GET" for seen in upstream.requests)


async def test_two_processes_make_one_call(start: Start, upstream: Upstream, redis: Redis) -> None:
    gateways = [await start(), await start()]
    gate = Gate()
    upstream.script = gate
    readers = [asyncio.ensure_future(gateway.get()) for gateway in gateways for _ in range(20)]
    await upstream.arrivals(1)
    await followed(redis)
    gate.open()
    answers = await asyncio.gather(*readers)
    assert {answer.content for answer in answers} == {SLOTS}
    assert looks(upstream) == 1
    words = [answer.headers["cache-status"] for answer in answers]
    assert sum(word.endswith("; stored") for word in words) == 1


@pytest.mark.parametrize("reply", [Reply(500, b'{"status":"error"}'), Reply(200, b"odd")])
async def test_an_answer_that_is_not_kept_is_shared_with_who_waited_for_it(
    start: Start, upstream: Upstream, redis: Redis, reply: Reply
) -> None:
    one, other = await start(), await start()
    gate = Gate(reply)
    upstream.script = gate
    first = asyncio.ensure_future(one.get())
    await upstream.arrivals(1)
    second = asyncio.ensure_future(other.get())
    await followed(redis)
    gate.open()
    answers = [await first, await second]
    assert [answer.status_code for answer in answers] == [reply.status] * 2
    assert [answer.content for answer in answers] == [reply.body] * 2
    assert looks(upstream) == 1
    # Only with those: the next one asks for itself.
    await other.get()
    assert looks(upstream) == 2


async def test_a_refusal_is_shared_too(start: Start, upstream: Upstream, redis: Redis) -> None:
    one, other = await start(), await start()
    gate = Gate(Reply(raw=b"", cut=True))
    upstream.script = gate
    first = asyncio.ensure_future(one.get())
    await upstream.arrivals(1)
    second = asyncio.ensure_future(other.get())
    await followed(redis)
    gate.open()
    answers = [await first, await second]
    assert [answer.status_code for answer in answers] == [504, 504]
    assert answers[0].json()["error"]["message"] == answers[1].json()["error"]["message"]
    # A read that breaks off at once is tried once more, for both.
    assert looks(upstream) == 2


async def test_a_waiter_is_woken_by_the_landing_and_by_nothing_else() -> None:
    arrivals = Arrivals()
    waiting = asyncio.ensure_future(arrivals.wait("d", 60))
    await asyncio.sleep(0)
    arrivals.landed("other")
    await asyncio.sleep(0)
    assert not waiting.done()
    arrivals.landed("d")
    await waiting
    assert len(arrivals) == 0


async def test_a_waiter_that_leaves_or_waited_long_enough_leaves_nothing_behind() -> None:
    arrivals = Arrivals()
    await arrivals.wait("d", 0.001)
    waiting = asyncio.ensure_future(arrivals.wait("d", 60))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert len(arrivals) == 0
