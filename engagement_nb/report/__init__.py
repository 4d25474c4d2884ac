"""Reports: notebooks executed by papermill, as one HTML file; one at a time or hundreds."""
