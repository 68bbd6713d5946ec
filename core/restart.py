"""When to start again what has died: a decision from its history alone."""

import dataclasses
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True, slots=True)
class RestartPolicy:
    """The first death is answered at once, each further one within `forget_seconds` after a doubled wait.

    All in seconds. A process that lived through `forget_seconds` without dying begins anew.
    """

    first_seconds: float = 0.0
    second_seconds: float = 0.25
    longest_seconds: float = 15.0
    forget_seconds: float = 60.0

    def wait(self, deaths: Sequence[float], now: float) -> float:
        """Seconds to wait before the next start, given the times of death so far, the latest included."""
        recent = sum(now - death <= self.forget_seconds for death in deaths)
        if recent <= 1:
            return self.first_seconds
        # The exponent is bounded as well: 2.0 ** 2000 would raise.
        return min(self.longest_seconds, self.second_seconds * 2.0 ** min(recent - 2, 32))
