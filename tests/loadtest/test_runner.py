"""Agents act on the answers they get, on time, and stop when told."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import date
from itertools import takewhile
from typing import Any

import orjson
import pytest

from core.clock import FakeClock, SystemClock
from loadtest.catalogue import Catalogue, EventType
from loadtest.client import Client
from loadtest.runner import Runner
from loadtest.stats import Outcome
from loadtest.traffic import Change, Intent, Kind, intents
from tests.loadtest.servers import Handler, ok, read_request, serving

TODAY = date(2026, 11, 23)
FIXED = EventType(1, "fixed")
VARIABLE = EventType(2, "variable", lengths=(45, 90))
OFFERED = ["2026-11-24T10:00:00.000+01:00", "2026-11-24T11:00:00.000+01:00"]


class Journal:
    """A sink that keeps every outcome, and a Cal.com of sorts that keeps every request."""

    def __init__(self, offered: list[str] | None = None) -> None:
        self.outcomes: list[Outcome] = []
        self.requests: list[tuple[str, Any]] = []
        self._offered = OFFERED if offered is None else offered
        self._bookings = 0

    def record(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (request := await read_request(reader)) is not None:
            line, body = request
            path = line.split()[1]
            self.requests.append((path, orjson.loads(body) if body else None))
            data: object = (
                {"2026-11-24": [{"start": start} for start in self._offered]} if self._offered else {}
            )
            if path.startswith("/-/alternatives"):
                data = {"alternatives": [{"startUtc": "2026-11-25T09:30:00.000Z"}]}
            if path == "/v2/bookings":
                self._bookings += 1
                data = {"uid": f"uid-{self._bookings}"}
            elif path.endswith("/reschedule"):
                data = {"uid": "uid-moved"}
            writer.write(ok(orjson.dumps({"status": "success", "data": data}), "Cache-Status: calgate; hit"))


def intent(kind: Kind, *, at: float = 0.0, change: Change = Change.CREATE, of: EventType = FIXED) -> Intent:
    return Intent(at, kind, 1, of, "Europe/Berlin", 0, 7, 2, 3, change, 0.6)


async def carry_out(journal: Journal, *steps: Intent) -> Runner:
    async with serving(journal.handle) as origin, Client(origin) as client:
        runner = Runner(
            client, journal, clock=SystemClock(), today=lambda: TODAY, headers={"Authorization": "k"}
        )
        for step in steps:
            await runner.run([step])
    return runner


async def test_a_look_is_one_read_and_alternatives_are_several() -> None:
    journal = Journal()
    await carry_out(journal, intent(Kind.AVAILABILITY), intent(Kind.ALTERNATIVES))
    assert [(one.action, one.kind) for one in journal.outcomes] == [
        ("slots", "availability"),
        *[("slots", "alternatives")] * 3,
    ]
    assert {one.cached for one in journal.outcomes} == {"hit"}
    assert all("timeZone=Europe%2FBerlin" in path for path, _ in journal.requests)


async def test_who_asks_the_gateway_for_alternatives_asks_once_and_books_one_of_them() -> None:
    journal = Journal()
    asks = replace(intent(Kind.ALTERNATIVES), asks_gateway=True)
    await carry_out(journal, asks, intent(Kind.BOOKING))
    assert [(one.action, one.kind) for one in journal.outcomes] == [
        ("alternatives", "alternatives"),
        ("create", "booking"),
    ]
    assert [one.replaces for one in journal.outcomes] == [3, 1]
    assert journal.requests[0][0].startswith("/-/alternatives?eventTypeId=1&wish=2026-11-25T14%3A00")
    assert journal.requests[1][1]["start"] == "2026-11-25T09:30:00.000Z"


async def test_a_booking_takes_a_slot_that_was_offered_and_never_twice() -> None:
    journal = Journal()
    await carry_out(journal, intent(Kind.AVAILABILITY), intent(Kind.BOOKING), intent(Kind.BOOKING))
    bodies = [body for path, body in journal.requests if path == "/v2/bookings"]
    assert [body["start"] for body in bodies] == ["2026-11-24T10:00:00.000Z", "2026-11-24T09:00:00.000Z"]
    assert bodies[0]["attendee"]["timeZone"] == "Europe/Berlin"
    assert "lengthInMinutes" not in bodies[0]


async def test_outcomes_say_which_type_and_which_slot() -> None:
    journal = Journal()
    await carry_out(journal, intent(Kind.AVAILABILITY), intent(Kind.BOOKING))
    assert [(one.event_type, one.slot) for one in journal.outcomes] == [
        (1, None),
        (1, "2026-11-24T10:00:00.000Z"),
    ]


async def test_a_witness_sees_every_answer_with_its_body() -> None:
    journal, seen = Journal(), []
    async with serving(journal.handle) as origin, Client(origin) as client:
        runner = Runner(
            client,
            journal,
            clock=SystemClock(),
            today=lambda: TODAY,
            witness=lambda outcome, response: seen.append((outcome, response.json()["status"])),
        )
        await runner.run([intent(Kind.AVAILABILITY)])
    assert seen == [(journal.outcomes[0], "success")]


async def test_a_variable_type_is_booked_with_a_length() -> None:
    journal = Journal()
    await carry_out(journal, intent(Kind.AVAILABILITY, of=VARIABLE), intent(Kind.BOOKING, of=VARIABLE))
    assert journal.requests[-1][1]["lengthInMinutes"] == 45


async def test_an_agent_who_was_offered_nothing_looks_first_and_gives_up_without_offers() -> None:
    journal = Journal()
    await carry_out(journal, intent(Kind.BOOKING))
    assert [one.action for one in journal.outcomes] == ["slots", "create"]
    empty = Journal(offered=[])
    runner = await carry_out(empty, intent(Kind.BOOKING))
    assert [one.action for one in empty.outcomes] == ["slots"]
    assert runner.skipped == 1


async def test_bookings_are_rescheduled_and_cancelled_under_their_newest_uid() -> None:
    journal = Journal()
    await carry_out(
        journal,
        intent(Kind.AVAILABILITY),
        intent(Kind.BOOKING),
        intent(Kind.BOOKING, change=Change.RESCHEDULE),
        intent(Kind.BOOKING, change=Change.CANCEL),
    )
    assert [path for path, _ in journal.requests][1:] == [
        "/v2/bookings",
        "/v2/bookings/uid-1/reschedule",
        "/v2/bookings/uid-moved/cancel",
    ]


async def test_without_a_booking_to_change_an_agent_creates_one() -> None:
    journal = Journal()
    await carry_out(journal, intent(Kind.BOOKING, change=Change.CANCEL))
    assert [one.action for one in journal.outcomes] == ["slots", "create"]


@pytest.mark.parametrize(
    "answer", [ok(b"<html>"), ok(b"[]"), ok(b'{"data":"x"}'), b"HTTP/1.1 502 X\r\nContent-Length: 0\r\n\r\n"]
)
async def test_a_broken_answer_is_recorded_and_the_traffic_goes_on(answer: bytes) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await read_request(reader) is not None:
            writer.write(answer)

    journal = Journal()
    async with serving(handle) as origin, Client(origin) as client:
        runner = Runner(client, journal, clock=SystemClock(), today=lambda: TODAY)
        await runner.run([intent(Kind.AVAILABILITY), intent(Kind.BOOKING)])
    assert len(journal.outcomes) == 2
    assert runner.skipped == 1


async def test_no_answer_at_all_is_recorded_with_its_reason() -> None:
    journal = Journal()
    async with serving(journal.handle) as origin:
        pass
    async with Client(origin) as client:
        await Runner(client, journal, clock=SystemClock(), today=lambda: TODAY).run(
            [intent(Kind.AVAILABILITY)]
        )
    (one,) = journal.outcomes
    assert (one.status, one.error) == (0, "ConnectFailed")


async def test_arrivals_keep_their_schedule_however_slow_the_answers_are() -> None:
    clock = FakeClock()
    release = asyncio.Event()
    arrivals: asyncio.Queue[float] = asyncio.Queue()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await read_request(reader) is not None:
            arrivals.put_nowait(clock.monotonic())
            await release.wait()
            writer.write(ok(b"{}"))

    journal = Journal()
    async with serving(handle) as origin, Client(origin, timeout=None, clock=clock) as client:
        runner = Runner(client, journal, clock=clock, today=lambda: TODAY, speed=2.0)
        steps = [intent(Kind.AVAILABILITY, at=at) for at in (0.0, 10.0, 20.0)]
        begun = clock.monotonic()
        running = asyncio.ensure_future(runner.run(steps))
        arrived = []
        for _ in steps:
            arrived.append(await arrivals.get())
            await clock.advance(5.0)
        release.set()
        await running
    assert [at - begun for at in arrived] == [0.0, 5.0, 10.0]
    assert sorted(one.latency for one in journal.outcomes) == [5.0, 10.0, 15.0]


async def test_waiting_for_a_place_counts_as_latency() -> None:
    clock = FakeClock()
    arrived, release = asyncio.Event(), asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await read_request(reader) is not None:
            arrived.set()
            await release.wait()
            writer.write(ok(b"{}"))

    journal = Journal()
    async with serving(handle) as origin, Client(origin, timeout=None, clock=clock) as client:
        runner = Runner(client, journal, clock=clock, today=lambda: TODAY, max_under_way=1)
        running = asyncio.ensure_future(runner.run([intent(Kind.AVAILABILITY), intent(Kind.AVAILABILITY)]))
        await arrived.wait()
        await clock.advance(30.0)
        release.set()
        await running
    assert [(one.latency, one.service) for one in journal.outcomes] == [(30.0, 30.0), (30.0, 0.0)]


async def test_traffic_ends_with_its_duration_and_its_last_answer() -> None:
    journal = Journal()
    catalogue = Catalogue((FIXED, VARIABLE), TODAY)
    stream = list(takewhile(lambda step: step.at < 60, intents(catalogue, seed=3, rate_per_minute=60)))

    def endless() -> Iterator[Intent]:
        return intents(catalogue, seed=3, rate_per_minute=60)

    async with serving(journal.handle) as origin, Client(origin) as client:
        runner = Runner(client, journal, clock=SystemClock(), today=lambda: TODAY, speed=1e6)
        await runner.run(endless(), duration=60)
    looks = [step for step in stream if step.kind is Kind.AVAILABILITY]
    assert sum(one.kind == "availability" for one in journal.outcomes) == len(looks)
    assert runner.under_way == 0


async def test_cancelling_the_traffic_cancels_what_is_under_way() -> None:
    arrived = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        arrived.set()
        await asyncio.Event().wait()

    await _cancelled_after(handle, arrived.wait, intent(Kind.ALTERNATIVES))


async def _cancelled_after(handler: Handler, moment: Callable[[], Awaitable[Any]], step: Intent) -> None:
    async with serving(handler) as origin, Client(origin) as client:
        runner = Runner(client, Journal(), clock=SystemClock(), today=lambda: TODAY)
        running = asyncio.ensure_future(runner.run([step]))
        await moment()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert runner.under_way == 0
        assert "idle=0 waiting=0" in repr(client)
        assert "open=0/" in repr(client)
