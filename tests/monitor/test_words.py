import pytest

from monitor import words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0.0 s"),
        (0.44, "0.4 s"),
        (9.96, "10.0 s"),
        (10, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (245, "4 min 5 s"),
        (7_800, "2 h 10 min"),
        (3_600, "1 h"),
        (86_399.6, "1 d"),
        (273_600, "3 d 4 h"),
    ],
)
def test_a_duration_has_at_most_two_units(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("ratio", "text"), [(0, "0"), (0.554, "55"), (0.83, "83"), (0.9, "90"), (0.9999, "99.9"), (1, "100")]
)
def test_only_what_is_whole_reads_as_100_percent(ratio: float, text: str) -> None:
    assert words.percent(ratio) == f"{text}\u202f%"


@pytest.mark.parametrize(
    ("per_second", "text"),
    [(0, "0 a minute"), (0.25, "15 a minute"), (3.21, "3.2 a second"), (12_345, "12\u202f345 a second")],
)
def test_a_rate_is_per_minute_when_slow(per_second: float, text: str) -> None:
    assert words.rate(per_second) == text


def test_one_is_singular() -> None:
    assert [words.plural(n, "job") for n in (0, 1, 2)] == ["0 jobs", "1 job", "2 jobs"]
