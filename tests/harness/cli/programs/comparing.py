"""Whether a program computes what the model computes whose weights it has."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import torch

from harness.cli.exporting import program_inputs
from models.language_model import LanguageModel
from models.neural_model import NeuralModel
from tests.models.families import MARKOV, fit, random_tokens, tiny_config

LENGTH = 40


def small_model(family: str, **options: Any) -> LanguageModel:
    """A family's model over a random chain. Neural weights are far from their first values, so that one left out
    shows."""
    model = fit(tiny_config(family, **options), MARKOV)
    if isinstance(model, NeuralModel):
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter += 0.2 * torch.randn(parameter.shape, generator=generator)
        model.eval()
    return model


def check_program(family: str, **options: Any) -> None:
    """Read a text by the family's program, token by token, and compare what it expects with the model's."""
    model = small_model(family, **options)
    settings, weights = program_inputs(model)
    part = importlib.import_module(f"harness.cli.programs.families.{family}")
    read_here = part.Model(weights, settings)
    tokens = random_tokens(model.vocab_size, LENGTH)
    logits = np.stack([read_here.read(token) for token in [model.start_token, *tokens.tolist()]])
    found = torch.log_softmax(torch.from_numpy(logits).double(), dim=-1)
    expected = model.logprobs(tokens[None])[0].double()
    if model.why_no_distribution is not None:
        expected = torch.log_softmax(expected, dim=-1)
    assert torch.allclose(found, expected, rtol=0, atol=1e-4)
