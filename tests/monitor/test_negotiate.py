import pytest

from monitor.negotiate import preferred

OFFERS = ("text/plain", "text/html", "application/json")
FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", "text/plain"),
        ("*/*", "text/plain"),
        (FIREFOX, "text/html"),
        ("application/json", "application/json"),
        ("Application/JSON", "application/json"),
        ("text/*", "text/plain"),
        ("text/plain;q=0.2, application/json;q=0.3", "application/json"),
        ("text/plain;q=0, */*", "text/html"),
        ("image/png", "text/plain"),
        ("text/html;q=nonsense, application/json;q=0.1", "application/json"),
        (", ,", "text/plain"),
    ],
)
def test_the_best_quality_wins_and_the_first_offer_breaks_ties(accept: str, chosen: str) -> None:
    assert preferred(accept, OFFERS) == chosen
