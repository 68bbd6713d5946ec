"""What the pages list is what there is."""

import re
import tomllib
from collections.abc import Iterator

import click
import pytest

from calgate.cli import cli
from calgate.demo.stage import SIMULATOR_ADMIN_LISTEN, SIMULATOR_LISTEN
from calgate.demo.wishes import FASTEST, Wishes
from core.settings import Settings
from tests.docs.pages import ROOT, pages, rows, text


def commands() -> dict[str, click.Command]:
    assert isinstance(cli, click.Group)
    context = click.Context(cli)
    found = {name: cli.get_command(context, name) for name in cli.list_commands(context)}
    return {name: command for name, command in found.items() if command is not None}


def options(command: click.Command) -> set[str]:
    return {
        name
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for name in (*parameter.opts, *parameter.secondary_opts)
        if name.startswith("--")
    }


def default_in_words(name: str) -> str:
    field = Settings.model_fields[name]
    if field.default_factory is not None:
        return "one per CPU"
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    return "unset" if field.default is None else f"`{field.default}`"


def test_every_setting_is_documented_with_its_default_and_no_other_is() -> None:
    documented = rows("docs/configuration.md")
    assert documented == {name: default_in_words(name) for name in Settings.model_fields}


def test_the_example_file_has_known_settings() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", text("docs/configuration.md"), re.DOTALL)
    values = tomllib.loads(example)
    assert Settings(**values).model_dump(include=set(values)) == values


def test_every_variable_the_pages_name_is_a_setting() -> None:
    known = {f"CALGATE_{name.upper()}" for name in Settings.model_fields}
    others = {"CALGATE_CONFIG", "CALGATE_REQUIRE_TOOLS", "CALGATE_SOAK"}
    for page in pages():
        for variable in re.findall(r"\bCALGATE_[A-Z_]*[A-Z]", page.read_text(encoding="utf-8")):
            assert variable.removesuffix("_FILE") in known | others, f"{variable} in {page.name}"


def test_every_command_is_in_the_architecture() -> None:
    listed = set(re.findall(r"`calgate ([a-z]+)`", text("docs/architecture.md")))
    assert listed == set(commands())


def test_every_command_and_option_the_pages_use_exists() -> None:
    known = commands()
    used = list(_used())
    assert len(used) > 20
    for where, words in used:
        name, *rest = words
        assert name in known or name.startswith("-"), f"calgate {name} in {where}"
        allowed = options(known[name]) if name in known else {"--help", "--version"}
        if name in known and isinstance(group := known[name], click.Group):
            for command in group.commands.values():
                allowed |= options(command)
        for word in rest:
            if word.startswith("--"):
                assert word.partition("=")[0] in allowed | {"--help"}, f"calgate {name} {word} in {where}"


def _used() -> Iterator[tuple[str, list[str]]]:
    """Every `calgate …` in code, in blocks and in lines."""
    for page in pages():
        content = page.read_text(encoding="utf-8")
        code = re.findall(r"```(?:sh)?\n(.*?)```|`([^`\n]+)`", content, re.DOTALL)
        for block, inline in code:
            for line in (block or inline).replace("\\\n", " ").splitlines():
                for use in re.findall(
                    r"(?:^\s*(?:\w+=\S+ )*(?:\S*bin/)?|&& )calgate ((?:[a-z-][\w=./:-]*\s*)+)", line
                ):
                    yield str(page.relative_to(ROOT)), use.split()


def test_the_demos_options_are_all_explained() -> None:
    explained = set(re.findall(r"`(--[a-z-]+)", text("docs/getting-started.md")))
    # One switch with two ends; the page shows the one that changes something.
    assert options(commands()["demo"]) - {"--traffic"} <= explained


def test_the_simulators_options_are_all_explained() -> None:
    explained = set(re.findall(r"`(--[a-z-]+)`", text("docs/simulator.md")))
    assert options(commands()["simulate"]) == explained


def test_the_demo_is_as_fast_and_as_busy_as_the_page_says() -> None:
    page = text("docs/getting-started.md")
    assert f"at most {FASTEST:g})" in page
    assert f"Client requests a minute, at speed 1 ({Wishes().rate:g})" in page


def test_the_ports_are_the_defaults() -> None:
    readme = text("README.md")
    settings = Settings()
    for listen in (settings.proxy_listen, settings.monitor_listen, SIMULATOR_LISTEN, SIMULATOR_ADMIN_LISTEN):
        host, _, port = listen.partition(":")
        assert host == "127.0.0.1"
        assert re.search(rf"^\| .*\b{port}\b.* \|$", readme, re.MULTILINE)


def test_every_make_target_the_pages_use_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", text("Makefile"), re.MULTILINE))
    for page in pages():
        for target in re.findall(r"(?:^|`)make ([a-z]+)", page.read_text(encoding="utf-8"), re.MULTILINE):
            assert target in targets, f"make {target} in {page.name}"


def test_every_direct_dependency_has_its_line_and_no_other_has() -> None:
    project = tomllib.loads(text("pyproject.toml"))
    direct = list(project["project"]["dependencies"])
    groups = project["dependency-groups"]
    direct += [line for group in groups.values() for line in group if isinstance(line, str)]
    names = {_name(line) for line in direct}
    assert set(rows("docs/dependencies.md")) == names


def _name(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found is not None
    return found.group().lower()


@pytest.mark.parametrize(
    "folder", ["alerts", "calcom", "calgate", "core", "dashboards", "exporters", "loadtest"]
)
def test_every_package_has_its_place_in_the_architecture(folder: str) -> None:
    assert f"`{folder}/`" in text("docs/architecture.md")
    assert (ROOT / folder / "__init__.py").exists()
