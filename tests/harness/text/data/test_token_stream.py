from __future__ import annotations

import warnings
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from harness.text.data import disk_cache as cache_module
from harness.text.data.corpus import Corpus, Document
from harness.text.data.token_stream import token_stream
from harness.text.tokenizers.byte import ByteTokenizer
from harness.text.tokenizers.char import CharTokenizer
from harness.text.tokenizers.tokenizer import Ids

CORPUS = Corpus(
    "test", (Document("1", "ab", "t", "1"), Document("2", "c", "t", "2")), (), (Document("3", "é", "t", "3"),)
)
TOKENIZER = ByteTokenizer()
START = TOKENIZER.start_token


def _tokens(corpus: Corpus) -> list[int]:
    return token_stream(corpus, "train", TOKENIZER).tolist()


def test_the_start_token_opens_each_document(empty_cache: Path) -> None:
    assert _tokens(CORPUS) == [START, ord("a"), ord("b"), START, ord("c")]


def test_a_stream_comes_from_disk_the_second_time(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = token_stream(CORPUS, "train", TOKENIZER)
    assert isinstance(first, np.memmap)
    monkeypatch.setattr(ByteTokenizer, "encode", None)
    assert token_stream(CORPUS, "train", TOKENIZER).tolist() == first.tolist()


def test_a_stream_can_not_be_written_to(empty_cache: Path) -> None:
    with pytest.raises(ValueError, match="read-only"):
        token_stream(CORPUS, "train", TOKENIZER)[0] = 1


def test_corpus_tokenizer_and_split_each_have_a_stream_of_their_own(empty_cache: Path) -> None:
    token_stream(CORPUS, "train", TOKENIZER)
    token_stream(CORPUS, "test", TOKENIZER)
    token_stream(CORPUS, "train", CharTokenizer([ord("a")]))
    token_stream(Corpus("test", CORPUS.train[:1], (), ()), "train", TOKENIZER)
    assert len(list((empty_cache / "tokens").iterdir())) == 4


def test_a_class_that_cuts_otherwise_has_a_stream_of_its_own_whatever_it_says_of_itself(empty_cache: Path) -> None:
    class Backwards(ByteTokenizer):
        def encode(self, text: str) -> Ids:
            return super().encode(text)[::-1]

    assert Backwards().fingerprint == TOKENIZER.fingerprint
    assert _tokens(CORPUS) == [START, ord("a"), ord("b"), START, ord("c")]
    assert token_stream(CORPUS, "train", Backwards()).tolist() == [START, ord("b"), ord("a"), START, ord("c")]


def test_an_empty_split_is_an_empty_stream(empty_cache: Path) -> None:
    for _ in range(2):
        assert len(token_stream(CORPUS, "validation", TOKENIZER)) == 0


def test_large_vocabularies_take_wider_ids(empty_cache: Path) -> None:
    assert token_stream(CORPUS, "train", TOKENIZER).dtype == np.uint16
    wide = CharTokenizer(range(0x10000))
    assert token_stream(CORPUS, "train", wide).dtype == np.uint32
    assert wide.decode(token_stream(CORPUS, "test", wide)) == "é"


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY", b"no array at all"])
def test_a_damaged_file_is_made_again(empty_cache: Path, damage: bytes) -> None:
    expected = _tokens(CORPUS)
    (file,) = (empty_cache / "tokens").iterdir()
    file.write_bytes(damage)
    assert _tokens(CORPUS) == expected
    assert np.load(file).tolist() == expected


def test_a_file_with_another_id_is_made_again(empty_cache: Path) -> None:
    expected = _tokens(CORPUS)
    (file,) = (empty_cache / "tokens").iterdir()
    whole = file.read_bytes()
    ab, ax = (np.array([ord("a"), ord(letter)], np.uint16).tobytes() for letter in "bx")
    assert whole.count(ab) == 1
    file.write_bytes(whole.replace(ab, ax))
    assert _tokens(CORPUS) == expected


def test_any_bit_of_a_file_counts(empty_cache: Path) -> None:
    expected = _tokens(CORPUS)
    (file,) = (empty_cache / "tokens").iterdir()
    whole = file.read_bytes()
    for place in range(0, len(whole), 5):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        assert _tokens(CORPUS) == expected, place


def test_a_cut_off_file_is_made_again(empty_cache: Path) -> None:
    expected = _tokens(CORPUS)
    (file,) = (empty_cache / "tokens").iterdir()
    file.write_bytes(file.read_bytes()[:-4])
    assert _tokens(CORPUS) == expected


def test_a_cache_that_can_not_be_written_costs_one_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv(cache_module.CACHE_VARIABLE, str(tmp_path / "file" / "cache"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert _tokens(CORPUS) == [START, ord("a"), ord("b"), START, ord("c")]
        assert token_stream(CORPUS, "test", TOKENIZER).tolist() == [START, 0xC3, 0xA9]
    assert len(caught) == 1
    assert "can't be written" in str(caught[0].message)
    assert cache_module.CACHE_VARIABLE in str(caught[0].message)


def test_two_processes_at_once_get_the_same_stream(empty_cache: Path) -> None:
    corpus = Corpus("test", tuple(Document(str(i), f"text {i} " * 500, "t", str(i)) for i in range(200)), (), ())
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        first, second = pool.map(_tokens, [corpus, corpus])
    assert first == second == _tokens(corpus)
    assert [path.suffix for path in (empty_cache / "tokens").iterdir()] == [".npy"]
