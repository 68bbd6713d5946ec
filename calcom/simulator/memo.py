"""Answers remembered by the identity of what they depend on."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime

from calcom.simulator.inputs import Inputs, gather
from calcom.simulator.query import SlotsQuery, SlotsResult
from calcom.simulator.slots import answer
from calcom.simulator.state import State

CAPACITY = 20_000


class Memo:
    """A bounded memory of answers. Two versions of the world that agree on a query's inputs share one.

    An entry keeps its inputs alive, which is what makes their identity a safe key.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._kept: OrderedDict[tuple[object, ...], tuple[Inputs, SlotsResult]] = OrderedDict()
        self.calculated = 0

    def __repr__(self) -> str:
        return f"Memo({len(self._kept)} answers, {self.calculated} calculated)"

    def slots(self, state: State, query: SlotsQuery, now: datetime) -> SlotsResult:
        """The answer to `query` in `state` at `now`. Raises Refused 404 when the query names nothing."""
        inputs = gather(state, query, now)
        key = inputs.fingerprint()
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            return kept[1]
        self.calculated += 1
        result = answer(inputs)
        self._kept[key] = (inputs, result)
        if len(self._kept) > self._capacity:
            self._kept.popitem(last=False)
        return result
