"""Who may use a gateway that holds the key: an alias, the hashes of its tokens, its share of the budget.

Written as `shop=sha256:<64 hex digits>`, perhaps with `;share=40` behind it; commas or line ends between. Two
entries of one alias are one client with two tokens, which is how a token is changed without a gap. The tokens are
random and long, so that a plain hash cannot be turned back; what is shorter than that is refused when it is hashed.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, replace
from typing import Final

MOST_CLIENTS: Final = 32
"""Each is a label of metrics."""

SHORTEST_TOKEN: Final = 32
"""Characters of a token somebody brings along; one of ours has 73."""

WHOLE: Final = 100
"""Percent: the share of a client that may spend everything."""

_ALIAS: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_HASH: Final = re.compile(r"sha256:([0-9a-f]{64})")
_SHARE: Final = re.compile(r"share=([1-9][0-9]?|100)")
_TOKEN: Final = re.compile(r"[!-~]+")

# Clients that look at the shape of a key take it for one of Cal.com's.
_PREFIX: Final = "cal_gate_"


@dataclass(frozen=True, slots=True)
class Client:
    """One client. `digests` are of the tokens it may show, `share` is the percent of the calls it may spend."""

    alias: str
    digests: tuple[bytes, ...]
    share: int = WHOLE


def parse(text: str) -> tuple[Client, ...]:
    """The clients that *text* lists. Raises ValueError that says which entry is wrong, and quotes none of it."""
    clients: dict[str, Client] = {}
    told: set[str] = set()
    seen: set[bytes] = set()
    entries = [entry.strip() for entry in re.split(r"[,\n]", text)]
    for number, entry in enumerate((entry for entry in entries if entry), start=1):
        one, has_share = _entry(entry, number)
        if seen & set(one.digests):
            raise ValueError(f"entry {number} ({one.alias}) has a token that another entry has too")
        seen.update(one.digests)
        known = clients.get(one.alias)
        if known is not None:
            if has_share and one.alias in told and one.share != known.share:
                raise ValueError(f"entry {number} ({one.alias}) has another share than the entry before it")
            share = one.share if has_share else known.share
            one = replace(one, digests=known.digests + one.digests, share=share)
        if has_share:
            told.add(one.alias)
        clients[one.alias] = one
    if len(clients) > MOST_CLIENTS:
        raise ValueError(f"must be at most {MOST_CLIENTS} clients; give several services one alias")
    return tuple(clients.values())


def _entry(entry: str, number: int) -> tuple[Client, bool]:
    # What somebody wrote in a token's place may be the token, and is not repeated.
    alias, _, rest = entry.partition("=")
    alias = alias.strip()
    if not _ALIAS.fullmatch(alias):
        raise ValueError(
            f"entry {number} must be ALIAS=sha256:HASH, the alias a letter and up to 31 of a-z, 0-9, _ and -; "
            "`calgate clients new ALIAS` writes one"
        )
    said, semicolon, more = rest.partition(";")
    found = _HASH.fullmatch(said.strip())
    if found is None:
        raise ValueError(
            f"entry {number} ({alias}) must have the hash of a token, as in {alias}=sha256: and 64 hex digits; "
            f"`calgate clients hash {alias}` makes it of a token you have"
        )
    share = _SHARE.fullmatch(more.strip())
    if semicolon and share is None:
        raise ValueError(f"entry {number} ({alias}): what follows the semicolon must be share=1 to share=100")
    return Client(alias, (bytes.fromhex(found[1]),), int(share[1]) if share else WHOLE), share is not None


def entry_of(alias: str, token: str, share: int = WHOLE) -> str:
    """The entry for a *token*, which it does not contain. Raises ValueError for what cannot be one."""
    if not _TOKEN.fullmatch(token) or len(token) < SHORTEST_TOKEN:
        raise ValueError(
            f"a token must be at least {SHORTEST_TOKEN} characters of ASCII without spaces, and random: "
            "who finds the hash of a guessable one has the token"
        )
    entry = f"{alias}=sha256:{digest_of(token.encode()).hex()}" + (
        f";share={share}" if share != WHOLE else ""
    )
    parse(entry)
    return entry


def minted() -> str:
    """A new token of 256 random bits."""
    return _PREFIX + secrets.token_hex(32)


def digest_of(token: bytes) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(token).digest()
