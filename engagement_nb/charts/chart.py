"""What a chart is: a title that says the finding, panels of marks, and the figures behind it.

`marks` are what panels consist of, `svg` draws a chart for pages and notebooks, and `axes` draws
it on axes of matplotlib.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pandas as pd

from engagement_nb.charts import axes, svg
from engagement_nb.charts.marks import Drawing
from engagement_nb.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DOWNLOAD = 3000
"""Rows up to which the figures of a chart can be downloaded from it."""


@dataclass(frozen=True, eq=False)
class Chart(Drawing):
    """A chart, drawn once for every width, on light and dark backgrounds.

    Parameters
    ----------
    data
        The figures behind it, offered as CSV.
    what
        Name of the CSV file, without its ending.
    """

    data: pd.DataFrame | None = field(default=None, repr=False)
    what: str = "figures"

    def __post_init__(self) -> None:
        if self.sandbox:
            object.__setattr__(self, "alt", f"SANDBOX DATA. {self.alt}")

    def svg(self) -> str:
        """The chart as SVG that fills the width it gets, with its text as text."""
        return svg.draw(self)

    def html(self) -> str:
        """The chart with its title, and its figures as CSV to download."""
        download = ""
        if self.data is not None and 0 < len(self.data) <= DOWNLOAD:
            address = quote(str(self.data.to_csv(index=False)), safe=" ,.:+-_()/")
            download = (
                f'<a class="enb-csv" download="{self.what}.csv"'
                f' href="data:text/csv;charset=utf-8,{address}">Figures as CSV</a>'
            )
        title = re.sub(r"\d{4}-\d\d-\d\d", r'<span class="d">\g<0></span>', html.escape(self.title))
        return (
            f'<figure class="enb"><figcaption>{title}</figcaption>{self.svg()}{download}</figure>'
        )

    def draw(self, ax: Axes) -> Axes:
        """Draw it on axes of matplotlib, and return them."""
        return axes.draw(self, ax)

    def save(self, path: str | Path) -> None:
        """Write it to a file: SVG, or PNG or PDF by matplotlib.

        Raises
        ------
        InputError
            The file name has another ending.
        """
        place = Path(path)
        if place.suffix == ".svg":
            place.write_text(self.svg(), encoding="utf-8")
        elif place.suffix in (".png", ".pdf"):
            axes.figure_of(self).savefig(place, dpi=150, bbox_inches="tight")
        else:
            raise InputError(
                f"A chart cannot be written as {place.name}.", advice="Use .svg, .png or .pdf."
            )

    def __repr__(self) -> str:
        return self.alt

    def _repr_html_(self) -> str:
        return self.html()


def nothing(title: str, why: str, *, sandbox: bool = False) -> Chart:
    """A chart that says why there is nothing to draw."""
    return Chart(title, why, sandbox=sandbox)
