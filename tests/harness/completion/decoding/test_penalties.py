"""Penalties against transformers' own logits processors, and against their formulas."""

from __future__ import annotations

import pytest
import torch
from transformers import (
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
)

from harness.completion.decoding.penalties import CountPenalty, NoRepeatNGram, RepetitionPenalty
from harness.completion.decoding.transform import Rows
from tests.harness.completion.decoding.distributions import assert_same_distribution, random_logprobs, random_rows


@pytest.mark.parametrize("penalty", [0.5, 1.0, 1.2, 5.0])
def test_the_repetition_penalty_equals_transformers_on_log_probabilities(penalty: float) -> None:
    logprobs, rows = random_logprobs(1), random_rows(2, few=20)
    theirs = RepetitionPenaltyLogitsProcessor(penalty)(rows.tokens, logprobs.clone())
    assert_same_distribution(RepetitionPenalty(penalty)(logprobs, rows), theirs)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 41, 60])
def test_no_repeat_ngram_equals_transformers(n: int) -> None:
    logprobs, rows = random_logprobs(1), random_rows(2, few=4)
    theirs = NoRepeatNGramLogitsProcessor(n)(rows.tokens, logprobs.clone())
    assert_same_distribution(NoRepeatNGram(n)(logprobs, rows), theirs)


def test_where_all_tokens_would_be_removed_all_stay() -> None:
    logprobs = torch.full((1, 3), 1 / 3).log()
    rows = Rows(torch.tensor([[0, 1, 2]]), torch.tensor([3]), torch.tensor([0]))
    assert torch.equal(NoRepeatNGram(1)(logprobs, rows), logprobs)


def test_rows_of_other_lengths_are_looked_back_at_as_if_alone() -> None:
    logprobs = random_logprobs(5)[:3]
    tokens = random_rows(6, few=5, num_rows=3).tokens
    ragged = Rows(tokens, torch.tensor([40, 7, 0]), torch.tensor([10, 7, 0]))
    for transform in (RepetitionPenalty(1.5), CountPenalty(0.4, 0.3), NoRepeatNGram(3)):
        together = transform(logprobs, ragged)
        for row, length in enumerate([40, 7, 0]):
            alone = Rows(
                tokens[row : row + 1, :length], ragged.lengths[row : row + 1], ragged.prompt_lengths[row : row + 1]
            )
            torch.testing.assert_close(transform(logprobs[row : row + 1], alone), together[row : row + 1])


def test_the_count_penalty_takes_off_what_its_formula_says() -> None:
    logprobs = random_logprobs(8)[:1]
    # two of the prompt, then what was written: 3 twice, 4 once
    rows = Rows(torch.tensor([[1, 3, 3, 4, 3]]), torch.tensor([5]), torch.tensor([2]))
    expected = logprobs.clone()
    expected[0, 3] -= 0.5 + 2 * 0.2
    expected[0, 4] -= 0.5 + 0.2
    torch.testing.assert_close(CountPenalty(0.5, 0.2)(logprobs, rows), torch.log_softmax(expected, dim=-1))
