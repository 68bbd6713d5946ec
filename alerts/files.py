"""Generated files on disk: write them, or tell how what is there differs."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Difference:
    """How a directory differs from what would be written; paths are relative to it, sorted."""

    missing: tuple[str, ...]
    changed: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.missing or self.changed)

    def lines(self) -> list[str]:
        """One line per file, missing ones first."""
        return [
            *(f"missing: {name}" for name in self.missing),
            *(f"differs: {name}" for name in self.changed),
        ]


def difference(directory: Path, files: Mapping[str, str]) -> Difference:
    """Compare `files` (relative path to content) with `directory`. Files we do not generate are not looked
    at.

    Raises OSError when a file is there and cannot be read.
    """
    missing: list[str] = []
    changed: list[str] = []
    for name, content in sorted(files.items()):
        path = directory / name
        if not path.exists():
            missing.append(name)
        elif path.read_bytes() != content.encode():
            changed.append(name)
    return Difference(tuple(missing), tuple(changed))


def write(directory: Path, files: Mapping[str, str]) -> list[Path]:
    """Write `files` below `directory`, made if needed, and return their paths.

    Each file is replaced in one step: a Prometheus that reloads meanwhile sees the old file or the new one.
    Raises OSError when the directory cannot be written.
    """
    written: list[Path] = []
    for name, content in sorted(files.items()):
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            part.write_text(content, encoding="utf-8")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        written.append(path)
    return written
