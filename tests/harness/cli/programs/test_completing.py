"""Picking tokens in exported programs, and the file that they read."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch

from harness.cli.programs.completing import TYPES, complete, load_weights, pick
from harness.completion.decoding.transforms import Temperature, TopP


def test_a_file_of_the_library_is_read_with_every_type(tmp_path: Path) -> None:
    arrays = {name: np.arange(6).reshape(2, 3).astype(dtype) for name, dtype in TYPES.items()}
    arrays["empty"] = np.zeros((0, 2), np.float32)
    about = {"settings": json.dumps({"a": [1]}), "tokenizer": json.dumps({"kind": "byte"})}
    (tmp_path / "w").write_bytes(safetensors.numpy.save(arrays, about))
    settings, tokenizer, weights = load_weights(tmp_path / "w")
    assert (settings, tokenizer) == ({"a": [1]}, {"kind": "byte"})
    assert weights.keys() == arrays.keys()
    for name, array in arrays.items():
        assert weights[name].dtype == array.dtype
        assert np.array_equal(weights[name], array)


def test_without_temperature_the_likeliest_token_with_the_lowest_id_is_picked() -> None:
    assert pick(np.array([1.0, 3.0, 3.0, -np.inf]), 0, 1, np.random.default_rng(0)) == 1


@pytest.mark.parametrize(("temperature", "top_p"), [(1.0, 1.0), (0.5, 1.0), (2.0, 0.6), (1.0, 0.05)])
def test_draws_have_the_odds_of_our_temperature_and_top_p(temperature: float, top_p: float) -> None:
    logits = torch.tensor([[2.0, 0.0, 1.0, -1.0, -torch.inf]])
    odds = TopP(top_p)(Temperature(temperature)(logits.log_softmax(-1), None, None), None, None)  # type: ignore[arg-type]
    expected = odds.softmax(-1)[0].numpy()
    random = np.random.default_rng(0)
    drawn = [pick(logits[0].numpy(), temperature, top_p, random) for _ in range(2000)]
    found = np.bincount(drawn, minlength=5) / 2000
    assert ((found > 0) == (expected > 0)).all()
    assert np.abs(found - expected).max() < 0.05  # over four standard deviations


class Counting:
    """A model that expects the byte after the last one; a document begins with byte 255 and ends after 'f'."""

    def __init__(self, weights: dict[str, np.ndarray], settings: dict[str, int]) -> None:
        pass

    def read(self, token: int) -> np.ndarray:
        return np.eye(256)[255 if token == ord("f") else (token + 1) % 256]


class Bytes:
    def __init__(self, described: dict[str, str]) -> None:
        pass

    def encode(self, text: str) -> list[int]:
        return list(text.encode())

    def decode(self, tokens: list[int]) -> str:
        return bytes(tokens).decode(errors="replace")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["ab"], "abcdef\n"),
        (["ab", "--max-new-tokens", "2"], "abcd\n"),
        (["x\\na", "--max-new-tokens", "1"], "x\nab\n"),
        (["ab", "--max-new-tokens", "0"], "ab\n"),
    ],
)
def test_a_text_is_completed_up_to_its_end_or_a_length(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    about = {"settings": json.dumps({"start_token": 255}), "tokenizer": "{}"}
    (tmp_path / "w").write_bytes(safetensors.numpy.save({}, about))
    monkeypatch.setattr("sys.argv", ["run.py", *words, "--weights", str(tmp_path / "w")])
    complete(Counting, Bytes)
    assert capsys.readouterr().out == said


def test_every_option_is_described(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["run.py", "--help"])
    monkeypatch.setenv("COLUMNS", "300")
    with pytest.raises(SystemExit):
        complete(Counting, Bytes)
    described = re.findall(r"^  (--[a-z-]+) [A-Z]+ +(\w.*)", capsys.readouterr().out, re.MULTILINE)
    assert [name for name, _ in described] == ["--max-new-tokens", "--temperature", "--top-p", "--seed", "--weights"]
    assert not [about for _, about in described if about.startswith("default")]


@pytest.mark.parametrize(
    "words",
    [["--temperature", "-1"], ["--top-p", "0"], ["--top-p", "1.5"], ["--seed", "-1"], ["--max-new-tokens", "-1"]],
)
def test_a_wrong_value_is_refused(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["run.py", "a", *words])
    with pytest.raises(SystemExit):
        complete(Counting, Bytes)
