"""What one process may still spend when Redis is gone, so that the sum over all of them is never too much.

While it is heard of, each process is told its share in parts of 5,040; the shares never add up to more. A
process that is cut off spends its own only when two things are certain. Redis, if others still reach it, has
set the share aside: it does so `away` seconds after the newest answer that it knows the process to have had.
And every call that was made before that has left the window. So a process waits for twice `away` (Redis' clock
may be set meanwhile), the window and the guard after the last answer it had, and what it spends then was nobody
else's. Its lease ends before Redis gives the share to somebody else. What it spent is paid in with the first
beat that lets Redis count on it again (aside.lua, beat.lua).

Pure: it is told what time it is, and what Redis said. After Doorman's safe capacity, and the leases of Gray and
Cheriton (1989).
"""

from __future__ import annotations

import math
import uuid
from collections import deque
from dataclasses import dataclass
from typing import Final

from calcom.ratelimit import Told
from proxy.governor.purpose import Purpose
from proxy.governor.terms import Grant, Limits, Payer, Wait

ALL: Final = 5_040
"""Parts of the whole: every number of processes up to ten divides it."""

LEASE_WINDOWS: Final = 15
"""A share is kept for so many windows: fifteen minutes of Cal.com's."""

_MOST_REMEMBERED: Final = 1_000


@dataclass(frozen=True, slots=True)
class Moment:
    """A reading of both clocks, since either may stand still (a suspended machine) or be set."""

    monotonic: float
    wall: float


@dataclass(frozen=True, slots=True)
class Beat:
    """What a process tells Redis. `paid` has bucket, member and age in seconds of each call it made by share."""

    name: str
    incarnation: str
    number: int
    acked: int
    held: int
    paid: tuple[tuple[str, str, float], ...]
    sent: Moment


@dataclass(slots=True)
class _Known:
    """What Redis last said of a credential, and what Cal.com said since."""

    alias: str = "other"
    limit: int | None = None
    others: int = 0
    left: int | None = None
    left_until: float = 0.0


