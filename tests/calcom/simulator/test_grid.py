"""Where slots begin inside free spans."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from calcom.simulator.grid import Grid
from calcom.simulator.intervals import Span

BASE = int(datetime(2026, 3, 3, tzinfo=UTC).timestamp())


def span(start: str, end: str) -> Span:
    return at(start), at(end)


def at(clock: str) -> int:
    hours, minutes = clock.split(":")
    return BASE + int(hours) * 3600 + int(minutes) * 60


def starts(
    *spans: Span,
    length: int = 60,
    step: int | None = None,
    offset: int = 0,
    optimized: bool = False,
    zone: str = "UTC",
    cut: str = "0:00",
) -> list[str]:
    grid = Grid(length, step or length, offset, optimized, zone)
    return [datetime.fromtimestamp(one, UTC).strftime("%H:%M") for one in grid.starts(spans, at(cut))]


@pytest.mark.parametrize(
    ("step", "alignment"),
    [(60, 60), (120, 60), (90, 30), (45, 15), (40, 20), (30, 30), (50, 10), (25, 5), (7, 1)],
)
def test_starts_align_to_the_largest_round_part_of_the_step(step: int, alignment: int) -> None:
    assert Grid(step, step, 0, False, "UTC").alignment == alignment


def test_a_start_is_rounded_up_to_the_alignment() -> None:
    assert starts(span("9:05", "12:00")) == ["10:00", "11:00"]
    assert starts(span("9:05", "11:00"), length=45) == ["09:15", "10:00"]


def test_the_full_hour_is_that_of_the_bookers_zone() -> None:
    assert starts(span("9:00", "12:00"), zone="Asia/Kolkata") == ["09:30", "10:30"]


def test_a_slot_fits_to_the_second() -> None:
    assert starts(span("9:00", "10:00")) == ["09:00"]
    assert starts(span("9:00", "10:59")) == ["09:00"]
    end = at("10:00") - 1
    assert Grid(60, 60, 0, False, "UTC").starts([(at("9:00"), end)], 0) == [at("9:00")]
    assert Grid(60, 60, 0, False, "UTC").starts([(at("9:00"), end - 1)], 0) == []


def test_the_offset_shifts_the_start_and_widens_the_step() -> None:
    assert starts(span("9:00", "12:00"), offset=5) == ["09:05", "10:10"]


def test_notice_moves_the_first_start_to_the_next_round_time() -> None:
    assert starts(span("9:00", "12:00"), length=45, cut="9:20") == ["09:30", "10:15", "11:00"]


@pytest.mark.parametrize(
    ("free", "expected"),
    [
        (span("9:05", "12:00"), ["10:00", "11:00"]),  # 55 minutes to spare: the full hour costs no slot
        (span("9:05", "11:55"), ["09:15", "10:15"]),  # 50 to spare: the quarter
        (span("9:22", "11:27"), ["09:25", "10:25"]),  # 5 to spare: the next five minutes
        (span("9:22", "11:23"), ["09:22", "10:22"]),  # none to spare
    ],
)
def test_optimized_starts_move_only_into_minutes_no_slot_can_use(free: Span, expected: list[str]) -> None:
    assert starts(free, optimized=True) == expected


def test_overlapping_spans_join_one_grid() -> None:
    assert starts(span("9:00", "11:00"), span("9:30", "12:00"), length=30) == [
        "09:00",
        "09:30",
        "10:00",
        "10:30",
        "11:00",
        "11:30",
    ]
    # The second host's span begins inside a slot of the first: the grid goes on from that slot's end.
    assert starts(span("9:00", "10:00"), span("9:15", "12:00"), length=45) == [
        "09:00",
        "09:45",
        "10:30",
        "11:15",
    ]
