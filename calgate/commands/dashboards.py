"""`calgate dashboards`: write the Grafana dashboards that match this version."""

from pathlib import Path

import click

from alerts.files import difference, write
from alerts.model import Links
from core.errors import UserError
from dashboards.bundle import bundle


@click.command()
@click.option(
    "--out",
    "directory",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory to write to; made if it is not there.",
)
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when the directory differs.")
@click.option("--runbook-url", default=Links().runbooks, show_default=True, help="Base of runbook links.")
def dashboards(directory: Path, check: bool, runbook_url: str) -> None:
    """Write the Grafana dashboards as JSON, ready to be provisioned or imported."""
    files = bundle(Links(runbooks=runbook_url))
    try:
        if check:
            _check(directory, files)
            return
        written = write(directory, files)
    except OSError as error:
        raise UserError(
            f"{directory}: {error.strerror or error}. Name a directory you may write with --out."
        ) from error
    for path in written:
        click.echo(f"wrote {path}")
    click.echo(
        "\nTo load them:\n"
        f"  by hand       Grafana, Dashboards, New, Import: {written[0]}\n"
        f"  provisioned   a file provider with path: {directory.resolve()}\n"
        "They ask for a Prometheus data source in which the monitor is scraped as job_name: calgate."
    )


def _check(directory: Path, files: dict[str, str]) -> None:
    found = difference(directory, files)
    for line in found.lines():
        click.echo(line)
    if found:
        click.echo(f"Run `calgate dashboards --out {directory}` to bring it up to date.")
        raise SystemExit(1)
    click.echo(f"{directory} is up to date.")
