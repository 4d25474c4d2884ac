"""What was fetched, as Parquet on local disk or any fsspec address."""

from engagement_nb.dataset.folder import Dataset, World, ask_digest
from engagement_nb.dataset.parts import Part, RunRecord, RunWriter, described_parts

__all__ = [
    "Dataset",
    "Part",
    "RunRecord",
    "RunWriter",
    "World",
    "ask_digest",
    "described_parts",
]
