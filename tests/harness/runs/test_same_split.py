"""A data set's split stays what it was, run after run."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.common.errors import UserError
from harness.common.results_folder import ResultsFolder
from harness.config.compose import compose
from harness.runs.plan import plan
from harness.runs.run import run
from harness.runs.same_split import check_split, keep_split
from harness.runs.settings import typed
from harness.runs.tracking import Mirror
from harness.text.data.corpus import Corpus, DataSource, Document
from harness.training.workshop import Prepared
from tests.harness.plugin_kit.mistakes import changed


@dataclass(frozen=True)
class Words(DataSource):
    """A word a document."""

    name = "words"
    held_out: str = ""

    def load(self) -> Corpus:
        raise NotImplementedError


def corpus(train: str, validation: str, test: str, more: str = "") -> Corpus:
    def documents(words: str) -> tuple[Document, ...]:
        return tuple(Document(word, word + more, "words", word) for word in words.split())

    return Corpus("words", documents(train), documents(validation), documents(test))


FIRST = corpus("a b c", "d", "e")


@pytest.mark.parametrize(
    "other",
    [corpus("a b e", "d", "c"), corpus("b a c", "d", "e"), corpus("a b c d", "", "e")],
    ids=["another split", "another order", "a document changed sides"],
)
def test_the_same_documents_split_otherwise_are_refused(other: Corpus, tmp_path: Path) -> None:
    results = ResultsFolder(tmp_path)
    check_split(results, Words(), FIRST)
    keep_split(results, Words(), FIRST)
    check_split(results, Words(), FIRST)
    with pytest.raises(UserError, match=r"data=words has the same documents.*another split or order.*bakeoff check"):
        check_split(results, Words(), other)
    check_split(results, Words(held_out="c"), other)


def test_other_documents_are_taken_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    results, edited = ResultsFolder(tmp_path), corpus("a b c", "d", "e", more="!")
    keep_split(results, Words(), FIRST)
    check_split(results, Words(), edited)
    with caplog.at_level(logging.INFO, "bakeoff"):
        logging.getLogger("bakeoff").addHandler(caplog.handler)
        keep_split(results, Words(), edited)
        logging.getLogger("bakeoff").removeHandler(caplog.handler)
    assert "data=words has other documents than in earlier runs" in caplog.text
    with pytest.raises(UserError, match="in another split"):
        check_split(results, Words(), corpus("a b e", "d", "c", more="!"))


@pytest.mark.parametrize("content", ["", "[1, 2]", "{"])
def test_a_file_that_cannot_be_read_is_written_anew(content: str, tmp_path: Path) -> None:
    results = ResultsFolder(tmp_path)
    keep_split(results, Words(), FIRST)
    [path] = (tmp_path / "splits").iterdir()
    kept = path.read_text()
    path.write_text(content)
    check_split(results, Words(), FIRST)
    keep_split(results, Words(), FIRST)
    assert path.read_text() == kept


BY_CHANCE = """
import random
from dataclasses import dataclass

from harness.text import Corpus, DataSource, Document


@dataclass(frozen=True)
class ByChance(DataSource):
    name = "by_chance"

    def load(self):
        documents = [Document(str(n), f"{n} and {n + 1}. " * 9, "numbers", str(n)) for n in range(30)]
        random.shuffle(documents)
        return Corpus(self.name, tuple(documents[:20]), tuple(documents[20:25]), tuple(documents[25:]))
"""


def test_a_run_over_data_that_are_split_by_chance_is_refused_the_second_time(tmp_path: Path) -> None:
    (tmp_path / "by_chance.py").write_text(BY_CHANCE)
    picks = [f"data={tmp_path / 'by_chance.py'}", "model=uniform", "evals=[]", "tracking=none", "budget.tokens=1000"]
    settings = typed(compose([*picks, f"results_dir={tmp_path / 'results'}"]))
    prepared = Prepared()
    for _ in range(2):  # runs of one command share what was loaded
        assert run(plan(settings, prepared), Mirror()).status == "complete"
    with pytest.raises(UserError, match="in another split or order"):
        plan(settings, Prepared())
    (tmp_path / "mended.py").write_text(changed(BY_CHANCE, {"random.": "random.Random(0)."}))
    mended = typed(compose([f"data={tmp_path / 'mended.py'}", *picks[1:], f"results_dir={tmp_path / 'results'}"]))
    assert plan(mended, Prepared()).fit_id == plan(mended, Prepared()).fit_id
