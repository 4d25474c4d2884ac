"""Write the tables of the pages from what the code declares: ``python -m docs.tables``.

`tests/sandbox/test_fidelity.py` holds the pages to them.
"""

from __future__ import annotations

from pathlib import Path

from engagement_nb.apis import engagement, names, v2
from engagement_nb.sandbox.settings import claims, recorded, switches, written

DOCS = Path(__file__).parent
MARK = "<!-- from the declaration: python -m docs.tables -->"
END = "<!-- end -->"


def claims_table() -> str:
    """Each claim about the API, by part, with how it is known."""
    lines: list[str] = []
    part = ""
    for claim in claims():
        if claim["part"] != part:
            part = claim["part"]
            lines += ["", f"## {part}", ""]
            lines += [
                "| fact | how it is known | sandbox | switch | test |",
                "|---|---|---|---|---|",
            ]
        known = f"**{claim['known']}**: {claim['source']} ({claim['date']})"
        names = ", ".join(f"`{name}`" for name in claim.get("switches", ())) or "—"
        tests = ", ".join(f"`{name}`" for name in claim["tests"])
        lines.append(f"| {claim['fact']} | {known} | {claim['sandbox']} | {names} | {tests} |")
    return "\n".join(lines).strip()


def switches_table() -> str:
    """Each switch, with its values and what the presets set."""
    lines = ["| switch | documented | recorded | values | |", "|---|---|---|---|---|"]
    for name, one in switches().items():
        if one.simple:
            default = written(one.default)
            also = written(recorded()[name]) if name in recorded() else default
            cells = (f"`{name}`", default, f"**{also}**" if also != default else also)
            lines.append(f"| {' | '.join(cells)} | {one.values} | {one.description} |")
    return "\n".join(lines)


def metrics_table() -> str:
    """Each metric: all its names, and which API and file gives it."""
    lines = [
        "| metric | label; other names | Engagement API | X API v2 | X's files | X's documents |",
        "|---|---|---|---|---|---|",
    ]
    for name, label in names.LABELS.items():
        others = [said for said in names.OTHER_NAMES[name] if said != label]
        endpoints = [e.name for e in engagement.ENDPOINTS.values() if name in e.metrics]
        fields = [
            f"`{group}.{field}`"
            for group, members in v2.LOOKUP_FIELDS.items()
            for field, ours in members.items()
            if ours == name
        ] + [f"`analytics.{field}`" for field, ours in v2.ANALYTICS_FIELDS.items() if ours == name]
        kinds = [kind for kind, columns in names.COLUMN_ORDERS.items() if name in columns]
        said = "the figure to explain" if name == "engagements" else engagement.METRICS.get(name)
        cells = (", ".join(endpoints), ", ".join(fields), ", ".join(kinds), said)
        words = "; ".join((f"**{label}**", ", ".join(others)))
        lines.append(f"| `{name}` | {words} | {' | '.join(cell or '—' for cell in cells)} |")
    return "\n".join(lines)


TABLES = {
    "metrics.md": metrics_table,
    "sandbox-fidelity.md": claims_table,
    "sandbox.md": switches_table,
}


def page(name: str) -> str:
    """A page with its table as it should be."""
    before, _, rest = (DOCS / name).read_text("utf-8").partition(MARK)
    return f"{before}{MARK}\n\n{TABLES[name]()}\n\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    for name in TABLES:
        (DOCS / name).write_text(page(name), "utf-8")
