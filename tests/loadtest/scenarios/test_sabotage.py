"""What is taken out was there, and everything that may be named can be."""

from __future__ import annotations

import subprocess
import sys

import pytest

from calcom.reach import RULES
from loadtest.scenarios.sabotage import MECHANISMS, names


@pytest.mark.parametrize("what", [*MECHANISMS, "reach:shared-host"])
def test_each_mechanism_is_found_and_replaced(what: str) -> None:
    """In a process of its own: what is taken out stays out."""
    code = f"from loadtest.scenarios import sabotage; sabotage.apply({what!r})"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_every_rule_of_reach_can_be_gone_without() -> None:
    assert {f"reach:{rule}" for rule in RULES} <= set(names())


def test_a_process_can_live_at_another_time() -> None:
    code = (
        "from core.clock import SystemClock; from loadtest.scenarios import sabotage; clock = SystemClock();"
        "before = clock.now(); sabotage.ahead(86400.0); assert 86400 <= clock.now() - before < 86500"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
