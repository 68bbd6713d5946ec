"""Cal.com's rate limiter, hit for hit (contract 2).

A fixed window that the first hit opens; hit number limit + 1 sets a block; while the block lives every request is
refused and still counted; a counter above the limit when the block ends sets the next block at the next request.
Pure: `now` is an argument, in seconds of any steady scale.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil


@dataclass(frozen=True, slots=True)
class Limit:
    """A named limit: so many hits in `window` seconds, or `block` seconds of refusals."""

    name: str
    limit: int
    window: float
    block: float

    @property
    def suffix(self) -> str:
        """The last part of its header names: the name with its first letter upper-cased."""
        return self.name[:1].upper() + self.name[1:]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the limiter says of one hit, with the headers that tell the caller."""

    allowed: bool
    headers: tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """What one bucket has seen since the start or the last reset."""

    hits: int
    refused: int
    blocks: int
    max_in_60s: int
    max_in_1s: int


def _whole_seconds(left: float) -> int:
    """Rounded up, from whole milliseconds: the float rest of a Unix time must not make 60 s into 61."""
    return ceil(round(left, 3))


class _Sliding:
    """The most hits ever seen in any half-open span of `span` seconds."""

    __slots__ = ("_span", "_times", "most")

    def __init__(self, span: float) -> None:
        self._span = span
        self._times: deque[float] = deque()
        self.most = 0

    def add(self, now: float) -> None:
        times = self._times
        times.append(now)
        oldest = now - self._span
        while times[0] <= oldest:
            times.popleft()
        self.most = max(self.most, len(times))


@dataclass(slots=True)
class _Counter:
    hits: int = 0
    window_ends: float = 0.0
    block_ends: float = 0.0


@dataclass(slots=True)
class _Bucket:
    counters: dict[str, _Counter] = field(default_factory=dict)
    hits: int = 0
    refused: int = 0
    blocks: int = 0
    in_60s: _Sliding = field(default_factory=lambda: _Sliding(60.0))
    in_1s: _Sliding = field(default_factory=lambda: _Sliding(1.0))


class Limiter:
    """All buckets of one Cal.com. A bucket is a credential, or a credential and a named side limit."""

    def __init__(self) -> None:
        self._buckets: dict[str, _Bucket] = {}

    def __repr__(self) -> str:
        return f"Limiter(buckets={len(self._buckets)})"

    def hit(self, bucket: str, limits: Sequence[Limit], now: float) -> Verdict:
        """Count one request and say whether it passes.

        Refused only when all of the limits are blocked; each limit emits its own header triple, on success too."""
        state = self._buckets.get(bucket)
        if state is None:
            state = self._buckets[bucket] = _Bucket()
        state.hits += 1
        state.in_60s.add(now)
        state.in_1s.add(now)
        headers: list[tuple[bytes, bytes]] = []
        refusals = 0
        for limit in limits:
            counter = state.counters.get(limit.name)
            if counter is None:
                counter = state.counters[limit.name] = _Counter()
            if counter.window_ends <= now:
                counter.hits = 0
                counter.window_ends = now + limit.window
            counter.hits += 1
            blocked = now < counter.block_ends
            if not blocked and counter.hits > limit.limit:
                counter.block_ends = now + limit.block
                state.blocks += 1
                blocked = True
            refusals += blocked
            remaining = 0 if blocked else max(0, limit.limit - counter.hits)
            ends = counter.block_ends if blocked else counter.window_ends
            suffix = limit.suffix.encode()
            headers += (
                (b"X-RateLimit-Limit-" + suffix, b"%d" % limit.limit),
                (b"X-RateLimit-Remaining-" + suffix, b"%d" % remaining),
                (b"X-RateLimit-Reset-" + suffix, b"%d" % _whole_seconds(ends - now)),
            )
        allowed = refusals < len(limits)
        state.refused += not allowed
        return Verdict(allowed, tuple(headers))

    def block(self, bucket: str, now: float, seconds: float, limits: Sequence[Limit] = ()) -> None:
        """Block a bucket at once, as if others on the same credential had spent its window.

        `limits` are its named ones; without any, whatever the bucket counts already or else the default."""
        state = self._buckets.setdefault(bucket, _Bucket())
        names = {limit.name for limit in limits} or set(state.counters) or {"default"}
        state.blocks += 1
        for name in names:
            state.counters.setdefault(name, _Counter()).block_ends = now + seconds

    def figures(self) -> dict[str, Figures]:
        """What every bucket has seen."""
        return {
            name: Figures(b.hits, b.refused, b.blocks, b.in_60s.most, b.in_1s.most)
            for name, b in self._buckets.items()
        }

    def reset(self) -> None:
        """Forget every bucket."""
        self._buckets.clear()
