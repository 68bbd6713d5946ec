"""Which reads may be kept."""

import pytest

from calcom.paths import classify
from calcom.reads import Keep, keep


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v2/me", Keep.SETTINGS),
        ("/api/v2/me", Keep.SETTINGS),
        ("/v2/event-types", Keep.SETTINGS),
        ("/v2/event-types/7", Keep.SETTINGS),
        ("/v2/teams/3/event-types", Keep.SETTINGS),
        ("/v2/organizations/1/teams/3/event-types/9", Keep.SETTINGS),
        ("/v2/organizations/1/users/2/schedules", Keep.SETTINGS),
        ("/v2/schedules/default", Keep.SETTINGS),
        ("/v2/calendars", Keep.EXTERNAL),
        ("/v2/calendars/google/check", Keep.EXTERNAL),
        ("/v2/calendars/busy-times", Keep.EXTERNAL),
        ("/v2/calendars/google/connect", None),
        ("/v2/calendars/google/save", None),
        ("/v2/conferencing/zoom/oauth/callback", None),
        ("/v2/stripe/connect", None),
        ("/v2/bookings", None),
        ("/v2/bookings/abc", None),
        ("/v2/me/ooo", None),
        ("/v2/event-types/7/private-links", None),
        ("/v2/event-types/7/webhooks", None),
        ("/v2/teams/3/bookings", None),
        ("/v2/event-types/7%2f..", None),
        ("/v2/slots", None),
        ("/v2/" + "x" * 300, None),
    ],
)
def test_only_what_the_contract_names_is_kept(path: str, expected: Keep | None) -> None:
    assert keep(path) is expected


@pytest.mark.parametrize("path", ["/v2/calendars/google/connect", "/v2/calendars/office365/save"])
def test_no_get_that_writes_is_kept(path: str) -> None:
    assert classify("GET", path).is_write
    assert keep(path) is None
