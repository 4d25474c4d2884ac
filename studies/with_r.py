"""The intervals and tests of the package beside R's, and the page that shows both.

``python -m studies.with_r`` makes the inputs anew, runs ``studies/with_r.R`` and writes
``tests/gap/with_r.json`` and ``docs/validation.md``. It needs ``Rscript`` with the packages
survey, coin and jsonlite. ``--page`` writes the page from the file alone, without R.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Template

from engagement_nb.gap import groups
from engagement_nb.gap.interval import (
    Interval,
    clopper_pearson,
    difference_interval,
    ratio_interval,
    share_interval,
)

ROOT = Path(__file__).parent.parent
FIXTURES = ROOT / "tests" / "gap" / "with_r.json"
TEMPLATE = Path(__file__).parent / "validation.md.j2"
PAGE = ROOT / "docs" / "validation.md"
LEVEL = 0.95
SEED = 20261129
ACCOUNTS = {
    "many Tweets, a quarter hidden": (600, 1.5, 0.9, (2.0, 5.0)),
    "hiding on 3 % of 300 Tweets": (300, 1.0, 0.03, (5.0, 5.0)),
    "hiding on 10 % of 100 Tweets": (100, 1.5, 0.1, (1.0, 3.0)),
    "a few giant Tweets": (200, 2.5, 0.5, (1.0, 3.0)),
    "thirty Tweets": (30, 1.0, 0.6, (1.0, 3.0)),
    "nothing hidden": (100, 1.0, 0.0, (1.0, 3.0)),
}
"""Number of Tweets, spread of their sizes (lognormal), share that hides, and how much (beta)."""
NEWCOMBE = {"x": [48, 56], "n": [80, 70]}
"""Newcombe (1998, Statistics in Medicine 17, 873-890) prints 0.0524 to 0.3339 for this one."""


def inputs() -> dict[str, Any]:
    """Made-up accounts, pairs of proportions, groups and p-values."""
    rng = np.random.default_rng(SEED)
    shares = {}
    for name, (n, spread, hiding, beta) in ACCOUNTS.items():
        whole = np.ceil(rng.lognormal(3, spread, n)).astype(int)
        part = rng.binomial(whole, rng.beta(*beta, n) * (rng.random(n) < hiding))
        shares[name] = {"part": part.tolist(), "whole": whole.tolist()}
    ratios = {}
    for name, rate in (("engagements per impression", 0.05), ("views per impression", 1.4)):
        whole = np.ceil(rng.lognormal(6, 1, 150)).astype(int)
        ratios[name] = {"part": rng.poisson(whole * rate).tolist(), "whole": whole.tolist()}
    tests = {}
    for name, other in (("alike", 0.2), ("apart", 0.29)):
        pair = {}
        for which, share in (("first", 0.2), ("second", other)):
            size = np.ceil(rng.lognormal(3, 0.7, 20)).astype(int)
            pair[which] = {
                "hidden": rng.binomial(size, share).tolist(),
                "engagements": size.tolist(),
            }
        tests[name] = pair
    return {
        "level": LEVEL,
        "share": shares,
        "ratio": ratios,
        "difference": {"Newcombe's example": NEWCOMBE, "rare": {"x": [2, 9], "n": [120, 90]}},
        "permutation": tests,
        "holm": {"five pairs": [0.01, 0.04, 0.03, 0.005, 0.8], "ties": [0.02, 0.02, 0.5]},
    }


def run_r(given: dict[str, Any]) -> dict[str, Any]:
    """What R computes from the inputs."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in ("inputs.json", "results.json")]
        paths[0].write_text(json.dumps(given))
        script = Path(__file__).with_suffix(".R")
        subprocess.run(["Rscript", script, *paths], check=True)
        answer: dict[str, Any] = json.loads(paths[1].read_text())
    return answer


