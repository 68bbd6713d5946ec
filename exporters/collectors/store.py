"""Names of the gateway's keys in Redis, as a reader needs them.

The data plane has its own list (`proxy/cache/keys.py`), which this layer may not import; a test holds the two
together.
"""

from dataclasses import dataclass

from redis.asyncio import Redis


@dataclass(frozen=True)
class StoreKeys:
    """The keys of one account; the braces keep them on one node of a cluster."""

    account: str

    def _key(self, name: str) -> str:
        return f"{{cg:{self.account}}}:{name}"

    @property
    def generation(self) -> str:
        """Counter; entries of an older generation are dead."""
        return self._key("gen")

    @property
    def index(self) -> str:
        """Sorted set: entry by generation."""
        return self._key("index")

    @property
    def expiry(self) -> str:
        """Sorted set: entry by the millisecond it expires."""
        return self._key("expiry")

    @property
    def jobs(self) -> str:
        """Stream of jobs waiting or at work."""
        return self._key("jobs")

    @property
    def jobs_delayed(self) -> str:
        """Sorted set: job by the millisecond of its next try."""
        return self._key("jobs:delayed")

    @property
    def jobs_retried(self) -> str:
        """Sorted set: job that was tried before by the millisecond it was first added."""
        return self._key("jobs:retried")

    @property
    def jobs_workers(self) -> str:
        """Sorted set: job worker by the millisecond its lease runs out."""
        return self._key("jobs:workers")

    @property
    def jobs_dead(self) -> str:
        """Stream of jobs that were given up."""
        return self._key("jobs:dead")

    @property
    def credentials(self) -> str:
        """Hash: credential digest to alias."""
        return self._key("creds")

    @property
    def limits(self) -> str:
        """Hash: credential digest to calls allowed in a window."""
        return self._key("limits")

    @property
    def breaker(self) -> str:
        """Hash: endpoint to its state as JSON."""
        return self._key("breaker")

    def permits(self, credential: str) -> str:
        """Sorted set: calls of one credential by millisecond."""
        return self._key(f"b:{credential}")

    def peaks(self, credential: str) -> str:
        """Hash: ten-second bucket to the highest use of the window."""
        return self._key(f"bp:{credential}")

    def blocked(self, credential: str) -> str:
        """Milliseconds until which Cal.com blocks the credential."""
        return self._key(f"blocked:{credential}")


async def store_time_ms(redis: Redis) -> int:
    """Read the store's own clock, which dates everything in it; milliseconds."""
    seconds, micros = await redis.time()
    return int(seconds) * 1000 + int(micros) // 1000
