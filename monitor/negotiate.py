"""Which form of an answer the client wants (RFC 9110, section 12.5.1)."""

from collections.abc import Sequence


def preferred(accept: str, offers: Sequence[str]) -> str:
    """Choose the offered media type with the highest quality; the first offer where there is no preference.

    A more specific range beats a wildcard for the type it names. Where nothing fits, the first offer is still
    better than refusing: a status page that answers 406 helps nobody.
    """
    ranges = [_parse(part) for part in accept.split(",") if part.strip()]
    if not ranges:
        return offers[0]
    # max() keeps the first of equals.
    best = max(offers, key=lambda offer: _quality(offer, ranges))
    return best if _quality(best, ranges) > 0 else offers[0]


def _parse(part: str) -> tuple[str, float]:
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    quality = 1.0
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            try:
                quality = float(value)
            except ValueError:
                quality = 0.0
    return name, quality


def _quality(offer: str, ranges: Sequence[tuple[str, float]]) -> float:
    kind = offer.split("/", 1)[0]
    for wanted in (offer, f"{kind}/*", "*/*"):
        found = [quality for name, quality in ranges if name == wanted]
        if found:
            return max(found)
    return 0.0
