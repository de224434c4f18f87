"""Files of the kinds that a user may have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.text.data.corpus import Corpus

ROWS = [f'row {i}\r\nsecond line,  with "quotes" and é {i} ' for i in range(120)]


def texts(corpus: Corpus) -> list[str]:
    return sorted(document.text for _, document in corpus)


def write_rows(file: Path, rows: list[Any], column: str = "text") -> Path:
    import csv

    import pyarrow as pa
    import pyarrow.parquet as pq

    if file.suffix == ".jsonl":
        file.write_text(
            "".join(json.dumps({"id": i, column: row}) + "\n" for i, row in enumerate(rows)), encoding="utf-8"
        )
    elif file.suffix == ".csv":
        with file.open("w", encoding="utf-8", newline="") as opened:
            csv.writer(opened).writerows([["id", column], *([i, row] for i, row in enumerate(rows))])
    else:
        pq.write_table(pa.table({"id": range(len(rows)), column: rows}), file)
    return file
