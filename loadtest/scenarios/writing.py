"""Writers that book, move, cancel, hold and change settings, and look at what they touched right after."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, NamedTuple

import orjson

from core.clock import Clock
from loadtest.client import Client, ClientError, Response
from loadtest.scenarios.judge import Lost, Reads, Write
from loadtest.scenarios.reading import look
from loadtest.scenarios.stage import BOOKING_HEADERS, key_of

# Simulated minutes; longer than any run, so that the clock alone changes no answer (the longest there is).
_HOLD_MINUTES = 1440
_LOOKS_AFTER_A_WRITE = 3


class Wish(NamedTuple):
    """One write to make, and what to do with its `data` when it was made."""

    method: str
    path: str
    body: Any
    version: str
    key: str | None
    made: Callable[[Any], None]


class Booked(NamedTuple):
    """A booking that is there."""

    uid: str
    event_type: int
    start: str


@dataclass(slots=True)
class Diary:
    """What can be booked, and what was. `free` are starts by event type, in the order they are taken from."""

    free: dict[int, list[str]]
    dice: random.Random
    booked: list[Booked] = field(default_factory=list)
    held: list[tuple[str, int, str]] = field(default_factory=list)
    _number: int = 0
    _settings: Iterator[Wish] | None = None

    def wish(self, shares: Mapping[str, float]) -> Wish:
        """The next write, of a kind drawn by its share; a booking where there is nothing to change."""
        kinds: dict[str, Callable[[], Wish | None]] = {
            "book": self._book,
            "cancel": self._cancel,
            "move": self._move,
            "hold": self._hold,
            "release": self._release,
            "settings": self._setting,
        }
        (kind,) = self.dice.choices(list(shares), weights=list(shares.values()))
        return kinds[kind]() or self._book()

    def _book(self) -> Wish:
        event_type, start = self._take()
        self._number += 1
        attendee = {
            "name": "Race",
            "email": f"race{self._number}@example.org",
            "timeZone": "UTC",
        }
        body = {"start": start, "eventTypeId": event_type, "attendee": attendee}

        def made(data: Any) -> None:
            self.booked.append(Booked(data["uid"], event_type, start))

        return Wish("POST", "/v2/bookings", body, "2024-08-13", None, made)

    def _cancel(self) -> Wish | None:
        if not self.booked:
            return None
        gone = self.booked.pop(self.dice.randrange(len(self.booked)))

        def made(_: Any) -> None:
            self.free[gone.event_type].append(gone.start)

        return Wish("POST", f"/v2/bookings/{gone.uid}/cancel", {}, "2024-08-13", None, made)

    def _move(self) -> Wish | None:
        if not self.booked:
            return None
        old = self.booked.pop(self.dice.randrange(len(self.booked)))
        _, start = self._take(old.event_type)

        def made(data: Any) -> None:
            self.free[old.event_type].append(old.start)
            self.booked.append(Booked(data["uid"], old.event_type, start))

        path = f"/v2/bookings/{old.uid}/reschedule"
        return Wish("POST", path, {"start": start}, "2024-08-13", None, made)

    def _hold(self) -> Wish:
        event_type, start = self._take()
        body = {"eventTypeId": event_type, "slotStart": start, "reservationDuration": _HOLD_MINUTES}

        def made(data: Any) -> None:
            self.held.append((data["reservationUid"], event_type, start))

        return Wish("POST", "/v2/slots/reservations", body, "2024-09-04", None, made)

    def _release(self) -> Wish | None:
        if not self.held:
            return None
        uid, event_type, start = self.held.pop(0)

        def made(_: Any) -> None:
            self.free[event_type].append(start)

        return Wish("DELETE", f"/v2/slots/reservations/{uid}", None, "2024-09-04", None, made)

    def _setting(self) -> Wish:
        if self._settings is None:
            self._settings = cycle(_settings())
        return next(self._settings)

    def _take(self, event_type: int | None = None) -> tuple[int, str]:
        kind = self.dice.choice(sorted(self.free)) if event_type is None else event_type
        starts = self.free[kind]
        # The last one stays: faults may use up all there is, and a refusal is an answer too.
        at = self.dice.randrange(len(starts))
        # Taken from anywhere: a start that was given back is not asked for again at once.
        return kind, starts.pop(at) if len(starts) > 1 else starts[at]


def _settings() -> Iterator[Wish]:
    """Hours, buffers, absences of a length: each back and forth, and never to what it is already."""
    for hours in (("08:00", "15:00"), ("09:00", "17:00")):
        begin, end = hours
        availability = [
            {
                "days": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"],
                "startTime": begin,
                "endTime": end,
            }
        ]
        yield Wish(
            "PATCH", "/v2/schedules/304", {"availability": availability}, "2024-06-11", key_of("daniel"), _no
        )
        buffer = {"afterEventBuffer": 60 if begin == "08:00" else 30}
        yield Wish("PATCH", "/v2/event-types/102", buffer, "2024-06-14", key_of("ada"), _no)


def _no(_: Any) -> None:
    """Nothing to remember."""


@dataclass(slots=True)
class Writer:
    """Makes writes, and keeps those that were acknowledged and those that were not. `touching` says which targets
    a day concerns; `left` is set while any write is on its way.
    """

    client: Client
    diary: Diary
    clock: Clock
    targets: Sequence[str]
    touching: Callable[[str], Sequence[int]]
    shares: Mapping[str, float]
    reads: Reads = field(default_factory=Reads)
    writes: list[Write] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    outcomes: Counter[str] = field(default_factory=Counter)
    """Statuses, and errors of the connection by name."""
    _sent: int = 0
    _away: int = 0

    async def write(self) -> None:
        """One write, and some looks once it is acknowledged."""
        wish = self.diary.wish(self.shares)
        self._sent += 1
        # Under its name, which the gateway passes on, the journal of Cal.com tells whether it was made.
        name = f"race-write-{self._sent}"
        started = self.clock.now()
        try:
            answer = await self._send(wish, name)
        except ClientError as error:
            self.outcomes[type(error).__name__] += 1
            self.lost.append(Lost(name, started, self.clock.now(), answered=False))
            await self.clock.sleep(0.05)
            return
        self.outcomes[str(answer.status)] += 1
        if answer.status not in (200, 201):
            self.lost.append(Lost(name, started, answer.ended, answered=True))
            return
        self._acknowledged(wish, answer)
        day = (wish.body or {}).get("start", "")[:10]
        near = self.touching(day)
        for _ in range(_LOOKS_AFTER_A_WRITE):
            await look(self.client, self.reads, self.targets, self.diary.dice.choice(near))

    async def _send(self, wish: Wish, name: str) -> Response:
        headers = {**BOOKING_HEADERS, "cal-api-version": wish.version, "x-request-id": name}
        if wish.key is not None:
            headers["authorization"] = f"Bearer {wish.key}"
        body = b"" if wish.body is None else orjson.dumps(wish.body)
        self._away += 1
        self.left.set()
        try:
            return await self.client.request(wish.method, wish.path, headers=headers, body=body)
        finally:
            self._away -= 1
            if not self._away:
                self.left.clear()

    def _acknowledged(self, wish: Wish, answer: Response) -> None:
        # Of one whose answer was lost, what its gateway looked at tells how new it is.
        version = answer.header("x-sim-version") or answer.header("x-sim-changed")
        assert version is not None, f"{wish.method} {wish.path} was acknowledged without a version"
        self.writes.append(Write(int(version), answer.started, answer.ended))
        wish.made(answer.json().get("data"))
