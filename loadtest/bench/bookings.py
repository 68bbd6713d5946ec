"""`python -m loadtest.bench.bookings`: what checking a booking before a call is spent takes; fails past its gate."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import click
import orjson

from calcom.account import AccountMap
from calcom.booking_requests import certainly_refused
from calcom.rivals import wish_of
from core.clock import Clock, SystemClock

GATE_SECONDS: Final = 0.000_5
"""The issue's figure: what is decided without a call is decided in less."""

_ATTENDEE: Final[Mapping[str, Any]] = {"name": "Lee", "email": "lee@example.org", "timeZone": "Europe/Paris"}
_PLAIN: Final[Mapping[str, Any]] = {
    "start": "2050-09-05T09:00:00.000Z",
    "eventTypeId": 7,
    "attendee": _ATTENDEE,
}
_HEADERS: Final = {"content-type": "application/json", "cal-api-version": "2024-08-13"}
_EVERYTHING: Final[Mapping[str, Any]] = {
    **_PLAIN,
    "guests": [f"guest{number}@example.org" for number in range(20)],
    "metadata": {f"key{number}": "x" * 100 for number in range(50)},
    "bookingFieldsResponses": {f"question{number}": "x" * 200 for number in range(50)},
    "lengthInMinutes": 30,
}
BODIES: Final[Mapping[str, bytes]] = {
    "plain": orjson.dumps(_PLAIN),
    "everything": orjson.dumps(_EVERYTHING),
    "no start": orjson.dumps({"eventTypeId": 7, "attendee": _ATTENDEE}),
    "in the past": orjson.dumps({**_PLAIN, "start": "2020-01-01T09:00:00Z"}),
    "no JSON": orjson.dumps(_EVERYTHING)[:-1],
}


class ProcessorClock(SystemClock):
    """Seconds of the processor: what others on this machine do meanwhile is no time of ours."""

    def monotonic(self) -> float:
        return time.thread_time()


@dataclass(frozen=True, slots=True)
class Figure:
    """Processor seconds that one body took, half of the time at most and 99 times of 100 at most."""

    middle: float
    most: float


def measured(work: Callable[[], object], clock: Clock, *, times: int) -> Figure:
    """How long *work* takes, each time by itself."""
    taken = []
    for _ in range(times):
        began = clock.monotonic()
        work()
        taken.append(clock.monotonic() - began)
    return Figure(statistics.median(taken), sorted(taken)[int(0.99 * (times - 1))])


def figures(clock: Clock, *, times: int) -> dict[str, Figure]:
    """By body: is it refused anyway, and whom does it get in the way of."""
    now, account = clock.now(), AccountMap.empty()

    def work(body: bytes) -> Callable[[], object]:
        def once() -> object:
            refused = certainly_refused("POST", "/v2/bookings", _HEADERS, body, now)
            return refused or wish_of(account, orjson.loads(body))

        return once

    return {name: measured(work(body), clock, times=times) for name, body in BODIES.items()}


@click.command()
@click.option("--times", default=5_000, show_default=True, help="How often each body is checked.")
def main(times: int) -> None:
    """Time the checks of a booking's body on the processor; exits with 1 unless 99 in 100 take under 0.5 ms."""
    found = figures(ProcessorClock(), times=times)
    for name, one in found.items():
        click.echo(f"  {name:12} {one.middle * 1e6:7.1f} µs, 99 % within {one.most * 1e6:7.1f} µs")
    slow = [name for name, one in found.items() if one.most >= GATE_SECONDS]
    if slow:
        raise click.ClickException(f"not under {GATE_SECONDS * 1e3:g} ms: {', '.join(slow)}")


if __name__ == "__main__":
    main()
