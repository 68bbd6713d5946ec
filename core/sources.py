"""Where settings come from, in order: command line, environment, secret files, TOML file, defaults.

Gathers raw values and remembers the origin of each, so that a complaint can name it; the meaning of the
values is not its business.
"""

import dataclasses
import difflib
import os
import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path

ENV_PREFIX = "CALGATE_"
CONFIG_VARIABLE = "CALGATE_CONFIG"
SECRETS_DIR = Path("/run/secrets")

_FILE_SUFFIX = "_FILE"
_LARGEST_SECRET_BYTES = 65_536

# Read by the tests, not by the programs; a program started by a test meets it all the same.
_NOT_SETTINGS = frozenset({CONFIG_VARIABLE, "CALGATE_REQUIRE_TOOLS"})

# Kubernetes gives every pod such variables for a Service called `calgate` or `calgate-…`.
_SERVICE_LINK = re.compile(
    r"CALGATE_(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?"
    r"|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?|PORT(?==\w+://))=.*"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Given:
    """A raw value and the place it was found, in words: `the environment variable CALGATE_WORKERS`."""

    value: object
    origin: str


@dataclasses.dataclass(frozen=True, slots=True)
class Gathered:
    """The winning raw value of each setting that was given, and what is wrong with the sources themselves."""

    values: Mapping[str, Given]
    complaints: tuple[str, ...]


def gather(
    names: Collection[str],
    *,
    config: Path | None,
    overrides: Mapping[str, object],
    environ: Mapping[str, str],
    secrets_dir: Path = SECRETS_DIR,
) -> Gathered:
    """Read every source and let the higher one win. `overrides` of None count as not given."""
    complaints: list[str] = []
    if config is None and environ.get(CONFIG_VARIABLE):
        config = Path(environ[CONFIG_VARIABLE])
    layers = [
        _toml(names, config, complaints) if config is not None else {},
        _secrets(names, secrets_dir, complaints),
        _environment(names, environ, complaints),
        _overrides(names, overrides, complaints),
    ]
    merged: dict[str, Given] = {}
    for layer in layers:
        merged |= layer
    return Gathered(merged, tuple(complaints))


def _overrides(
    names: Collection[str], overrides: Mapping[str, object], complaints: list[str]
) -> dict[str, Given]:
    found = {}
    for name, value in overrides.items():
        if name not in names:
            complaints.append(f"{name} (from the command line): unknown setting{did_you_mean(name, names)}")
        elif value is not None:
            found[name] = Given(value, f"the command line (--set {name})")
    return found


def _environment(
    names: Collection[str], environ: Mapping[str, str], complaints: list[str]
) -> dict[str, Given]:
    found: dict[str, Given] = {}
    for variable, text in sorted(environ.items()):
        if not variable.upper().startswith(ENV_PREFIX) or variable in _NOT_SETTINGS:
            continue
        name = variable[len(ENV_PREFIX) :].lower()
        if variable != variable.upper():
            complaints.append(f"{variable} (from the environment): must be in capitals: {variable.upper()}")
        elif name in names:
            found[name] = Given(text, f"the environment variable {variable}")
        elif variable.endswith(_FILE_SUFFIX) and name.removesuffix("_file") in names:
            name = name.removesuffix("_file")
            if ENV_PREFIX + name.upper() in environ:
                complaints.append(
                    f"{name}: {ENV_PREFIX}{name.upper()} and {variable} are both set; unset one"
                )
            else:
                _add_file(found, name, Path(text), f"{variable}={text}", complaints)
        elif not _SERVICE_LINK.fullmatch(f"{variable}={text}"):
            guess = did_you_mean(name, names, lambda known: ENV_PREFIX + known.upper())
            complaints.append(f"{variable} (from the environment): unknown setting{guess}")
    return found


def _secrets(names: Collection[str], folder: Path, complaints: list[str]) -> dict[str, Given]:
    found: dict[str, Given] = {}
    prefix = ENV_PREFIX.lower()
    try:
        paths = sorted(path for path in folder.iterdir() if path.name.startswith(prefix))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return found
    for path in paths:
        name = path.name[len(prefix) :]
        if name in names:
            _add_file(found, name, path, str(path), complaints)
        else:
            guess = did_you_mean(name, names, lambda known: prefix + known)
            complaints.append(f"{path.name} (from {folder}): unknown setting{guess}")
    return found


def _add_file(found: dict[str, Given], name: str, path: Path, origin: str, complaints: list[str]) -> None:
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST_SECRET_BYTES + 1)
        if len(raw) > _LARGEST_SECRET_BYTES:
            complaints.append(
                f"{name} (from {origin}): the file is larger than {_LARGEST_SECRET_BYTES} bytes"
            )
            return
        found[name] = Given(raw.decode().strip("\r\n"), f"the file {path}")
    except OSError as error:
        complaints.append(f"{name} (from {origin}): the file cannot be read: {os.strerror(error.errno or 0)}")
    except UnicodeDecodeError:
        complaints.append(f"{name} (from {origin}): the file is not UTF-8 text")


def _toml(names: Collection[str], path: Path, complaints: list[str]) -> dict[str, Given]:
    try:
        table = tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        complaints.append(f"{path}: the settings file cannot be read: {os.strerror(error.errno or 0)}")
        return {}
    except UnicodeDecodeError:
        complaints.append(f"{path}: the settings file is not UTF-8 text")
        return {}
    except tomllib.TOMLDecodeError as error:
        complaints.append(f"{path}: the settings file is not valid TOML: {error}")
        return {}
    found = {}
    for name, value in table.items():
        if name not in names:
            complaints.append(f"{name} (from {path}): unknown setting{did_you_mean(name, names)}")
        elif isinstance(value, dict):
            complaints.append(f"{name} (from {path}): must be a plain value, not a table")
        else:
            found[name] = Given(value, str(path))
    return found


def did_you_mean(name: str, names: Collection[str], spell: object = None) -> str:
    """`; did you mean X?` for the nearest known name, or the way to list them all."""
    lowered = name.lower().replace("-", "_").removeprefix(ENV_PREFIX.lower()).removesuffix("_file")
    near = difflib.get_close_matches(lowered, names, n=1, cutoff=0.6)
    if not near:
        return "; `calgate config --describe` lists all of them"
    return f"; did you mean {spell(near[0]) if callable(spell) else near[0]}?"
