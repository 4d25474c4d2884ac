"""What the pages load: Pyodide, its libraries, and libraries that it does not have."""

RUNTIME = "https://cdn.jsdelivr.net/pyodide/v314.0.6/full/"
"""Where browsers find Pyodide. The kernel of the lessons is made for this version."""
PACKAGES = (
    "numpy", "python-dateutil", "six", "tzdata", "pandas", "pyarrow", "scipy", "python-calamine",
    "orjson", "msgspec", "anyio", "certifi", "h11", "httpcore", "idna", "httpx", "fsspec",
    "platformdirs", "click", "tqdm", "attrs", "rpds-py", "referencing", "jsonschema-specifications",
    "jsonschema", "markupsafe", "jinja2", "pyyaml", "packaging", "webencodings", "bleach",
    "soupsieve", "beautifulsoup4", "nh3", "charset-normalizer", "urllib3", "requests",
    "typing-extensions", "asttokens", "decorator", "executing", "prompt-toolkit", "pure-eval",
    "pygments", "stack-data", "traitlets", "wcwidth", "ipython",
)  # fmt: skip
"""What a report imports of Pyodide's libraries, all of it: Pyodide's own list of what they need is
not that of their authors."""
WHEELS = (
    "defusedxml", "entrypoints", "fastjsonschema", "jupyter_core", "jupyterlab_pygments", "mistune",
    "nbclient", "nbconvert", "nbformat", "oauthlib", "pandocfilters", "papermill", "python-dotenv",
    "tenacity", "tinycss2", "tomlkit", "comm",
)  # fmt: skip
"""Libraries that it does not have, all pure Python: those of a report and of the lessons, and comm,
which the kernel of the lessons needs."""
