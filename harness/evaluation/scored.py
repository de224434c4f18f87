"""The scores of an eval's samples, in memory and in a file."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from harness.common.files import write_bytes

_SEEN = b"seen_in_training"


@dataclass(frozen=True)
class Scored:
    """The scored rows of an eval's samples (harness/evaluation/rows.py)."""

    rows: pd.DataFrame
    seen_in_training: int | None
    """How many of the samples occur in the training text; None where the eval does not look."""

    def write(self, path: Path) -> None:
        """Write one Parquet file, atomically; `seen_in_training` goes into its metadata."""
        table = pa.Table.from_pandas(self.rows)
        metadata = {**table.schema.metadata, _SEEN: json.dumps(self.seen_in_training)}
        content = io.BytesIO()
        pq.write_table(table.replace_schema_metadata(metadata), content)
        write_bytes(path, content.getvalue())

    @classmethod
    def read(cls, path: Path) -> Scored:
        """Read what `write` wrote."""
        return cls(pd.read_parquet(path), json.loads(pq.read_schema(path).metadata[_SEEN]))
