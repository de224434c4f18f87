from __future__ import annotations

import inspect
import re
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from harness.common.errors import UserError
from harness.text import transcript_format
from harness.text.data import conversations as chat
from harness.text.data.conversations import Chat, Chatterbot
from harness.text.data.corpus import Corpus
from harness.text.transcript_format import HUMAN_ASSISTANT, TranscriptFormat
from tests.harness.text.formats import CHATML, OWN

LONG = pytest.param(Chat(), id="chat", marks=pytest.mark.campaign)
CACHED = pytest.mark.parametrize("source", [LONG, pytest.param(Chatterbot(), id="chatterbot")])
"""What takes seconds to make, a campaign makes again and again."""
SOURCES = pytest.mark.parametrize("source", [Chat(), Chatterbot()], ids=["chat", "chatterbot"])


@SOURCES
def test_every_document_parses_back_to_alternating_turns_that_say_something(source: Chat | Chatterbot) -> None:
    for _, document in source.load():
        transcript = HUMAN_ASSISTANT.parse(document.text)
        assert HUMAN_ASSISTANT.render(transcript) == document.text
        assert document.format == "human_assistant"
        assert document.source == source.name
        assert len(transcript.turns) >= 2
        assert [turn.speaker for turn in transcript.turns] == [
            ("Human", "Assistant")[i % 2] for i in range(len(transcript.turns))
        ]
        assert all(turn.text and "\n\n" not in turn.text for turn in transcript.turns)


@pytest.mark.parametrize("form", [CHATML, OWN["lines"]], ids=["chatml", "lines"])
def test_the_same_turns_are_written_in_any_format(form: TranscriptFormat) -> None:
    usual, other = Chatterbot().load(), Chatterbot(format=form).load()
    assert other.chat_format == form
    assert other.fingerprint != usual.fingerprint
    for (_, document), (_, written) in zip(usual, other, strict=True):
        assert other.format_of(written) == form
        assert form.parse(written.text) == HUMAN_ASSISTANT.parse(document.text)


@SOURCES
def test_no_odd_characters_or_spaces_are_left(source: Chat | Chatterbot) -> None:
    odd = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\xa0\u200b\ufeff]|[ ]$|\n\n\n", re.MULTILINE)
    for _, document in source.load():
        assert not odd.search(document.text), document.id


@SOURCES
def test_splits_share_no_document_cluster_or_text(source: Chat | Chatterbot) -> None:
    corpus = source.load()
    for key in ("id", "cluster", "text"):
        places = {(getattr(document, key), split) for split, document in corpus}
        assert len({value for value, _ in places}) == len(places), key
    assert len({document.id for _, document in corpus}) == sum(1 for _ in corpus)


@SOURCES
def test_splits_are_about_as_large_as_asked(source: Chat | Chatterbot) -> None:
    corpus = source.load()
    clusters = Counter(split for split, _ in {(split, document.cluster) for split, document in corpus})
    for split, fraction in (("validation", source.validation_fraction), ("test", source.test_fraction)):
        assert clusters[split] / clusters.total() == pytest.approx(fraction, abs=0.02)


@CACHED
def test_the_second_load_is_the_same_as_the_first(source: Chat | Chatterbot, empty_cache: Path) -> None:
    assert source.load().fingerprint == source.load().fingerprint
    assert len(list((empty_cache / source.name).iterdir())) == 1


@CACHED
def test_texts_are_made_again_where_formats_are_written_otherwise(
    source: Chat | Chatterbot, empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.load()
    real = inspect.getsource

    def changed(module: ModuleType) -> str:
        return real(module) + ("# changed" if module is transcript_format else "")

    monkeypatch.setattr(inspect, "getsource", changed)
    source.load()
    assert len(list((empty_cache / source.name).iterdir())) == 2


def test_the_two_speaker_conversations_are_all_there() -> None:
    corpus = Chat().load()
    assert len({document.cluster for _, document in corpus}) == 4013  # of 4,018: 4 repeated, 1 without a second turn
    assert sum(corpus.num_bytes(split) for split in ("train", "validation", "test")) > 13_000_000


def test_the_data_sets_are_the_same_on_every_machine() -> None:
    """Frozen fingerprints: if this fails, results stored under these names were made from other text."""
    assert (Chat().load().fingerprint, Chatterbot().load().fingerprint) == (
        "a82177790ca454309720f5bf8a618bf928b7194307963f2dbfd82e4f0a74f819",
        "70515b407c6daf003eb82610dad85566a772f14ca6c34490e999f31fc452b050",
    )


# --- settings and packages


@pytest.mark.parametrize("max_turns", [0, 1, 3, -2])
def test_an_odd_number_of_turns_is_refused(max_turns: int) -> None:
    with pytest.raises(ValueError, match="even number"):
        Chat(max_turns=max_turns)


def test_fractions_that_leave_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="nothing for training"):
        Chat(validation_fraction=0.5, test_fraction=0.5)
    with pytest.raises(ValueError, match="test_fraction=0"):
        Chatterbot(test_fraction=0)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat.util, "find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"chitchat-dataset, which is not installed.*pip install chitchat-dataset"):
        Chat().load()


def test_other_fractions_keep_test_documents_in_test() -> None:
    def test_ids(corpus: Corpus) -> set[str]:
        return {document.id for document in corpus.test}

    assert test_ids(Chatterbot().load()) == test_ids(Chatterbot(validation_fraction=0.3).load())
    assert test_ids(Chatterbot().load()) < test_ids(Chatterbot(test_fraction=0.3).load())
