from pathlib import Path

from exporters.docs import markdown

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


def test_the_metrics_page_is_the_catalogue() -> None:
    assert PAGE.read_text() == markdown(), "run: python -m exporters.docs > docs/metrics.md"
