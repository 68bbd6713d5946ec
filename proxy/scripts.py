"""Loads the Lua that lives beside the code that calls it."""

from __future__ import annotations

from importlib.resources import files


def lua(package: str, name: str) -> str:
    """The text of *name*.lua in *package*."""
    return (files(package) / f"{name}.lua").read_text(encoding="utf-8")
