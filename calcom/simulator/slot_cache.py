"""Cal.com's own cache of slots answers: two seconds, keyed by the input, blind to writes (contract 4.1)."""

from collections import OrderedDict


class SlotCache:
    """A bounded TTL cache. `now` is simulated seconds; the oldest entries give way when it is full."""

    def __init__(self, ttl: float, *, max_entries: int = 20_000) -> None:
        self.ttl = ttl
        self._max_entries = max_entries
        self._entries: OrderedDict[bytes, tuple[float, bytes]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"SlotCache(ttl={self.ttl}, entries={len(self._entries)})"

    def get(self, key: bytes, now: float) -> bytes | None:
        """The stored body while it is younger than the TTL."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        expires_at, body = entry
        if expires_at <= now:
            del self._entries[key]
            return None
        return body

    def put(self, key: bytes, body: bytes, now: float) -> None:
        """Store an answer. The TTL starts now, when the call ends, however old the state it shows already is."""
        if self.ttl <= 0:
            return
        self._entries[key] = (now + self.ttl, body)
        self._entries.move_to_end(key)
        while len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)

    def clear(self) -> None:
        """Forget everything, as a restart of Cal.com's cache would."""
        self._entries.clear()
