"""The slots calculation: pure, from a state, a query and the time."""

from __future__ import annotations

from calcom.simulator.query import Slot, SlotsQuery, SlotsResult, bounds

__all__ = ["Slot", "SlotsQuery", "SlotsResult", "bounds"]
