"""Rated pairs become tokens to learn from: the right way round, with what ended each reply."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from harness.common.errors import UserError
from harness.ratings.bank import Bank
from harness.ratings.halves import is_held_out
from harness.ratings.rating import Pair, Rating, Written
from harness.ratings.source import RatedBank
from harness.text.tokenizers.byte import ByteTokenizer
from harness.training.post.rated_pairs import RatedPairs
from harness.training.post.stage import Bench
from harness.training.settings import Training
from models.settings.gru import GRUConfig
from models.settings.transformer import TransformerConfig
from tests.harness.ratings.made import material, rating, written
from tests.harness.training.post.made import SMALL_GRU, corpus, made

TOKENIZER = ByteTokenizer()


def rated(folder: Path, ratings: list[Rating], window: int | None = None, said: list[str] | None = None) -> RatedPairs:
    bank = Bank(folder / "ratings" / "mine")
    for each in ratings:
        bank.add(each)
    config = (
        GRUConfig(d_model=8) if window is None else TransformerConfig(d_model=8, num_heads=1, context_length=window)
    )
    model = config.build(TOKENIZER.vocab_size, TOKENIZER.start_token).on(torch.device("cpu"))
    of = material(folder, [])
    of = type(of)(**{**vars(of), "model": model})
    bench = Bench("dpo", TOKENIZER, corpus(), Training(), 0, folder, (said if said is not None else []).append)
    return RatedPairs(RatedBank(name="mine", folder=str(folder / "ratings")), of, bench)


CLUSTERS = [name for name in (f"c{number}" for number in range(40)) if not is_held_out(name)]
HELD_OUT = next(name for name in (f"c{number}" for number in range(40)) if is_held_out(name))


def test_replies_are_as_they_were_rated(tmp_path: Path) -> None:
    ended = Pair("Q", CLUSTERS[3], Written("end", "stop", None, "w"), Written("cut", "length", None, "w"))
    ratings = [
        rating("yes", "no", "a", cluster=CLUSTERS[0]),
        rating("yes!", "no!", "b", cluster=CLUSTERS[1]),
        rating("so", "what", "tie", cluster=CLUSTERS[2]),
        Rating(ended, "a", "anna", "a", 0.75, ""),
        rating("held", "out", cluster=HELD_OUT),
        rating("skip", "it", "skip", cluster=CLUSTERS[0]),
    ]
    pairs = rated(tmp_path, ratings)
    asked, replies, better = pairs.take(0, 4)
    told = {
        reply.completion.text: (share, TOKENIZER.decode(reply.completion.tokens), prompt.text)
        for prompt, reply, share in zip(asked, replies, better.tolist(), strict=True)
    }
    prompt = ratings[0].pair.prompt
    assert told == {
        "yes": (1.0, "yes\n\n", prompt), "no": (0.0, "no\n\n", prompt),
        "yes!": (0.0, "yes!\n\n", prompt), "no!": (1.0, "no!\n\n", prompt),
        "so": (0.5, "so\n\n", prompt), "what": (0.5, "what\n\n", prompt),
        "end": (0.75, "end", "Q"), "cut": (0.25, "cut", "Q"),
    }  # fmt: skip
    of_document = next(reply for reply in replies if reply.completion.text == "end")
    assert of_document.completion.tokens[-1] == TOKENIZER.start_token
    assert asked[0].text == "Q"  # the shortest first
    assert {reply.completion.text for reply in pairs.take(4, 4)[1]} == told.keys()  # again from the first
    assert pairs.spent == {"ratings": 4}


def test_what_doesn_t_fit_is_left_out_and_said(tmp_path: Path) -> None:
    said: list[str] = []
    long = rating("y" * 90, "no", cluster=CLUSTERS[0])
    pairs = rated(tmp_path, [long, rating("a", "b", cluster=CLUSTERS[1])], window=64, said=said)
    assert {reply.completion.text for reply in pairs.take(0, 5)[1]} == {"a", "b"}
    assert said == ["1 of 2 rated pairs don't fit this model, and are left out"]


@pytest.mark.parametrize("choice", ["tie", "skip"])
def test_a_bank_without_a_preference_is_refused(tmp_path: Path, choice: str) -> None:
    with pytest.raises(UserError, match=r"nothing to learn from the bank mine: of \d ratings none prefers a reply"):
        rated(tmp_path, [rating("a", "b", choice, cluster=CLUSTERS[0])])  # type: ignore[arg-type]


def test_a_stage_comes_to_prefer_what_raters_preferred(tmp_path: Path) -> None:
    bank = Bank(tmp_path / "ratings" / "mine")
    for number, cluster in enumerate(CLUSTERS * 3):
        good, bad = written(f" a{'a' * (number % 9)}"), written(f" o{'o' * (number % 7)}")
        a, b = (good, bad) if number % 2 else (bad, good)
        bank.add(
            Rating(
                Pair(f"Human: {number}\n\nAssistant:", cluster, a, b),
                "a",
                "anna",
                "a" if number % 2 else "b",
                float(number % 2),
                "",
            )
        )
    options = [
        "post=[dpo]",
        "post.dpo.pairs=rated",
        "ratings=bank",
        "ratings.name=mine",
        f"ratings.folder={bank.folder.parent}",
    ]
    options += [
        "rewards=[length]",
        "post.dpo.cut_reward=null",
        "post.dpo.learning_rate_share=1.0",
        "post.dpo.max_new_tokens=12",
    ]
    options += ["post.dpo.budget.episodes=192", "post.dpo.prompts_per_step=8", "training.num_curve_rows=50"]
    fit = made(tmp_path, *SMALL_GRU, *options)
    curve = fit.curve()
    assert curve["pair_accuracy"].iloc[-1] > 0.9
    [stage] = fit.facts["stages"]
    assert stage["spent"]["ratings"] == len(CLUSTERS) * 3
