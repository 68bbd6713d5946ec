"""What a client demands of a cached answer: its Cache-Control (RFC 9111, section 5.2.1)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Demand:
    """Seconds, `None` where nothing was said. `max_stale` infinite takes any age.

    `no_cache` wants an answer asked for after the request came; `no_store` wants nothing kept of it;
    `only_if_cached` would rather have none than wait.
    """

    no_cache: bool = False
    no_store: bool = False
    only_if_cached: bool = False
    max_age: float | None = None
    max_stale: float | None = None
    min_fresh: float | None = None


NOTHING: Final = Demand()
"""Whatever is served to everybody will do."""


def demanded(headers: Mapping[str, str]) -> Demand:
    """Read a request's headers, names in lower case. What is malformed is not there."""
    text = headers.get("cache-control")
    if text is None:
        # Pragma is looked at only in the absence of its successor (RFC 9111, 5.4).
        return Demand(no_cache=True) if "no-cache" in headers.get("pragma", "").lower() else NOTHING
    said: dict[str, str] = {}
    for part in text.split(","):
        name, _, value = part.strip().partition("=")
        said.setdefault(name.strip().lower(), value.strip().strip('"'))
    return Demand(
        no_cache="no-cache" in said,
        no_store="no-store" in said,
        only_if_cached="only-if-cached" in said,
        max_age=_seconds(said.get("max-age")),
        max_stale=math.inf if said.get("max-stale") == "" else _seconds(said.get("max-stale")),
        min_fresh=_seconds(said.get("min-fresh")),
    )


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 12 else None
