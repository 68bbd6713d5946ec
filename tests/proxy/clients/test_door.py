from __future__ import annotations

import hmac
from collections import Counter
from typing import Any

import pytest

from core.clients import parse
from core.clock import FakeClock
from proxy.clients.door import Door
from proxy.edge.headers import RawHeaders, as_text, forwarded
from proxy.edge.request import Request
from proxy.refusals import Unauthorized
from tests.proxy.clients.people import KEY, SHOP, VOICE, entries


class Doors:
    """A door, and how often it turned somebody away and why."""

    def __init__(self) -> None:
        self.away: Counter[str] = Counter()
        self.door = Door(parse(entries()), KEY, lambda why: self.away.update([why]))

    def let(self, headers: RawHeaders, path: str = "/v2/slots") -> Request:
        scope: dict[str, Any] = {
            "method": "GET",
            "http_version": "1.1",
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": headers,
        }

        async def never() -> Any:
            raise AssertionError

        request = Request(scope, never, never, FakeClock(), lambda: False)  # type: ignore[arg-type]
        self.door.admit(request)
        return request


@pytest.mark.parametrize(("token", "alias"), [(SHOP, "shop"), (VOICE, "voice")])
def test_a_token_lets_its_client_in_and_the_key_takes_its_place(token: str, alias: str) -> None:
    request = Doors().let(
        [
            (b"accept", b"*/*"),
            (b"authorization", b"Bearer " + token.encode()),
            (b"x-cal-client-id", b"them"),
            (b"x-cal-secret-key", b"theirs"),
            (b"authorization", b"Bearer another"),
            (b"cookie", b"uid=1"),
        ]
    )
    assert request.client == request.facts["alias"] == alias
    assert request.headers == [
        (b"accept", b"*/*"),
        (b"cookie", b"uid=1"),
        (b"authorization", b"Bearer " + KEY.encode()),
    ]


@pytest.mark.parametrize("scheme", [b"Bearer ", b"bearer ", b"BEARER   "])
def test_the_scheme_may_be_written_as_it_likes(scheme: bytes) -> None:
    assert Doors().let([(b"authorization", scheme + SHOP.encode() + b" ")]).client == "shop"


WRONG: list[tuple[RawHeaders, str]] = [
    ([], "missing"),
    ([(b"x-cal-client-id", b"a"), (b"x-cal-secret-key", SHOP.encode())], "missing"),
    ([(b"authorization", b"")], "unknown"),
    ([(b"authorization", b"Bearer")], "unknown"),
    ([(b"authorization", b"Bearer ")], "unknown"),
    ([(b"authorization", SHOP.encode())], "unknown"),
    ([(b"authorization", b"Basic " + SHOP.encode())], "unknown"),
    ([(b"authorization", b"Bearer " + KEY.encode())], "unknown"),
    ([(b"authorization", b"Bearer " + SHOP[:-1].encode())], "unknown"),
    ([(b"authorization", b"Bearer " + SHOP.encode() + b"5")], "unknown"),
    ([(b"authorization", b"Bearer " + SHOP.upper().encode())], "unknown"),
    ([(b"authorization", b"Bearer x, Bearer " + SHOP.encode())], "unknown"),
    # Cal.com reads the first of several, and so does the door.
    ([(b"authorization", b"Bearer x"), (b"authorization", b"Bearer " + SHOP.encode())], "unknown"),
]


@pytest.mark.parametrize(("headers", "why"), WRONG)
def test_nobody_else_comes_in(headers: RawHeaders, why: str) -> None:
    doors = Doors()
    with pytest.raises(Unauthorized) as caught:
        doors.let(headers)
    assert doors.away == {why: 1}
    challenge = dict(caught.value.headers())[b"www-authenticate"]
    assert challenge.startswith(b'Bearer realm="calgate"')
    assert (b"invalid_token" in challenge) == (why == "unknown")
    assert "cal_" not in caught.value.message


def test_every_hash_is_compared_whatever_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []
    real = hmac.compare_digest

    def counting(one: bytes, other: bytes) -> bool:
        compared.append(one)
        return real(one, other)

    doors = Doors()
    monkeypatch.setattr(hmac, "compare_digest", counting)
    doors.let([(b"authorization", b"Bearer " + SHOP.encode())])
    with pytest.raises(Unauthorized):
        doors.let([(b"authorization", b"Bearer no")])
    assert len(compared) == 4


@pytest.mark.parametrize("path", ["/-/healthz", "/-/readyz", "/-/webhooks/calcom"])
def test_what_has_to_be_open_is(path: str) -> None:
    request = Doors().let([], path)
    assert request.client == ""
    assert request.headers == []


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/-/alternatives",
        "/-/",
        "/api/v2/slots",
        "/v2/../-/healthz",
        "/v2/-/healthz",
        "//-/healthz",
        "/-/healthzz",
        "/-/webhooks/",
    ],
)
def test_all_else_is_closed(path: str) -> None:
    with pytest.raises(Unauthorized):
        Doors().let([], path)


def test_a_client_cannot_have_the_key_dropped_on_the_way() -> None:
    request = Doors().let(
        [
            (b"authorization", b"Bearer " + SHOP.encode()),
            (b"connection", b"Authorization, x-mine"),
            (b"x-mine", b"1"),
        ]
    )
    sent = as_text(forwarded(request.headers, request_id=b"1"))
    assert sent["authorization"] == f"Bearer {KEY}"
    assert "x-mine" not in sent


def test_neither_tokens_nor_the_key_are_in_its_words() -> None:
    assert repr(Doors().door) == "Door(2 clients)"
