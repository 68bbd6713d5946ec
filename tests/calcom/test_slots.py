from urllib.parse import quote, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from calcom.slots import PARAMETERS, loosely, parse, span

PLAIN = "eventTypeId=1&start=2050-09-05&end=2050-09-06"


def key(query: str, version: str = "2024-09-04") -> str:
    parsed = parse(query, version)
    assert parsed is not None
    return parsed.key


def test_the_order_and_spelling_of_a_query_do_not_matter() -> None:
    assert key(PLAIN) == key("end=2050-09-06&start=2050-09-05&eventTypeId=1")
    assert key(PLAIN) == key("eventTypeId=%31&start=2050%2D09-05&end=2050-09-06")
    assert key(PLAIN + "&format=RANGE") == key(PLAIN + "&format=range")


@pytest.mark.parametrize(
    "more", ["timeZone=Asia/Kolkata", "timeZone=", "duration=30", "format=range", "bookingUidToReschedule=x"]
)
def test_whatever_may_change_the_answer_changes_the_key(more: str) -> None:
    assert key(PLAIN) != key(f"{PLAIN}&{more}")


def test_versions_do_not_share_answers() -> None:
    assert key(PLAIN) != key(PLAIN, "2024-08-13")


@pytest.mark.parametrize(
    "query",
    [
        "",
        "start=2050-09-05",
        "start=&end=2050-09-06",
        PLAIN + "&start=2050-09-07",
        PLAIN + "&surprise=1",
        PLAIN + "&usernames[]=a",
        PLAIN + "&broken",
        PLAIN + "&username=%ff",
        PLAIN + "&username=a%00b",
    ],
)
def test_what_is_unknown_repeated_or_no_text_is_not_kept(query: str) -> None:
    assert parse(query, "2024-09-04") is None


@given(
    st.dictionaries(
        st.sampled_from(sorted(PARAMETERS - {"start", "end", "format"})), st.text(max_size=6), max_size=4
    ),
    st.dictionaries(
        st.sampled_from(sorted(PARAMETERS - {"start", "end", "format"})), st.text(max_size=6), max_size=4
    ),
)
def test_two_queries_share_a_key_only_if_they_say_the_same(
    one: dict[str, str], other: dict[str, str]
) -> None:
    bounds = {"start": "2050-09-05", "end": "2050-09-06"}
    first, second = (parse(urlencode(q | bounds, errors="surrogatepass"), "v") for q in (one, other))
    if first is not None and second is not None:
        assert (first.key == second.key) == (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("2050-09-05", "2050-09-06"), ("2050-09-05T00:00:00Z", "2050-09-06T00:00:00.000Z")),
        (("2050-09-05", "2050-09-06"), ("2050-09-05", "2050-09-06T23:59:59Z")),
        (("2050-09-05T10:00:00Z", "2050-09-06"), ("2050-09-05T12:00:00+02:00", "2050-09-06")),
        (("2050-09-05T10:00", "2050-09-06"), ("2050-09-05T10:00:00Z", "2050-09-06")),
        (("2050-W36-1T10:00", "2050-09-06"), ("2050-09-05T10:00:00Z", "2050-09-06")),
    ],
)
def test_one_range_has_one_span_however_it_is_written(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert span(*one) == span(*other)


@pytest.mark.parametrize(
    "other",
    [("2050-09-05", "2050-09-07"), ("2050-09-04", "2050-09-06"), ("2050-09-05T00:00:01Z", "2050-09-06")],
)
def test_other_ranges_have_other_spans(other: tuple[str, str]) -> None:
    assert span("2050-09-05", "2050-09-06") != span(*other)


def test_bounds_python_cannot_read_count_as_one() -> None:
    assert span("next week", "2050-09-06") == span("2050-09", "2050-09-06")


def test_selectors_and_zones_share_the_span() -> None:
    one, other = (
        parse(PLAIN, "v"),
        parse("username=a&eventTypeSlug=b&start=2050-09-05&end=2050-09-06&timeZone=UTC", "v"),
    )
    assert one is not None
    assert other is not None
    assert one.span == other.span
    assert one.key != other.key


def test_the_legacy_calls_bounds_are_the_same_span() -> None:
    legacy = loosely("startTime=2050-09-05&endTime=" + quote("2050-09-06T23:59:59+00:00"))
    assert legacy.span == span("2050-09-05", "2050-09-06")


@example("start=0001-01-01T00:00%2B05:00&end=9999-12-31T23:59-05:00")
@example("start=9999-12-31&end=9999-12-31")
@given(st.text(max_size=60))
def test_no_query_string_breaks_the_reading(query: str) -> None:
    parse(query, "v")
    loosely(query)
