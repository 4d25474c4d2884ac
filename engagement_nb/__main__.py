"""``python -m engagement_nb``: the same as ``engagement-nb``."""

from engagement_nb.cli import main

main()
