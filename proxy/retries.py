"""Which calls may be made a second time, and how many: a retry must not turn a bad minute into twice as many calls."""

from __future__ import annotations

from typing import Final

import httpx2

# What an edge says when what is behind it could not take the request; the next may be lucky.
PASSING: Final = frozenset({502, 503, 504})

# Refused or broken off before an answer. A time-out is not among them: it has cost the caller its patience already.
_BROKEN: Final = (httpx2.NetworkError, httpx2.RemoteProtocolError)

QUICK_SECONDS: Final = 2.0
"""What took longer to fail is not tried again: the second try would take as long."""

_CALLS: Final = 10
"""So many calls earn one retry."""

_MOST, _FIRST = 10 * _CALLS, 2 * _CALLS


class RetryBudget:
    """Retries that may be made: one for every ten calls that may be repeated, saved up to ten.

    >>> budget = RetryBudget()
    >>> [budget.take() for _ in range(3)]
    [True, True, False]
    """

    def __init__(self) -> None:
        self._left = _FIRST

    def earn(self) -> None:
        """A call was made that might have to be repeated."""
        self._left = min(_MOST, self._left + 1)

    def take(self) -> bool:
        """Whether one may be repeated; then it counts."""
        if self._left < _CALLS:
            return False
        self._left -= _CALLS
        return True

    def __repr__(self) -> str:
        return f"RetryBudget({self._left // _CALLS} left)"


def is_broken(error: BaseException | None) -> bool:
    """Whether a call ended because there was no connection, or because it broke before an answer came."""
    return isinstance(error, _BROKEN)
