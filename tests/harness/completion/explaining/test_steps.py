"""An explanation shows exactly what the engine saw."""

from __future__ import annotations

import math

import pytest
import torch

from harness.common.errors import UserError
from harness.completion.decoding.choosers import Greedy
from harness.completion.decoding.transforms import Temperature, TopK, TopP
from harness.completion.engine import DecodingStrategy
from harness.completion.explaining.steps import explain
from harness.completion.searches.beam import Beam
from harness.completion.sequence import Prompt
from tests.harness.completion.explaining.engines import TOKENIZER, engine


def test_it_explains_the_very_completion_that_the_engine_writes() -> None:
    prompt = Prompt("ab", 30, seed=5)
    explanation = explain(engine(), prompt)
    [made] = engine().complete([prompt])
    assert explanation.completion == made
    assert tuple(step.chosen.token for step in explanation.steps) == made.tokens
    for step, logprob, sampler_logprob in zip(explanation.steps, made.logprobs, made.sampler_logprobs, strict=True):
        assert math.log(step.chosen.expected) == pytest.approx(logprob, abs=1e-5)
        assert math.log(step.chosen.left[-1]) == pytest.approx(sampler_logprob, abs=1e-5)
        assert step.surprise_bits == pytest.approx(-logprob / math.log(2), rel=1e-5)


def test_candidates_are_the_most_probable_and_the_chosen_one() -> None:
    for step in explain(engine(), Prompt("ab", 20, seed=1), num_candidates=3).steps:
        listed = [candidate.expected for candidate in step.candidates]
        assert listed == sorted(listed, reverse=True)
        assert len(listed) == (3 if step.rank <= 3 else 4)
        assert sum(candidate.is_chosen for candidate in step.candidates) == 1
        assert sum(listed) + step.others_expected == pytest.approx(1, abs=1e-5)
        assert step.num_others + len(listed) == TOKENIZER.vocab_size


def test_stages_say_what_each_transform_removed() -> None:
    [step] = explain(engine(), Prompt("ab", 1)).steps
    expected = engine().model.start(1).table[TOKENIZER.encode("b")[0]][None]  # type: ignore[attr-defined]
    cooled = Temperature(0.8)(expected)
    top = TopK(20)(cooled)
    nucleus = TopP(0.8)(top)
    temperature, top_k, top_p = step.stages
    assert (temperature.name, temperature.num_removed, temperature.mass_removed) == ("temperature", 0, 0.0)
    assert top_k.num_removed == TOKENIZER.vocab_size - 20
    assert top_k.mass_removed == pytest.approx(float(cooled[top == -torch.inf].exp().sum()), abs=1e-6)
    assert top_p.num_removed == 20 - int(nucleus.isfinite().sum())
    assert top_p.mass_removed == pytest.approx(
        float(top[(nucleus == -torch.inf) & top.isfinite()].exp().sum()), abs=1e-6
    )


def test_a_search_is_refused() -> None:
    with pytest.raises(UserError, match="Beam"):
        explain(engine(DecodingStrategy(Greedy(), {}, Beam())), Prompt("a", 3))
