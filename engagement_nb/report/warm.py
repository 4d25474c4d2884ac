"""Imported by the fork server, whose copies run the notebooks: see `engine.warm`."""

import gc

from engagement_nb.report.shell import warm_up

warm_up()
# Objects that exist now are never freed, so that their memory stays shared with every copy.
gc.collect()
gc.freeze()
