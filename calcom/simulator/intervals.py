"""Arithmetic on half-open spans of epoch seconds. Inputs and outputs are ascending unless said otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Span = tuple[int, int]


def merge(spans: Iterable[Span]) -> list[Span]:
    """The union as disjoint spans; touching ones become one. Any order in, empty ones dropped."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if start >= end:
            continue
        if merged and start <= merged[-1][1]:
            if end > merged[-1][1]:
                merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged


def subtract(spans: Sequence[Span], holes: Sequence[Span]) -> list[Span]:
    """What is left of disjoint `spans` without disjoint `holes`."""
    if not holes:
        return list(spans)
    left: list[Span] = []
    first = 0
    for start, end in spans:
        while first < len(holes) and holes[first][1] <= start:
            first += 1
        for hole in range(first, len(holes)):
            hole_start, hole_end = holes[hole]
            if hole_start >= end:
                break
            if hole_start > start:
                left.append((start, hole_start))
            start = max(start, hole_end)
        if start < end:
            left.append((start, end))
    return left


def intersect(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    """What disjoint `one` and disjoint `other` share."""
    shared: list[Span] = []
    i = j = 0
    while i < len(one) and j < len(other):
        start, end = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if start < end:
            shared.append((start, end))
        if one[i][1] < other[j][1]:
            i += 1
        else:
            j += 1
    return shared


def clip(spans: Iterable[Span], low: int, high: int) -> list[Span]:
    """The parts within [low, high)."""
    return [(max(start, low), min(end, high)) for start, end in spans if max(start, low) < min(end, high)]


def covers(spans: Iterable[Span], start: int, end: int) -> bool:
    """Whether one span holds all of [start, end)."""
    return any(low <= start and end <= high for low, high in spans)
