import pytest
from hypothesis import given
from hypothesis import strategies as st

from calcom.ratelimit import TOKEN_LIMIT, Kind, Told, credential, limit_of, told

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ({"authorization": "Bearer cal_live_x"}, Kind.API_KEY),
        ({"authorization": "cal_live_x"}, Kind.API_KEY),
        ({"authorization": "Bearer eyJ.x.y"}, Kind.TOKEN),
        ({"authorization": "bearer cal_x"}, Kind.TOKEN),
        ({"authorization": "Bearer cal_x", "x-cal-client-id": "c"}, Kind.API_KEY),
        ({"x-cal-client-id": "c", "x-cal-secret-key": "s"}, Kind.CLIENT),
        ({"authorization": "", "x-cal-client-id": "c"}, Kind.CLIENT),
        ({}, Kind.ANONYMOUS),
    ],
)
def test_who_pays_is_chosen_in_calcoms_order(headers: dict[str, str], kind: Kind) -> None:
    assert credential(headers).kind is kind


def test_one_key_is_one_bucket_however_it_is_sent() -> None:
    assert credential({"authorization": "Bearer cal_x"}) == credential({"authorization": "cal_x"})
    assert credential({"authorization": "Bearer cal_x"}) != credential({"authorization": "Bearer cal_y"})


@given(st.text(min_size=8).filter(lambda secret: secret.strip()))
def test_the_bucket_does_not_hold_the_secret(secret: str) -> None:
    bucket = credential({"authorization": f"Bearer {secret}"}).bucket
    assert secret not in bucket
    assert len(bucket) == 16


def test_keys_have_their_granted_limit_and_tokens_their_own() -> None:
    assert limit_of(Kind.API_KEY, 200) == limit_of(Kind.ANONYMOUS, 200) == 200
    assert limit_of(Kind.TOKEN, 200) == limit_of(Kind.CLIENT, 200) == TOKEN_LIMIT


def headers(reset: str) -> dict[str, str]:
    return {
        "x-ratelimit-limit-default": "120",
        "x-ratelimit-remaining-default": "0",
        "x-ratelimit-reset-default": reset,
    }


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        ("42", 42),
        ("0", 0),
        ("-3", 0),
        (str(int(NOW) + 42), 42),
        (str(int(NOW + 42) * 1000), 42),
        (str(int(NOW) - 9), 0),
    ],
)
def test_the_reset_is_read_as_seconds_or_as_a_moment(reset: str, seconds: float) -> None:
    assert told(headers(reset), NOW) == Told(120, 0, seconds)


@pytest.mark.parametrize(
    "odd",
    [
        {},
        headers("soon"),
        headers("42") | {"x-ratelimit-limit-default": "many"},
        {"x-ratelimit-reset-booking_guests_add": "60"},
    ],
)
def test_other_headers_tell_nothing_of_the_default_bucket(odd: dict[str, str]) -> None:
    assert told(odd, NOW) is None