class Shares:
    """One process's share, and what it spends of it."""

    def __init__(self, limits: Limits, *, name: str) -> None:
        """*name* is the process's place: who takes it over is certain that the one before has died."""
        self.away = limits.away
        self.lease = LEASE_WINDOWS * limits.window
        self.window = limits.window + limits.guard
        self.most = limits.pace
        self._limits = limits
        self._name = name
        self._incarnation = uuid.uuid4().hex[:12]
        self._number = 0
        self._acked = 0
        self._held = 0
        # A larger share is held only when it was told for a while: by then no restart of Redis forgets it.
        self._rising: tuple[int, float] | None = None
        self._sent: Moment | None = None
        self._heard_at = -math.inf
        self._spent: dict[str, deque[tuple[float, str]]] = {}
        self._known: dict[str, _Known] = {}
        self._blocked: dict[str, float] = {}

    @property
    def held(self) -> int:
        """Parts of the whole that this process may count on."""
        return self._held

    def beat(self, now: Moment) -> Beat:
        """What to tell Redis now."""
        self._number += 1
        self._drop_old(now.monotonic)
        if self._sent is not None and not self._has_lease(self._sent, now):
            self._held, self._rising = 0, None
        paid = tuple(
            (bucket, member, now.monotonic - at)
            for bucket, calls in self._spent.items()
            for at, member in calls
        )
        return Beat(self._name, self._incarnation, self._number, self._acked, self._held, paid, now)

    def heard(self, beat: Beat, redis_now: int, parts: int, now: float) -> None:
        """Redis answered *beat*; from here on nothing is spent by share until it has been silent for long again."""
        if parts < 0:
            # Somebody has our place, so it is no longer ours.
            self._name, self._incarnation = uuid.uuid4().hex[:12], uuid.uuid4().hex[:12]
            self._number = self._acked = self._held = 0
            self._rising, self._sent, self._heard_at = None, None, -math.inf
            return
        self._acked, self._sent, self._heard_at = redis_now, beat.sent, now
        if parts <= self._held:
            self._held, self._rising = parts, None
            return
        told, since = self._rising or (parts, now)
        told = min(told, parts)
        self._rising = (told, since)
        if now - since >= self.away:
            self._held, self._rising = told, None

    def vouched(self, now: float) -> tuple[str, str]:
        """Name and incarnation where this process certainly spends nothing by share before Redis has answered what it
        asks now; twice nothing else. Then its own share need not be set aside from itself, however late its beat is.
        """
        if self._spent or now - self._heard_at > self.away + self.window:
            return "", ""
        return self._name, self._incarnation

    def asked(self, now: float) -> None:
        """Redis answered whether a call may leave, so from here on silence counts anew."""
        self._heard_at = max(self._heard_at, now)

    def is_alone(self, now: Moment) -> bool:
        """Whether Redis has been silent for so long that the share may be spent."""
        if self._sent is None or self._held == 0:
            return False
        if now.monotonic - self._heard_at <= 2 * self.away + self.window:
            return False
        return self._has_lease(self._sent, now)

    def ask(self, payer: Payer, purpose: Purpose, now: Moment) -> Grant | Wait | None:
        """Leave for one call out of the share, or when to come again; `None` when there is none to be had."""
        calls, pace = self._limits.granted(payer)
        brisk = pace * self._held // ALL
        if payer.side is not None or brisk < 1 or not self.is_alone(now):
            return None
        at, bucket = now.monotonic, payer.bucket
        known = self._known.get(bucket) or _Known()
        whole = min(calls, calls if known.limit is None else known.limit) - known.others
        share = max(0, whole) * self._held // ALL
        allowed = share - share * self._limits.reserves.kept_from(purpose) // 100
        if allowed < 1:
            return None
        self._drop_old(at)
        spent = self._spent.setdefault(bucket, deque())
        second = self._limits.second
        waits = [(self._blocked.get(bucket, at) - at, "blocked")]
        if len(spent) >= allowed:
            waits.append((spent[-allowed][0] + self.window - at, "window"))
        if len(spent) >= brisk:
            waits.append((spent[-brisk][0] + second - at, "pace"))
        if known.left is not None and known.left < 1:
            waits.append((known.left_until - at, "others"))
        wait, reason = max(waits)
        if wait > 0:
            return Wait(known.alias, len(spent), share, wait, reason)
        member = purpose.letter + uuid.uuid4().hex
        spent.append((at, member))
        if known.left is not None:
            known.left -= 1
        return Grant(known.alias, len(spent), share, at, payer, member=member, by_share=True)

    def take_back(self, grant: Grant) -> None:
        """The call did not leave."""
        spent = self._spent.get(grant.payer.bucket, deque())
        if (grant.asked_at, grant.member) in spent:
            spent.remove((grant.asked_at, grant.member))

    def learned(self, payer: Payer, alias: str, limit: int, others: int) -> None:
        """Redis said this of a credential: its alias, its limit as the headers have it, what others take of it."""
        if payer.side is not None or (
            payer.bucket not in self._known and len(self._known) >= _MOST_REMEMBERED
        ):
            return
        self._known[payer.bucket] = _Known(alias, limit, others)

    def told(self, grant: Grant, told: Told, now: float) -> None:
        """Cal.com answered a call made by share: of what it has left no more than the share is ours."""
        known = self._known.setdefault(grant.payer.bucket, _Known())
        left, until = told.remaining * self._held // ALL, now + told.reset_seconds + self._limits.guard
        if known.left is not None and now < known.left_until:
            # Answers overtake each other: the lesser remainder is the truth.
            left, until = min(left, known.left), max(until, known.left_until)
        known.left, known.left_until = left, until

    def blocked(self, payer: Payer, seconds: float, now: float) -> None:
        """Cal.com refused a call; a later end wins."""
        if len(self._blocked) >= _MOST_REMEMBERED:
            self._blocked = {bucket: end for bucket, end in self._blocked.items() if end > now}
        self._blocked[payer.bucket] = max(self._blocked.get(payer.bucket, 0.0), now + seconds)

    def _has_lease(self, since: Moment, now: Moment) -> bool:
        return max(now.monotonic - since.monotonic, now.wall - since.wall) < self.lease

    def _drop_old(self, now: float) -> None:
        for bucket, calls in list(self._spent.items()):
            while calls and calls[0][0] <= now - self.window:
                calls.popleft()
            if not calls:
                del self._spent[bucket]
        for known in self._known.values():
            if known.left is not None and now >= known.left_until:
                known.left = None
