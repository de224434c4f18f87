"""Properties of every tokenizer, with and without speaker tokens."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.common.errors import UserError
from harness.text.data.corpus import Document
from harness.text.tokenizers.bpe import BpeTokenizerSettings
from harness.text.tokenizers.byte import ByteTokenizer, ByteTokenizerSettings
from harness.text.tokenizers.char import CharTokenizer, CharTokenizerSettings
from harness.text.tokenizers.tokenizer import Ids, Tokenizer, TokenizerSettings, encode_continuation, encode_whole
from tests.harness.text.strategies import any_text, tricky_text
from tests.harness.text.tokenizers.examples import SETTINGS, TOKENIZERS, TRAINING, every_tokenizer


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
        ("char", "f5b96c5d3679"),
        ("char-labels", "e8f5995dd2ff"),
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
        "from tests.harness.text.tokenizers.examples import TOKENIZERS; import json;"
        "print(json.dumps({name: made.fingerprint for name, made in TOKENIZERS.items()}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {name: tokenizer.fingerprint for name, tokenizer in TOKENIZERS.items()}


class LowerCase(ByteTokenizer):
    """Loses capitals, and what follows a full stop."""

    def encode(self, text: str) -> Ids:
        return super().encode(text.partition(".")[0].lower())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("to Be", r"LowerCase changes a text.*from character 3 on, 'to Be' comes back as 'to be'"),
        ("to be. Or", r"from character 5 on, 'to be. Or' comes back as 'to be'"),
    ],
)
def test_a_text_that_a_tokenizer_changes_is_not_scored(text: str, words: str) -> None:
    assert encode_whole(LowerCase(), "to be").tolist() == list(b"to be")
    with pytest.raises(UserError, match=words):
        encode_whole(LowerCase(), text)


MERGING = BpeTokenizerSettings(vocab_size=270).train([Document("0", "the cat sat on the mat, the cat", "test", "0")])


@pytest.mark.parametrize(
    ("prompt", "continuation"),
    [("the", " cat"), ("the ca", "t"), ("th", "e cat"), ("", "the cat"), ("the cat", "")],
)
def test_a_continuation_has_tokens_of_its_own(prompt: str, continuation: str) -> None:
    prompt_ids, ids = encode_continuation(MERGING, prompt, continuation)
    assert MERGING.decode(prompt_ids) == prompt
    assert MERGING.decode(ids) == continuation
    assert len(ids) > 0 or not continuation


def test_a_continuation_is_split_off_the_whole_text() -> None:
    """A label counts at the start of a text or after a blank line: alone, the continuation would begin with one."""
    tokenizer = ByteTokenizer(["Human:"])
    prompt_ids, ids = encode_continuation(tokenizer, "I say ", "Human: hi")
    assert ids.tolist() == list(b"Human: hi")
    assert tokenizer.encode("Human: hi")[0] == tokenizer.label_tokens["Human:"]
    assert prompt_ids.tolist() == list(b"I say ")


@pytest.mark.parametrize("kind", [CharTokenizerSettings, ByteTokenizerSettings, BpeTokenizerSettings])
@pytest.mark.parametrize("labels", [False, True])
def test_without_any_text_the_vocabulary_is_the_least(kind: type[TokenizerSettings], labels: bool) -> None:
    settings = kind(speaker_tokens=labels)  # type: ignore[call-arg]
    assert settings.train([]).vocab_size == settings.least_vocab_size
    closed = CharTokenizerSettings(fallback=False)
    assert closed.train([Document("x", "ab", "s", "c")]).vocab_size == closed.least_vocab_size + 2


@every_tokenizer
@given(text=tricky_text)
def test_the_bytes_of_a_texts_tokens_are_its_bytes(tokenizer: Tokenizer, text: str) -> None:
    data = [tokenizer.token_bytes(int(token)) for token in tokenizer.encode(text)]
    if isinstance(tokenizer, CharTokenizer) and b"" in data:
        return  # half a byte a token
    assert b"".join(data) == text.encode("utf-8", "surrogatepass")
    assert tokenizer.token_bytes(tokenizer.start_token) == b""
