"""Reports: notebooks executed by papermill, as one HTML file; one at a time or hundreds."""

from engagement_nb.report.make import Report, make_report

__all__ = ["Report", "make_report"]
