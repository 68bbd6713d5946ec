"""The picture keeps its size and says what the figures say."""

import dataclasses

import pytest
from rich.console import Console

from calgate.demo.figures import Board, Figures, Store, Truth, Upstream
from calgate.demo.screen import clock_time, duration, picture, stacked
from calgate.demo.words import line, summary
from loadtest.stats import Cached, Outcome

SLOTS = "/v2/slots?eventTypeId=105&start=2026-11-24&end=2026-11-30&timeZone=Pacific%2FChatham"


def busy() -> Figures:
    board = Board()
    for number in range(30):
        answer = Cached.HIT if number % 2 else Cached.MISS
        board.record(Outcome("slots", "availability", "GET", SLOTS, 200, answer, 99.0, 99.0, 100.0))
    board.record(
        Outcome(
            "create",
            "booking",
            "POST",
            "/v2/bookings",
            201,
            Cached.BYPASS,
            97,
            97,
            100,
            None,
            105,
            "2026-11-24T09:00:00Z",
        )
    )
    board.record(Outcome("slots", "availability", "GET", SLOTS, 0, Cached.NONE, 97, 97, 100, "TimedOut"))
    return dataclasses.replace(
        board.figures(now=100, seconds=75),
        upstream=Upstream(calls=16, refused=0, most_in_window=14),
        store=Store(
            used=16, limit=120, breakers=(("slots", "closed"), ("writes", "half_open")), jobs_pending=1
        ),
        truth=Truth(checked=30, stale=0),
    )


def drawn(figures: Figures, width: int, height: int) -> list[str]:
    console = Console(
        width=width, height=height, force_terminal=True, color_system=None, legacy_windows=False
    )
    with console.capture() as capture:
        console.print(picture(figures, width=width, height=height, event_types={105: "sales/demo"}))
    return capture.get().rstrip("\n").split("\n")


@pytest.mark.parametrize(("width", "height"), [(80, 16), (80, 23), (100, 30), (120, 34), (200, 60)])
@pytest.mark.parametrize("figures", [Figures(), busy()], ids=["empty", "busy"])
def test_the_picture_never_outgrows_its_place(figures: Figures, width: int, height: int) -> None:
    lines = drawn(figures, width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width


def test_the_height_does_not_depend_on_how_many_calls_there_were() -> None:
    assert len(drawn(Figures(), 80, 23)) == len(drawn(busy(), 80, 23))


def test_calls_and_figures_can_be_read() -> None:
    text = "\n".join(drawn(busy(), 120, 34))
    for expected in (
        "sales/demo  11-24…11-30  Pacific/Chatham",
        "sales/demo  11-24 09:00 UTC",
        "no answer: TimedOut",
        "15 hit",
        "16 to Cal.com for 31 answers",
        "one where others make 1.9",
        "16 of 120 calls",
        "0 stale of 30 answers",
        "writes half open",
        "1 job waiting",
        "after 1:15",
    ):
        assert expected in text


def test_a_question_for_alternatives_shows_the_wish() -> None:
    board = Board()
    asked = "/-/alternatives?eventTypeId=105&wish=2026-11-24T14%3A30&timeZone=Europe%2FBerlin"
    board.record(Outcome("alternatives", "alternatives", "GET", asked, 200, Cached.HIT, 99, 99, 100))
    text = "\n".join(drawn(board.figures(now=100, seconds=75), 120, 34))
    assert "alternatives sales/demo  near 11-24 14:30  Europe/Berlin" in text


def test_the_newest_call_comes_last() -> None:
    rows = [row for row in drawn(busy(), 120, 20) if "sales/demo" in row or "no answer" in row]
    assert "no answer" in rows[-1]


@pytest.mark.parametrize("parts", [[0, 0], [1, 0], [1, 1000], [999, 1], [3, 5, 8], [0, 7, 0]])
@pytest.mark.parametrize("width", [16, 40])
def test_a_bar_is_exactly_as_wide_as_asked_and_shows_whatever_is_not_nothing(
    parts: list[int], width: int
) -> None:
    bar = stacked([(count, f"color({number})") for number, count in enumerate(parts)], width)
    assert len(bar.plain) == width
    assert len(bar.spans) == max(sum(count > 0 for count in parts), 1)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0004, "0.4 ms"), (0.012, "12 ms"), (0.64, "640 ms"), (0.9996, "1.0 s"), (3.21, "3.2 s")],
)
def test_durations_have_three_figures_at_most(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(7, "0:07"), (750, "12:30"), (3723, "1:02:03")])
def test_times_read_like_a_clock(seconds: float, text: str) -> None:
    assert clock_time(seconds) == text


def test_a_plain_line_is_one_line_with_the_same_facts() -> None:
    text = line(busy())
    assert "\n" not in text
    for expected in (
        "32 requests",
        "15 hit",
        "16 calls to Cal.com",
        "budget 16 of 120",
        "0 of 30 stale",
        "writes",
    ):
        assert expected in text


def test_the_last_words_add_up_and_do_without_callers() -> None:
    text = " ".join(summary(busy()))
    for expected in (
        "32 requests",
        "16 calls (one where others make 1.9)",
        "1 booking made",
        "none was stale",
    ):
        assert expected in text
    assert summary(Figures(seconds=61)) == ["1:01 without a caller; Cal.com saw 0 calls."]
