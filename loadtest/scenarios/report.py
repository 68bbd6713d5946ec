"""What a scenario found: figures, tables, and gates that are passed or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Tell = Callable[[str], None]
"""Takes one line of progress."""

Cell = str | int | float | None


@dataclass(frozen=True, slots=True)
class Gate:
    """One thing that must hold. `wanted` is in words."""

    name: str
    seen: float | None
    wanted: str
    passed: bool


def at_least(name: str, seen: float | None, least: float) -> Gate:
    """Passed by `least` and more; what was not seen at all does not pass."""
    return Gate(name, seen, f"at least {number(least)}", seen is not None and seen >= least)


def at_most(name: str, seen: float | None, most: float) -> Gate:
    """Passed by `most` and less; what was not seen at all does not pass."""
    return Gate(name, seen, f"at most {number(most)}", seen is not None and seen <= most)


def exactly(name: str, seen: float | None, wanted: float) -> Gate:
    """Passed by nothing else."""
    return Gate(name, seen, number(wanted), seen == wanted)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings; the first column names the row."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    def lines(self) -> list[str]:
        """The table in columns."""
        cells = [list(self.headings), *([number(cell) for cell in row] for row in self.rows)]
        widths = [max(len(row[at]) for row in cells) for at in range(len(self.headings))]
        return [self.title, *(_aligned(row, widths) for row in cells)]


@dataclass(frozen=True, slots=True)
class Report:
    """Everything a run found out. The same `seed` asks the same again; what came of it also hangs on timing."""

    scenario: str
    seed: int
    seconds: float
    figures: Mapping[str, Cell | Mapping[str, Cell]]
    gates: Sequence[Gate]
    tables: Sequence[Table] = field(default=())

    @property
    def passed(self) -> bool:
        """Whether every gate is."""
        return all(gate.passed for gate in self.gates)

    def as_json(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "scenario": self.scenario,
            "seed": self.seed,
            "seconds": round(self.seconds, 3),
            "passed": self.passed,
            "figures": self.figures,
            "gates": [
                {"name": gate.name, "seen": gate.seen, "wanted": gate.wanted, "passed": gate.passed}
                for gate in self.gates
            ],
            "tables": [
                {"title": table.title, "headings": table.headings, "rows": table.rows}
                for table in self.tables
            ],
        }

    def lines(self) -> list[str]:
        """For people."""
        said = [f"{self.scenario}, seed {self.seed}, {self.seconds:.0f} s"]
        for name, value in self.figures.items():
            said.append(f"  {name}: {_words(value)}")
        for table in self.tables:
            said += ["", *table.lines()]
        said.append("")
        for gate in self.gates:
            word = "passed" if gate.passed else "FAILED"
            said.append(f"{word}  {gate.name}: {number(gate.seen)} (wanted: {gate.wanted})")
        return said


def number(value: Cell) -> str:
    """As people write it; nothing is a dash."""
    match value:
        case None:
            return "-"
        case str():
            return value
        case int():
            return f"{value:,}"
        case _:
            return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def _words(value: Cell | Mapping[str, Cell]) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {number(one)}" for name, one in value.items()) or "-"
    return number(value)


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (
        cell.rjust(width) if at else cell.ljust(width)
        for at, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return "  ".join([first, *others]).rstrip()
