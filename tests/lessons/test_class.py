"""Scores of students, the table of a class, copies without solutions, the answer key."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import nbformat
import pytest

from engagement_nb.cli import run
from engagement_nb.errors import InputError
from engagement_nb.lessons import LESSONS, open_room
from engagement_nb.lessons.score import Score, Tally, answer_key, collect_scores, read_score
from engagement_nb.lessons.shown import ORIGINS

LESSON = Path(__file__).parents[2] / "notebooks" / "03_api_behaviour.ipynb"
RIGHT = {key: lesson.right for key, lesson in LESSONS.items()} | {
    "windows": ("2026-11-19T15:00:00Z", "2026-11-20T15:00:00Z")
}
ANSWERS = {"right": [True], "not yet": [False, False], "": [None], "right late": [False, True]}
"""What a student does with an exercise: right, wrong or no answers, in order."""


@pytest.fixture(scope="module")
def room():
    with open_room() as opened:
        yield opened


def score_of(student: dict[str, str]) -> Score:
    """The score of a student who does with each exercise what the dictionary says."""
    tallies = {}
    for key, does in student.items():
        tally = Tally()
        for right in ANSWERS[does]:
            answer = {True: RIGHT[key], False: {"surely": "wrong"}, None: ...}[right]
            tally = tally.after(LESSONS[key].check(answer).right)
        tallies[key] = tally
    return Score(tallies)


def as_saved_notebook(score: Score) -> str:
    """A student's notebook whose last cell shows the score."""
    data = {"text/plain": repr(score), **score._repr_mimebundle_()}
    output = nbformat.v4.new_output("execute_result", data, execution_count=1)
    cell = nbformat.v4.new_code_cell("room.score()", outputs=[output])
    return nbformat.writes(nbformat.v4.new_notebook(cells=[cell]))


def test_the_score_counts_tries_and_hints_and_solutions_do_not_count(room):
    """No answer is no try, and the last answer decides."""
    room.check("sum", ...)
    assert room.score().tallies["sum"].right is None
    room.check("sum", 5)
    room.check("sum", RIGHT["sum"])
    room.solution("clicks", RIGHT["clicks"])
    score = room.score()
    assert score.tallies["sum"] == Tally(True, tries=2, hints=1)
    assert score.tallies["clicks"] == Tally()
    assert f"1 of {len(LESSONS)} exercises are right." in repr(score)


def test_the_table_of_thirty_students_of_mixed_quality_is_right(tmp_path):
    """Each cell is what the student's answers give; notebooks and score files count alike."""
    rng = random.Random(28)
    students = [{key: rng.choice([*ANSWERS]) for key in LESSONS} for _ in range(30)]
    for number, student in enumerate(students):
        if number % 2:
            score_of(student).save(tmp_path / f"{number:02}.json")
        else:
            (tmp_path / f"{number:02}.ipynb").write_text(as_saved_notebook(score_of(student)))
    table, left_out = collect_scores(tmp_path.iterdir())
    assert left_out == {}
    assert [*table["student"]] == [f"{number:02}" for number in range(30)]
    for student, (_, row) in zip(students, table.iterrows(), strict=True):
        marks = {key: does.removesuffix(" late") for key, does in student.items()}
        assert {key: row[key] for key in LESSONS} == marks
        assert row["right"] == sum(mark == "right" for mark in marks.values())
        wrong = {"not yet": 2, "right late": 1}
        assert row["hints"] == sum(wrong.get(does, 0) for does in student.values())
        assert row["tries"] == row["hints"] + row["right"]


