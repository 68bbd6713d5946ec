"""Which bucket a request falls into, and whom it makes its caller (contract 1, 2)."""

import pytest

from calcom.simulator.auth import INVALID_CLIENT, INVALID_KEY, INVALID_TOKEN, NO_CREDENTIAL, Client, Keyring
from calcom.simulator.model import Credential


@pytest.fixture
def ring() -> Keyring:
    made = Keyring([Credential("cal_live_a", 1), Credential("token-b", 2, "access_token")])
    made.add_client("client", Client("secret", 3))
    return made


def bearer(key: str, **more: str) -> dict[bytes, bytes]:
    return {
        b"authorization": b"Bearer " + key.encode(),
        **{name.replace("_", "-").encode(): value.encode() for name, value in more.items()},
    }


@pytest.mark.parametrize(
    ("headers", "kind", "user_id", "refusal"),
    [
        ({}, "anonymous", None, NO_CREDENTIAL),
        (bearer("cal_live_a"), "api_key", 1, None),
        ({b"authorization": b"bearer cal_live_a"}, "api_key", 1, None),
        (bearer("cal_live_a.7"), "api_key", 1, None),
        (bearer("cal_live_x"), "api_key", None, INVALID_KEY),
        (bearer("token-b"), "access_token", 2, None),
        (bearer("token-x"), "access_token", None, INVALID_TOKEN),
        ({b"authorization": b"cal_live_a"}, "access_token", None, NO_CREDENTIAL),
        ({b"authorization": b"Basic eDp5"}, "access_token", None, NO_CREDENTIAL),
        ({b"x-cal-client-id": b"client", b"x-cal-secret-key": b"secret"}, "client", 3, None),
        ({b"x-cal-client-id": b"client", b"x-cal-secret-key": b"wrong"}, "client", None, INVALID_CLIENT),
        ({b"x-cal-client-id": b"client"}, "client", None, INVALID_CLIENT),
        # Client credentials decide who it is, Authorization which bucket.
        (bearer("cal_live_a", x_cal_client_id="client", x_cal_secret_key="secret"), "api_key", 3, None),
    ],
)
def test_a_caller_is(
    ring: Keyring, headers: dict[bytes, bytes], kind: str, user_id: int | None, refusal: str | None
) -> None:
    caller = ring.identify(headers, "192.0.2.1")
    assert (caller.kind, caller.user_id, caller.refusal) == (kind, user_id, refusal)


def test_only_an_invalid_api_key_is_turned_away_by_the_throttler(ring: Keyring) -> None:
    assert ring.identify(bearer("cal_live_x"), "").throttler_refusal == INVALID_KEY
    assert ring.identify(bearer("token-x"), "").throttler_refusal is None


def test_buckets_hold_no_credential(ring: Keyring) -> None:
    caller = ring.identify(bearer("cal_live_a"), "")
    assert "cal_live_a" not in repr(caller)
    assert caller.bucket.startswith("key:")
    assert len(caller.bucket) == len("key:") + 12


def test_anonymous_callers_are_told_apart_by_address(ring: Keyring) -> None:
    assert ring.identify({}, "192.0.2.1").bucket == "ip:192.0.2.1"
    assert ring.identify({b"cf-connecting-ip": b"198.51.100.9"}, "192.0.2.1").bucket == "ip:198.51.100.9"


def test_a_revoked_key_stops_working_at_once(ring: Keyring) -> None:
    assert ring.identify(bearer("cal_live_a"), "").user_id == 1
    ring.revoke("cal_live_a")
    assert ring.identify(bearer("cal_live_a"), "").throttler_refusal == INVALID_KEY
