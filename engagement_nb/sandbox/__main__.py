"""``python -m engagement_nb.sandbox serve``: the same commands as ``engagement-nb sandbox``."""

from engagement_nb.cli.sandbox import sandbox

if __name__ == "__main__":
    sandbox(prog_name="python -m engagement_nb.sandbox")
