"""Reports: notebooks executed by papermill, as one HTML file; one at a time or hundreds.

Only the check of the extra is here, so that `shell` can be imported without papermill.
"""

from engagement_nb.errors import require_extra

require_extra("notebooks", "papermill")
