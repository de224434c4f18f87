"""Replies as rows of training."""

from __future__ import annotations

import numpy as np
import torch

from harness.training.post.prompts import Asked
from harness.training.post.rollouts import (
    differs_most,
    distributions,
    is_cut,
    over_parts,
    rows_of,
    target_logprobs,
    write,
)
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


def test_parts_have_no_padding_that_they_don_t_need_and_keep_groups_together() -> None:
    asked = [Asked(text, TOKENIZER.encode(text), stop=("cc",)) for text in ("a", "a", "b", "b", "abcabcab", "abcabcab")]
    replies = write(model(), TOKENIZER, asked, 4, list(range(6)))
    rows = rows_of(asked, replies, TOKENIZER.start_token, torch.device("cpu"), group_size=2)
    parts = {where.start: part for where, part in rows.parts(3 * rows.inputs.shape[1])}
    assert {start: len(part.inputs) for start, part in parts.items()} == {0: 2, 2: 2, 4: 2}
    for start, part in parts.items():
        assert part.mask is not None
        longest = max(len(asked[row].tokens) + len(replies[row].completion.tokens) for row in (start, start + 1))
        assert part.inputs.shape == part.targets.shape == part.mask.shape == (2, longest)
    assert sum(part.num_targets for part in parts.values()) == rows.num_targets
    assert rows.num_computed == rows.inputs.numel()  # few enough rows for one part


def test_values_of_parts_are_those_of_the_whole() -> None:
    policy = model()
    asked = [Asked(text, TOKENIZER.encode(text)) for text in ("", "c", *["ab"] * 70, "abcab")]
    replies = write(policy, TOKENIZER, asked, 4, list(range(73)))
    rows = rows_of(asked, replies, TOKENIZER.start_token, torch.device("cpu"))
    assert rows.mask is not None
    with torch.no_grad():
        whole = distributions(policy, rows)
        by_parts = over_parts(rows, lambda part: distributions(policy, part))
    torch.testing.assert_close(by_parts[rows.mask], whole[rows.mask])
