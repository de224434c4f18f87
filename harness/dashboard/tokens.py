"""Where a text is cut into tokens, by the tokenizer of a run's fit. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.common.errors import UserError
from harness.common.results_folder import ResultsFolder
from harness.dashboard.site import Site
from harness.runs.index import Entry

if TYPE_CHECKING:
    from harness.text.tokenizers.tokenizer import Tokenizer

_MOST_CHARACTERS = 4000


@dataclass(frozen=True)
class Token:
    """One token of a text."""

    id: int
    text: str
    """A name in angle brackets where it has none."""
    data: bytes
    """What it stands for; empty where it is no whole byte."""

    @property
    def hexadecimal(self) -> str:
        return self.data.hex(" ")


def tokenizer_of(site: Site, entry: Entry) -> Tokenizer:
    """The tokenizer of a run's fit. UserError where it can't be read, or is of a plugin that is not installed."""
    from harness.config.tokenizer_file import load_tokenizer
    from harness.runs.record import RunRecord

    record = RunRecord.read(site.index.folder(entry))
    return load_tokenizer(ResultsFolder(site.index.results).fit(record.fit_id))


def tokens_of(tokenizer: Tokenizer, text: str) -> list[Token]:
    """The tokens of a text's first 4,000 characters. UserError for a text that the tokenizer refuses."""
    ids = tokenizer.encode(text[:_MOST_CHARACTERS]).tolist()
    return [Token(token, tokenizer.token_text(token), tokenizer.token_bytes(token)) for token in ids]


def token_texts(site: Site, entry: Entry, text: str) -> list[str] | None:
    """The texts of the tokens; None where the tokenizer can't be had."""
    try:
        return [token.text for token in tokens_of(tokenizer_of(site, entry), text)]
    except (UserError, OSError):
        return None
