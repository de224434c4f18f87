"""Replies as rows of training."""

from __future__ import annotations

import numpy as np
import torch

from harness.training.post.prompts import Asked
from harness.training.post.rollouts import differs_most, distributions, is_cut, rows_of, target_logprobs, write
from models.neural_model import NeuralModel
from models.settings.gru import GRUConfig
from tests.toys import LetterTokenizer

TOKENIZER = LetterTokenizer(3)


def model() -> NeuralModel:
    torch.manual_seed(0)
    built = GRUConfig(d_model=16).build(4, 3).on(torch.device("cpu"))
    assert isinstance(built, NeuralModel)
    return built


def test_the_reply_is_what_is_learnt_with_its_stop_and_nothing_else() -> None:
    asked = [Asked(text, TOKENIZER.encode(text), stop=("cc",)) for text in ("ab", "", "abcab")]
    replies = write(model(), TOKENIZER, asked, 6, [0, 1, 2])
    rows = rows_of(asked, replies, TOKENIZER.start_token, torch.device("cpu"))
    assert rows.mask is not None
    for row, (prompt, reply) in enumerate(zip(asked, replies, strict=True)):
        written = reply.completion.tokens
        assert rows.targets[row][rows.mask[row]].tolist() == list(written)
        whole = [3, *prompt.tokens.tolist(), *written]
        assert rows.inputs[row, : len(whole) - 1].tolist() == whole[:-1]
    assert rows.num_prompt_tokens == 7
    assert rows.num_targets == sum(len(reply.completion.tokens) for reply in replies)


def test_a_token_is_as_probable_in_training_as_when_it_was_written() -> None:
    policy = model()
    asked = [Asked(text, TOKENIZER.encode(text)) for text in ("ab", "", "abcab", "c")]
    replies = write(policy, TOKENIZER, asked, 8, [0, 1, 2, 3])
    rows = rows_of(asked, replies, TOKENIZER.start_token, torch.device("cpu"))
    with torch.no_grad():
        logprobs = target_logprobs(distributions(policy, rows), rows)
        assert differs_most(rows, logprobs, replies) < 1e-5
        assert differs_most(rows, logprobs + 0.5, replies) > 0.4
    assert differs_most(rows, logprobs * np.nan, replies) == np.inf


def test_a_reply_that_the_length_ends_is_cut() -> None:
    asked = [Asked("", TOKENIZER.encode(""))] * 40
    replies = write(model(), TOKENIZER, asked, 3, list(range(40)))
    for reply in replies:
        assert is_cut(reply.completion) == (reply.completion.tokens[-1] != TOKENIZER.start_token)
    assert {is_cut(reply.completion) for reply in replies} == {True, False}
