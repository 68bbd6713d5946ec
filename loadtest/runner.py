"""Carries intents out over HTTP: scheduled arrivals, a bound on how many are under way, honest latencies."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

import orjson

from core.clock import Clock
from loadtest.client import Client, ClientError, Response
from loadtest.stats import Cached, Outcome, Sink, cached
from loadtest.traffic import (
    BOOKINGS_VERSION,
    SLOTS_VERSION,
    Change,
    Intent,
    Kind,
    alternatives_target,
    slots_targets,
)

# Bookings remembered for later rescheduling and cancelling.
_REMEMBERED_BOOKINGS = 500


class Runner:
    """Agents that act on what they were answered: they book what was offered and change what was booked.

    The model is open: an intent starts when it is due, however slow the answers are, until `max_under_way`
    of them have not finished; then the next ones wait, and the wait counts as latency.
    """

    def __init__(
        self,
        client: Client,
        sink: Sink,
        *,
        clock: Clock,
        today: Callable[[], date],
        headers: Mapping[str, str] | None = None,
        speed: float = 1.0,
        max_under_way: int = 256,
        witness: Callable[[Outcome, Response], None] | None = None,
    ) -> None:
        """`today` is the upstream's day in UTC; `headers` go with every request; at `speed` 10, ten seconds of
        traffic pass in one; `witness` is shown each answer, body and all, after the sink has its outcome.
        """
        if speed <= 0:
            raise ValueError(f"Traffic needs a speed above zero, not {speed:g}")
        self._client = client
        self._sink = sink
        self._clock = clock
        self._today = today
        self._slots_headers = {**(headers or {}), "cal-api-version": SLOTS_VERSION}
        self._booking_headers = {
            **(headers or {}),
            "cal-api-version": BOOKINGS_VERSION,
            "Content-Type": "application/json",
        }
        self._speed = speed
        self._witness = witness
        self._places = asyncio.Semaphore(max_under_way)
        # The starts offered by the newest answers, per event type: bounded by the catalogue.
        self._offers: dict[int, list[str]] = {}
        self._bookings: deque[tuple[str, int]] = deque(maxlen=_REMEMBERED_BOOKINGS)
        self.under_way = 0
        self.skipped = 0
        """Bookings given up because nothing was on offer."""

    async def run(self, intents: Iterable[Intent], *, duration: float | None = None) -> None:
        """Carries out intents until they end, or those due within `duration` seconds (at speed 1) have been.

        Returns when the last has its answer. Cancelling it cancels whatever is under way.
        """
        begun, begun_now = self._clock.monotonic(), self._clock.now()
        async with asyncio.TaskGroup() as group:
            for intent in intents:
                if duration is not None and intent.at >= duration:
                    break
                due = intent.at / self._speed
                wait = begun + due - self._clock.monotonic()
                if wait > 0:
                    await self._clock.sleep(wait)
                await self._places.acquire()
                group.create_task(self._carry_out(intent, begun_now + due))

    async def _carry_out(self, intent: Intent, scheduled: float) -> None:
        self.under_way += 1
        try:
            match intent.kind:
                case Kind.AVAILABILITY:
                    await self._look(intent, slots_targets(intent, self._today())[0], scheduled)
                case Kind.ALTERNATIVES if intent.asks_gateway:
                    await self._ask(intent, scheduled)
                case Kind.ALTERNATIVES:
                    async with asyncio.TaskGroup() as group:
                        for target in slots_targets(intent, self._today()):
                            group.create_task(self._look(intent, target, scheduled))
                case Kind.BOOKING:
                    await self._book(intent, scheduled)
        finally:
            self.under_way -= 1
            self._places.release()

    async def _look(self, intent: Intent, target: str, scheduled: float) -> None:
        response = await self._send(intent, "slots", "GET", target, self._slots_headers, b"", scheduled)
        if response is not None and response.status == 200:
            self._remember_offers(intent, response)

    async def _ask(self, intent: Intent, scheduled: float) -> None:
        target = alternatives_target(intent, self._today())
        response = await self._send(
            intent, "alternatives", "GET", target, self._slots_headers, b"", scheduled
        )
        found = _data(response) if response is not None and response.status == 200 else None
        if isinstance(found, dict) and found.get("alternatives"):
            self._offers[intent.event_type.id] = [one["startUtc"] for one in found["alternatives"]]

    async def _book(self, intent: Intent, scheduled: float) -> None:
        known = next((known for known in self._bookings if known[1] == intent.event_type.id), None)
        if intent.change is not Change.CREATE and known is not None:
            self._bookings.remove(known)
            if intent.change is Change.CANCEL:
                await self._write(
                    intent,
                    "cancel",
                    f"/{known[0]}/cancel",
                    {"cancellationReason": "No longer needed"},
                    scheduled,
                )
                return
        if not self._offers.get(intent.event_type.id):
            await self._look(intent, slots_targets(intent, self._today())[0], scheduled)
            scheduled = self._clock.now()
        offers = self._offers.get(intent.event_type.id)
        if not offers:
            self.skipped += 1
            return
        # Nobody books the same offer twice on purpose.
        start = offers.pop(int(intent.pick * len(offers)))
        if intent.change is Change.RESCHEDULE and known is not None:
            await self._write(intent, "reschedule", f"/{known[0]}/reschedule", {"start": start}, scheduled)
            return
        caller = f"caller-{intent.conversation}"
        body: dict[str, object] = {
            "start": start,
            "eventTypeId": intent.event_type.id,
            "attendee": {"name": caller, "email": f"{caller}@example.com", "timeZone": intent.zone},
        }
        if intent.event_type.is_variable:
            body["lengthInMinutes"] = intent.event_type.lengths[0]
        await self._write(intent, "create", "", body, scheduled)

    async def _write(
        self, intent: Intent, action: str, path: str, body: Mapping[str, object], scheduled: float
    ) -> None:
        response = await self._send(
            intent,
            action,
            "POST",
            "/v2/bookings" + path,
            self._booking_headers,
            orjson.dumps(body),
            scheduled,
            body.get("start"),
        )
        if response is None or response.status not in (200, 201) or action == "cancel":
            return
        data = _data(response)
        # A recurring type answers with one booking per occurrence (contract 5.3).
        booked = data[0] if isinstance(data, list) and data else data
        if isinstance(booked, dict) and "uid" in booked:
            self._bookings.append((booked["uid"], intent.event_type.id))

    async def _send(
        self,
        intent: Intent,
        action: str,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes,
        scheduled: float,
        slot: object = None,
    ) -> Response | None:
        started = self._clock.now()
        response: Response | None = None
        error: str | None = None
        try:
            response = await self._client.request(method, target, headers=headers, body=body)
        except ClientError as failure:
            error = type(failure).__name__
        outcome = Outcome(
            action=action,
            kind=intent.kind,
            method=method,
            target=target,
            status=response.status if response else 0,
            cached=cached(response.header("cache-status")) if response else Cached.NONE,
            scheduled=scheduled,
            started=started,
            ended=response.ended if response else self._clock.now(),
            error=error,
            event_type=intent.event_type.id,
            slot=str(slot) if slot else None,
            replaces=intent.alternative_days if action == "alternatives" else 1,
        )
        self._sink.record(outcome)
        if response is not None and self._witness is not None:
            self._witness(outcome, response)
        return response

    def _remember_offers(self, intent: Intent, response: Response) -> None:
        days = _data(response)
        if isinstance(days, dict):
            starts = [_as_utc(slot["start"]) for day in days.values() for slot in day]
            if starts:
                self._offers[intent.event_type.id] = starts


def _data(response: Response) -> Any:
    """The envelope's `data`; None when there is none. A broken answer is a finding, not a crash."""
    try:
        answer = response.json()
    except ValueError:
        return None
    return answer.get("data") if isinstance(answer, dict) else None


def _as_utc(start: str) -> str:
    """A booking's start is read in UTC (contract 5.2), an offer may carry the asker's offset."""
    return datetime.fromisoformat(start).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
