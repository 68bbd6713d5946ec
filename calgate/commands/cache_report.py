"""What `calgate cache` prints for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

from calcom.reach import UNMAPPED
from proxy.cache.audit import Finding, Verdict
from proxy.cache.chronicle import Line
from proxy.cache.inventory import Kept, State

_MOST_SHOWN: Final = 20


def told_lines(line: Line) -> Iterator[str]:
    """One invalidation."""
    status = f" answered {line.status}" if line.status else ""
    yield f"{_clock(line.at)} generation {line.generation}: {line.cause}{status}"
    if not line.touches:
        yield "    everything, on all days"
    for one in line.touches:
        what = "every event type" if one.event_type is None else f"event type {one.event_type}"
        if one.event_type == UNMAPPED:
            what = "event types not in the map"
        yield f"    {what}, {one.when or 'all days'}: {one.reason} ({one.rule})"
    if line.more:
        yield f"    and {line.more} more"


def kept_lines(found: Sequence[Kept], told: Mapping[int, Line]) -> Iterator[str]:
    """Cached answers, and what makes them unservable."""
    if not found:
        yield "Nothing is cached of it under its own name; where ranges are shared it may be served from others' days."
    for one in found[:_MOST_SHOWN]:
        left = one.fresh_until - one.now
        until = f"for {left:.0f} s" if left > 0 else f"since {-left:.0f} s"
        words = {
            State.FRESH: f"served as it is {until}",
            State.STALE: f"past its time {until}: served while it is refreshed, and while Cal.com fails",
            State.OUTDATED: "not served as it is",
        }
        yield f"{one.target or 'a look at one booking'}: status {one.status}, {one.now - one.stored:.0f} s old"
        yield f"    {words[one.state]}"
        newest: dict[int, list[str]] = {}
        for field, generation in one.outdated_by:
            newest.setdefault(generation, []).append(_field(field))
        for generation, names in sorted(newest.items()):
            line = told.get(generation)
            cause = f"{line.cause} at {_clock(line.at)}" if line else "a write that is no longer remembered"
            yield f"    generation {generation} concerns {', '.join(names[:7])}: {cause}"
    if len(found) > _MOST_SHOWN:
        yield f"and {len(found) - _MOST_SHOWN} more"


def audit_lines(found: Sequence[Finding]) -> Iterator[str]:
    """What was compared, and what differed."""
    if not found:
        yield "Nothing is cached that could be compared: only fresh answers to GET /v2/slots are."
        return
    counts = Counter(one.verdict for one in found)
    yield ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in Verdict)
    for one in found:
        if one.verdict in (Verdict.STALE, Verdict.SHORT):
            yield f"{one.target}, {one.age:.0f} s old"
            for name, times in (("gone", one.gone), ("missing", one.missing)):
                if times:
                    yield f"    {name}: {', '.join(at.isoformat() for at in times[:5])}, {len(times)} in all"
        elif one.verdict is Verdict.FAILED:
            yield f"{one.target}: {one.why}"


def _field(name: str) -> str:
    """A field of stamps.py in words."""
    kind, mark, at = name.partition("@")
    if mark:
        hour = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=int(at))
        return f"event type {kind} at {hour:%Y-%m-%d %H} h UTC"
    kind, mark, day = name.replace("/", ":").partition(":")
    if mark:
        return f"event type {kind} on {date.fromordinal(int(day))}"
    return {"*": "everything", "?": "whatever is not known", "r": "settings"}.get(
        name, f"event type {name[1:]}"
    )


def _clock(at: float) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=at)).strftime("%Y-%m-%d %H:%M:%S UTC")
