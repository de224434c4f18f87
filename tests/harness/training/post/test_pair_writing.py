"""Pairs to be rated are different replies to one prompt, and their cost is known."""

from __future__ import annotations

import torch

from harness.ratings.halves import is_for_ratings
from harness.text.tokenizers.byte import ByteTokenizer
from harness.training.post.pair_writing import Author, differ, pairs_by
from harness.training.post.prompts import Prompts
from models.settings.gru import GRUConfig
from tests.harness.training.post.families_in_the_world import Nothing
from tests.harness.training.post.made import corpus
from tests.rewards.replies import reply
from tests.toys import LetterTokenizer, ScriptedModel


def author() -> Author:
    torch.manual_seed(0)
    return Author(GRUConfig(d_model=8).build(4, 3).on(torch.device("cpu")), LetterTokenizer(3), 6, seed=0)


def test_so_many_pairs_of_different_replies_are_written_and_the_same_each_time() -> None:
    pairs, spent = pairs_by(author(), Nothing(), 70)  # type: ignore[arg-type]
    assert len(pairs) == 70
    assert all(differ(pair.one, pair.other) for pair in pairs)
    assert (spent.episodes, spent.seconds) == (256, 0)
    assert spent.flops == author().model.cost().flops_per_token * spent.read_tokens
    again, _ = pairs_by(author(), Nothing(), 70)  # type: ignore[arg-type]
    assert [(pair.one, pair.other) for pair in again] == [(pair.one, pair.other) for pair in pairs]


def test_a_model_that_writes_one_thing_gives_no_pairs_and_comes_to_an_end() -> None:
    of_one = Author(ScriptedModel(LetterTokenizer(3), lambda text: ""), LetterTokenizer(3), 4, seed=0)
    pairs, spent = pairs_by(of_one, Nothing(), 70)  # type: ignore[arg-type]
    assert pairs == []
    assert spent.episodes == 2 * 5 * 64  # four prompts for each pair, in whole batches


def test_replies_differ_where_a_reader_sees_it() -> None:
    assert not differ(reply("a", "\n"), reply("a", "\n"))
    assert differ(reply("a", "\n"), reply("b", "\n"))
    assert differ(reply("a", "\n"), reply("a"))


def test_one_half_is_asked_for_ratings_and_the_other_by_the_stage() -> None:
    tokenizer = ByteTokenizer()
    rated = Prompts(corpus(), "conversations", 2, tokenizer, None, 0, is_for_ratings).take(0, 100)
    others = Prompts(corpus(), "conversations", 2, tokenizer, None, 0, lambda name: not is_for_ratings(name)).take(
        0, 100
    )
    assert not {prompt.cluster for prompt in rated} & {prompt.cluster for prompt in others}
    assert all(is_for_ratings(prompt.cluster) for prompt in rated)
