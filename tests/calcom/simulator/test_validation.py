"""Checks of input, and the two forms their problems are told in (contract 4.1, 5.6)."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from calcom.simulator import validation as v
from calcom.simulator.refusals import Refused

SHAPE = v.Shape({"a": v.Field(v.text, required=True), "b": v.Field(v.whole(0, 9), nullable=True)})
CLOSED = v.Shape({"a": v.Field(v.text)}, closed=True)


def test_an_open_shape_drops_what_it_does_not_know() -> None:
    assert SHAPE.read({"a": "x", "c": 1}) == {"a": "x"}


def test_a_null_counts_where_it_may_stand() -> None:
    assert SHAPE.read({"a": "x", "b": None}) == {"a": "x", "b": None}
    with pytest.raises(Refused):
        SHAPE.read({"a": None})


def test_a_closed_shape_refuses_it_in_the_text_form() -> None:
    with pytest.raises(Refused) as caught:
        CLOSED.read_strictly({"b": 1, "a": 2})
    assert (caught.value.status, caught.value.message) == (
        400,
        "b property is wrong,property b should not exist, a property is wrong,a must be a string",
    )


def test_the_list_form_names_properties_and_children() -> None:
    outer = v.Shape({"inner": v.Field(v.nested(SHAPE), required=True)})
    with pytest.raises(Refused) as caught:
        outer.read({"inner": {"b": 99}})
    assert caught.value.message == "Bad Request Exception"
    assert caught.value.details is not None
    errors: Any = caught.value.details["errors"]
    assert errors[0]["property"] == "inner"
    assert [child["property"] for child in errors[0]["children"]] == ["a", "b"]
    assert errors[0]["children"][1]["constraints"] == {"isValid": "b must not be greater than 9"}


@pytest.mark.parametrize(
    ("check", "value", "parsed"),
    [
        (v.whole(), 3, 3),
        (v.whole(), 3.0, 3),
        (v.number_text, "-12", -12),
        (v.email, "a.b+c@d.example", "a.b+c@d.example"),
        (v.url, "https://x.example/y?z", "https://x.example/y?z"),
        (v.zone, "asia/kolkata", "Asia/Kolkata"),
        (v.day, "2026-02-28", date(2026, 2, 28)),
        (v.minutes_of_day, "23:59", 1439),
        (v.instant, "2026-01-06T09:00:00+05:30", datetime(2026, 1, 6, 3, 30, tzinfo=UTC)),
        (v.instant, "2026-01-06T09:00", datetime(2026, 1, 6, 9, tzinfo=UTC)),
        (v.instant, "2026-01-06", datetime(2026, 1, 6, tzinfo=UTC)),
        (v.comma_list(v.number_text), "1, 2", [1, 2]),
        (v.comma_list(v.number_text), ["1", "2"], [1, 2]),
    ],
)
def test_good_values_are_parsed(check: v.Check, value: Any, parsed: Any) -> None:
    assert check("x", value) == parsed


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (v.whole(), True),
        (v.whole(), 3.5),
        (v.whole(), "3"),
        (v.whole(), 2**60),
        (v.whole(), float("inf")),
        (v.number_text, "1e3"),
        (v.number_text, "٣"),
        (v.number_text, "9" * 30),
        (v.email, "a@b"),
        (v.email, "a b@c.d"),
        (v.url, "ftp://x"),
        (v.zone, "Mars/Base"),
        (v.zone, None),
        (v.day, "2026-02-29"),
        (v.day, "2026-2-1"),
        (v.minutes_of_day, "24:00"),
        (v.minutes_of_day, "9:00"),
        (v.instant, "2026-02-30T00:00:00Z"),
        (v.instant, "20260106"),
        (v.instant, "2026-W01-1"),
        (v.instant, "0001-01-01T00:00:00+14:00"),
        (v.instant, "9999-12-31"),
        (v.instant, 7),
        (v.list_of(v.text, least=1), []),
        (v.list_of(v.text), {}),
        (v.boolean, "true"),
        (v.one_of("a"), ["a"]),
    ],
)
def test_bad_values_are_refused(check: v.Check, value: Any) -> None:
    with pytest.raises(v.Invalid):
        check("x", value)


@pytest.mark.parametrize(("body", "parsed"), [(b"", {}), (b"  ", {}), (b'{"a": 1}', {"a": 1})])
def test_a_body_is_an_object_or_nothing(body: bytes, parsed: dict[str, Any]) -> None:
    assert v.body_of(body) == parsed


@pytest.mark.parametrize("text", ["", "x", "1.5", "٣", "1" * 40])
def test_a_number_in_a_path_must_be_one(text: str) -> None:
    with pytest.raises(Refused, match="numeric string is expected"):
        v.path_int({"id": text}, "id")
