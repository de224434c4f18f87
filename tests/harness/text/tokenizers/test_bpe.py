"""Frequent stretches of bytes as tokens, against the library that learns them."""

from __future__ import annotations

import time

import pytest

from harness.text.data.corpus import Document
from harness.text.tokenizers.bpe import BpeTokenizer, BpeTokenizerSettings
from tests.harness.text.tokenizers.examples import TOKENIZERS, TRAINING


def test_bpe_agrees_with_the_library_on_plain_text() -> None:
    from tokenizers import Tokenizer as LibraryTokenizer
    from tokenizers import models, pre_tokenizers, trainers

    text = "the cat sat on the mat with 123 other cats; the rat, that brat!\n\n" * 30
    reference = LibraryTokenizer(models.BPE())
    reference.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # type: ignore[assignment]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=299, min_frequency=2, initial_alphabet=alphabet, show_progress=False)
    reference.train_from_iterator([text], trainer)
    ours = BpeTokenizerSettings(vocab_size=300, split_digits=False).train([Document("1", text, "test", "1")])
    other = "that other cat — 2023 — brats é\n"
    assert ours.encode(other).tolist() == reference.encode(other).ids


def test_bpe_counts_start_and_labels_in_its_vocabulary() -> None:
    assert TOKENIZERS["bpe"].vocab_size == TOKENIZERS["bpe-labels"].vocab_size == 270


def test_a_text_too_small_for_the_vocabulary_gives_a_smaller_one() -> None:
    tokenizer = BpeTokenizerSettings(vocab_size=5000).train([Document("1", "ab ab", "test", "1")])
    assert 257 <= tokenizer.vocab_size < 300


@pytest.mark.parametrize(("speaker_tokens", "least"), [(False, 257), (True, 260)])
def test_a_vocabulary_without_room_for_the_bytes_is_refused(speaker_tokens: bool, least: int) -> None:
    assert BpeTokenizerSettings(vocab_size=least, speaker_tokens=speaker_tokens).train(TRAINING).vocab_size == least
    with pytest.raises(ValueError, match=f"at least {least}"):
        BpeTokenizerSettings(vocab_size=least - 1, speaker_tokens=speaker_tokens)


def test_digits_are_single_tokens_unless_asked_otherwise() -> None:
    documents = [Document("1", "2024 2024 2024 " * 50, "test", "1")]
    split = BpeTokenizerSettings().train(documents)
    whole = BpeTokenizerSettings(split_digits=False).train(documents)
    assert [split.token_text(token) for token in split.encode("2024")] == ["2", "0", "2", "4"]
    assert len(whole.encode("2024")) < 4


def test_labels_are_not_learnt_as_merges() -> None:
    with_labels, without = TOKENIZERS["bpe-labels"], TOKENIZERS["bpe"]
    assert len(with_labels.encode("say Assistant now")) > len(without.encode("say Assistant now"))


def test_bpe_with_a_merge_of_unknown_tokens_is_refused() -> None:
    with pytest.raises(ValueError, match="names a token that no earlier merge made"):
        BpeTokenizer([("ab", "c")], split_digits=True)


@pytest.mark.parametrize("line", ["x" * 300_000, "ab" * 150_000, " " * 300_000, "...x" + "." * 300_000])
def test_one_huge_word_is_learnt_and_cut_in_seconds(line: str) -> None:
    began = time.perf_counter()
    tokenizer = BpeTokenizerSettings().train([Document("1", line, "test", "1")])
    assert tokenizer.decode(tokenizer.encode(line)) == line
    assert time.perf_counter() - began < 10
