"""What to do with a job that failed: a pure decision."""

from __future__ import annotations

import random
from dataclasses import dataclass

# Jobs that failed together, because the same thing was down, should not come back together.
_JITTER = 0.2


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, how patiently and how long a job is tried."""

    max_tries: int = 3
    backoff_seconds: float = 5.0
    """Before the second try; doubled for each one after it (5, 10, 20 s)."""
    timeout_seconds: float = 120.0
    """Limit of one try."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again after `delay_seconds`, counted by the store's clock: the fleet's clocks may disagree."""

    delay_seconds: float


@dataclass(frozen=True, slots=True)
class Dead:
    """Keep it for a person to look at; do not try again."""


def decide_after_failure(attempt: int, policy: RetryPolicy, rng: random.Random) -> Retry | Dead:
    """Decide about a job whose try number `attempt` (1 for the first) has failed."""
    if attempt >= policy.max_tries:
        return Dead()
    spread = rng.uniform(1 - _JITTER, 1 + _JITTER)
    return Retry(policy.backoff_seconds * 2 ** (attempt - 1) * spread)


def may_start(attempt: int, policy: RetryPolicy) -> bool:
    """Whether try number `attempt` is still allowed.

    A job that kills its worker never comes to `decide_after_failure`; it is stopped here, by its count of
    deliveries, when the next worker picks it up.
    """
    return attempt <= policy.max_tries
