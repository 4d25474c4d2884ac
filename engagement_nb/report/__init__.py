"""Reports: notebooks executed by papermill, as one HTML file; one at a time or hundreds.

What every module here needs first: the extra, and a quick import of nbformat.
"""

import sys
from importlib import import_module
from typing import Any

from engagement_nb.errors import require_extra

require_extra("notebooks", "papermill")

_modules: dict[str, Any] = sys.modules
_GRAMMARS = "rfc3987_syntax"
# jsonschema builds 38 grammars of addresses when it is imported, which takes over a second. They
# check a format that no notebook has.
if "jsonschema" not in _modules and _GRAMMARS not in _modules:
    _modules[_GRAMMARS] = None
    try:
        import_module("nbformat")
    finally:
        del _modules[_GRAMMARS]
