"""Comparisons with Cal.com, which is scripted; Redis is real."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any, cast

import httpx2
import orjson
import pytest

from calcom.reach import Stretch
from core.clock import FakeClock
from core.keys import Keys
from proxy.cache.audit import AGAIN_SECONDS, Auditor, Finding, Verdict, can_audit
from proxy.cache.entry import Entry
from proxy.cache.inventory import Kept, kept
from proxy.cache.stamps import written_on
from proxy.cache.store import Fill, Leave, Store, Timing
from proxy.governor.purpose import Purpose
from proxy.refusals import BudgetSpent
from proxy.upstream import Call

LOOK = "/v2/slots?eventTypeId=7&start=2099-12-01&end=2099-12-02"
ONE, TWO, THREE = (f"2099-12-01T{hour:02}:00:00.000Z" for hour in (9, 10, 11))
DAY = date(2099, 12, 1).toordinal()
FIELDS = ("*", "t7", f"7:{DAY}")


def body(*starts: str) -> bytes:
    return orjson.dumps({"status": "success", "data": {"2099-12-01": [{"start": start} for start in starts]}})


class Calcom:
    """Answers in order, the last again and again; notes what it was asked, and *meanwhile* does something."""

    def __init__(self, *answers: bytes | int | Exception) -> None:
        self.answers = list(answers)
        self.calls: list[Call] = []
        self.meanwhile: Any = None

    async def send(self, call: Call) -> httpx2.Response:
        self.calls.append(call)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if self.meanwhile is not None:
            await self.meanwhile()
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, int):
            return httpx2.Response(answer, stream=httpx2.ByteStream(b""))
        return httpx2.Response(200, stream=httpx2.ByteStream(answer))


@pytest.fixture
def store(redis: Any, keys: Keys) -> Store:
    return Store(redis, keys, Timing(hold_off=0.0))


async def cached(store: Store, redis: Any, keys: Keys, *starts: str) -> Kept:
    begun = await store.fill_begin(Fill("d", "span", "t", 0), FIELDS)
    assert isinstance(begun, Leave)
    fill = Fill("d", "span", "t", begun.generation)
    await store.fill_end(fill, Entry(body(*starts), (), 0.0, 60.0, 600.0), FIELDS, target=LOOK)
    (one,) = await kept(redis, keys)
    return one


class Hurried(FakeClock):
    """Whoever sleeps has slept at once; remembers for how long."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


async def audit(
    one: Kept, store: Store, calcom: Calcom, *, key: str = "", repair: bool = False
) -> tuple[Finding, list[float]]:
    clock = Hurried()
    auditor = Auditor(store, cast(Any, calcom), clock, rng=random.Random(1))
    return await auditor.audit(one, key, repair=repair), clock.slept


async def test_what_is_true_costs_one_call_of_the_lowest_class_past_calcoms_cache(
    store: Store, redis: Any, keys: Keys
) -> None:
    calcom = Calcom(body(ONE, TWO))
    finding, slept = await audit(await cached(store, redis, keys, ONE, TWO), store, calcom, key="cal_secret")
    assert (finding.verdict, finding.gone, finding.missing, slept) == (Verdict.TRUE, (), (), [])
    (call,) = calcom.calls
    assert call.purpose is Purpose.AUDIT
    assert b"T23:59:59." in call.target
    assert (b"authorization", b"Bearer cal_secret") in call.headers
    assert "cal_secret" not in repr(finding)


@pytest.mark.parametrize(
    ("shown", "truth", "verdict"),
    [
        ((ONE, TWO), (TWO,), Verdict.STALE),
        ((ONE,), (ONE, TWO), Verdict.SHORT),
        ((ONE,), (TWO,), Verdict.STALE),
    ],
)
async def test_a_difference_counts_when_it_is_still_there_later(
    store: Store, redis: Any, keys: Keys, shown: Sequence[str], truth: Sequence[str], verdict: Verdict
) -> None:
    finding, slept = await audit(await cached(store, redis, keys, *shown), store, Calcom(body(*truth)))
    assert (finding.verdict, slept) == (verdict, [AGAIN_SECONDS])
    assert {at.isoformat() for at in finding.gone} == {
        start.replace(".000Z", "+00:00") for start in {*shown} - {*truth}
    }


async def test_a_difference_that_passes_is_none(store: Store, redis: Any, keys: Keys) -> None:
    one = await cached(store, redis, keys, ONE, TWO)
    finding, _ = await audit(one, store, Calcom(body(ONE), body(ONE, TWO)))
    assert finding.verdict is Verdict.TRUE


async def test_of_two_differences_only_what_both_show_counts(store: Store, redis: Any, keys: Keys) -> None:
    one = await cached(store, redis, keys, ONE, TWO, THREE)
    finding, _ = await audit(one, store, Calcom(body(ONE), body(TWO)))
    assert [at.hour for at in finding.gone] == [11]


async def test_what_was_written_meanwhile_is_not_compared(store: Store, redis: Any, keys: Keys) -> None:
    one = await cached(store, redis, keys, ONE, TWO)
    calcom = Calcom(body(TWO))

    async def book() -> None:
        await store.write_end("w", known=True, fields=(f"7:{DAY}", "?", "T7"))

    calcom.meanwhile = book
    finding, _ = await audit(one, store, calcom)
    assert finding.verdict is Verdict.MOVED


@pytest.mark.parametrize("answer", [BudgetSpent(limit=120, retry_after=9, blocked=False), 500, b"[]"])
async def test_where_calcom_cannot_be_asked_nothing_is_said(
    store: Store, redis: Any, keys: Keys, answer: Any
) -> None:
    finding, _ = await audit(await cached(store, redis, keys, ONE), store, Calcom(answer))
    assert finding.verdict is Verdict.FAILED
    assert finding.why


async def test_a_repair_takes_the_hours_that_differ_and_no_others(
    store: Store, redis: Any, keys: Keys
) -> None:
    one = await cached(store, redis, keys, ONE, TWO)
    await audit(one, store, Calcom(body(TWO)))
    assert not (await store.lookup("d", FIELDS)).outdated
    await audit(one, store, Calcom(body(TWO)), repair=True)
    assert (await store.lookup("d", FIELDS)).outdated
    stamped = {name.decode() for name in await redis.hkeys(keys.stamps)}
    assert stamped == {"?", "T7", *written_on(7, Stretch(*(datetime.fromisoformat(ONE),) * 2))}


async def test_only_what_will_be_served_for_a_while_can_be_audited(
    store: Store, redis: Any, keys: Keys
) -> None:
    one = await cached(store, redis, keys, ONE)
    assert can_audit(one)
    assert not can_audit(replace(one, now=one.fresh_until - 1))
    assert not can_audit(replace(one, outdated_by=(("*", 9),)))
    assert not can_audit(replace(one, status=404))
    assert not can_audit(replace(one, target="/v2/event-types"))
    assert not can_audit(replace(one, target=""))
