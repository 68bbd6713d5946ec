"""Whether failures are many enough to be an outage: a sequential test, since two calls a second make no statistics.

It is a cumulative sum of log-likelihood ratios (Page, "Continuous inspection schemes", Biometrika 1954): a failure
speaks for an outage, in which 8 of 10 calls fail, a success for the usual course of things. The sum never falls below
nothing, so that a good hour does not hide the outage after it.

What is usual is learned, between 2 and 20 % failures: five in a row are an outage where nearly all calls succeed, and
come about every three million calls where 5 % fail at random. Failures that come in bursts teach a second rate, that of
failing once more after a failure; the higher of the two counts. `calgate loadtest breaker` measures all of this.
"""

from __future__ import annotations

from math import inf, log
from typing import Final

_OUTAGE: Final = 0.8
_LEAST: Final = 0.02
_MOST: Final = 0.2

# A few minutes of calls; of failures a few dozen, since only they teach what follows a failure.
_LEARNS: Final = 1 / 200
_LEARNS_AFTER: Final = 1 / 50
# Bursts that are hours ago say no more than other failures.
_FORGETS: Final = 1 / 5_000

_ROUNDING: Final = 1e-9


class Evidence:
    """What speaks for an outage. Enough are *failures* in a row in a quiet time, more where failing is usual.

    >>> evidence = Evidence(failures=2)
    >>> evidence.failed()
    >>> evidence.passed()
    >>> evidence.failed()
    >>> evidence.is_enough
    False
    >>> evidence.failed()
    >>> evidence.is_enough
    True
    """

    __slots__ = ("_after", "_down", "_enough", "_failed_last", "_passed", "_rate", "_sum", "_up", "_was")

    def __init__(self, *, failures: int) -> None:
        self._enough = failures * log(_OUTAGE / _LEAST) - _ROUNDING
        self._rate = self._after = _LEAST
        self._failed_last = False
        self._passed = 0
        self._sum = 0.0
        self._up = self._down = 0.0
        self._was = (_LEAST, _LEAST)

    @property
    def is_any(self) -> bool:
        """Whether anything speaks for an outage."""
        return self._sum > 0

    @property
    def is_enough(self) -> bool:
        """Whether it is one."""
        return self._sum >= self._enough

    def passed(self, count: int = 1) -> None:
        """So many calls succeeded."""
        self._passed += count
        # In a quiet time they are only counted: it is what every good call pays for.
        if self._failed_last or self._sum > 0:
            self._weigh()

    def failed(self, *, elsewhere: bool = False) -> None:
        """A call failed. One that failed *elsewhere* is never the one that makes it enough."""
        self._weigh()
        if self._sum <= 0:
            # What comes now may be an outage, which must not be taken for usual.
            self._was = self._rate, self._after
            usual = min(_MOST, max(_LEAST, *self._was))
            self._up = log(_OUTAGE / usual)
            self._down = log((1 - _OUTAGE) / (1 - usual))
        if self._failed_last:
            self._after += (1 - self._after) * _LEARNS_AFTER
        self._failed_last = True
        self._rate += (1 - self._rate) * _LEARNS
        most = max(_ROUNDING, self._enough - self._up + _ROUNDING) if elsewhere else inf
        self._sum = max(self._sum, min(self._sum + self._up, most))

    def reset(self) -> None:
        """It was an outage: begin anew, as before it."""
        self._weigh()
        if self._sum > 0:
            self._rate, self._after = self._was
        self._failed_last = False
        self._sum = 0.0

    def _weigh(self) -> None:
        """Take to heart what succeeded since the last failure, or the last time."""
        passed, self._passed = self._passed, 0
        if passed == 0:
            return
        if self._failed_last:
            self._failed_last = False
            self._after -= self._after * _LEARNS_AFTER
        self._rate *= (1 - _LEARNS) ** passed
        self._after += (self._rate - self._after) * min(1.0, passed * _FORGETS)
        if self._sum > 0:
            self._sum = max(0.0, self._sum + passed * self._down)

    def __repr__(self) -> str:
        self._weigh()
        return f"Evidence({self._sum / self._enough:.0%} of an outage, usually {self._rate:.1%} fail)"
