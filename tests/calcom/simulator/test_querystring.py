"""Query strings are read as the framework under Cal.com reads them."""

from typing import Any

import pytest

from calcom.simulator.querystring import parse


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", {}),
        (b"a=1&b=", {"a": "1", "b": ""}),
        (b"a=1&a=2&a=3", {"a": ["1", "2", "3"]}),
        (b"a[]=1&a[]=2", {"a": ["1", "2"]}),
        (b"a%5B%5D=1&a%5B%5D=2", {"a": ["1", "2"]}),
        (b"a[1]=y&a[0]=x", {"a": ["x", "y"]}),
        (
            b"calendarsToLoad[0][credentialId]=1&calendarsToLoad[0][externalId]=x%40y",
            {"calendarsToLoad": [{"credentialId": "1", "externalId": "x@y"}]},
        ),
        (b"a[b]=1", {"a": {"b": "1"}}),
        (b"t=2050-01-01T00:00:00%2B05:30", {"t": "2050-01-01T00:00:00+05:30"}),
        # An unencoded plus is a space, for Cal.com as for us.
        (b"t=2050-01-01T00:00:00+05:30", {"t": "2050-01-01T00:00:00 05:30"}),
        (b"[]=1", {"[]": "1"}),
        (b"a[=1", {"a[": "1"}),
        (b"a=1&a[]=2", {"a": ["1", "2"]}),
    ],
)
def test_a_query_string_becomes(raw: bytes, expected: dict[str, Any]) -> None:
    assert parse(raw) == expected


@pytest.mark.parametrize("raw", [b"a=%ff%fe", b"%", b"&&=&", b"a[b][c=1", b"\xff=\xfe", b"a[0][0][0]=1&a=2"])
def test_nonsense_is_read_without_an_error(raw: bytes) -> None:
    assert isinstance(parse(raw), dict)
