"""Thresholds on panels, from the objectives and nowhere else."""

from dataclasses import dataclass

from alerts.objectives import OBJECTIVES

ABOVE_ZERO = 1e-9
"""A threshold of 0 means "none at all": the colour begins just above it."""

GREEN, ORANGE, RED = "green", "orange", "red"


@dataclass(frozen=True, slots=True)
class Step:
    """From `value` upwards the panel has `colour`; None is minus infinity."""

    colour: str
    value: float | None


def limits(*names: str, share: bool = False) -> tuple[Step, ...]:
    """The colours for objectives given from mild to grave.

    One bound from above is green, then red; two are green, orange, red. A bound from below is red, then
    green. With `share` the bound is the share that must hold (0.95 of requests) rather than the threshold.
    """
    objectives = [OBJECTIVES[name] for name in names]
    if share:
        (objective,) = objectives
        if objective.share is None:
            raise ValueError(f"{objective.name} is not about a share of requests")
        return (Step(RED, None), Step(GREEN, objective.share))
    if all(objective.comparison in (">", ">=") for objective in objectives):
        (objective,) = objectives
        return (Step(RED, None), Step(GREEN, objective.threshold))
    colours = [RED] if len(objectives) == 1 else [ORANGE, RED]
    return (
        Step(GREEN, None),
        *(
            Step(colour, objective.threshold or ABOVE_ZERO)
            for colour, objective in zip(colours, objectives, strict=True)
        ),
    )


UNBOUNDED = (Step(GREEN, None),)
"""For panels that show, but judge nothing."""

ON_OFF = (Step(RED, None), Step(GREEN, 1))
"""1 is well, 0 is not."""
