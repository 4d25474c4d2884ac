"""``python -m studies.law N``: the relations between roads, each on N fresh made-up cases.

A relation that does not hold is printed with its smallest case, and the exit code is 1. Relations
on reports take seconds for a case, so they get a fiftieth of N.
"""

from __future__ import annotations

import json
import time

import click
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded

from tests.law.relations import RELATIONS, check, share


@click.command()
@click.argument("cases", type=click.IntRange(1))
@click.option("--only", multiple=True, type=click.Choice(list(RELATIONS)), help="A relation.")
@click.option("--seed", type=int, default=None, help="Of the cases; by default fresh ones.")
@click.pass_context
def main(ctx: click.Context, cases: int, only: tuple[str, ...], seed: int | None) -> None:
    """Try each relation on CASES cases; print one JSON line for each."""
    false = 0
    seed = int(time.time()) if seed is None else seed
    for name in only or RELATIONS:
        tried, began = 0, time.monotonic()

        @seeded(seed)
        @settings(
            max_examples=max(1, round(cases * share(name))),
            deadline=None,
            database=None,
            # A smaller case of a report would take minutes to find.
            phases=[Phase.generate] if share(name) < 1 else [Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=RELATIONS[name][0])
        def holds(case: object) -> None:
            nonlocal tried
            tried += 1
            check(name, case)  # noqa: B023

        told = ""
        try:
            holds()
        except Exception as error:
            false += 1
            notes = getattr(error, "__notes__", [])
            told = "\n".join([f"{type(error).__name__}: {error}", *notes])
        seconds = round(time.monotonic() - began, 1)
        line = {
            "relation": name,
            "seed": seed,
            "cases": tried,
            "seconds": seconds,
            "holds": not told,
        }
        click.echo(json.dumps(line))
        if told:
            click.echo(told, err=True)
    ctx.exit(1 if false else 0)


if __name__ == "__main__":
    main()
