"""All files about alerts, as `calgate alerts` writes them."""

from alerts.model import Links
from alerts.routing import Receivers, routing_file
from alerts.rule_tests import RULES_FILE, promtool_tests
from alerts.rules import rule_file

ROUTING_FILE = "alertmanager.yml"


def bundle(links: Links | None = None, receivers: Receivers | None = None) -> dict[str, str]:
    """Relative path to content: the rule file, the Alertmanager file and the rules' unit tests."""
    return {
        RULES_FILE: rule_file(links=links),
        ROUTING_FILE: routing_file(receivers),
        **{f"tests/{name}": content for name, content in promtool_tests(links).items()},
    }
