from pathlib import Path

from alerts.docs import alert_table, objective_table

PAGE = Path(__file__).parents[2] / "docs" / "alerts.md"


def test_the_page_lists_the_alerts_as_they_are() -> None:
    assert alert_table() in PAGE.read_text(), "put the output of `python -m alerts.docs` into docs/alerts.md"


def test_the_page_lists_the_objectives_as_they_are() -> None:
    assert objective_table() in PAGE.read_text(), (
        "put the output of `python -m alerts.docs` into docs/alerts.md"
    )
