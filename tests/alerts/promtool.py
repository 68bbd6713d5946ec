"""promtool over the generated files of a directory."""

import subprocess
from pathlib import Path

from alerts.bundle import bundle
from alerts.files import write
from alerts.model import Alert
from alerts.rule_tests import RULES_FILE
from alerts.rules import rule_file
from tests.tools import require_tool


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run promtool; its output holds what it found."""
    tool = require_tool("promtool", "prometheus")
    return subprocess.run(
        [tool, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False
    )


def write_bundle(directory: Path) -> None:
    """Everything `calgate alerts` writes."""
    write(directory, bundle())


def passes_with(directory: Path, alert: Alert) -> bool:
    """Does the alert's own playbook (as written by `write_bundle`) pass when its rule is `alert`?"""
    (directory / RULES_FILE).write_text(rule_file((alert,)))
    return promtool("test", "rules", directory / "tests" / f"{alert.name}.test.yml").returncode == 0
