"""Where a text is cut into tokens, by the tokenizer of a run's fit. Needs no torch."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from harness.common.results_folder import ResultsFolder
from harness.dashboard.index import Entry
from harness.dashboard.site import Site

_OURS = "harness.text.tokenizers."
_TOKENIZER_FILE = "tokenizer.json"
_MOST_CHARACTERS = 4000


def token_texts(site: Site, entry: Entry, text: str) -> list[str] | None:
    """The texts of the tokens; None where the tokenizer isn't one of ours, or its file can't be read."""
    from harness.common.errors import UserError
    from harness.runs.record import RunRecord

    try:
        record = RunRecord.read(site.index.folder(entry))
        content = (ResultsFolder(site.index.results).fit(record.fit_id) / _TOKENIZER_FILE).read_text(encoding="utf-8")
        tokenizer = _tokenizer(record.tokenizer.get("config", {}), content)
        if tokenizer is None:
            return None
        return [str(tokenizer.token_text(int(token))) for token in tokenizer.encode(text[:_MOST_CHARACTERS])]
    except (UserError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _tokenizer(config: Mapping[str, Any], content: str) -> Any:
    """Only classes that come with bakeoff: no code of a file that nobody named is run."""
    target = str(config.get("_target_", ""))
    module, _, name = target.rpartition(".")
    if not module.startswith(_OURS):
        return None
    return getattr(importlib.import_module(module), name).read(content)