@pytest.mark.notebook
def test_a_student_s_notebook_gives_its_score_headlessly(tmp_path, capsys):
    """Answers in the cells, run by the command; the saved notebook of a class gives the same."""
    node = nbformat.read(LESSON, 4)
    answers = {"sum": 26, "clicks": 85}
    for cell in node.cells:
        named = re.match(r"# lesson: (\w+)", cell.source)
        if named and named[1] in answers:
            cell.source = cell.source.replace("answer = ...", f"answer = {answers[named[1]]}")
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = cell.source.replace('"all"  #', '"sum, clicks"  #')
    student = tmp_path / "student.ipynb"
    nbformat.write(node, student)
    done = tmp_path / "scores" / "student.json"
    done.parent.mkdir()
    assert run(["lessons", "score", str(student), "--score-file", str(done)]) == 0
    assert "1 of 2 exercises are right." in capsys.readouterr().out
    assert read_score(done).tallies == {"sum": Tally(True, 1), "clicks": Tally(False, 1, 1)}
    assert run(["lessons", "collect", str(done.parent), "--json"]) == 0
    [student] = json.loads(capsys.readouterr().out)["students"]
    assert (student["student"], student["sum"], student["clicks"]) == (
        "student",
        "right",
        "not yet",
    )
    assert (student["endpoints"], student["right"]) == ("", 1)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", "{}"),
        ("b.json", "[" * 100_000),
        ("c.ipynb", "not a notebook"),
        ("d.ipynb", '{"cells": [{"outputs": 7}]}'),
        ("e.json", '{"format": 1, "lessons": {"sum": {"right": true, "tries": -1, "hints": 0}}}'),
        ("f.json", '{"format": 1, "lessons": {"magic": {"right": true, "tries": 1, "hints": 0}}}'),
        ("g.json", '{"format": 2, "lessons": {}}'),
    ],
)
def test_a_file_without_a_score_is_named_and_costs_only_itself(tmp_path, capsys, name, text):
    """A student's file can hold anything."""
    (tmp_path / name).write_text(text)
    score_of({"sum": "right"}).save(tmp_path / "z.json")
    with pytest.raises(InputError, match="has no score"):
        read_score(tmp_path / name)
    assert run(["lessons", "collect", str(tmp_path)]) == 0
    shown = capsys.readouterr()
    assert name in shown.err
    assert "z" in shown.out


def test_a_table_without_names_shows_none(tmp_path, capsys):
    """With --numbers, neither the table nor the messages have a file's name."""
    score_of({"sum": "right"}).save(tmp_path / "alice.json")
    (tmp_path / "bob.json").write_text("{}")
    out = tmp_path / "class.csv"
    assert run(["lessons", "collect", str(tmp_path), "--numbers", "-o", str(out)]) == 0
    shown = capsys.readouterr()
    for text in (shown.out, shown.err, out.read_text()):
        assert "alice" not in text.replace(str(out), "")
        assert "bob" not in text.replace(str(out), "")
    assert out.read_text().splitlines()[1].startswith("1,")
    assert "left out: 1 file without a score" in shown.err
    assert "1 student: " in shown.err


def test_copies_for_students_have_no_solution_and_the_key_has_all(tmp_path, capsys):
    """The notebook without solutions still has each exercise."""
    out = tmp_path / "copy.ipynb"
    assert run(["lessons", "copy", "-o", str(out)]) == 0
    node = nbformat.read(out, 4)
    nbformat.validate(node)
    text = "\n".join(cell.source for cell in node.cells)
    assert "room.solution(" not in text
    assert all(f'room.check("{key}"' in text for key in LESSONS)
    capsys.readouterr()
    assert run(["lessons", "key"]) == 0
    key = capsys.readouterr().out
    assert key == answer_key()
    for name, lesson in LESSONS.items():
        assert f"(`{name}`) | `{lesson.right}`" in key


def test_every_claim_of_the_notebook_says_how_it_is_known():
    """Each claim names a source, and each source is used."""
    text = "\n".join(cell.source for cell in nbformat.read(LESSON, 4).cells)
    used = set(re.findall(r'(?:, |^ +)"(\w+)"\)$', text, re.MULTILINE)) & ORIGINS.keys()
    assert used == ORIGINS.keys()
    kinds = {origin["kind"] for origin in ORIGINS.values()}
    assert kinds == {"documented", "recorded", "assumed here", "checked here"}
    dated = [o for o in ORIGINS.values() if o["kind"] in ("documented", "recorded")]
    assert all(re.search(r"20\d\d", origin["date"]) for origin in dated)
