"""Reports: notebooks executed by papermill, as one HTML file; one at a time or hundreds.

Nothing is imported here, so that `shell` can be imported without papermill and nbconvert.
"""
