"""Engines whose completions are explained: one of random numbers, and one that writes hostile text."""

from __future__ import annotations

import itertools

import torch

from harness.completion.decoding.choosers import Draw
from harness.completion.decoding.transforms import Temperature, TopK, TopP
from harness.completion.engine import DecodingStrategy, Engine
from harness.completion.explaining.steps import Explanation, explain
from harness.completion.sequence import Prompt
from harness.plugin_kit.chain import TableModel
from harness.text.tokenizers.byte import ByteTokenizerSettings

TOKENIZER = ByteTokenizerSettings().train([])
STRATEGY = DecodingStrategy(Draw(), {"temperature": Temperature(0.8), "top_k": TopK(20), "top_p": TopP(0.8)})


def engine(strategy: DecodingStrategy = STRATEGY) -> Engine:
    size = TOKENIZER.vocab_size
    logits = torch.randn(size, size, generator=torch.Generator().manual_seed(0)) * 2
    return Engine(TableModel(logits, TOKENIZER.start_token), TOKENIZER, strategy)


def hostile_explanations() -> list[Explanation]:
    """Of a prompt that would run a script, and of a completion that would load an image and move the terminal."""
    size = TOKENIZER.vocab_size
    logits = torch.zeros(size, size)
    ids = [TOKENIZER.start_token, *TOKENIZER.encode("<img src=x>\x1b").tolist()]
    for before, after in itertools.pairwise(ids):
        logits[before, after] = 50.0
    hostile = Engine(TableModel(logits, ids[0]), TOKENIZER, STRATEGY)
    of_completion = explain(hostile, Prompt("", 12))
    assert "<img src=x>" in "".join(step.chosen.text for step in of_completion.steps)
    return [explain(hostile, Prompt("<script>alert(1)</script>\x1b[31m", 5)), of_completion]
