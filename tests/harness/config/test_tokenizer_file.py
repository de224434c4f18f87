from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from harness.common.errors import UserError
from harness.config import plugins
from harness.config.compose import compose
from harness.config.tokenizer_file import load_tokenizer, save_tokenizer
from harness.runs.settings import typed
from harness.text.tokenizers.hf import HFTokenizerSettings
from harness.text.tokenizers.tokenizer import TokenizerSettings
from tests.harness.config.plugin_files import forget_files
from tests.peers import write_tokenizer

BYTE = '"_target_": "harness.text.tokenizers.byte.ByteTokenizerSettings"'
CHAR = '"_target_": "harness.text.tokenizers.char.CharTokenizerSettings"'
BPE = '"_target_": "harness.text.tokenizers.bpe.BpeTokenizerSettings"'
OWN = """
from dataclasses import dataclass

from harness.text import TokenizerSettings
from harness.text.tokenizers.byte import ByteTokenizer


@dataclass(frozen=True)
class Own(TokenizerSettings):
    def train(self, documents):
        return ByteTokenizer()

    @classmethod
    def read(cls, content):
        return ByteTokenizer()
"""


def settings(*overrides: str) -> TokenizerSettings:
    return typed(compose(["data=chatterbot", *overrides])).tokenizer


@pytest.mark.parametrize("name", ["byte", "char", "bpe"])
def test_a_saved_tokenizer_is_the_same(name: str, tmp_path: Path) -> None:
    chosen = settings(f"tokenizer={name}", "tokenizer.speaker_tokens=true", "format=chatml")
    tokenizer = chosen.train([])
    save_tokenizer(tokenizer, chosen, tmp_path)
    for path in (tmp_path, tmp_path / "tokenizer.json"):
        loaded = load_tokenizer(path)
        assert type(loaded) is type(tokenizer)
        assert loaded.fingerprint == tokenizer.fingerprint


def test_a_saved_tokenizer_needs_no_folder_that_it_was_made_from(tmp_path: Path) -> None:
    source = write_tokenizer(tmp_path / "peer", ["some text to learn from"])
    chosen = HFTokenizerSettings(str(source))
    tokenizer = chosen.train([])
    save_tokenizer(tokenizer, chosen, tmp_path)
    shutil.rmtree(source)
    assert load_tokenizer(tmp_path).fingerprint == tokenizer.fingerprint


def test_one_whose_class_has_moved_since_is_found_by_its_name(tmp_path: Path) -> None:
    content = '{"_target_": "harness.elsewhere.ByteTokenizerSettings", "plugins": {}, "tokenizer": {"labels": []}}'
    (tmp_path / "tokenizer.json").write_text(content)
    assert load_tokenizer(tmp_path).vocab_size == 257


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f'{{{CHAR}, "plugins": {{}}, "tokenizer": {{}}}}', "damaged tokenizer of .*CharTokenizerSettings"),
        (f'{{{BYTE}, "plugins": {{}}, "tokenizer": 5}}', "damaged tokenizer of .*ByteTokenizerSettings"),
        (
            f'{{{BPE}, "plugins": {{}}, "tokenizer": {{"merges": [["ab", "c"]], "labels": [], "split_digits": true}}}}',
            "damaged.*'ab' 'c' names a token that no earlier merge made",
        ),
        ('{"_target_": "os.system", "plugins": {}, "tokenizer": {}}', "asks for os.system, which no installed option"),
        (
            '{"_target_": "harness.text.data.conversations.Chatterbot", "plugins": {}, "tokenizer": {}}',
            "Chatterbot is not a TokenizerSettings",
        ),
        (f"{{{BYTE}}}", "not a tokenizer of bakeoff"),
        (f'{{{BYTE}, "plugins": 5, "tokenizer": {{}}}}', "not a tokenizer of bakeoff"),
        ("{}", "not a tokenizer of bakeoff"),
        ("[]", "not a tokenizer of bakeoff"),
        ("no json", "not a tokenizer of bakeoff"),
    ],
)
def test_a_file_that_is_no_tokenizer_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(UserError, match=message):
        load_tokenizer(tmp_path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="can't read a tokenizer"):
        load_tokenizer(tmp_path / "nothing")


def test_the_tokenizer_of_a_plugin_file_is_read_only_where_the_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_files(monkeypatch)
    file = tmp_path / "own_cuts.py"
    file.write_text(OWN)
    chosen = settings(f"tokenizer={file}")
    save_tokenizer(chosen.train([]), chosen, tmp_path)
    saved = json.loads((tmp_path / "tokenizer.json").read_text())
    assert list(saved["plugins"].values()) == [str(file)]
    assert load_tokenizer(tmp_path).vocab_size == 257
    forget_files(monkeypatch)
    with pytest.raises(UserError, match=f"plugin file own_cuts.py.*add --plugin {file}"):
        load_tokenizer(tmp_path)
    plugins.load([str(file)])
    assert load_tokenizer(tmp_path).vocab_size == 257
    forget_files(monkeypatch)
    file.write_text(OWN + "# changed\n")
    plugins.load([str(file)])
    with pytest.raises(UserError, match=r"was made with another own_cuts\.py"):
        load_tokenizer(tmp_path)
