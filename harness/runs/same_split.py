"""Whether a data set's split is what it was in earlier runs of a results folder.

The same settings must give the same documents in the same splits and order: otherwise what one run is tested on,
another was trained on, no fit is ever found again, and results that stand side by side are of different texts. Which
split the settings gave is kept in the results folder. Settings may come to give other documents, since files are
edited; the same documents in another split are refused.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
from pathlib import Path

from harness.common.errors import UserError
from harness.common.files import write_json
from harness.common.results_folder import ResultsFolder
from harness.config.identity import content_hash, identity
from harness.text.data.corpus import Corpus, DataSource

log = logging.getLogger("bakeoff")


def check_split(results: ResultsFolder, source: DataSource, corpus: Corpus) -> None:
    """UserError where the documents are those of earlier runs with these settings, and their split or order isn't."""
    path = _path(results, source)
    kept = _kept(path)
    if kept.get("corpus", corpus.fingerprint) != corpus.fingerprint and kept.get("documents") == _documents(corpus):
        raise UserError(
            f"data={corpus.name} has the same documents as in earlier runs in {results.path}, but in another split or "
            "order: what is tested here, others were trained on. The split must not depend on chance or on the order "
            "of a set; `bakeoff check data` with your data set shows where it does. If you changed it on purpose, "
            f"delete {path} or name another folder (results_dir=), and compare no run with an earlier one."
        )


def keep_split(results: ResultsFolder, source: DataSource, corpus: Corpus) -> None:
    """Keep what the settings gave, for `check_split`; a line in the log where earlier runs had other documents."""
    path = _path(results, source)
    kept = _kept(path)
    if kept.get("corpus") == corpus.fingerprint:
        return
    if kept:
        log.info(
            "data=%s has other documents than in earlier runs with the same settings: everything is fitted anew. If "
            "none of its files was changed, `bakeoff check data` shows what differs",
            corpus.name,
        )
    write_json(path, {"data": corpus.name, "corpus": corpus.fingerprint, "documents": _documents(corpus)})


def _path(results: ResultsFolder, source: DataSource) -> Path:
    return results.split(content_hash(identity(source)))


def _kept(path: Path) -> dict[str, str]:
    """What was kept; empty where nothing was, or it can't be read."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def _documents(corpus: Corpus) -> str:
    """A hash of the documents, whatever their split and order."""
    texts = [json.dumps(dataclasses.astuple(document)) for _, document in corpus]
    return hashlib.sha256("\n".join(sorted(texts)).encode()).hexdigest()
