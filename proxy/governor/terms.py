"""The words of the governor: limits, who pays, and what is said to who asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from calcom.ratelimit import WINDOW, Credential, Side, Tiers, limit_of, tiers_of
from core.settings import Settings
from proxy.governor.purpose import Reserves

_PACE_GUARD: Final = 0.2
"""Of the guard, what is added to the second of the pace: two calls' delays differ far less than a call may be late."""

_AWAY_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Limits:
    """The limit as configured: calls in `window` seconds and in any one second.

    `guard` seconds are added to the window: a call is logged here before it is counted there, and the
    delay between the two differs from call to call. A process that Redis has not heard of for `away` seconds has
    its share set aside (shares.py).
    """

    api_key: int = 120
    window: float = 60.0
    guard: float = 1.0
    pace: int = 10
    reserves: Reserves = field(default_factory=Reserves)
    tiers: Tiers = field(default_factory=Tiers)
    away: float = _AWAY_SECONDS
    shadow: bool = False
    """Nothing is held; what would be is only told."""

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """The limit that *settings* ask for."""
        return cls(
            api_key=settings.rate_limit,
            window=settings.rate_window_seconds,
            guard=settings.rate_guard_seconds,
            pace=settings.rate_pace_per_second,
            reserves=Reserves(
                settings.budget_booking_reserve_percent, settings.budget_client_reserve_percent
            ),
            tiers=tiers_of(settings.rate_limit_tiers),
            # Where time is compressed, this is too.
            away=_AWAY_SECONDS * settings.rate_window_seconds / WINDOW,
            shadow=settings.rate_shadow,
        )

    @property
    def second(self) -> float:
        """What a second of the pace takes, so that calls still arrive in that pace."""
        return 1 + self.guard * _PACE_GUARD

    def granted(self, payer: Payer) -> tuple[int, int]:
        """What *payer* may spend in its window, and in a second."""
        tier = self.tiers.of(payer.credential)
        calls = tier.calls if tier else limit_of(payer.credential.kind, self.api_key)
        pace = tier.pace if tier and tier.pace else self.pace
        return payer.side.limit if payer.side else calls, pace


@dataclass(frozen=True, slots=True)
class Payer:
    """Whose calls are counted together: a credential's, or those of one endpoint with a limit of its own."""

    credential: Credential
    side: Side | None = None

    @property
    def bucket(self) -> str:
        """The name it goes by in Redis."""
        return self.credential.bucket + (f":{self.side.name}" if self.side else "")


@dataclass(frozen=True, slots=True)
class Grant:
    """Leave for one call. `asked_at` is monotonic: from then on the leave grows old.

    `at` is the millisecond, on Redis' clock, at which the log has the call, under the name of `member`.
    """

    alias: str
    used: int
    limit: int
    asked_at: float
    payer: Payer
    at: int = 0
    member: str = ""
    by_share: bool = False
    """Redis does not know of it yet."""
    let_go: str = ""
    """Why it would have been held, had nobody asked for shadow mode."""


@dataclass(frozen=True, slots=True)
class Wait:
    """No leave now; `seconds` until asking again makes sense.

    `reason` is `window`, `pace`, `blocked`, `others` (somebody else spends the same key), `forgotten` (Redis lost
    what was spent), `away` (set aside for processes that are cut off) or `line` (a call in another process goes first).
    """

    alias: str
    used: int
    limit: int
    seconds: float
    reason: str
