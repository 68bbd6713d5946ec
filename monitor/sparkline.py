"""A line small enough to sit in a sentence, as inline SVG geometry: no script, no asset."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 240
HEIGHT = 40
_PAD = 3


@dataclass(frozen=True)
class Sparkline:
    """`lines` and `areas` are SVG point lists, one per unbroken run of known values."""

    lines: tuple[str, ...]
    areas: tuple[str, ...]
    width: int = WIDTH
    height: int = HEIGHT


def sparkline(values: Sequence[float | None], *, slots: int, top: float | None = None) -> Sparkline:
    """Place the newest value at the right edge of `slots` places; an unknown value (None) is a gap.

    `top` is the value at the upper edge; without it the largest one is. The lower edge is always 0, because a
    line that fills its box makes a calm minute look like a storm.
    """
    shown = list(values)[-slots:]
    known = [v for v in shown if v is not None]
    ceiling = top if top is not None else max(known, default=0.0)
    step = (WIDTH - 2 * _PAD) / max(slots - 1, 1)
    first = slots - len(shown)
    runs: list[list[tuple[float, float]]] = [[]]
    for i, value in enumerate(shown):
        if value is None:
            runs.append([])
            continue
        share = min(value / ceiling, 1.0) if ceiling > 0 else 0.0
        x = round(_PAD + (first + i) * step, 1)
        runs[-1].append((x, round(HEIGHT - _PAD - share * (HEIGHT - 2 * _PAD), 1)))
    drawn = [run for run in runs if run]
    return Sparkline(
        lines=tuple(_points(run) for run in drawn),
        areas=tuple(_points([(run[0][0], HEIGHT), *run, (run[-1][0], HEIGHT)]) for run in drawn),
    )


def bars(counts: Sequence[int]) -> tuple[tuple[float, float, float, float], ...]:
    """Place one bar (x, y, width, height) for each count, the highest filling the box; a count above 0 is visible."""
    pitch = (WIDTH - 2 * _PAD) / max(len(counts), 1)
    ceiling = max(counts, default=0)
    placed = []
    for i, count in enumerate(counts):
        height = max(1.5, count / ceiling * (HEIGHT - _PAD)) if count else 0.0
        placed.append(
            (round(_PAD + i * pitch, 1), round(HEIGHT - height, 1), round(pitch * 0.78, 1), round(height, 1))
        )
    return tuple(placed)


def _points(run: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in run)
