"""tokenizer=hf compared with transformers' own tokenizers; unusable folders are refused.

Tests that hold for every tokenizer are in test_tokenizer.py.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.common.errors import UserError
from harness.text.data.corpus import Document
from harness.text.tokenizers.hf import HFTokenizer, HFTokenizerSettings
from tests.peers import START, write_fallback_tokenizer, write_tokenizer

TEXTS = ["the cat sat on the mat with 123 other cats; the rat, that brat!\n\n", "Human: what is 7?\n\nAssistant: é漢\n"]
DOCUMENTS = [Document(str(number), text, "test", str(number)) for number, text in enumerate(TEXTS)]
WRITERS = {"byte-level": write_tokenizer, "fallback": write_fallback_tokenizer}


@pytest.fixture(scope="module", params=WRITERS)
def original(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return WRITERS[request.param](tmp_path_factory.mktemp("tokenizer"), TEXTS * 20)


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return shutil.copytree(original, tmp_path / "tokenizer")


def trained(folder: Path) -> HFTokenizer:
    return HFTokenizerSettings(str(folder)).train(DOCUMENTS)


def change(folder: Path, changed: Callable[[dict[str, Any]], None], name: str = "tokenizer.json") -> Path:
    content = json.loads((folder / name).read_text())
    changed(content)
    (folder / name).write_text(json.dumps(content))
    return folder


def test_ids_are_those_of_transformers(folder: Path) -> None:
    from transformers import AutoTokenizer

    theirs, ours = AutoTokenizer.from_pretrained(folder), trained(folder)
    # transformers' tokenizer of one kind adds a space before each text; ours keeps only the text's own spaces
    space = " " if "Prepend" in (folder / "tokenizer.json").read_text() else ""
    for text in [*TEXTS, "that other cat — 2023 — brats 🙂\n", " a  b "]:
        assert ours.encode(space + text).tolist() == theirs(text, add_special_tokens=False).input_ids
    assert ours.start_token == theirs.bos_token_id
    assert ours.vocab_size == len(theirs)


def test_a_text_cut_anywhere_decodes_to_its_parts(folder: Path) -> None:
    tokenizer, text = trained(folder), TEXTS[1] + " two  spaces"
    for place in range(len(text)):
        parts = [*tokenizer.encode(text[:place]).tolist(), *tokenizer.encode(text[place:]).tolist()]
        assert tokenizer.decode(parts) == text


def test_words_for_special_tokens_are_plain_text_and_only_the_start_token_has_none(folder: Path) -> None:
    end = trained(folder).vocab_size
    change(folder, lambda content: content["added_tokens"].append(_added("<|im_end|>", end, special=True)))
    tokenizer = trained(folder)
    text = f"say {START} or <s> or <|im_end|> now"
    ids = tokenizer.encode(text).tolist()
    assert not {tokenizer.start_token, end} & set(ids)
    assert tokenizer.decode(ids) == text
    assert tokenizer.decode([tokenizer.start_token, end]) == "<|im_end|>"
    assert tokenizer.vocab_size == end + 1


def test_ids_that_no_token_has_can_be_shown_and_say_nothing(folder: Path) -> None:
    end = trained(folder).vocab_size
    tokenizer = trained(change(folder, lambda content: content["model"]["vocab"].update(zzz=end + 9)))
    assert tokenizer.vocab_size == end + 10
    assert tokenizer.decode([end + 9, end + 1]) == "zzz"
    assert tokenizer.token_text(end + 1) == f"<token {end + 1}>"


def _added(content: str, token: int, special: bool) -> dict[str, Any]:
    flags = {"single_word": False, "lstrip": True, "rstrip": True, "normalized": False}
    return {"id": token, "content": content, "special": special, **flags}


@pytest.mark.parametrize(
    "changes",
    [
        {"truncation": {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0}},
        {
            "padding": {
                "strategy": {"Fixed": 50},
                "direction": "Right",
                "pad_to_multiple_of": None,
                "pad_id": 1,
                "pad_type_id": 0,
                "pad_token": "x",
            }
        },
        {"added_tokens": [_added("<x>", 1000, special=False)]},
    ],
)
def test_steps_that_change_a_text_are_turned_off(folder: Path, changes: dict[str, Any]) -> None:
    def changed(content: dict[str, Any]) -> None:
        added = content["added_tokens"] + changes.get("added_tokens", [])
        content.update({**changes, "added_tokens": added})

    tokenizer = trained(change(folder, changed))
    text = "  a  <x>  b e\u0301 ﬁ " + TEXTS[0]
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_a_text_is_not_normalised_and_gets_no_space_before_it(tmp_path: Path) -> None:
    def changed(content: dict[str, Any]) -> None:
        content["normalizer"] = {"type": "NFKC"}
        content["pre_tokenizer"]["add_prefix_space"] = True

    tokenizer = trained(change(write_tokenizer(tmp_path, TEXTS * 20), changed))
    for text in ("e\u0301ﬁ", "cat", " cat"):
        assert tokenizer.decode(tokenizer.encode(text)) == text


def test_a_space_before_a_text_may_be_put_by_the_pre_tokenizer(tmp_path: Path) -> None:
    original = trained(write_fallback_tokenizer(tmp_path, TEXTS * 20))

    def changed(content: dict[str, Any]) -> None:
        content["normalizer"] = None
        content["pre_tokenizer"] = {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True, "split": False}

    tokenizer = trained(change(tmp_path, changed))
    for text in ("cat", " cat", "the  rat", "▁ ▁"):
        assert tokenizer.encode(text).tolist() == original.encode(text).tolist()
        assert tokenizer.decode(tokenizer.encode(text)) == text


# --- which token begins a document


def test_documents_begin_with_bos_or_else_with_eos(folder: Path) -> None:
    names = json.loads((folder / "tokenizer_config.json").read_text())
    tokens = {name: trained(folder)._encoder.token_to_id(names[name]) for name in ("bos_token", "eos_token")}
    assert trained(folder).start_token == tokens["bos_token"]
    word = {"content": names["eos_token"], "lstrip": False}
    (folder / "tokenizer_config.json").write_text(json.dumps({"bos_token": None, "eos_token": word}))
    assert trained(folder).start_token == tokens["eos_token"]


def test_where_the_tokenizer_names_none_the_model_s_configuration_does(folder: Path) -> None:
    begin = trained(folder).start_token
    (folder / "tokenizer_config.json").write_text('{"model_max_length": 1024}')
    with pytest.raises(UserError, match=r"names a token that begins a document.*eos_token to tokenizer_config\.json"):
        trained(folder)
    for names in ({"bos_token_id": begin, "eos_token_id": 9}, {"bos_token_id": None, "eos_token_id": begin}):
        (folder / "config.json").write_text(json.dumps(names))
        assert trained(folder).start_token == begin
    (folder / "tokenizer_config.json").unlink()
    assert trained(folder).start_token == begin


# --- unusable folders


def test_a_folder_without_a_tokenizer_is_refused_when_it_is_named(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ValueError, match=r"no tokenizer\.json in it.*save_pretrained"):
        HFTokenizerSettings(str(folder))
    with pytest.raises(ValueError, match="path is empty"):
        HFTokenizerSettings()


@pytest.mark.parametrize(
    "content", ["no json", "[]", "{}", '{"model": {"type": "BPE"}, "decoder": {"type": "ByteLevel"}}']
)
def test_a_damaged_file_is_refused(folder: Path, content: str) -> None:
    (folder / "tokenizer.json").write_text(content)
    with pytest.raises(UserError, match="can't be used"):
        trained(folder)


def test_a_tokenizer_that_has_no_token_for_some_bytes_is_refused(folder: Path, tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models

    def without(content: dict[str, Any]) -> None:
        for name in ("Ā", "<0x00>"):
            content["model"]["vocab"].pop(name, None)

    with pytest.raises(UserError, match="1 of the 256 bytes have no token"):
        trained(change(folder, without))
    words = Tokenizer(models.WordLevel({"the": 0, "[UNK]": 1}, unk_token="[UNK]"))
    words.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "tokenizer_config.json").write_text('{"bos_token": "the"}')
    with pytest.raises(UserError, match="not byte-level and has no byte fallback"):
        trained(tmp_path)


def test_a_tokenizer_that_loses_something_of_the_training_text_is_refused(tmp_path: Path) -> None:
    def forgets_spaces(content: dict[str, Any]) -> None:
        cuts = [{"type": "WhitespaceSplit"}, content["pre_tokenizer"]]
        content["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": cuts}

    with pytest.raises(UserError, match="changes texts: document 0 is different"):
        trained(change(write_tokenizer(tmp_path, TEXTS), forgets_spaces))