def beta_interval(part: np.ndarray, whole: np.ndarray) -> Interval:
    """Our limits with R's variance and degrees of freedom: n / (n - 1) in place of HC2."""
    kept = whole > 0
    part, whole = part[kept], whole[kept]
    n, total = len(whole), whole.sum()
    share = part.sum() / total
    variance = ((part - share * whole) ** 2).sum() * n / (n - 1) / total**2
    trials = share * (1 - share) / variance
    return clopper_pearson(share * trials, trials, LEVEL)


def page(fixtures: dict[str, Any]) -> str:
    """The page of comparison, from the inputs and R's results."""
    given, r = fixtures["inputs"], fixtures["r"]
    shares, ratios, differences, tests = [], [], [], []
    for name, one in given["share"].items():
        part, whole = np.array(one["part"]), np.array(one["whole"])
        theirs = r["share"][name]
        same = _limits(beta_interval(part, whole)) if part.any() else "not defined"
        shares.append(
            {
                "name": name,
                "share": part.sum() / whole.sum(),
                "r": _limits(Interval(theirs["low"], theirs["high"])),
                "same": same,
                "ours": _limits(share_interval(part, whole, LEVEL)),
            }
        )
    for name, one in given["ratio"].items():
        theirs = r["ratio"][name]
        ours = ratio_interval(np.array(one["part"]), np.array(one["whole"]), LEVEL)
        limits = _limits(Interval(theirs["low"], theirs["high"]))
        ratios.append({"name": name, "value": theirs["value"], "r": limits, "ours": _limits(ours)})
    for name, one in given["difference"].items():
        theirs = r["difference"][name]
        limits = _limits(Interval(theirs["low"], theirs["high"]))
        ours = wilson_difference(one, theirs["wilson"])
        differences.append(
            {"name": name, "value": theirs["value"], "r": limits, "ours": _limits(ours)}
        )
    for name, one in given["permutation"].items():
        drawn, normal = permutation(one)
        tests.append({"name": name, "r": r["permutation"][name], "drawn": drawn, "normal": normal})
    adjusted = [
        {
            "given": _listed(values),
            "r": _listed(r["holm"][name]),
            "ours": _listed(groups.holm(values)),
        }
        for name, values in given["holm"].items()
    ]
    template = Template(TEMPLATE.read_text(encoding="utf-8"), keep_trailing_newline=True)
    return template.render(
        versions=r["versions"], shares=shares, ratios=ratios, differences=differences,
        tests=tests, adjusted=adjusted, draws=groups.DRAWS, enough=groups.ENOUGH,
    )  # fmt: skip


def wilson_difference(one: dict[str, Any], wilson: list[list[float]]) -> Interval:
    """Our interval of the difference of two proportions, from R's limits of each."""
    sides = [
        (x / n, Interval(*limits)) for x, n, limits in zip(one["x"], one["n"], wilson, strict=True)
    ]
    return difference_interval(sides[0], sides[1])


def permutation(one: dict[str, Any]) -> tuple[float, float]:
    """Our p-value by permutations, and by the normal distribution."""
    first, second = pd.DataFrame(one["first"]), pd.DataFrame(one["second"])
    drawn = groups.permutation_p(first, second)
    many, groups.MANY = groups.MANY, 0
    try:
        return drawn, groups.permutation_p(first, second)
    finally:
        groups.MANY = many


def _limits(limits: Interval) -> str:
    if isinstance(limits.low, str):  # R writes NaN as a text.
        return "not defined"
    return f"{limits.low:.6f} to {limits.high:.6f}"


def _listed(values: list[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def main() -> None:
    """Run R unless only the page is wanted, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", action="store_true", help="Write the page only, without R.")
    if parser.parse_args().page:
        fixtures = json.loads(FIXTURES.read_text())
    else:
        given = inputs()
        fixtures = {"inputs": given, "r": run_r(given)}
        FIXTURES.write_text(json.dumps(fixtures) + "\n")
    PAGE.write_text(page(fixtures), encoding="utf-8")


if __name__ == "__main__":
    main()
