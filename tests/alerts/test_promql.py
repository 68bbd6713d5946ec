import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.promql import Matcher, PromqlError, selectors


def test_matchers_window_and_functions_around_a_selector_are_found() -> None:
    (found,) = selectors('sum by (le) (rate(x_bucket{a="1", b=~"c|d"}[5m]))')
    assert found.name == "x_bucket"
    assert found.matchers == (Matcher("a", "=", "1"), Matcher("b", "=~", "c|d"))
    assert found.window == "5m"
    assert found.inside == ("sum", "rate")


def test_grouping_after_the_aggregation_hides_no_selector() -> None:
    assert [s.name for s in selectors("sum(a) by (b) / on (c) group_left (d) max without (e) (f)")] == [
        "a",
        "f",
    ]


def test_words_and_numbers_are_not_metrics() -> None:
    assert [s.name for s in selectors("time() - (a offset 5m > bool 1e3) unless b or vector(1)")] == [
        "a",
        "b",
    ]


def test_dashboard_variables_are_read_as_they_stand() -> None:
    (found,) = selectors('increase(a_total{job=~"$job"}[$__rate_interval])')
    assert (found.matchers[0].value, found.window) == ("$job", "$__rate_interval")


def test_a_selector_may_have_no_name() -> None:
    assert selectors('{job="x"}')[0].name == ""


@pytest.mark.parametrize("broken", ['a{b="c"', "a{b=}", "a)", "sum(a", "a ~ b", "a[5m", "sum by (a"])
def test_what_is_not_promql_is_refused(broken: str) -> None:
    with pytest.raises(PromqlError):
        selectors(broken)


_PIECES = [
    "sum",
    "by",
    "rate",
    "a_total",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    "5m",
    "=",
    '"x"',
    ",",
    "and",
    " ",
    "$job",
    "~",
    "'",
]


@given(st.lists(st.sampled_from(_PIECES), max_size=30).map("".join))
def test_whatever_it_is_given_it_answers_or_says_what_is_wrong(text: str) -> None:
    with contextlib.suppress(PromqlError):
        selectors(text)
