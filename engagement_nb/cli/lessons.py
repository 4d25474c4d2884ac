"""``engagement-nb lessons``: copies for students, scores, the table of a class, the answers."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import click
import nbformat
import papermill
from papermill.exceptions import PapermillException

from engagement_nb.cli.commands import Group
from engagement_nb.errors import InputError
from engagement_nb.lessons.score import (
    answer_key,
    collect_scores,
    read_score,
    without_solutions,
)
from engagement_nb.metrics import csv_text
from engagement_nb.report.notebooks import find_notebook
from engagement_nb.words import counted

NOTEBOOK = "03_api_behaviour.ipynb"


@click.group(cls=Group)
def lessons() -> None:
    """For teachers of 03_api_behaviour: copies, scores, one table of a class."""


@lessons.command()
@click.option("-o", "--out", default=NOTEBOOK, show_default=True, help="File to write.")
def copy(out: str) -> None:
    """Write the notebook for students, without the solutions."""
    node = find_notebook(NOTEBOOK).node
    nbformat.write(nbformat.from_dict(without_solutions(node)), out)
    click.echo(f"Notebook without solutions: {out}")


@lessons.command()
@click.option("-o", "--out", help="File to write; by default standard output.")
def key(out: str | None) -> None:
    """Write the answers of all exercises, for the teacher."""
    if out is None:
        click.echo(answer_key(), nl=False)
    else:
        Path(out).write_text(answer_key(), encoding="utf-8")
        click.echo(f"Answers: {out}", err=True)


@lessons.command()
@click.argument("notebook", type=click.Path(exists=True, dir_okay=False))
@click.option("--score-file", required=True, help="JSON file to write the score to.")
def score(notebook: str, score_file: str) -> None:
    """Run one student's notebook, with the code in it, and write its score."""
    target = Path(score_file).absolute()
    with tempfile.TemporaryDirectory() as folder:
        try:
            papermill.execute_notebook(
                notebook,
                str(Path(folder, "done.ipynb")),
                {"score_file": str(target)},
                engine_name="engagement-nb",
                progress_bar=False,
                cwd=folder,
            )
        except (PapermillException, nbformat.ValidationError, ValueError) as error:
            last = (str(error).strip().splitlines() or [type(error).__name__])[-1]
            raise InputError(
                f"{Path(notebook).name} did not run to its end: {last[:200]}",
                advice="Open it, and run all cells.",
            ) from None
    click.echo(repr(read_score(target)))


@lessons.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
@click.option("--numbers", is_flag=True, help="Number the students; show no file names.")
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
@click.option("-o", "--out", help="CSV file to write; by default a table on stdout.")
def collect(folder: str, numbers: bool, as_json: bool, out: str | None) -> None:
    """Make one table of a class from students' saved notebooks and score files.

    Nothing in the notebooks is run.
    """
    if as_json and out is not None:
        raise click.UsageError("Give --json or --out, not both.")
    files = [path for path in Path(folder).iterdir() if path.suffix in (".ipynb", ".json")]
    table, left_out = collect_scores(files, anonymous=numbers)
    # A file's name is often a student's.
    unnamed = [f"{counted(len(left_out), 'file')} without a score"] if left_out else []
    for why in unnamed if numbers else left_out.values():
        click.echo(f"left out: {why}", err=True)
    if as_json:
        click.echo(json.dumps({"students": table.to_dict("records"), "left_out": len(left_out)}))
    elif out is not None:
        Path(out).write_text(csv_text(table), encoding="utf-8")
        click.echo(f"{counted(len(table), 'student')}: {out}", err=True)
    elif table.empty:
        raise InputError(
            f"{folder} has no scores.", advice="Put students' notebooks or score files into it."
        )
    else:
        click.echo(table.to_string(index=False))
