"""Where a text is cut into tokens, by the tokenizer of a run's fit. Needs no torch."""

from __future__ import annotations

from harness.common.errors import UserError
from harness.common.results_folder import ResultsFolder
from harness.dashboard.site import Site
from harness.runs.index import Entry

_MOST_CHARACTERS = 4000


def token_texts(site: Site, entry: Entry, text: str) -> list[str] | None:
    """The texts of the tokens; None where the tokenizer can't be read, or is of a plugin that is not installed."""
    from harness.config.tokenizer_file import load_tokenizer
    from harness.runs.record import RunRecord

    try:
        record = RunRecord.read(site.index.folder(entry))
        tokenizer = load_tokenizer(ResultsFolder(site.index.results).fit(record.fit_id))
        tokens = tokenizer.encode(text[:_MOST_CHARACTERS])
    except (UserError, OSError):
        return None
    return [tokenizer.token_text(int(token)) for token in tokens]
