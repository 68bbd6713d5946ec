"""When an event type's ranges are shared: not before comparisons agreed, and not after one differed twice.

    unproven --(NEEDED comparisons agree)--> proven --(one differs)--> doubted --(again, later)--> off
                                                ^--(the same look agrees, later)--'

Other settings begin anew; so does a day of being off, a doubt that nobody settled, and a day without comparisons.
A difference alone proves nothing: the world may have changed between the two answers.

A look whose windows are asked for in another zone (zones.py) needs more: that one such look in its very zone agreed.
Where one differed twice, that may be the zone's fault, whose clocks are not the same everywhere: the zone is set
apart, to have windows of its own, and the rest begins anew.

A look with nothing left proves nothing of ranges, but shows how Cal.com words it: after `NEEDED_EMPTY` of them that
read alike, such answers are shared too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

NEEDED: Final = 5
"""Comparisons that must agree before anything is shared."""

GAP: Final = 30.0
"""Seconds between comparisons that count: the same minute shows the same world."""

REPEAT_AFTER: Final = 3.0
"""Seconds after which a difference counts as repeated: longer than Cal.com's own slot cache lives (2 s)."""

DOUBT_LASTS: Final = 600.0
"""Seconds after which a doubt that was not settled has become ignorance."""

OFF_LASTS: Final = 86_400.0
PROOF_LASTS: Final = 86_400.0

RECHECK: Final = 900.0
"""Seconds after which a proven type is compared again."""

RECHECK_SHARED: Final = 5_000
"""Answers shared by one process after which it is compared again, but never sooner than `GAP`."""

NEEDED_EMPTY: Final = 3
"""Looks with nothing left that must read alike before such are shared."""

LONGEST_EMPTY: Final = 1_000
"""Characters; a longer one is not remembered."""

MOST_ZONES: Final = 64
"""How many zones are remembered of one event type; further ones have windows of their own."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a proof takes: `needed` agreements, at least `gap` seconds apart."""

    needed: int = NEEDED
    gap: float = GAP


USUAL: Final = Terms()


@dataclass(frozen=True, slots=True)
class Proof:
    """What is known of one event type. Times are Unix seconds of one clock, 0 for never.

    `facts` is the digest of the settings all else was seen under. `asked` is when somebody last set out to
    compare, `checked` when one last agreed. `doubt` is the query string of the look that differed; what is off is in
    doubt too. `zones` are those whose looks were seen to agree with windows of another zone, `apart` those that were
    seen to differ. `empty` is what Cal.com last said where nothing was left, and `empties` how often in a row.
    """

    facts: str = ""
    agreed: int = 0
    asked: float = 0.0
    checked: float = 0.0
    doubt: str = ""
    doubted: float = 0.0
    off: float = 0.0
    zones: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    empty: str = ""
    empties: int = 0


def standing(proof: Proof, facts: str, now: float) -> Proof:
    """What of a proof still holds."""
    if (
        proof.facts != facts
        or (proof.off and now - proof.off >= OFF_LASTS)
        or (proof.doubt and not proof.off and now - proof.doubted >= DOUBT_LASTS)
        or (proof.agreed and not proof.off and now - proof.checked >= PROOF_LASTS)
    ):
        return Proof(facts)
    return proof


def may_share(proof: Proof, facts: str, now: float, terms: Terms = USUAL) -> bool:
    """Whether answers may be cut out of windows."""
    held = standing(proof, facts, now)
    return held.agreed >= terms.needed and not held.doubt


def may_borrow(proof: Proof, facts: str, now: float, zone: str) -> bool:
    """Whether looks in *zone* may have to do with windows of another, if only to be compared."""
    held = standing(proof, facts, now)
    return zone in held.zones or (zone not in held.apart and len(held.zones) < MOST_ZONES)


def empty_of(proof: Proof, facts: str, now: float, terms: Terms = USUAL) -> str:
    """What Cal.com says where nothing is left, '' while that is not certain."""
    held = standing(proof, facts, now)
    return held.empty if held.empties >= min(NEEDED_EMPTY, terms.needed) else ""


def has_agreed(proof: Proof, facts: str, now: float, zone: str) -> bool:
    """Whether a look in *zone* agreed with windows of another."""
    return zone in standing(proof, facts, now).zones


def wants_comparison(
    proof: Proof,
    facts: str,
    now: float,
    shared: int = 0,
    terms: Terms = USUAL,
    *,
    borrows: str | None = None,
    is_empty: bool = False,
) -> bool:
    """Whether a look should be answered by its own fetch and its windows', to compare them; *shared* answers
    were shared since the last one, *borrows* is the look's zone if its windows are of another, and *is_empty* says
    that nothing is left. In doubt, it is the doubted look that should be asked again."""
    held = standing(proof, facts, now)
    if held.off:
        return False
    if held.doubt:
        return now - max(held.doubted, held.asked) >= REPEAT_AFTER
    since = now - max(held.checked, held.asked)
    is_new = borrows is not None and borrows not in held.zones
    is_new = is_new or (is_empty and not empty_of(held, facts, now, terms))
    if held.agreed < terms.needed or is_new or shared >= RECHECK_SHARED:
        return since >= terms.gap
    return since >= RECHECK


def set_out(proof: Proof, facts: str, now: float) -> Proof:
    """Somebody begins to compare: the others need not."""
    return replace(standing(proof, facts, now), asked=now)


def agreed(
    proof: Proof,
    facts: str,
    look: str,
    now: float,
    terms: Terms = USUAL,
    *,
    borrows: str | None = None,
    empty: str | None = None,
) -> Proof:
    """A comparison of *look* agreed, *borrows* as above; *empty* is Cal.com's answer where nothing was left. A doubt is
    settled only by the look that raised it."""
    held = standing(proof, facts, now)
    if held.off or borrows in held.apart:
        return held
    if held.doubt:
        if look != held.doubt or now - held.doubted < REPEAT_AFTER:
            return held
        held = replace(held, doubt="", doubted=0.0)
    if empty is not None:
        alike = held.empties if empty == held.empty else 0
        is_short = len(empty) <= LONGEST_EMPTY
        return replace(held, empty=empty, empties=min(alike + 1, NEEDED_EMPTY)) if is_short else held
    if borrows is not None and borrows not in held.zones and len(held.zones) < MOST_ZONES:
        held = replace(held, zones=(*held.zones, borrows))
    if 0 < held.agreed < terms.needed and now - held.checked < terms.gap:
        return held
    return replace(held, agreed=min(held.agreed + 1, terms.needed), checked=now)


def differed(proof: Proof, facts: str, look: str, now: float, *, borrows: str | None = None) -> Proof:
    """A comparison of *look* differed: the first time it raises a doubt, later it turns sharing off, or sets the zone
    apart that *borrows*."""
    held = standing(proof, facts, now)
    # What comes late of a zone that was set apart meanwhile is known already.
    if held.off or borrows in held.apart:
        return held
    if not held.doubt:
        return replace(held, doubt=look, doubted=now)
    if now - held.doubted < REPEAT_AFTER:
        return held
    if borrows is not None:
        return Proof(facts, asked=held.asked, apart=(*held.apart, borrows)[-MOST_ZONES:])
    return replace(held, off=now)
