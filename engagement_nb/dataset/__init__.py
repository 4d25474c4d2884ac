"""What was fetched, as Parquet on local disk or any fsspec address."""

from engagement_nb.dataset.folder import Dataset, ask_digest
from engagement_nb.dataset.records import Part, RunRecord, World
from engagement_nb.dataset.writing import RunWriter

__all__ = ["Dataset", "Part", "RunRecord", "RunWriter", "World", "ask_digest"]
