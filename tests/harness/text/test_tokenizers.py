"""What holds for every tokenizer, with and without speaker tokens, and what is particular to each."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from harness.text.data.corpus import Document
from harness.text.tokenizers.bpe import BpeTokenizer, BpeTokenizerSettings
from harness.text.tokenizers.byte import ByteTokenizer, ByteTokenizerSettings
from harness.text.tokenizers.char import CharTokenizer, CharTokenizerSettings
from harness.text.tokenizers.hf import HFTokenizerSettings
from harness.text.tokenizers.tokenizer import Tokenizer, TokenizerSettings
from harness.text.transcript_format import TranscriptFormat
from harness.text.utf8 import encode_utf8
from tests.harness.text.formats import CHATML, EVERY, speakers_of, transcripts
from tests.harness.text.strategies import any_text, tricky_text
from tests.peers import scratch, write_fallback_tokenizer, write_tokenizer

TRAINING = [
    Document(
        str(i), f"Human: what is {i}?\n\nAssistant: {i} is a number, a number it is.", "test", str(i), "human_assistant"
    )
    for i in range(60)
]
SETTINGS: dict[str, TokenizerSettings] = {
    f"{kind}{'-labels' if on else ''}": settings(speaker_tokens=on, **more)  # type: ignore[arg-type]
    for kind, settings, more in (
        ("char", CharTokenizerSettings, {}),
        ("byte", ByteTokenizerSettings, {}),
        ("bpe", BpeTokenizerSettings, {"vocab_size": 270}),
    )
    for on in (False, True)
}
_TEXTS = [document.text for document in TRAINING]
SETTINGS["hf"] = HFTokenizerSettings(str(write_tokenizer(scratch() / "byte-level", _TEXTS)))
SETTINGS["hf-fallback"] = HFTokenizerSettings(str(write_fallback_tokenizer(scratch() / "fallback", _TEXTS)))
TOKENIZERS: dict[str, Tokenizer] = {name: settings.train(TRAINING) for name, settings in SETTINGS.items()}
WITH_LABELS = [name for name in TOKENIZERS if name.endswith("-labels")]

every_tokenizer = pytest.mark.parametrize("tokenizer", TOKENIZERS.values(), ids=TOKENIZERS)
every_tokenizer_with_labels = pytest.mark.parametrize(
    "tokenizer", [TOKENIZERS[name] for name in WITH_LABELS], ids=WITH_LABELS
)


@every_tokenizer
@given(text=st.one_of(any_text, tricky_text))
def test_any_text_comes_back(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    assert ids.dtype == np.int64
    assert ids.ndim == 1
    assert tokenizer.decode(ids) == text


@every_tokenizer
@given(text=tricky_text)
def test_no_text_gives_the_start_token(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    assert tokenizer.start_token not in ids
    assert ((ids >= 0) & (ids < tokenizer.vocab_size)).all()


@every_tokenizer
@given(data=st.data())
def test_any_ids_decode(tokenizer: Tokenizer, data: st.DataObject) -> None:
    ids = data.draw(st.lists(st.integers(0, tokenizer.vocab_size - 1), max_size=30))
    assert isinstance(tokenizer.decode(ids), str)


@every_tokenizer
@given(texts=st.lists(tricky_text, max_size=4))
def test_encoding_many_is_encoding_each(tokenizer: Tokenizer, texts: list[str]) -> None:
    many = tokenizer.encode_many(texts)
    assert [ids.tolist() for ids in many] == [tokenizer.encode(text).tolist() for text in texts]


@every_tokenizer
def test_the_start_token_decodes_to_nothing(tokenizer: Tokenizer) -> None:
    assert tokenizer.decode([tokenizer.start_token]) == ""
    assert tokenizer.decode([tokenizer.start_token, *tokenizer.encode("a b"), tokenizer.start_token]) == "a b"


@every_tokenizer
def test_the_empty_text_has_no_ids(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("").shape == (0,)
    assert tokenizer.encode("").dtype == np.int64
    assert tokenizer.decode([]) == ""
    assert tokenizer.encode_many([]) == []


@every_tokenizer
def test_every_id_is_one_token_and_has_a_text_to_show(tokenizer: Tokenizer) -> None:
    assert all(tokenizer.token_text(token) for token in range(tokenizer.vocab_size))


@pytest.mark.parametrize("name", TOKENIZERS)
def test_a_tokenizer_that_is_read_back_is_the_same(name: str) -> None:
    tokenizer = TOKENIZERS[name]
    again = SETTINGS[name].read(tokenizer.to_json())
    assert type(again) is type(tokenizer)
    assert again.fingerprint == tokenizer.fingerprint
    assert (again.vocab_size, again.start_token, again.label_tokens) == (
        tokenizer.vocab_size,
        tokenizer.start_token,
        tokenizer.label_tokens,
    )
    text = "Human: what is 7?\n\nAssistant: é\n\nHuman:"
    assert again.encode(text).tolist() == tokenizer.encode(text).tolist()


@pytest.mark.parametrize(
    ("name", "beginning"),
    [
        ("char", "d119ad958c41"),
        ("char-labels", "86ef3e416db1"),
        ("byte", "a1ab7ec9499c"),
        ("byte-labels", "0219be0095bb"),
    ],
)
def test_fingerprints_are_those_on_record(name: str, beginning: str) -> None:
    assert TOKENIZERS[name].fingerprint.startswith(beginning)


def test_every_tokenizer_has_a_fingerprint_of_its_own() -> None:
    assert len({tokenizer.fingerprint for tokenizer in TOKENIZERS.values()}) == len(TOKENIZERS)


@pytest.mark.parametrize("name", ["char", "bpe"])
def test_other_training_text_gives_another_fingerprint(name: str) -> None:
    more = [*TRAINING, *(Document(f"z{i}", "zebra zebra ß", "test", "z") for i in range(90))]
    assert SETTINGS[name].train(more).fingerprint != TOKENIZERS[name].fingerprint


def test_training_gives_the_same_tokenizer_in_every_process() -> None:
    script = (
        "from tests.harness.text.test_tokenizers import TOKENIZERS; import json;"
        "print(json.dumps({name: made.fingerprint for name, made in TOKENIZERS.items()}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {name: tokenizer.fingerprint for name, tokenizer in TOKENIZERS.items()}


# --- speaker labels


@every_tokenizer_with_labels
def test_a_label_at_a_structural_place_is_one_token(tokenizer: Tokenizer) -> None:
    human, assistant = tokenizer.label_tokens["Human:"], tokenizer.label_tokens["Assistant:"]
    ids = tokenizer.encode("Human: hi\n\nAssistant: hello\n\nHuman:").tolist()
    assert ids[0] == ids[-1] == human
    assert ids.count(human) == 2
    assert ids.count(assistant) == 1
    assert tokenizer.decode([human]) == tokenizer.token_text(human) == "Human:"


@every_tokenizer_with_labels
@pytest.mark.parametrize(
    "text",
    [
        " Human: hi",
        "say Human: hi",
        "a\nHuman: hi",
        "Human:hi",
        "a\n\n Human: hi",
        "a\n\n\\Human: hi",
        "Humans: hi",
        "\n\nHuman",
        "\nHuman: hi",
    ],
)
def test_the_same_words_elsewhere_are_plain_text(tokenizer: Tokenizer, text: str) -> None:
    assert not set(tokenizer.encode(text).tolist()) & set(tokenizer.label_tokens.values())


@every_tokenizer_with_labels
@pytest.mark.parametrize("text", ["Human:", "Human: ", "Human:\n", "\n\nHuman:", "a\n\n\nHuman: b"])
def test_a_label_needs_a_space_a_line_break_or_the_end_behind_it(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.encode(text).tolist().count(tokenizer.label_tokens["Human:"]) == 1


@every_tokenizer_with_labels
def test_a_prompt_and_its_completion_are_cut_as_the_whole(tokenizer: Tokenizer) -> None:
    prompt, completion = "Human: what is 7?\n\nAssistant:", " a number\n\nHuman:"
    whole = tokenizer.encode(prompt + completion).tolist()
    assert whole == [*tokenizer.encode(prompt).tolist(), *tokenizer.encode(completion).tolist()]


@pytest.mark.parametrize("name", ["char", "byte", "bpe"])
def test_without_speaker_tokens_there_are_no_labels(name: str) -> None:
    assert TOKENIZERS[name].label_tokens == {}


@pytest.mark.parametrize("labels", [["a b "], [""], ["a\nb"], ["\\a"], ["\ud800"], ["A:", "A:"]])
@pytest.mark.parametrize("settings", [CharTokenizerSettings, ByteTokenizerSettings, BpeTokenizerSettings])
def test_a_label_that_could_not_stand_in_a_text_is_refused(
    settings: type[ByteTokenizerSettings], labels: list[str]
) -> None:
    with pytest.raises(ValueError, match="labels has"):
        settings(labels=labels)


@pytest.mark.parametrize("form", EVERY.values(), ids=EVERY)
@pytest.mark.parametrize("settings", [CharTokenizerSettings, ByteTokenizerSettings, BpeTokenizerSettings])
@hypothesis_settings(max_examples=20)
@given(data=st.data())
def test_in_every_format_the_labels_of_turns_are_tokens_and_what_is_said_is_none(
    settings: type[ByteTokenizerSettings], form: TranscriptFormat, data: st.DataObject
) -> None:
    transcript = data.draw(transcripts(form))
    labels = None if form.token_labels else [form.label(speaker).rstrip() for speaker in speakers_of(form)]
    tokenizer = settings(speaker_tokens=True, labels=labels, format=form).train([])
    text = form.render(transcript)
    ids = tokenizer.encode(text).tolist()
    assert tokenizer.decode(ids) == text
    again = settings.read(tokenizer.to_json())
    assert again.encode(text).tolist() == ids
    tokens_a_turn = len({form.end} & {*tokenizer.label_tokens}) + (len({*tokenizer.label_tokens} - {form.end}) > 0)
    assert sum(token in tokenizer.label_tokens.values() for token in ids) == tokens_a_turn * len(transcript.turns)


@pytest.mark.parametrize("settings", [CharTokenizerSettings, ByteTokenizerSettings, BpeTokenizerSettings])
def test_in_chatml_the_markers_are_tokens_where_they_mark_a_turn(settings: type[ByteTokenizerSettings]) -> None:
    tokenizer = settings(speaker_tokens=True, format=CHATML).train([])
    assert list(tokenizer.label_tokens) == ["<|im_start|>", "<|im_end|>"]
    start, end = tokenizer.label_tokens.values()

    def marks(text: str) -> list[int]:
        return [token for token in tokenizer.encode(text).tolist() if token in (start, end)]

    said = "<|im_start|>user\nI say <|im_start|> and <|im_end|>, you see.<|im_end|>\n<|im_start|>assistant\n"
    assert marks(said) == [start, end, start]
    assert marks("a play about <|im_start|>user\n") == []
    assert marks("\n\nHuman: hi\n\nAssistant: ho") == []
    prompt, completion = "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n", "ho<|im_end|>"
    whole = tokenizer.encode(prompt + completion).tolist()
    assert whole == [*tokenizer.encode(prompt).tolist(), *tokenizer.encode(completion).tolist()]


def test_of_two_labels_the_longer_one_counts() -> None:
    tokenizer = ByteTokenizer(["A:", "A: B:"])
    assert tokenizer.encode("A: B: c")[0] == tokenizer.label_tokens["A: B:"]


# --- char


def test_an_unseen_character_is_the_digits_of_its_bytes() -> None:
    tokenizer = CharTokenizer([ord("a"), ord("b")])
    assert tokenizer.vocab_size == 1 + 16 + 2
    shown = [tokenizer.token_text(token) for token in tokenizer.encode("aéb")]
    assert shown == ["a", "<0xC>", "<0x3>", "<0xA>", "<0x9>", "b"]


@given(text=any_text)
def test_the_digits_are_those_of_the_utf8_bytes(text: str) -> None:
    tokenizer = CharTokenizer([])
    digits = "".join(tokenizer.token_text(token)[3] for token in tokenizer.encode(text))
    assert digits == encode_utf8(text).hex().upper()


def test_half_a_byte_decodes_to_the_replacement_character() -> None:
    tokenizer = CharTokenizer([ord("a")])
    ids = tokenizer.encode("é").tolist()
    assert tokenizer.decode(ids[:3]) == "\ufffd\ufffd"
    assert tokenizer.decode([*ids[:2], *tokenizer.encode("a").tolist(), *ids[2:]]) == "\ufffda\ufffd"


def test_rare_characters_go_through_bytes_when_asked() -> None:
    documents = [Document("1", "aaab", "test", "1")]
    assert CharTokenizerSettings(min_count=2).train(documents).vocab_size == 1 + 16 + 1
    with pytest.raises(ValueError, match="min_count must be at least 1"):
        CharTokenizerSettings(min_count=0)


# --- bpe


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
