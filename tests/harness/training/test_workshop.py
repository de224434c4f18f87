"""Corpora and tokenizers are loaded once for consecutive runs; errors in loading them are clear."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from harness.common.errors import PluginError, UserError
from harness.common.results_folder import ResultsFolder
from harness.text.data.corpus import Corpus, DataSource, Document
from harness.text.tokenizers.byte import ByteTokenizerSettings
from harness.text.tokenizers.char import CharTokenizerSettings
from harness.training.workshop import Prepared, Workshop, load_corpus


def documents(*texts: str) -> tuple[Document, ...]:
    return tuple(Document(text, text, "words", text) for text in texts)


@dataclass(frozen=True)
class Words(DataSource):
    """A word in each split."""

    name = "words"

    word: str = "ab"
    validation: str = "c"

    def load(self) -> Corpus:
        validation = documents(self.validation) if self.validation else ()
        return Corpus(self.name, documents(self.word), validation, documents("d"), notes=("one word left out",))


@dataclass(frozen=True)
class Broken(DataSource):
    """Fails as a plugin's code may."""

    error: type[Exception] = KeyError

    def load(self) -> Corpus:
        raise self.error("absent")


def test_a_data_set_whose_code_fails_is_named_and_a_missing_file_is_left_to_the_command() -> None:
    with pytest.raises(PluginError, match="Broken fails to load its data: KeyError: 'absent'"):
        load_corpus(Broken())
    with pytest.raises(FileNotFoundError):
        load_corpus(Broken(FileNotFoundError))
    with pytest.raises(UserError, match=r"^absent$"):
        load_corpus(Broken(UserError))


def test_a_corpus_without_validation_text_is_refused_and_its_notes_are_said(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(UserError, match="data=words has no validation documents"):
        load_corpus(Words(validation=""))
    with caplog.at_level(logging.INFO, "bakeoff"):
        logging.getLogger("bakeoff").addHandler(caplog.handler)
        load_corpus(Words())
        logging.getLogger("bakeoff").removeHandler(caplog.handler)
    assert "data=words: one word left out" in caplog.text


def test_a_document_in_two_splits_is_refused() -> None:
    with pytest.raises(UserError, match="data=words has the document d in both train and test"):
        load_corpus(Words(word="d"))


def test_only_the_last_corpus_and_the_last_tokenizer_are_kept() -> None:
    prepared = Prepared()
    corpus = prepared.corpus(Words())
    assert prepared.corpus(Words()) is corpus
    tokenizer = prepared.tokenizer(CharTokenizerSettings(), corpus)
    assert prepared.tokenizer(CharTokenizerSettings(), corpus) is tokenizer
    assert prepared.tokenizer(ByteTokenizerSettings(), corpus) is not tokenizer
    other = prepared.corpus(Words(word="xyz"))
    assert other.fingerprint != corpus.fingerprint
    assert prepared.tokenizer(CharTokenizerSettings(), other).vocab_size != tokenizer.vocab_size


def test_a_fit_of_another_results_folder_is_found_there(tmp_path: Path) -> None:
    elsewhere = {"aaa": tmp_path / "other" / "fits" / "aaa"}
    workshop = Workshop(ResultsFolder(tmp_path), torch.device("cpu"), elsewhere=elsewhere)
    assert workshop.folder("aaa") == elsewhere["aaa"]
    assert workshop.folder("bbb") == tmp_path / "fits" / "bbb"
