"""`calgate alerts`: write the Prometheus rules and the Alertmanager file that match this version."""

import json
from pathlib import Path

import click

from alerts.bundle import ROUTING_FILE, bundle
from alerts.definitions import define
from alerts.files import difference, write
from alerts.model import Links
from alerts.routing import Receivers
from alerts.rule_tests import RULES_FILE
from core.errors import UserError


@click.command()
@click.option(
    "--out",
    "directory",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory to write to; made if it is not there.",
)
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when the directory differs.")
@click.option("--json", "as_json", is_flag=True, help="Say what was done as one JSON object.")
@click.option("--grafana-url", default=Links().grafana, show_default=True, help="Base of dashboard links.")
@click.option("--runbook-url", default=Links().runbooks, show_default=True, help="Base of runbook links.")
@click.option("--pager-url", default=Receivers().pager, show_default=True, help="Webhook for pages.")
@click.option("--ticket-url", default=Receivers().ticket, show_default=True, help="Webhook for tickets.")
@click.option(
    "--heartbeat-url",
    default=Receivers().heartbeat,
    show_default=True,
    help="Webhook that must hear the watchdog each minute; it belongs outside this machine.",
)
def alerts(
    directory: Path,
    check: bool,
    as_json: bool,
    grafana_url: str,
    runbook_url: str,
    pager_url: str,
    ticket_url: str,
    heartbeat_url: str,
) -> None:
    """Write alert rules, their unit tests and the Alertmanager configuration.

    A webhook address may hold a secret: the written alertmanager.yml then holds it too.
    """
    receivers = Receivers(
        *(_web_address(url) for url in (pager_url, ticket_url, heartbeat_url)),
    )
    files = bundle(Links(runbooks=runbook_url, grafana=_web_address(grafana_url)), receivers)
    try:
        if check:
            _check(directory, files, as_json)
            return
        written = write(directory, files)
    except OSError as error:
        raise UserError(
            f"{directory}: {error.strerror or error}. Name a directory you may write with --out."
        ) from error
    names = [alert.name for alert in define()]
    if as_json:
        click.echo(json.dumps({"written": [str(path) for path in written], "alerts": names}))
        return
    for path in written:
        click.echo(f"wrote {path}")
    rules, routing = directory.resolve() / RULES_FILE, directory.resolve() / ROUTING_FILE
    click.echo(
        f"\n{len(names)} alerts. To load them:\n"
        f"  Prometheus    rule_files: [{rules}], with the monitor scraped as job_name: calgate\n"
        f"  Alertmanager  alertmanager --config.file={routing}\n"
        f"To check them:\n"
        f"  promtool test rules {directory / 'tests'}/*.yml\n"
        f"  amtool check-config {directory / ROUTING_FILE}"
    )


def _web_address(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        # The address itself stays out of the message: it may hold a token.
        raise click.UsageError("A receiver's or Grafana's address must start with http:// or https://.")
    return url


def _check(directory: Path, files: dict[str, str], as_json: bool) -> None:
    found = difference(directory, files)
    if as_json:
        click.echo(json.dumps({"missing": found.missing, "differs": found.changed}))
    else:
        for line in found.lines():
            click.echo(line)
        click.echo(
            f"Run `calgate alerts --out {directory}` to bring it up to date."
            if found
            else f"{directory} is up to date."
        )
    if found:
        raise SystemExit(1)
