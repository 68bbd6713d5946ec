"""What makes two requests one: the client's own key, or one derived from the request."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import orjson

from calcom import repeats, versions
from proxy.edge.headers import RawHeaders, as_text
from proxy.refusals import BadIdempotencyKey
from proxy.upstream import Call

HEADER: Final = b"idempotency-key"
_LONGEST: Final = 255


@dataclass(frozen=True, slots=True)
class Key:
    """`name` is what the record goes by, `print` what the request must be like; the answer is kept for `seconds`.

    Nobody asked for one that `is_derived`: what is refused may be tried again, and what stays unknown is forgotten.
    """

    name: str
    print: str
    seconds: float
    is_derived: bool = False


def sent_in(headers: RawHeaders) -> bytes | None:
    """The client's key, `None` without one. Raises BadIdempotencyKey where it is none or there are several."""
    keys = [value.strip(b' \t"') for name, value in headers if name == HEADER]
    if not keys:
        return None
    if len(keys) > 1 or not 0 < len(keys[0]) <= _LONGEST or not keys[0].isascii():
        raise BadIdempotencyKey
    return keys[0]


def given(text: bytes, call: Call, seconds: float) -> Key:
    """The key that a client sent as *text*; it is that client's, or its credential's, alone."""
    body = call.body if isinstance(call.body, bytes) else b""
    name = _digest(_whose(call), text)
    return Key(name, _digest(call.method.encode(), call.target, body), seconds)


def derived(call: Call, seconds: float) -> Key | None:
    """The key of a request to make a booking that has none: the same credential, version and wish, however it is
    spelt in JSON. None for every other request."""
    path = call.target.partition(b"?")[0].decode("latin-1")
    version = versions.effective(as_text(call.headers).get("cal-api-version"))
    # Older answers do not name the booking that forgetting it goes by.
    if version < versions.BOOKINGS or not repeats.is_create(call.method, path):
        return None
    try:
        wish = orjson.loads(call.body) if isinstance(call.body, bytes) else None
    except orjson.JSONDecodeError:
        return None
    if not isinstance(wish, dict):
        return None
    body = orjson.dumps(wish, option=orjson.OPT_SORT_KEYS)
    # Of three parts, so that no client's own key, of two, can have this name.
    name = _digest(_whose(call), version.encode(), call.target + b" " + body)
    return Key(name, name, seconds, is_derived=True)


def _whose(call: Call) -> bytes:
    # Clients that share one credential must not get each other's answers.
    return (
        f"{call.credential.bucket} {call.client}".encode() if call.client else call.credential.bucket.encode()
    )


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"".join(len(part).to_bytes(8) + part for part in parts)).hexdigest()
