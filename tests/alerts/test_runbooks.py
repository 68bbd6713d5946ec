import re
from pathlib import Path

import click
import pytest

from alerts.definitions import define
from alerts.model import Alert, Links
from alerts.vocabulary import metric_of
from calgate.cli import cli
from core.settings import Settings
from dashboards.overview import overview
from dashboards.walk import panels
from exporters.catalogue import BY_NAME

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "runbooks").glob("*.md"))
SECTIONS = ["Meaning", "Impact", "First command", "Diagnosis", "Fix", "Silence"]
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


@pytest.mark.parametrize("alert", define(), ids=lambda alert: alert.name)
def test_every_alert_has_a_runbook_that_begins_with_its_action(alert: Alert) -> None:
    page = ROOT / Links().runbook(alert.name)
    text = page.read_text()
    assert text.startswith(f"# {alert.name}\n")
    assert f"## First command\n\n```sh\n{alert.action}\n```" in text
    assert f"amtool silence add alertname={alert.name} " in text


@each_page
def test_a_runbook_has_the_same_sections_as_all_others(page: Path) -> None:
    assert re.findall(r"^## (.+)$", page.read_text(), re.MULTILINE) == SECTIONS


@each_page
def test_a_runbook_belongs_to_an_alert_or_a_panel(page: Path) -> None:
    wanted = {alert.name for alert in define()}
    wanted |= {panel["description"].rpartition("/")[2].removesuffix(".md") for panel in panels(overview())}
    assert page.stem in wanted


@each_page
def test_a_runbook_names_only_commands_that_exist(page: Path) -> None:
    context = click.Context(cli)
    for line in re.findall(r"(?:^|`)calgate ([a-z][^`\n]*)", page.read_text(), re.MULTILINE):
        words = line.split()
        command = cli.get_command(context, words[0])
        assert command is not None, line
        if isinstance(command, click.Group):
            command = command.get_command(context, words[1])
            assert command is not None, line
        options = {name for parameter in command.params for name in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, line


@each_page
def test_a_runbook_names_only_metrics_that_exist(page: Path) -> None:
    text = page.read_text()
    for name in re.findall(r"\bcalgate_[a-z_]*[a-z]\b(?!\*)", text):
        known = metric_of(name) or name == "calgate_monitor_collector"
        assert known, name
    for pattern in re.findall(r"grep -E '([^']+)'", text):
        for word in pattern.split("|"):
            assert any(word in metric for metric in BY_NAME), word


@each_page
def test_a_runbook_names_only_settings_that_exist(page: Path) -> None:
    for name in re.findall(r"\bCALGATE_([A-Z_]+)\b", page.read_text()):
        assert name.lower() in Settings.model_fields, name


@each_page
def test_links_between_runbooks_resolve(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        assert (page.parent / target).is_file(), target


@each_page
def test_a_panel_that_is_quoted_exists(page: Path) -> None:
    titles = {panel["title"] for panel in panels(overview())}
    for quoted in re.findall(r'[Pp]anel "([^"]+)"', page.read_text()):
        assert quoted in titles, quoted
