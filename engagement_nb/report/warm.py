"""Imported by the fork server, whose copies run the notebooks: see `processes.warm`.

It imports what reports use, and draws figures of made-up numbers once. That fills the caches of
libraries (fonts, widths of digits, lazy imports), which would take each new process long.
"""

import contextlib
import gc
import os

from engagement_nb.report.shell import INLINE

os.environ.setdefault("MPLBACKEND", INLINE)
with contextlib.suppress(Exception):
    import matplotlib_inline.backend_inline  # noqa: F401
    import numpy as np
    import pandas as pd
    import pandas.io.formats.style
    import tqdm.auto  # noqa: F401

    from engagement_nb.gap import explore_gap

    parts = np.random.default_rng(0).poisson(5.0, (3, 60))
    counts = dict(zip(("favorites", "retweets", "media_views"), parts, strict=True))
    counts["engagements"] = parts[0] + parts[1] + parts[0] % 2
    frame = pd.DataFrame(counts, dtype="Int64")
    frame.insert(0, "tweet_id", [str(2_000_000_000_000_000_000 + n) for n in range(60)])
    gap = explore_gap(frame)
    gap.to_dict()
    frame._repr_html_()  # type: ignore[operator]
    gap._repr_html_()
    for plot in (gap.plot_tweets, gap.plot_evidence, gap.plot_definitions):
        plot()
# The garbage collector leaves these objects alone, so that copies share their memory. In a copy it
# runs rarely, because a copy lives for seconds only.
gc.collect()
gc.freeze()
gc.set_threshold(200_000, 20, 20)
