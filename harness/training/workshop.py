"""Where fits are found and made, and what the next fit can reuse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harness.common.errors import PluginError, UserError
from harness.common.results_folder import ResultsFolder
from harness.config.identity import content_hash, identity
from harness.text.data.corpus import Corpus, DataSource
from harness.text.tokenizers.tokenizer import Tokenizer, TokenizerSettings
from harness.training.fits import log
from harness.training.processes import ALONE, Processes

if TYPE_CHECKING:
    import torch


def load_corpus(source: DataSource) -> Corpus:
    """The corpus of a data source. UserError where it can't be loaded, has nothing to train or to validate on,
    or has one document twice."""
    try:
        corpus = source.load()
    except (UserError, OSError):
        raise
    except Exception as error:
        raise PluginError(f"{type(source).__name__} fails to load its data", error) from error
    for split in ("train", "validation"):
        if not corpus.documents(split):
            raise UserError(
                f"data={corpus.name} has no {split} documents. Give it more text, or change how it is split."
            )
    splits: dict[str, str] = {}
    for split, document in corpus:
        if (other := splits.setdefault(document.id, split)) != split:
            raise UserError(
                f"data={corpus.name} has the document {document.id} in both {other} and {split}: what is tested would "
                "have been trained on. Put each document into one split."
            )
    for note in corpus.remarks:
        log.info("data=%s: %s", corpus.name, note)
    return corpus


class Prepared:
    """The corpus that was loaded last and the tokenizer that was trained last: the next run usually needs the same."""

    def __init__(self) -> None:
        self._corpus: tuple[str, Corpus] | None = None
        self._tokenizer: tuple[str, Tokenizer] | None = None

    def corpus(self, source: DataSource) -> Corpus:
        """The corpus of a data source."""
        key = content_hash(identity(source))
        if self._corpus is None or self._corpus[0] != key:
            self._corpus = (key, load_corpus(source))
        return self._corpus[1]

    def tokenizer(self, settings: TokenizerSettings, corpus: Corpus) -> Tokenizer:
        """The tokenizer trained on a corpus."""
        key = content_hash([identity(settings), corpus.fingerprint])
        if self._tokenizer is None or self._tokenizer[0] != key:
            self._tokenizer = (key, settings.train(corpus.train))
        return self._tokenizer[1]


@dataclass(frozen=True)
class Workshop:
    """Where fits are found and made."""

    results: ResultsFolder
    device: torch.device
    prepared: Prepared = field(default_factory=Prepared)
    elsewhere: Mapping[str, Path] = field(default_factory=dict)
    """By fit id: the folders of fits that the settings name and that lie in other results folders."""
    processes: Processes = ALONE
    """Those that share fits by gradients."""

    def folder(self, fit_id: str) -> Path:
        """A fit's folder."""
        return self.elsewhere.get(fit_id, self.results.fit(fit_id))
