"""What every data set keeps to (harness/text/data/corpus.py), as checks. A check's name is the sentence that it
checks."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import numpy as np

from harness.common.errors import UserError
from harness.config.identity import plain
from harness.config.settings import build
from harness.plugin_kit.elsewhere import is_the_same_elsewhere
from harness.plugin_kit.outcome import Outcome, hold, outcomes
from harness.plugin_kit.picked import picked
from harness.text.data.corpus import SPLITS, Corpus, DataSource, Document

_MOST_COPIES = 0.01
"""Share of the held-out documents that may be copies of training documents: short texts may be alike by chance."""


class DataOnTrial:
    """A data set."""

    def __init__(self, name: str, overrides: Sequence[str]) -> None:
        self.name, self.overrides = name, overrides
        self._config = picked("data", name, overrides)

    def new(self) -> DataSource:
        """Its settings, made again."""
        made: DataSource = build(self._config["data"], DataSource, "data")  # type: ignore[type-abstract]
        return made

    @cached_property
    def corpus(self) -> Corpus:
        """What it loads."""
        return self.new().load()

    def digest(self) -> str:
        """A hash of all documents, split by split and in order."""
        return self.corpus.fingerprint


def it_can_be_loaded(of: DataOnTrial) -> None:
    hold(isinstance(of.corpus, Corpus), f"load gave {of.corpus!r}, which is no Corpus")
    for split in SPLITS:
        for number, document in enumerate(of.corpus.documents(split)):
            hold(isinstance(document, Document), f"{split} has {document!r} at place {number}, which is no Document")
            for field in ("id", "text", "source", "cluster"):
                value = getattr(document, field)
                hold(isinstance(value, str), f"the {field} of {document.id!r} is {value!r}: it must be a text")


def its_settings_survive_storage(of: DataOnTrial) -> None:
    made = of.new()
    again = build(plain(made), DataSource, "data")  # type: ignore[type-abstract]
    hold(again == made, f"{again} came back where {made} was stored")


def it_says_its_name(of: DataOnTrial) -> None:
    name = getattr(of.new(), "name", None)
    hold(isinstance(name, str) and bool(name), f"its name is {name!r}: a word, as 'shakespeare'")
    hold(of.corpus.name == name, f"its name is {name!r}, and its corpus is called {of.corpus.name!r}")


def every_split_has_documents(of: DataOnTrial) -> None:
    for split in SPLITS:
        hold(len(of.corpus.documents(split)) > 0, f"it has no {split} documents: load more, or change how it is split")


def every_document_has_text_and_a_place(of: DataOnTrial) -> None:
    for split, document in of.corpus:
        hold(bool(document.id), f"a document of {split} has an empty id; its text begins {document.text[:40]!r}")
        hold(bool(document.text), f"the document {document.id!r} of {split} is empty: leave it out")
        hold(
            bool(document.cluster and document.source),
            f"the cluster or the source of {document.id!r} is empty: give the id where documents don't belong together",
        )


def no_id_is_given_twice(of: DataOnTrial) -> None:
    places: dict[str, list[str]] = {}
    for split, document in of.corpus:
        places.setdefault(document.id, []).append(split)
    twice = {id: splits for id, splits in places.items() if len(splits) > 1}
    some = ", ".join(f"{id!r} ({' and '.join(splits)})" for id, splits in list(twice.items())[:3])
    hold(not twice, f"{len(twice)} ids are those of several documents: {some}. Put each document in once, in one split")


def what_is_held_out_is_not_trained_on(of: DataOnTrial) -> None:
    copies, num_held_out = of.corpus.held_out_copies, len(of.corpus.validation) + len(of.corpus.test)
    hold(
        len(copies) <= _MOST_COPIES * num_held_out,
        f"{len(copies)} of {num_held_out} documents for validation and test are copies of training documents, but for "
        f"case and white space, as {[document.id for document in copies[:3]]}. Split by a hash of the text, or take "
        "them out",
    )


def copies_share_a_cluster(of: DataOnTrial) -> None:
    held_out = (*of.corpus.validation, *of.corpus.test)
    clusters: dict[str, set[str]] = {}
    for document in held_out:
        clusters.setdefault(document.text, set()).add(document.cluster)
    several = Counter({text: len(names) for text, names in clusters.items() if len(names) > 1})
    copies = several.total() - len(several)
    hold(
        copies <= _MOST_COPIES * len(held_out),
        f"{copies} of {len(held_out)} documents for validation and test have the text of another one and a cluster of "
        f"their own, as {[text[:40] for text in list(several)[:1]]}: intervals would be too narrow. Give copies one "
        "cluster",
    )


def its_transcripts_are_written_in_its_formats(of: DataOnTrial) -> None:
    hold(of.corpus.formats == tuple(of.new().formats), "its corpus has other formats than it says itself (formats)")
    for _, document in of.corpus:
        if document.format is None:
            continue
        form = of.corpus.format_of(document) if document.format in {form.name for form in of.corpus.formats} else None
        hold(form is not None, f"the format {document.format!r} of {document.id!r} is none of its formats")
        assert form is not None
        try:
            form.parse(document.text)
        except UserError as error:
            raise AssertionError(f"{document.id!r} is not written in its format: {error}") from None


def loading_again_gives_the_same_documents_and_the_same_split(of: DataOnTrial) -> None:
    state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        random.seed(1)
        np.random.seed(1)  # noqa: NPY002
        again = of.new().load()
    finally:
        random.setstate(state)
        np.random.set_state(numpy_state)  # noqa: NPY002
    _hold_equal(of.corpus, again)


def another_process_loads_the_same_documents_and_the_same_split(of: DataOnTrial) -> None:
    hold(
        is_the_same_elsewhere(of),
        "they are others there, or in another split or order: does that hang on a set, a hash or the order of files? "
        "split_by_hash(id, ...) of harness.text is the same everywhere",
    )


def _hold_equal(corpus: Corpus, again: Corpus) -> None:
    for split in SPLITS:
        before = [document.id for document in corpus.documents(split)]
        after = [document.id for document in again.documents(split)]
        moved = sorted({*before} ^ {*after})
        hold(not moved, f"{split} has other documents the second time, as {moved[:3]}: split by a hash, not by chance")
        hold(before == after, f"the documents of {split} came in another order the second time")
    hold(corpus.fingerprint == again.fingerprint, "documents of the same ids had other texts the second time")


CHECKS: tuple[Callable[[DataOnTrial], None], ...] = (
    it_can_be_loaded,
    its_settings_survive_storage,
    it_says_its_name,
    every_split_has_documents,
    every_document_has_text_and_a_place,
    no_id_is_given_twice,
    what_is_held_out_is_not_trained_on,
    copies_share_a_cluster,
    its_transcripts_are_written_in_its_formats,
    loading_again_gives_the_same_documents_and_the_same_split,
    another_process_loads_the_same_documents_and_the_same_split,
)


def check_data(name: str, overrides: Sequence[str] = ()) -> Iterator[Outcome]:
    """Hold a data set, an option of data= or a file, to what every data set keeps to. UserError where there is none."""
    trial = DataOnTrial(name, overrides)
    trial.new()
    return outcomes(CHECKS, trial)
