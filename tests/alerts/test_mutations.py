"""The playbooks guard every figure: move one by a fifth and a case fails."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.definitions import define
from alerts.model import Alert
from alerts.objectives import OBJECTIVES
from tests.alerts.promtool import passes_with, write_bundle


def _shifts(value: float) -> tuple[float, float]:
    """A fifth down and up; one down and up where a fifth is nothing."""
    return (value * 0.8, value * 1.2) if value else (-1.0, 1.0)


def _mutants() -> Iterator[tuple[str, Alert]]:
    originals = {alert.name: alert for alert in define()}
    for name, objective in OBJECTIVES.items():
        variants = [
            (f"{name} {shifted:g}", replace(objective, threshold=shifted))
            for shifted in _shifts(objective.threshold)
        ]
        if objective.alert_min_count > 1:
            variants += [
                (f"{name} floor {shifted:g}", replace(objective, alert_min_count=round(shifted)))
                for shifted in _shifts(objective.alert_min_count)
            ]
        for label, variant in variants:
            for alert in define({**OBJECTIVES, name: variant}):
                if name in alert.objectives:
                    yield f"{alert.name}: {label}", alert
    for alert in originals.values():
        for seconds in _shifts(alert.for_seconds) if alert.for_seconds else ():
            yield f"{alert.name}: for {seconds:g}", replace(alert, for_seconds=round(seconds))
        if alert.keep_seconds:
            yield (
                f"{alert.name}: keep {alert.keep_seconds * 0.8:g}",
                replace(alert, keep_seconds=round(alert.keep_seconds * 0.8)),
            )
            yield (
                f"{alert.name}: keep {alert.keep_seconds * 1.2:g}",
                replace(alert, keep_seconds=round(alert.keep_seconds * 1.2)),
            )


MUTANTS = dict(_mutants())


def test_every_threshold_in_a_rule_is_mutated() -> None:
    used = {name for alert in define() for name in alert.objectives}
    for name in used:
        assert sum(f": {name} " in label for label in MUTANTS) >= 2


@pytest.mark.parametrize("label", MUTANTS)
def test_a_moved_figure_fails_a_case(label: str, tmp_path: Path) -> None:
    original = next(alert for alert in define() if alert.name == MUTANTS[label].name)
    # The texts stay as they were: what must fail is the moment of firing, not the wording.
    mutant = replace(MUTANTS[label], summary=original.summary, description=original.description)
    write_bundle(tmp_path)
    assert not passes_with(tmp_path, mutant)


def test_the_unmoved_rules_pass(tmp_path: Path) -> None:
    write_bundle(tmp_path)
    assert all(passes_with(tmp_path, alert) for alert in define())
