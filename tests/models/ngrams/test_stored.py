"""Weights changed by a stranger or a broken disk: an error that names the array, and never a crash."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.checks import BadWeights
from models.language_model import WEIGHTS_FILE, CountingModel
from models.settings.ngram import NGramConfig
from models.settings.recency_cache import CacheConfig
from models.settings.unigram import UnigramConfig
from tests.conftest import ROOT
from tests.models.ngrams.texts import random_documents, stream_of

START, VOCAB = 5, 6
STREAM = torch.tensor(stream_of(random_documents(1, 20, 20, 5), START))
HELD_OUT = [STREAM[1:40]]
TEXT = torch.tensor([[*range(VOCAB), 3, 1, 0, 0, 2, 1]])


def fitted(order: int | str = 3, **options: Any) -> CountingModel:
    model = NGramConfig(order=order, **options).build(VOCAB, START)
    model.count(STREAM)
    model.finish(HELD_OUT)
    return model


def loaded(model: CountingModel, tensors: dict[str, Tensor]) -> CountingModel:
    again = model.config.build(VOCAB, START)
    assert isinstance(again, CountingModel)
    again.load_tensors(tensors)
    return again


@pytest.mark.parametrize("token", [715827882, -5])
def test_tokens_filled_with_one_number_are_refused(token: int) -> None:
    model = fitted()
    tensors = {**model.tensors(), "tokens": torch.full_like(model.tensors()["tokens"], token)}
    with pytest.raises(BadWeights, match="the array 'tokens'"):
        loaded(model, tensors)


@pytest.mark.parametrize("order", [3, "inf"])
def test_every_array_must_be_there_with_its_type_and_shape(order: int | str) -> None:
    model = fitted(order, keep_counts=True)
    tensors = model.tensors()
    for name, tensor in tensors.items():
        wrong = [tensor.to(torch.float16), tensor[:-1], tensor[None]]
        for others in ({}, *({name: other} for other in wrong)):
            rest = {key: value for key, value in tensors.items() if key != name}
            if name == "counts" and not others:
                continue  # a fit need not keep its counts
            with pytest.raises(BadWeights, match="the array '"):
                loaded(model, rest | others)


def test_another_vocabulary_or_order_is_refused() -> None:
    model = fitted()
    for order, vocab_size, start_token in ((4, VOCAB, START), (3, VOCAB + 1, START), (3, VOCAB, VOCAB)):
        with pytest.raises(BadWeights):
            NGramConfig(order=order).build(vocab_size, start_token).load_tensors(model.tensors())


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        ("counts", 3, -1),
        ("counts", 3, 1 << 62),
        ("num_tokens", 0, 1 << 62),
        ("tail", 0, VOCAB),
        ("logprobs", 4, float("nan")),
        ("logprobs", 4, 1.0),
        ("log_backoffs", 4, float("inf")),
    ],
)
def test_impossible_numbers_are_refused(name: str, place: int, value: float) -> None:
    model = fitted(keep_counts=True)
    tensors = {key: tensor.clone() for key, tensor in model.tensors().items()}
    tensors[name][place] = value
    with pytest.raises(BadWeights, match=f"the array '{name}'"):
        loaded(model, tensors)


def test_rows_that_belong_to_no_text_are_refused() -> None:
    model = fitted("inf")
    followers = model.tensors()["followers"]
    # The text would end where it begins, and yet tokens follow in other rows.
    empty = torch.cat([torch.tensor([-1], dtype=torch.int32), followers[followers >= 0]])
    with pytest.raises(BadWeights, match="'followers' has impossible values: no text has these"):
        loaded(model, {**model.tensors(), "followers": empty})


@pytest.mark.parametrize(
    ("name", "values"),
    [("weights", [0.1]), ("weights", [0.1, 2.0]), ("weights", [0.1, float("nan")]), ("sharpness", [-1.0])],
)
def test_a_cache_refuses_weights_that_are_not_its_own(name: str, values: list[float]) -> None:
    model = CacheConfig({"base": UnigramConfig()}, longest_match=1).build(VOCAB, START)
    tensors = {**model.tensors(), name: torch.tensor(values, dtype=torch.float64)}
    with pytest.raises(BadWeights, match=f"the array '{name}'"):
        model.load_tensors(tensors)


@pytest.mark.campaign
def test_a_value_changed_at_random_gives_an_error_or_an_answer_but_never_a_crash(tmp_path: Path) -> None:
    """In a process of its own, for a crash would end the tests."""
    command = [sys.executable, "-m", "tests.models.ngrams.test_stored", str(tmp_path)]
    process = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert process.returncode == 0, (process.returncode, process.stdout[-300:], process.stderr[-3000:])
    results = [line.split()[1:] for line in process.stdout.splitlines() if line.startswith("cases:")]
    assert len(results) == 5
    assert all(int(num_refused) > 50 and int(num_answered) > 20 for num_refused, num_answered in results)


def _change_at_random(model: CountingModel, folder: Path) -> None:
    """Change one value of each array again and again; print how many changes were refused, and how many not."""
    model.save(folder)
    original = load_file(folder / WEIGHTS_FILE)
    rng = np.random.default_rng(0)
    extremes: list[float] = [-1, 0, 1, 2, VOCAB - 1, VOCAB, 1000, 715827882, -715827882]
    num_refused = num_answered = 0
    for _ in range(40):
        for name, tensor in original.items():
            if not tensor.numel():
                continue
            changed = {key: value.clone() for key, value in original.items()}
            flat = changed[name].view(-1)
            place = int(rng.integers(len(flat)))
            if tensor.dtype.is_floating_point:
                flat[place] = float(rng.choice([np.nan, np.inf, -np.inf, 1e308, -1e308, *extremes]))
            else:
                limits = torch.iinfo(tensor.dtype)
                near = int(flat[place]) + int(rng.integers(-2, 3))
                flat[place] = int(rng.choice(np.array([limits.min, limits.max, near, *extremes], dtype=np.int64)))
            print(name, place, flat[place].item(), flush=True)
            save_file(changed, folder / WEIGHTS_FILE)
            again = model.config.build(VOCAB, START)
            assert isinstance(again, CountingModel)
            try:
                again.load(folder)
            except BadWeights:
                num_refused += 1
                continue
            num_answered += 1
            scored, distributions = again.token_logprobs(TEXT), again.logprobs(TEXT)
            assert not scored.isnan().any()
            gathered = distributions[:, :-1].gather(2, TEXT[:, :, None])[:, :, 0]
            torch.testing.assert_close(scored, gathered, atol=1e-4, rtol=1e-4)
            if "counts" in changed or "followers" in changed:
                again.count(STREAM)
                again.finish(HELD_OUT)
                assert torch.isfinite(again.token_logprobs(TEXT)).all()
    print("cases:", num_refused, num_answered)


if __name__ == "__main__":
    _change_at_random(fitted(), Path(sys.argv[1]))
    _change_at_random(fitted(4, keep_counts=True), Path(sys.argv[1]))
    _change_at_random(fitted(smoothing="jelinek_mercer", keep_counts=True), Path(sys.argv[1]))
    _change_at_random(fitted(smoothing="katz", keep_counts=True), Path(sys.argv[1]))
    _change_at_random(fitted("inf"), Path(sys.argv[1]))
