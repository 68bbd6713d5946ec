"""Options that several programs share, and what they do with them first."""

import functools
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

import click

from core import log
from core.errors import SettingsError
from core.settings import Loaded, Settings, load

_P = ParamSpec("_P")

_config = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="TOML file with settings; also CALGATE_CONFIG.",
)
_set = click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="NAME=VALUE",
    help="Any one setting, as in --set rate_limit=60; outranks every other source.",
)


def settings_options(command: Callable[Concatenate[Loaded, _P], None]) -> Callable[..., None]:
    """Give a click callback --config and --set, and the settings they lead to as its first argument."""

    @_config
    @_set
    @functools.wraps(command)
    def wrapper(*args: Any, config: Path | None, assignments: tuple[str, ...], **kwargs: Any) -> None:
        command(load(config, overrides(assignments)), *args, **kwargs)

    return wrapper


def overrides(assignments: tuple[str, ...]) -> Mapping[str, object]:
    """`("rate_limit=60",)` as {"rate_limit": "60"}; dashes count as underscores."""
    values: dict[str, object] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise SettingsError(f"--set {assignment}: must be NAME=VALUE, as in --set rate_limit=60")
        values[name.strip().replace("-", "_")] = value
    return values


def start_log(loaded: Loaded, program: str) -> Settings:
    """Configure logging for `program`; return the settings.

    At a terminal, people read: the format is then `console` unless somebody chose.
    """
    settings = loaded.settings
    if loaded.origins["log_format"] == "the default" and sys.stderr.isatty():
        settings = settings.model_copy(update={"log_format": "console"})
    log.configure(settings.log_level, settings.log_format, program=program)
    return settings
