"""The demo's figures in words: the line of `--plain`, and the last sentences."""

from calgate.demo.figures import Figures
from calgate.demo.screen import clock_time, duration


def line(figures: Figures) -> str:
    """One moment on one line."""
    parts = [
        f"{clock_time(figures.seconds):>5}",
        f"{figures.requests} requests",
        f"{figures.hits} hit, {figures.coalesced} shared, {figures.misses} from Cal.com",
        f"{figures.upstream.calls} calls to Cal.com, {figures.upstream.refused} refused",
        f"budget {figures.store.used} of {figures.store.limit}",
        f"{figures.created + figures.rescheduled + figures.cancelled} bookings changed",
        f"{figures.truth.stale} of {figures.truth.checked} stale",
    ]
    opened = [name for name, state in figures.store.breakers if state != "closed"]
    if opened:
        parts.append(f"breaker not closed: {', '.join(opened)}")
    if figures.failed:
        parts.append(f"{figures.failed} failed")
    if figures.trouble:
        parts.append(figures.trouble)
    return " | ".join(parts)


def summary(figures: Figures) -> list[str]:
    """What came of it, in two to four sentences."""
    if not figures.requests:
        return [
            f"{clock_time(figures.seconds)} without a caller; Cal.com saw {_count(figures.upstream.calls, 'call')}."
        ]
    upstream = figures.upstream
    calls = (
        f"{_count(upstream.calls, 'call')}{_saved(figures)}, at most {upstream.most_in_window} in any minute"
    )
    sentences = [
        f"In {clock_time(figures.seconds)} the callers made {_count(figures.requests, 'request')}; "
        + f"Cal.com saw {calls}, and refused {upstream.refused or 'none'}."
    ]
    if figures.reads:
        sentences.append(
            f"{figures.hits} of {_count(figures.reads, 'answer')} about availability came from memory"
            f"{_hit_time(figures)}, {figures.coalesced} shared somebody else's call."
        )
    sentences.append(
        f"{_count(figures.created, 'booking')} made, {figures.rescheduled} moved, {figures.cancelled} cancelled."
    )
    if figures.truth.checked:
        checked = _count(figures.truth.checked, "answer")
        sentences.append(
            f"Of {checked} held against the calendar, {figures.truth.stale or 'none'} was stale"
            f"{f': {figures.truth.example}' if figures.truth.example else ''}."
        )
    return sentences


def _saved(figures: Figures) -> str:
    return f" (one where others make {figures.saved:.1f})" if figures.saved and figures.saved >= 1 else ""


def _hit_time(figures: Figures) -> str:
    return f" in {duration(figures.hit_median)}" if figures.hit_median is not None else ""


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
