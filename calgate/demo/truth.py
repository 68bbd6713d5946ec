"""Holds answers against the simulated calendar: does any of them offer a time that was known to be taken?"""

import contextlib
from collections import deque
from typing import Any

import orjson

from calgate.demo.figures import Truth
from core.clock import Clock
from loadtest.client import Client, ClientError, Response
from loadtest.stats import Outcome

# Each question costs the simulator a few milliseconds that its callers wait for; at a high rate a sample must do.
_PER_LOOK = 10
_WAITING = 50

# Reads remember the newest write acknowledged before them; nobody reads that long after.
_WRITES_KEPT = 256

# So many versions before the newest one that was acknowledged may still be on their way to those who made them.
_ON_THEIR_WAY = 20

# Simulated seconds beyond the cache's own lifetime that an answer may lag behind the clock: Cal.com's slowest
# ordinary answer, its two-second cache, and travel.
_AGEING_SECONDS = 10.0


class Auditor:
    """Collects answers as a witness of the traffic and asks the simulator's oracle about them, a few at a time."""

    def __init__(self, admin: Client, clock: Clock, *, lifetime: float) -> None:
        """`lifetime` is how long the gateway may keep an answer, in simulated seconds."""
        self._admin = admin
        self._clock = clock
        self._lifetime = lifetime
        self._waiting: deque[dict[str, Any]] = deque(maxlen=_WAITING)
        self._writes: deque[tuple[float, int]] = deque(maxlen=_WRITES_KEPT)
        # Simulated minus real time at one real moment, and how fast they part.
        self._at, self._simulated, self._speed = 0.0, 0.0, 0.0
        self.truth = Truth()

    def witness(self, outcome: Outcome, response: Response) -> None:
        """One answered request, as `loadtest.runner.Runner` reports it."""
        if outcome.action == "alternatives":
            # Some of what is free, which says nothing about the rest.
            return
        if outcome.action != "slots":
            version = response.header("x-sim-version")
            if version is not None and version.isdigit():
                self._writes.append((outcome.ended, int(version)))
            return
        if response.status != 200 or not self._speed:
            return
        with contextlib.suppress(ValueError):
            at = self._simulated_at(outcome.ended)
            heard = {version for ended, version in self._writes if ended <= outcome.started}
            floor = max(heard, default=0)
            self._waiting.append(
                {
                    "target": outcome.target,
                    "data": orjson.loads(response.body)["data"],
                    # What was acknowledged to us before we asked must be in the answer; what was on its way need not.
                    "floor": floor,
                    "unheard": sorted(set(range(max(1, floor - _ON_THEIR_WAY), floor)) - heard),
                    "ceiling_at": at,
                    "at": at,
                    "since": at - self._lifetime - _AGEING_SECONDS,
                    # An older one less what was taken: what was freed may be missing from it for seconds.
                    "partly": "detail=overlay" in (response.header("cache-status") or ""),
                }
            )

    def tell_time(self, simulated: float, speed: float) -> None:
        """The simulated clock's reading just now, in Unix seconds, and its speed."""
        self._at, self._simulated, self._speed = self._clock.now(), simulated, speed

    async def look(self) -> None:
        """Ask about some of what waits. Raises ClientError when the simulator does not answer."""
        reads = [self._waiting.popleft() for _ in range(min(_PER_LOOK, len(self._waiting)))]
        if not reads:
            return
        response = await self._admin.request("POST", "/oracle/judge", body=orjson.dumps({"reads": reads}))
        if response.status != 200:
            raise ClientError(f"the oracle says {response.body[:200]!r}")
        verdict = response.json()
        truth = self.truth
        example = truth.example or "; ".join(map(_told, verdict.get("examples", [])[:1]))
        self.truth = Truth(truth.checked + verdict["reads"], truth.stale + verdict["stale"], example)

    def _simulated_at(self, moment: float) -> float:
        return self._simulated + (moment - self._at) * self._speed


def _told(example: dict[str, Any]) -> str:
    """A finding of the oracle in a line."""
    slots = {
        word: example[name] for name, word in (("wrongly_shown", "showed"), ("wrongly_hidden", "lacked"))
    }
    what = " and ".join(f"{word} {times[:3]}" for word, times in slots.items() if times) or "mixed states"
    return (
        f"event type {example['event_type_id']} {what}, as of version {example['matches']}, "
        f"where {example['floor']} to {example['ceiling']} were known"
    )
