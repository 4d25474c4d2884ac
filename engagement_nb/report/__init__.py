"""Reports: notebooks executed by papermill, as one HTML file; one at a time or hundreds.

What every module here needs first: the extra, and a quick import of nbformat.
"""

from engagement_nb.engine.light import import_nbformat
from engagement_nb.errors import require_extra

require_extra("notebooks", "papermill")
import_nbformat()
