"""Everything one running simulator holds: its world, its clock, its limiter, its faults and its memory."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from random import Random
from typing import Any

from calcom.simulator.auth import Caller, Client, Keyring
from calcom.simulator.clock import SimClock
from calcom.simulator.faults import Faults
from calcom.simulator.journal import Journal
from calcom.simulator.latency import PROFILES
from calcom.simulator.limiter import Limit, Limiter
from calcom.simulator.options import SimulatorOptions
from calcom.simulator.slot_cache import SlotCache
from calcom.simulator.webhooks import Webhooks
from calcom.simulator.world import World

DEMO_CLIENT_ID = "client-demo"
DEMO_CLIENT_SECRET = "client-secret-demo"  # noqa: S105 - printed in the help, opens nothing but the simulator

#: Contract 2: limits per minute by kind of credential; the rest is the options'.
_TOKEN_LIMIT = 500
_SIDE_LIMIT = 5
_KEYS_COUNTED = 20_000
#: Deleting teams has the one side limit of another size: one a second.
_DELETE_LIMITS = ("teams_delete", "org_teams_delete")


class Stats:
    """Plain counters for `GET /stats`."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.slots_computed: Counter[str] = Counter()
        self.slots_from_cache = 0
        self.in_flight = 0
        self.max_in_flight = 0

    def computed(self, key: bytes) -> None:
        """Count one calculation of slots under its cache key, or as `other` when there are very many keys."""
        text = key.decode()
        known = text in self.slots_computed or len(self.slots_computed) < _KEYS_COUNTED
        self.slots_computed[text if known else "other"] += 1

    def describe(self, *, queries: bool) -> dict[str, Any]:
        """JSON-ready. With `queries`, `slots_computed` counts by cache key, which is the JSON of the parsed input."""
        return {
            **({"slots_computed": dict(self.slots_computed)} if queries else {}),
            "requests": dict(self.requests),
            "statuses": dict(self.statuses),
            "slots_computed_total": self.slots_computed.total(),
            "slots_from_cache": self.slots_from_cache,
            "in_flight": self.in_flight,
            "max_in_flight": self.max_in_flight,
        }


class Simulation:
    """One Cal.com. Single-threaded: between two awaits nothing else changes it."""

    def __init__(self, options: SimulatorOptions, clock: SimClock) -> None:
        self.options = options
        self.clock = clock
        self.journal = Journal(options.journal_size, options.journal)
        self.latency = PROFILES[options.latency]
        self.named_limits: dict[str, tuple[Limit, ...]] = {}
        self.world = World.seeded(options.seed, clock.now())
        self.webhooks = Webhooks(options, self.world, clock, Random(f"{options.seed}:webhooks"))
        self._begin()

    def __repr__(self) -> str:
        return f"Simulation(version={self.world.version}, {self.clock!r}, {self.limiter!r}, {self.faults!r})"

    def reset(self) -> None:
        """Back to the seeded world and empty memories; the clock, the latency mode and the journal's file go on."""
        self.world = World.seeded(self.options.seed, self.clock.now())
        self.webhooks.reset(self.world)
        self.named_limits.clear()
        self.journal.clear()
        self._begin()

    def _begin(self) -> None:
        options = self.options
        self.keyring = Keyring(self.world.state.credentials.values())
        owner = min(self.world.state.users)
        self.keyring.add_client(DEMO_CLIENT_ID, Client(DEMO_CLIENT_SECRET, owner))
        self.limiter = Limiter()
        self.faults = Faults()
        self.slot_cache = SlotCache(options.slots_cache_ttl)
        self.stats = Stats()
        # Separate streams, so that drawing latencies never changes which webhooks are lost.
        self.latency_random = Random(f"{options.seed}:latency")
        self.state_random = Random(f"{options.seed}:state")
        self.id_random = Random(f"{options.seed}:id")

    def limits_of(self, caller: Caller, side_limit: str | None) -> tuple[str, Sequence[Limit]]:
        """The bucket and the limits a request falls under (contract 2).

        Side limits have a bucket of their own and do not touch the default one."""
        options = self.options
        if side_limit is not None:
            if side_limit in _DELETE_LIMITS:
                return f"{caller.bucket}_{side_limit}", (Limit(side_limit, 1, 1.0, 1.0),)
            limit = Limit(side_limit, _SIDE_LIMIT, options.rate_window, options.rate_block)
            return f"{caller.bucket}_{side_limit}", (limit,)
        named = self.named_limits.get(caller.bucket)
        if named is not None:
            return caller.bucket, named
        calls = options.rate_limit if caller.kind in ("api_key", "anonymous") else _TOKEN_LIMIT
        return caller.bucket, (Limit("default", calls, options.rate_window, options.rate_block),)

    def committed(self) -> None:
        """Send what the last commits have to tell."""
        self.webhooks.notice_commits()

    def limiter_figures(self) -> dict[str, Any]:
        """The limiter's figures per bucket, JSON-ready."""
        return {bucket: asdict(figures) for bucket, figures in self.limiter.figures().items()}
