"""What a model of the transformers library says of two replies is what the library computes."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.common.errors import UserError
from harness.config.compose import compose
from harness.config.settings import build
from harness.ratings.asked_model import AskedModel, question
from harness.ratings.source import RatingsSource
from models.settings.unigram import UnigramConfig
from tests.harness.ratings.made import JUDGE, material, pair
from tests.peers import write_gpt2, write_tokenizer

TEXT = 'Which of these two replies, A or B, keeps better to the rule "polite"?\nAnswer: A B'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_tokenizer(tmp_path_factory.mktemp("judge"), [TEXT] * 20)
    return write_gpt2(folder, 300, 0, context_length=256)


def made(folder: Path, *overrides: str) -> AskedModel:
    node = compose(["post=[dpo]", "ratings=asked_model", f"ratings.model.path={folder}", *overrides])["ratings"]
    source = build(node, RatingsSource, "ratings")  # type: ignore[type-abstract]
    assert isinstance(source, AskedModel)
    return dataclasses.replace(source, judge=JUDGE)


def test_probabilities_are_those_of_the_library_over_both_orders(folder: Path) -> None:
    from tokenizers import Tokenizer
    from transformers import AutoModelForCausalLM

    library = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))

    def lead(text: str) -> float:
        """Of A over B."""
        sums = []
        for letter in (" A", " B"):
            prompt, answer = tokenizer.encode(text).ids, tokenizer.encode(letter).ids
            with torch.no_grad():
                logits = library(torch.tensor([[0, *prompt, *answer]])).logits[0].double()
            logprobs = torch.log_softmax(logits, -1)
            places = range(len(prompt), len(prompt) + len(answer))
            sums.append(sum(float(logprobs[place, token]) for place, token in zip(places, answer, strict=True)))
        return sums[0] - sums[1]

    pairs = [pair("x", "Go {away}!"), pair("y", "no")]
    for each, p in zip(pairs, made(folder, "ratings.small_models=true").asked(pairs, ["polite"] * 2), strict=True):
        leads = [lead(question(each.prompt, *shown, "polite")) for shown in ((each.a, each.b), (each.b, each.a))]
        first, second = (1 / (1 + np.exp(-lead_of)) for lead_of in leads)
        assert p == pytest.approx((first + 1 - second) / 2, abs=1e-5)
        assert 0.001 < p < 0.999


def test_one_principle_is_asked_or_all_by_their_weights(folder: Path, tmp_path: Path) -> None:
    pairs = [pair("apple", "no"), pair("no!", "no, please")]
    source = made(folder, "ratings.small_models=true")
    by_name = {name: source.asked(pairs, [name] * 2) for name in JUDGE.principles}
    orders = [["calm", "long"], ["polite", "calm"]]
    assert source.probabilities(pairs, orders) == pytest.approx([by_name["calm"][0], by_name["polite"][1]], abs=1e-6)
    weights = {"long": 1 / 5, "polite": 3 / 5, "calm": 1 / 5}
    expected = [sum(weights[name] * by_name[name][number] for name in weights) for number in range(2)]
    ratings, _ = dataclasses.replace(source, by="all").rate(pairs, material(tmp_path, []))
    assert [each.p for each in ratings] == pytest.approx(expected)


def test_a_model_that_can_not_judge_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"parameters\. One with fewer than 100,000,000 .*ratings.small_models=true"):
        made(folder)
    with pytest.raises(UserError, match=r"not a folder of a transformers model: there is no such folder"):
        made(tmp_path / "none")
    with pytest.raises(ValueError, match="comes with its weights"):
        dataclasses.replace(made(folder, "ratings.small_models=true"), model=UnigramConfig())
