"""`calgate config`: the settings in effect, where each came from, and what each means."""

import json
from pathlib import Path

import click
from pydantic import SecretStr

from calgate.commands.options import settings_options
from core.complaints import allowed
from core.settings import Loaded, Settings
from core.sources import ENV_PREFIX
from core.urls import mask


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.option("--describe", is_flag=True, help="What every setting means and may be, instead of its value.")
@settings_options
def config(loaded: Loaded, as_json: bool, describe: bool) -> None:
    """Print the settings in effect, passwords masked, and where each came from."""
    rows = described() if describe else effective(loaded)
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    elif describe:
        for name, row in rows.items():
            limits = f" May be {row['allowed']}." if row["allowed"] else ""
            click.echo(f"{name}  ({row['variable']}, {_default_in_words(row['default'])})")
            click.echo(f"    {row['description']}{limits}")
    else:
        width = max(map(len, rows))
        values = {name: _shown(row["value"]) for name, row in rows.items()}
        value_width = min(48, max(map(len, values.values())))
        for name, row in rows.items():
            click.echo(f"{name:{width}}  {values[name]:{value_width}}  {row['from']}")


def effective(loaded: Loaded) -> dict[str, dict[str, object]]:
    """Each setting's value, masked, and its origin."""
    return {
        name: {"value": _plain(getattr(loaded.settings, name)), "from": loaded.origins[name]}
        for name in Settings.model_fields
    }


def described() -> dict[str, dict[str, object]]:
    """Each setting's variable, default, bounds and meaning."""
    return {
        name: {
            "variable": ENV_PREFIX + name.upper(),
            "default": None if field.default_factory else _plain(field.default),
            "allowed": allowed(field),
            "description": field.description,
        }
        for name, field in Settings.model_fields.items()
    }


def _plain(value: object) -> object:
    match value:
        case str():
            return mask(value)
        case Path():
            return str(value)
        case SecretStr():
            return "***"
        case _:
            return value


def _shown(value: object) -> str:
    return "(unset)" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _default_in_words(value: object) -> str:
    return "no default" if value is None else f"default {_shown(value)}"
