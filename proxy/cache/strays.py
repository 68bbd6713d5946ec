"""Which looks Cal.com answers with slots outside the asked range, as it has now and then (contract 9).

An answer is kept as depending on what was asked for. One that says more is not kept, and from then on its look is taken
to ask for 14 hours more on both sides: no zone is further from UTC.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import Final

from calcom.reach.spans import ZONE_MARGIN
from calcom.slots import Query
from proxy.cache.entry import Life
from proxy.cache.stamps import Bounds

_log = logging.getLogger(__name__)

_MOST: Final = 10_000


def is_within(life: Life, bounds: Bounds) -> bool:
    """Whether every slot of an answer begins within *bounds*."""
    return life.first is None or life.last is None or bounds[0] <= life.first <= life.last <= bounds[1]


class Strays:
    """The looks of one process that were answered so; the oldest are forgotten, and found again."""

    def __init__(self) -> None:
        self._keys: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._keys)

    def bounds(self, query: Query) -> Bounds | None:
        """The range of which an answer to *query* may speak; None when that is not known."""
        if query.bounds is None or query.key not in self._keys:
            return query.bounds
        try:
            return query.bounds[0] - ZONE_MARGIN, query.bounds[1] + ZONE_MARGIN
        except OverflowError:
            return None

    def found(self, query: Query) -> None:
        """An answer to *query* said more than it was asked."""
        _log.warning("cache.outside_the_range", extra={"look": query.key})
        self._keys[query.key] = None
        if len(self._keys) > _MOST:
            self._keys.popitem(last=False)
