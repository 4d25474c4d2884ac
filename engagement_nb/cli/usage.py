"""``engagement-nb usage``: handles queried, by billing month."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

import click

import engagement_nb as enb
from engagement_nb.cli import say
from engagement_nb.cli.commands import command


@command()
@click.option("--ledger", "address", help="Folder or address of the ledger; by default your own.")
@click.option("--sandbox", is_flag=True, help="Show the count of the sandbox, which is separate.")
@click.option(
    "--handles", "show_handles", is_flag=True, help="Also list the handles of this month."
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON on stdout.")
@click.option(
    "--contract", type=int, help="Store the contract's handles per month; 0 for no limit."
)
@click.option("--day", type=int, help="Store the day of the month on which a month begins.")
@click.option("--zone", help="Store the time zone of that day, such as Europe/Berlin.")
@click.option(
    "--export", "export_to", type=click.Path(), help="Write all records as CSV; - for stdout."
)
def usage(
    address: str | None,
    sandbox: bool,
    show_handles: bool,
    as_json: bool,
    contract: int | None,
    day: int | None,
    zone: str | None,
    export_to: str | None,
) -> None:
    """Show the handles queried in this billing month and in earlier ones.

    Every fetch with user tokens records whose Tweets it queried. The contract's number, day and
    time zone are stored in the ledger, for everybody who shares it.
    """
    if as_json and export_to == "-":
        raise click.UsageError("--json and --export - both write to stdout: choose one.")
    # Imported here for start-up time: it brings pandas.
    from engagement_nb.metrics import csv_text

    ledger = enb.Ledger(address)
    stored = ledger.contract
    terms = replace(
        stored,
        handles=stored.handles if contract is None else (contract or None),
        day=stored.day if day is None else day,
        zone=stored.zone if zone is None else zone,
    )
    if terms != stored:
        ledger.contract = terms
    if export_to:
        records = ledger.records()
        records["first_queried"] = records["first_queried"].map(datetime.isoformat, "ignore")
        with click.open_file(export_to, "w", encoding="utf-8") as file:
            file.write(csv_text(records))
        click.echo(f"{len(records):,} records written.", err=True)
        if export_to == "-":
            return
    found = enb.summarize_usage(ledger, sandbox=sandbox)
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=1))
        return
    say(found.sentence)
    if len(found.months) > 1:
        click.echo(found.months.to_string(index=False))
    if show_handles and found.count:
        click.echo(found.handles.to_string(index=False))
