"""Names of everything the gateway keeps in Redis, in one hash slot per account."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one account.

    The braces are a hash tag: on a cluster all keys of an account live on one node, so that one
    script may touch them together.
    """

    account: str

    def _key(self, name: str) -> str:
        return f"{{cg:{self.account}}}:{name}"

    @property
    def generation(self) -> str:
        """Counter. An entry of an older generation may never be served again."""
        return self._key("gen")

    @property
    def bumps(self) -> str:
        """Sorted set: recent generations by the millisecond they began; Cal.com may not show them yet."""
        return self._key("bumps")

    @property
    def stamps(self) -> str:
        """Hash: the newest generation of each field of `stamps.py`."""
        return self._key("stamps")

    @property
    def doubt(self) -> str:
        """Milliseconds, Redis time: until then a write of unknown outcome may still land."""
        return self._key("doubt")

    @property
    def writes(self) -> str:
        """Sorted set: writes on their way, by the millisecond their lease runs out."""
        return self._key("writes")

    def entry(self, digest: str) -> str:
        """Hash: one cached answer."""
        return self._key(f"e:{digest}")

    def fetches(self, span: str) -> str:
        """Hash: fetches of one span that Cal.com's slot cache may still remember."""
        return self._key(f"f:{span}")

    def filling(self, digest: str) -> str:
        """Hash: the process that fetches one answer for the fleet, and the generation it will be good for."""
        return self._key(f"l:{digest}")

    def passing(self, digest: str) -> str:
        """Hash: an answer that is not kept, for those who waited for it in other processes."""
        return self._key(f"p:{digest}")

    @property
    def overlays(self) -> str:
        """Hash: recent generation to the times its booking took, where these are all that it changed."""
        return self._key("overlays")

    @property
    def story(self) -> str:
        """List: the last invalidations, newest first, and why (chronicle.py)."""
        return self._key("story")

    @property
    def told(self) -> str:
        """Channel: what every process must hear of at once (pushes.py)."""
        return self._key("told")

    @property
    def near(self) -> str:
        """There while some process may hold answers of its own; a write must outlast their lease."""
        return self._key("near")

    @property
    def shapes(self) -> str:
        """Hash: event type to what is known of whether its ranges may be shared, as JSON."""
        return self._key("shapes")

    @property
    def index(self) -> str:
        """Sorted set: entry keys by generation; its size is the number of entries."""
        return self._key("index")

    @property
    def expiry(self) -> str:
        """Sorted set: entry keys by the millisecond they expire."""
        return self._key("expiry")

    @property
    def epoch(self) -> str:
        """The run id of the Redis server the generations were written to."""
        return self._key("epoch")

    @property
    def jobs(self) -> str:
        """Stream of jobs."""
        return self._key("jobs")

    @property
    def jobs_delayed(self) -> str:
        """Sorted set: jobs by the millisecond of their next try."""
        return self._key("jobs:delayed")

    @property
    def jobs_retried(self) -> str:
        """Sorted set: jobs that were tried before by the millisecond they were first added."""
        return self._key("jobs:retried")

    @property
    def jobs_workers(self) -> str:
        """Sorted set: job workers by the millisecond their lease runs out."""
        return self._key("jobs:workers")

    @property
    def jobs_dead(self) -> str:
        """Stream of jobs that were given up."""
        return self._key("jobs:dead")

    @property
    def map(self) -> str:
        """Hash: the account map that all processes share."""
        return self._key("map")

    @property
    def map_changes(self) -> str:
        """Sorted set: writes on their way that may change the map, by the millisecond they no longer can."""
        return self._key("map:changes")

    @property
    def map_refresher(self) -> str:
        """The lease of the process that keeps the map learned."""
        return self._key("map:refresher")

    def booking(self, uid: str) -> str:
        """JSON: what was last told of one booking."""
        return self._key(f"bk:{uid}")

    def idempotent(self, digest: str) -> str:
        """Hash: what became of the write that a client gave this key."""
        return self._key(f"ik:{digest}")

    def idempotent_of(self, booking: str) -> str:
        """The name of the record by whose key a booking was made."""
        return self._key(f"ikb:{booking}")

    @property
    def turns(self) -> str:
        """Hash: token to what a booking that is under way, or waits, wants (enter.lua)."""
        return self._key("turns")

    @property
    def turns_leases(self) -> str:
        """Sorted set: these tokens by the millisecond their lease runs out."""
        return self._key("turns:leases")

    @property
    def credentials(self) -> str:
        """Hash: credential digest to the alias that metrics show."""
        return self._key("creds")

    @property
    def limits(self) -> str:
        """Hash: credential digest to the calls it is allowed in a window."""
        return self._key("limits")

    def permits(self, bucket: str) -> str:
        """Sorted set: calls of one credential by the millisecond they were allowed."""
        return self._key(f"b:{bucket}")

    def peaks(self, bucket: str) -> str:
        """Hash: ten-second bucket to the highest window use seen in it."""
        return self._key(f"bp:{bucket}")

    def headers(self, bucket: str) -> str:
        """Hash: what Cal.com's headers last said of one credential's window."""
        return self._key(f"bt:{bucket}")

    def lines(self, bucket: str) -> str:
        """Hash: process to the order, the millisecond and the number of the calls that wait there."""
        return self._key(f"bl:{bucket}")

    def held(self, bucket: str) -> str:
        """List: the last calls that had to wait, newest first, and why."""
        return self._key(f"bh:{bucket}")

    def share(self, client: str) -> str:
        """Sorted set: calls charged to one client's share by the millisecond they left."""
        return self._key(f"bs:{client}")

    @property
    def clients(self) -> str:
        """Hash: client and what it did to how often."""
        return self._key("clients")

    @property
    def memory(self) -> str:
        """Hash: since when this Redis remembers calls, and how many it may have forgotten."""
        return self._key("memory")

    @property
    def shadow(self) -> str:
        """There while some process lets calls go that should be held (shadow mode)."""
        return self._key("shadow")

    @property
    def shares(self) -> str:
        """Hash: process to its share of the calls, and when it was last heard of."""
        return self._key("shares")

    def blocked(self, bucket: str) -> str:
        """Milliseconds, Redis time: until then Cal.com blocks the credential."""
        return self._key(f"blocked:{bucket}")

    @property
    def breaker(self) -> str:
        """Hash: endpoint class to the last state a process saw, as JSON."""
        return self._key("breaker")
