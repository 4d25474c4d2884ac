"""What was fetched, as Parquet on local disk or any fsspec address."""

from engagement_nb.dataset.folder import Dataset, ask_digest
from engagement_nb.dataset.parts import described_parts, encode, part_names
from engagement_nb.dataset.run import RunRecord, RunWriter

__all__ = [
    "Dataset",
    "RunRecord",
    "RunWriter",
    "ask_digest",
    "described_parts",
    "encode",
    "part_names",
]
