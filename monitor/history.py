"""The last five minutes in memory: enough for a status page, without a time-series database."""

from collections import deque
from dataclasses import dataclass
from itertools import pairwise

from alerts.objectives import OBJECTIVES
from exporters.catalogue import BY_NAME, ROUTES
from exporters.merge import Merged

SPAN_SECONDS = 300.0
EVERY_SECONDS = 5.0

_DURATION = "calgate_http_request_duration_seconds"
_EDGES = BY_NAME[_DURATION].buckets
_LATENCY = OBJECTIVES["latency_normal"]
_HITS = ("hit", "stale_hit", "negative_hit")
# Health checks and pages of the gateway itself are nobody's traffic.
_SERVED = tuple(route for route in ROUTES if route not in ("gateway", "invalid"))


@dataclass(frozen=True)
class Sample:
    """Counters at one moment (Unix seconds); only differences between two mean anything."""

    at: float
    requests: float
    failed: float
    lookups: float
    hits: float
    calls: float
    rate_limited: float
    durations: tuple[int, ...]


@dataclass(frozen=True)
class Traffic:
    """What happened in the last `span_seconds`; ratios are 0 to 1 and None where nothing could be measured.

    `within_seconds` is the smallest bucket edge that the objective's share of requests stayed under. The
    series are oldest first, one value for each step of `step_seconds`; a step without lookups has no hit
    ratio.
    """

    span_seconds: float
    requests: int
    failed: int
    lookups: int
    hit_ratio: float | None
    calls: int
    rate_limited: int
    in_time_ratio: float | None
    within_seconds: float | None
    step_seconds: float
    requests_series: tuple[float, ...]
    hit_ratio_series: tuple[float | None, ...]
    calls_series: tuple[float, ...]
    durations: tuple[int, ...]
    """Requests by answer time, one for each bucket of the histogram and one for those above the last edge."""


def take(merged: Merged, now: float) -> Sample:
    """Sample the merged counters."""
    by_route = [merged.observations(_DURATION, route=route) for route in _SERVED]
    return Sample(
        at=now,
        requests=sum(merged.value("calgate_http_requests_total", route=route) for route in _SERVED),
        failed=sum(
            merged.value("calgate_http_requests_total", route=route, code_class="5xx") for route in _SERVED
        ),
        lookups=sum(merged.value("calgate_cache_lookups_total", result=r) for r in (*_HITS, "miss")),
        hits=sum(merged.value("calgate_cache_lookups_total", result=r) for r in _HITS),
        calls=merged.value("calgate_upstream_requests_total"),
        rate_limited=merged.value("calgate_upstream_rate_limited_total"),
        durations=tuple(map(sum, zip(*by_route, strict=True))),
    )


class History:
    """A ring of samples, one every `EVERY_SECONDS`."""

    def __init__(self) -> None:
        """Begin empty: the first figures appear with the second sample."""
        self._samples: deque[Sample] = deque(maxlen=round(SPAN_SECONDS / EVERY_SECONDS) + 1)

    def add(self, sample: Sample) -> None:
        """Keep a sample, dropping the oldest beyond the span.

        A clock that was set back would give steps of negative length, so then the history begins anew.
        """
        if self._samples and sample.at <= self._samples[-1].at:
            self._samples.clear()
        self._samples.append(sample)

    def traffic(self) -> Traffic | None:
        """Tell what happened between the oldest and the newest sample; None before there are two."""
        if len(self._samples) < 2:
            return None
        return compare(tuple(self._samples))


def compare(samples: tuple[Sample, ...]) -> Traffic:
    """Turn at least two samples, oldest first, into rates and ratios."""
    first, last = samples[0], samples[-1]
    lookups = last.lookups - first.lookups
    durations = [b - a for a, b in zip(first.durations, last.durations, strict=True)]
    steps = list(pairwise(samples))
    return Traffic(
        span_seconds=last.at - first.at,
        requests=round(last.requests - first.requests),
        failed=round(last.failed - first.failed),
        lookups=round(lookups),
        hit_ratio=_ratio(last.hits - first.hits, lookups),
        calls=round(last.calls - first.calls),
        rate_limited=round(last.rate_limited - first.rate_limited),
        in_time_ratio=_ratio(sum(durations[: _EDGES.index(_LATENCY.threshold) + 1]), sum(durations)),
        within_seconds=_within(durations, _LATENCY.share or 0.95),
        step_seconds=(last.at - first.at) / len(steps),
        requests_series=tuple((b.requests - a.requests) / (b.at - a.at) for a, b in steps),
        hit_ratio_series=tuple(_ratio(b.hits - a.hits, b.lookups - a.lookups) for a, b in steps),
        calls_series=tuple((b.calls - a.calls) / (b.at - a.at) for a, b in steps),
        durations=tuple(durations),
    )


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None


def _within(durations: list[int], share: float) -> float | None:
    """Find the smallest edge with `share` of the observations at or below it; None if none has, or nothing was seen."""
    total = sum(durations)
    seen = 0
    for edge, count in zip(_EDGES, durations, strict=False):
        seen += count
        if total and seen >= share * total:
            return edge
    return None
