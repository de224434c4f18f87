"""The contract of models/language_model.py, tested for every family in conf/model/ over two vocabularies.

A campaign goes through the vocabulary of every tokenizer.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file
from torch import nn

from models.checking.contract import FAMILY_CHECKS, FIT_CHECKS, LONG_CHECKS
from models.checking.trial import MARKOV, Subject, Vocabulary
from models.combined import CombinedModel
from models.neural_model import NeuralModel, TorchModel
from tests.models.families import (
    FAMILIES,
    LEARNING,
    OTHER_VOCABULARIES,
    VARIANTS,
    VOCABULARIES,
    make_vocabulary,
    options,
    tiny_config,
)

Check = Callable[[Subject], None]


OTHERS = [pytest.param(name, marks=pytest.mark.campaign) for name in OTHER_VOCABULARIES]


@pytest.fixture(scope="module", params=[*VOCABULARIES, *OTHERS])
def vocabulary(request: pytest.FixtureRequest) -> Vocabulary:
    return make_vocabulary(request.param)


@pytest.fixture(scope="module", params=[*FAMILIES, *VARIANTS])
def subject(request: pytest.FixtureRequest, vocabulary: Vocabulary) -> Subject:
    return Subject(tiny_config(request.param, vocabulary), vocabulary)


def sentence(check: Check) -> str:
    return check.__name__


@pytest.mark.parametrize("check", FIT_CHECKS, ids=sentence)
def test_a_fit_keeps_the_promise_that(check: Check, subject: Subject) -> None:
    check(subject)


@pytest.mark.parametrize("check", FAMILY_CHECKS, ids=sentence)
@pytest.mark.parametrize("family", [*FAMILIES, *VARIANTS])
def test_a_family_keeps_the_promise_that(check: Check, family: str) -> None:
    check(Subject(tiny_config(family), MARKOV))


@pytest.mark.campaign
@pytest.mark.parametrize("check", LONG_CHECKS, ids=sentence)
@pytest.mark.parametrize("family", [*FAMILIES, *VARIANTS])
def test_over_long_texts_a_family_keeps_the_promise_that(check: Check, family: str) -> None:
    check(Subject(tiny_config(family), MARKOV))


def test_operations_are_counted_for_what_is_multiplied(subject: Subject) -> None:
    cost = subject.model.cost()
    if isinstance(subject.model, NeuralModel):
        assert cost.flops_per_token > 0  # tests/models/test_neural_model.py holds the number to torch's counter
    elif isinstance(subject.model, TorchModel):
        # Every weight of a matrix is multiplied and added once a token; a tied embedding serves as output.
        modules = list(subject.model.modules())
        looked_up = {id(m.weight) for m in modules if isinstance(m, nn.Embedding)}
        multiplied = {id(m.weight) for m in modules if isinstance(m, nn.Linear)}
        matrices = [p for p in subject.model.parameters() if p.dim() == 2 and id(p) not in looked_up - multiplied]
        assert cost.flops_per_token >= 2 * sum(p.numel() for p in matrices)
    elif isinstance(subject.model, CombinedModel):
        members = subject.model.members.values()
        assert cost.flops_per_token == sum(member.cost().flops_per_token for member in members)
    else:
        assert cost.flops_per_token == 0


@pytest.mark.parametrize("family", FAMILIES)
def test_the_yaml_names_every_option_with_its_default(family: str) -> None:
    config_class, values = options(family)
    defaults = {
        field.name: field.default_factory() if callable(field.default_factory) else field.default
        for field in dataclasses.fields(config_class)
        if field.name != "members"
    }
    assert values == defaults
    assert {name: type(value) for name, value in values.items()} == {
        name: type(value) for name, value in defaults.items()
    }
    assert config_class.family == family


@pytest.mark.parametrize("family", ["hf", "hf:path=llama"])
def test_fitted_weights_have_the_size_of_the_cost(family: str) -> None:
    subject = Subject(tiny_config(family), MARKOV)
    [weights] = Path(subject.config.path).glob("*.safetensors")  # type: ignore[attr-defined]
    cost = subject.model.cost()
    assert 0 <= weights.stat().st_size - cost.model_bytes <= 4096
    assert cost.num_params == sum(value.numel() for value in load_file(weights).values())


@pytest.mark.parametrize("family", LEARNING)
def test_a_fit_learns_something_or_is_the_uniform_family(family: str) -> None:
    of = Subject(tiny_config(family), MARKOV)
    nats = -float(of.model.token_logprobs(MARKOV.stream[None, 1:400]).mean())
    uniform = math.log(MARKOV.size)
    assert nats == pytest.approx(uniform, abs=1e-6) if family == "uniform" else nats < uniform
