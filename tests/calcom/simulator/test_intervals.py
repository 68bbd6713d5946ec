"""Span arithmetic, against sets of points."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from calcom.simulator.intervals import Span, clip, covers, intersect, merge, subtract

SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=8)


def points(spans: Iterable[Span]) -> set[int]:
    return {point for start, end in spans for point in range(start, end)}


def is_canonical(spans: list[Span]) -> bool:
    edges = [edge for span in spans for edge in span]
    return edges == sorted(set(edges))


@given(SPANS)
def test_merge_keeps_every_point_in_disjoint_ascending_spans(spans: list[Span]) -> None:
    merged = merge(spans)
    assert points(merged) == points(spans)
    assert is_canonical(merged)


@given(SPANS, SPANS)
def test_subtract_leaves_what_is_in_no_hole(spans: list[Span], holes: list[Span]) -> None:
    left = subtract(merge(spans), merge(holes))
    assert points(left) == points(spans) - points(holes)
    assert is_canonical(left)


@given(SPANS, SPANS)
def test_intersect_keeps_what_is_in_both(one: list[Span], other: list[Span]) -> None:
    shared = intersect(merge(one), merge(other))
    assert points(shared) == points(one) & points(other)


@given(SPANS, st.integers(0, 60), st.integers(0, 60))
def test_clip_keeps_what_is_inside(spans: list[Span], low: int, high: int) -> None:
    assert points(clip(merge(spans), low, high)) == points(spans) & set(range(low, high))


@given(SPANS, st.integers(0, 60), st.integers(1, 9))
def test_covers_says_whether_all_points_are_there(spans: list[Span], start: int, length: int) -> None:
    assert covers(merge(spans), start, start + length) == (set(range(start, start + length)) <= points(spans))
