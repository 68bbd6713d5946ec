"""Case after case against a gateway, many at once; what is found is told with the bytes that bring it about."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from core.clock import Clock
from loadtest.fuzz.cases import Case, case
from loadtest.fuzz.judge import judged
from loadtest.fuzz.recorder import Recorder
from loadtest.scenarios.report import Cell, Report, Tell, at_least, at_most, exactly

HEAD_SECONDS: Final = 0.4
"""What the gateway is to be set to: how long it waits for a client that stops in the middle."""

IDLE_SECONDS: Final = 5.0
"""And how long it keeps a connection on which nothing comes."""

_AT_ONCE: Final = 32
# It may wait for the rest of a head or body, then for us to hang up; this is far beyond both.
_HANGS_SECONDS: Final = 20.0
_MOST_FINDS: Final = 20

# Kept connections and buffers take some, once; what leaks goes on taking.
_MOST_GROWN_MIB: Final = 64.0


@dataclass(frozen=True, slots=True)
class Find:
    """Something that must not be, and what to send to see it again."""

    case: int
    what: tuple[str, ...]
    pieces: tuple[bytes, ...]

    def as_json(self) -> dict[str, Any]:
        """JSON-ready; each character of a piece is one byte."""
        pieces = [piece.decode("latin-1") for piece in self.pieces]
        return {"case": self.case, "what": self.what, "pieces": pieces}

    def lines(self) -> list[str]:
        """For people: the pieces as Python writes them."""
        return [f"case {self.case}", *(f"  {what}" for what in self.what), f"  sent: {list(self.pieces)!r}"]


@dataclass(slots=True)
class Outcome:
    """What a run came to. `grown` is what the gateway's process took in memory after the first batch, in MiB."""

    seed: int
    seconds: float = 0.0
    grown: float | None = None
    left_open: int | None = None
    cases: int = 0
    requests: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    finds: list[Find] = field(default_factory=list)

    def report(self) -> Report:
        """As the scenarios' are."""
        gates = [
            exactly("finds", len(self.finds), 0),
            at_least("requests passed on", self.requests, 1),
            at_least("requests refused", self.statuses[400], 1),
        ]
        if self.grown is not None:
            gates.append(at_most("memory grown by, MiB", self.grown, _MOST_GROWN_MIB))
        if self.left_open is not None:
            gates.append(at_most("files open beyond those in the beginning", self.left_open, 2 * _AT_ONCE))
        figures: dict[str, Cell | dict[str, Cell]] = {
            "cases": self.cases,
            "requests passed on": self.requests,
            "answers": {str(status): count for status, count in sorted(self.statuses.items())},
        }
        return Report("fuzz", self.seed, self.seconds, figures, gates)


async def run(
    proxy: str,
    recorder: Recorder,
    clock: Clock,
    tell: Tell,
    *,
    seed: int,
    seconds: float = 0.0,
    numbers: Sequence[int] = (),
    pid: int | None = None,
) -> Outcome:
    """Send the cases of *numbers*, or as many as there are time for, to the gateway at *proxy* before *recorder*.

    Of the process *pid*, if given, memory and open files are looked at, where the system tells (Linux).
    """
    outcome = Outcome(seed)
    began = told = clock.monotonic()
    files, memory = _files(pid), None
    at = 0
    while len(outcome.finds) < _MOST_FINDS:
        batch = numbers[at : at + _AT_ONCE] if numbers else range(at, at + _AT_ONCE)
        if not batch or (not numbers and clock.monotonic() - began > seconds):
            break
        at += _AT_ONCE
        await together(proxy, recorder, outcome, [case(seed, number) for number in batch])
        memory = memory if memory is not None else _memory(pid)
        if clock.monotonic() - told > 5:
            told = clock.monotonic()
            tell(f"{outcome.cases} cases, {outcome.requests} requests passed on, {len(outcome.finds)} finds")
    outcome.seconds = clock.monotonic() - began
    if files is not None:
        outcome.left_open = await _left_open(pid, files, clock)
    if memory is not None:
        outcome.grown = (_memory(pid) or 0.0) - memory
    return outcome


async def together(proxy: str, recorder: Recorder, outcome: Outcome, cases: list[Case]) -> None:
    """Send *cases* at once, judge what came of them, and add it to *outcome*."""
    first = len(recorder.seen)
    bad = len(recorder.malformed)
    heard = await asyncio.gather(*(_sent(proxy, one) for one in cases))
    accounted: set[int] = set()
    for one, (data, hangs) in zip(cases, heard, strict=True):
        wrong, claimed = judged(one, data, recorder.seen)
        if hangs:
            wrong.append(f"no end after {_HANGS_SECONDS:g} s, after {data[-80:]!r}")
        accounted |= claimed
        if wrong:
            outcome.finds.append(Find(one.number, tuple(wrong), one.pieces))
        for part in data.split(b"HTTP/1.1 ")[1:]:
            outcome.statuses[int(part[:3])] += 1
    for number in range(first, len(recorder.seen)):
        if number not in accounted:
            what = f"nobody was answered for {recorder.seen[number]}"
            culprits = [one for one in cases if recorder.seen[number].target.encode() in one.data] or cases[
                :1
            ]
            outcome.finds.append(Find(culprits[0].number, (what,), culprits[0].pieces))
    for data in recorder.malformed[bad:]:
        outcome.finds.append(Find(cases[0].number, (f"in this batch the upstream got {data[:200]!r}",), ()))
    outcome.cases += len(cases)
    outcome.requests += len(recorder.seen) - first


async def _sent(proxy: str, one: Case) -> tuple[bytes, bool]:
    """What comes back for the pieces of a case, each sent by itself, and whether it never ended."""
    where = urlsplit(proxy)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    heard = bytearray()

    async def listen() -> None:
        with contextlib.suppress(ConnectionError):
            while piece := await reader.read(65_536):
                heard.extend(piece)

    listening = asyncio.ensure_future(listen())
    try:
        async with asyncio.timeout(_HANGS_SECONDS):
            with contextlib.suppress(ConnectionError):
                for piece in one.pieces:
                    writer.write(piece)
                    await writer.drain()
                    # Long enough for it to be read by itself, mostly.
                    await asyncio.sleep(0.002)
            await listening
        return bytes(heard), False
    except TimeoutError:
        return bytes(heard), True
    finally:
        listening.cancel()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def _left_open(pid: int | None, before: int, clock: Clock) -> int:
    """How many files more than *before* are still open when the dust has settled."""
    deadline = clock.monotonic() + 10
    # Connections to the upstream and to Redis are kept for the next request.
    while (left := (_files(pid) or 0) - before) > 2 * _AT_ONCE and clock.monotonic() < deadline:
        await clock.sleep(0.1)
    return max(0, left)


def _files(pid: int | None) -> int | None:
    folder = Path(f"/proc/{pid}/fd")
    return len(list(folder.iterdir())) if pid is not None and folder.exists() else None


def _memory(pid: int | None) -> float | None:
    """What the process takes, in MiB."""
    status = Path(f"/proc/{pid}/status")
    if pid is None or not status.exists():
        return None
    resident = next((line for line in status.read_text().splitlines() if line.startswith("VmRSS")), "")
    return int(resident.split()[1]) / 1024 if resident else None
