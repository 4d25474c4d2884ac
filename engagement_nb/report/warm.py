"""Imported once for all notebooks of reports: see `engagement_nb.engine.preload`.

It imports what reports use, and draws figures of made-up numbers once. That fills the caches of
libraries (fonts, widths of digits, lazy imports), which would take each new process long.
"""

import contextlib

with contextlib.suppress(Exception):
    import numpy as np
    import pandas as pd
    import pandas.io.formats.style
    import tqdm.auto  # noqa: F401

    import engagement_nb.dataset
    import engagement_nb.sources
    import engagement_nb.tables  # noqa: F401
    from engagement_nb.charts.tables import table_html
    from engagement_nb.gap import explore_gap

    parts = np.random.default_rng(0).poisson(5.0, (3, 60))
    counts = dict(zip(("favorites", "retweets", "media_views"), parts, strict=True))
    counts["engagements"] = parts[0] + parts[1] + parts[0] % 2
    frame = pd.DataFrame(counts, dtype="Int64")
    frame.insert(0, "tweet_id", [str(2_000_000_000_000_000_000 + n) for n in range(60)])
    gap = explore_gap(frame)
    gap.to_dict()
    table_html(frame)
    gap._repr_html_()
    for plot in (gap.plot_tweets, gap.plot_evidence, gap.plot_definitions):
        plot()._repr_html_()  # type: ignore[union-attr]
