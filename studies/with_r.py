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
        subprocess.run(["Rscript", script, *paths], check=True)  # noqa: S603, S607
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
    given, theirs = fixtures["inputs"], fixtures["r"]
    versions = theirs["versions"]
    lines = [
        "# The same numbers in R",
        "",
        "The intervals and tests of this package are computed here a second time, by R and its",
        "packages, from the same made-up inputs. Where both define the same quantity, the numbers",
        "agree to six digits. Where they differ, the reason is beside them.",
        "",
        f"Made with R {versions['R']}, survey {versions['survey']} and coin {versions['coin']} by",
        "`python -m studies.with_r`. The inputs and R's results are in `tests/gap/with_r.json`, and",
        "`tests/gap/test_with_r.py` computes every number of this page again, without R.",
        "",
        "## The interval of a share",
        "",
        "In R, `y` is hidden / engagements of each Tweet, weighted by its engagements:",
        "",
        "```r",
        'svyciprop(~y, svydesign(ids = ~1, weights = ~engagements), method = "beta")',
        "```",
        "",
        "The third column is our code with R's variance and R's degrees of freedom. The last one is",
        "what reports print.",
        "",
        "| Tweets | share | R | ours, with R's variance | ours |",
        "|---|---|---|---|---|",
    ]
    for name, one in given["share"].items():
        part, whole = np.array(one["part"]), np.array(one["whole"])
        r = theirs["share"][name]
        same = "not defined" if part.sum() == 0 else _limits(beta_interval(part, whole))
        shown = _limits(Interval(_number(r["low"]), _number(r["high"])))
        lines.append(
            f"| {name} | {part.sum() / whole.sum():.6f} | {shown} | {same}"
            f" | {_limits(share_interval(part, whole, LEVEL))} |"
        )
    lines += [
        "",
        "Ours is wider for three reasons, each of which raised the coverage of the interval on real",
        "and made-up accounts (see [the method](method.md#the-confidence-interval)):",
        "",
        "- HC2 gives a Tweet that carries much of the engagements more weight in the variance.",
        "- The variance is estimated from few effective Tweets, so its degrees of freedom are half",
        "  of Kish's number, not n − 1.",
        "- If few Tweets hide anything, the large ones that do are often not in the sample. The",
        "  variance that holds if shares do not depend on sizes is therefore the least one.",
        "",
        "If nothing is hidden, R's variance is 0 and its interval is not defined. Ours has an upper",
        "limit, because other Tweets of the account may hide something.",
        "",
        "On exports of four real accounts, which are not published, 95 % intervals were:",
        "",
        "| account | ours | R |",
        "|---|---|---|",
        "| 1 | 2.1–14.4 % | 2.4–13.4 % |",
        "| 2 | 5.5–9.1 % | 5.6–9.0 % |",
        "| 3, with few giant Tweets | 0.0–8.0 % | 0.3–2.1 % |",
        "| 4 | 5.5–18.5 % | 5.9–17.8 % |",
        "",
        "## The interval of a ratio",
        "",
        "A ratio that can exceed 1 has an interval of its logarithm. In R this is `svycontrast` of",
        "two totals, with Student's t and n − 1 degrees of freedom.",
        "",
        "| ratio | value | R | ours |",
        "|---|---|---|---|",
    ]
    for name, one in given["ratio"].items():
        part, whole = np.array(one["part"]), np.array(one["whole"])
        r = theirs["ratio"][name]
        lines.append(
            f"| {name} | {r['value']:.6f} | {_limits(Interval(r['low'], r['high']))}"
            f" | {_limits(ratio_interval(part, whole, LEVEL))} |"
        )
    lines += [
        "",
        "## The interval of a difference",
        "",
        "Zou and Donner's formula (MOVER) joins the intervals of two sides. With Wilson's limits of",
        "two independent proportions, from R's `prop.test`, it is Newcombe's hybrid score interval.",
        "For the first row, Newcombe (1998) printed 0.0524 to 0.3339.",
        "",
        "| proportions | difference | R | ours |",
        "|---|---|---|---|",
    ]
    for name, one in given["difference"].items():
        r = theirs["difference"][name]
        p = [x / n for x, n in zip(one["x"], one["n"], strict=True)]
        sides = [(value, Interval(*limits)) for value, limits in zip(p, r["wilson"], strict=True)]
        lines.append(
            f"| {name} | {p[1] - p[0]:.6f} | {_limits(Interval(r['low'], r['high']))}"
            f" | {_limits(difference_interval(sides[0], sides[1]))} |"
        )
    lines += [
        "",
        "For figures of the same Tweets on both sides, the package uses the correlation of the two",
        "estimates in another way than Zou and Donner (see `difference_interval`), so there is no",
        "counterpart in R.",
        "",
        "## The test between two groups",
        "",
        "R's `coin::oneway_test` has the exact p-value of the same statistic. Ours is estimated from",
        f"at most {groups.DRAWS:,} permutations, and a test ends after {groups.ENOUGH} of them as",
        "extreme as the figures. Above 20,000 Tweets both use the normal distribution.",
        "",
        "| groups of 20 Tweets | R, exact | ours | R, normal | ours, normal |",
        "|---|---|---|---|---|",
    ]
    for name, one in given["permutation"].items():
        r = theirs["permutation"][name]
        drawn, normal = permutation(one)
        lines.append(
            f"| {name} | {r['exact']:.6f} | {drawn:.4f} | {r['normal']:.6f} | {normal:.6f} |"
        )
    lines += [
        "",
        "## P-values of several pairs",
        "",
        '| p-values | R: `p.adjust(p, "holm")` | ours |',
        "|---|---|---|",
    ]
    for name, values in given["holm"].items():
        lines.append(
            f"| {_listed(values)} | {_listed(theirs['holm'][name])} | {_listed(groups.holm(values))} |"
        )
    return "\n".join(lines) + "\n"


def permutation(one: dict[str, Any]) -> tuple[float, float]:
    """Our p-value by permutations, and by the normal distribution."""
    first, second = pd.DataFrame(one["first"]), pd.DataFrame(one["second"])
    drawn = groups.permutation_p(first, second)
    many, groups.MANY = groups.MANY, 0
    try:
        return drawn, groups.permutation_p(first, second)
    finally:
        groups.MANY = many


def _number(value: Any) -> float:
    return float("nan") if isinstance(value, str) else float(value)


def _limits(limits: Interval) -> str:
    if limits.low != limits.low:
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
