import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calcom.ratelimit import TOKEN_LIMIT, Kind, Tier, Told, credential, limit_of, side_of, tiers_of, told

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


def headers(reset: str, name: str = "default") -> dict[str, str]:
    return {
        f"x-ratelimit-limit-{name}": "120",
        f"x-ratelimit-remaining-{name}": "0",
        f"x-ratelimit-reset-{name}": reset,
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
    assert told(headers(reset), NOW) == (Told("default", 120, 0, seconds),)


@pytest.mark.parametrize(
    "odd",
    [
        {},
        headers("soon"),
        headers("nan"),
        headers("inf"),
        headers("42") | {"x-ratelimit-limit-default": "many"},
        headers("42") | {"x-ratelimit-limit-default": "0"},
        {"x-ratelimit-reset-default": "60"},
    ],
)
def test_what_is_incomplete_or_no_number_tells_nothing(odd: dict[str, str]) -> None:
    assert told(odd, NOW) == ()


def test_each_of_a_keys_limits_is_told_and_one_endpoints_is_known_by_its_name() -> None:
    several = told(headers("9", "short") | headers("60", "long") | headers("5", "booking_guests_add"), NOW)
    assert [(one.name, one.is_side) for one in several] == [
        ("short", False),
        ("long", False),
        ("booking_guests_add", True),
    ]
    assert not told(headers("1"), NOW)[0].is_side


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("POST", "/v2/bookings/abc/guests", "booking_guests_add"),
        ("POST", "/api/v2//Bookings/abc/guests/", "booking_guests_add"),
        ("PATCH", "/v2/bookings/abc/location", "booking_location_update"),
        ("POST", "/v2/bookings/abc/attendees", "booking_attendees_add"),
        ("DELETE", "/v2/bookings/abc/attendees/7", "booking_attendees_add"),
        ("POST", "/v2/verified-resources/emails/verification-code/request", "verified_resources_emails"),
        (
            "POST",
            "/v2/teams/1/verified-resources/phones/verification-code/request",
            "verified_resources_phones",
        ),
        ("DELETE", "/v2/organizations/1/teams/2", "org_teams_delete"),
        ("DELETE", "/v2/teams/2", "teams_delete"),
        ("GET", "/v2/bookings/abc/attendees", None),
        ("POST", "/v2/bookings", None),
        ("POST", "/v2/bookings/abc/cancel", None),
        ("DELETE", "/v2/teams/2/memberships/3", None),
    ],
)
def test_endpoints_with_a_limit_of_their_own_are_known_by_their_path(
    method: str, path: str, name: str | None
) -> None:
    side = side_of(method, path)
    assert (side.name if side else None) == name


def test_a_limit_of_one_endpoint_knows_the_names_calcom_gives_it() -> None:
    for method, path in (("POST", "/v2/bookings/a/guests"), ("DELETE", "/v2/teams/2")):
        side = side_of(method, path)
        assert side is not None
        assert told(headers("1", side.name), NOW)[0].is_side


@pytest.mark.parametrize(
    ("text", "calls", "pace"),
    [
        ("", None, None),
        ("api_key=300", 300, None),
        ("token=300", None, None),
        ("{digest8}=300@20", 300, 20),
        ("{digest64} = 500 , api_key=200", 500, None),
        ("api_key=200,{digest8}=500", 500, None),
        ("{digest8}=300,{digest16}=400", 400, None),
        ("00000000=300", None, None),
    ],
)
def test_a_tier_is_of_a_kind_or_of_one_key_and_the_closest_name_wins(
    text: str, calls: int | None, pace: int | None
) -> None:
    digest = hashlib.sha256(b"cal_live_a").hexdigest()
    named = text.format(digest8=digest[:8], digest16=digest[:16], digest64=digest)
    tier = tiers_of(named).of(credential({"authorization": "Bearer cal_live_a"}))
    assert tier == (Tier(calls, pace) if calls else None)


@pytest.mark.parametrize(
    "text",
    [
        "cal_live_secret=300",
        "3f9a12b=300",
        "3f9a12bc",
        "3f9a12bc=0",
        "3f9a12bc=10@11",
        "3f9a12bc=1,3f9a12bc=2",
    ],
)
def test_a_tier_that_is_wrong_is_said_so_without_quoting_what_may_be_a_key(text: str) -> None:
    with pytest.raises(ValueError, match="entry") as caught:
        tiers_of(text)
    assert "secret" not in str(caught.value)
