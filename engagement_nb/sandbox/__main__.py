"""``python -m engagement_nb.sandbox serve``: the same commands as ``engagement-nb sandbox``."""

import sys

from engagement_nb.cli import main

if __name__ == "__main__":
    main(["sandbox", *sys.argv[1:]])
