"""The demo's board adds up what callers saw."""

from dataclasses import replace

from calgate.demo.figures import Board, Figures, Upstream
from loadtest.stats import Cached, Outcome


def outcome(
    *,
    at: float = 100.0,
    status: int = 200,
    answer: Cached = Cached.MISS,
    action: str = "slots",
    took: float = 0.5,
) -> Outcome:
    return Outcome(action, "availability", "GET", "/v2/slots", status, answer, at - took, at - took, at)


def test_answers_are_sorted_by_where_they_came_from() -> None:
    board = Board()
    for answer in (Cached.HIT, Cached.HIT, Cached.COALESCED, Cached.MISS, Cached.STALE):
        board.record(outcome(answer=answer))
    figures = board.figures(now=100, seconds=60)
    assert (figures.hits, figures.coalesced, figures.misses, figures.stale, figures.reads) == (2, 1, 1, 1, 5)


def test_alternatives_are_an_answer_about_availability() -> None:
    board = Board()
    board.record(outcome(action="alternatives", answer=Cached.HIT))
    figures = board.figures(now=100, seconds=60)
    assert (figures.hits, figures.reads, figures.cancelled) == (1, 1, 0)


def test_writes_are_sorted_by_what_they_did() -> None:
    board = Board()
    for action, status in (
        ("create", 201),
        ("create", 400),
        ("reschedule", 201),
        ("cancel", 200),
        ("create", 429),
        ("create", 0),
        ("slots", 502),
        ("slots", 503),
    ):
        board.record(outcome(action=action, status=status))
    figures = board.figures(now=100, seconds=60)
    assert (figures.created, figures.rescheduled, figures.cancelled, figures.conflicts) == (1, 1, 1, 1)
    assert (figures.refused, figures.failed) == (2, 2)


def test_the_rate_is_of_the_last_minute_or_of_what_has_passed_of_it() -> None:
    board = Board()
    for second in range(90):
        board.record(outcome(at=1000.0 + second))
    assert board.figures(now=1090, seconds=90).per_minute == 59
    young = Board()
    young.record(outcome(at=1000))
    young.record(outcome(at=1001))
    assert young.figures(now=1002, seconds=4).per_minute == 30


def test_hits_have_a_median_of_their_own() -> None:
    board = Board()
    for took in (0.001, 0.002, 0.003):
        board.record(outcome(answer=Cached.HIT, took=took))
    for _ in range(7):
        board.record(outcome(took=1.0))
    figures = board.figures(now=100, seconds=60)
    assert figures.hit_median is not None
    assert round(figures.hit_median, 6) == 0.002
    assert figures.median == 1.0


def test_what_a_call_replaces_is_unknown_without_calls() -> None:
    assert Figures(requests=10).saved is None
    assert Figures(requests=10, upstream=Upstream(calls=4)).saved == 2.5


def test_a_question_for_alternatives_stands_for_the_calls_that_others_find_them_by() -> None:
    board = Board()
    for status in (200, 503):
        board.record(replace(outcome(action="alternatives", status=status), replaces=5))
    board.record(outcome())
    figures = replace(board.figures(now=100, seconds=60), upstream=Upstream(calls=2))
    assert figures.saved == 3


def test_a_request_that_was_turned_away_saved_no_call() -> None:
    assert Figures(requests=20, refused=8, failed=2, upstream=Upstream(calls=4)).saved == 2.5


def test_the_json_form_has_the_figures_and_not_the_calls() -> None:
    board = Board()
    board.record(outcome())
    document = board.figures(now=100, seconds=1).as_json()
    assert document["requests"] == 1
    assert document["upstream"] == {"calls": 0, "refused": 0, "most_in_window": 0}
    assert "recent" not in document
