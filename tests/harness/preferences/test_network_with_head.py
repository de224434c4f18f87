"""A head on a network reads a reply's last token, and learns whom raters prefer."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from harness.common.errors import UserError
from harness.config.compose import compose
from harness.preferences.head import Head
from harness.preferences.network_with_head import NetworkWithHead, _loss, _steps
from harness.preferences.preference import Backbone
from harness.preferences.quality import predicted_by, quality
from harness.ratings.rating import Rating
from harness.runs.settings import typed
from models.language_model import LanguageModel, ModelConfig
from models.neural_model import NeuralModel
from models.settings.gru import GRUConfig
from models.settings.ngram import NGramConfig
from models.settings.transformer import TransformerConfig
from tests.harness.ratings.made import rating, world, written
from tests.harness.training.post.families_in_the_world import counted, family
from tests.harness.training.post.made import corpus

TOKENIZER = typed(compose(["data=chatterbot", "tokenizer=char", "tracking=none"])).tokenizer.train(corpus().train)


def backbone(config: ModelConfig | None = None) -> Backbone:
    torch.manual_seed(0)
    config = config or GRUConfig(d_model=24, learning_rate=0.02)
    model = config.build(TOKENIZER.vocab_size, TOKENIZER.start_token)
    return Backbone(model.on(torch.device("cpu")), TOKENIZER, 0)


def head(of: Backbone) -> NetworkWithHead:
    assert isinstance(of.model, NeuralModel)
    size = of.model.features(torch.tensor([[0]])).shape[2]
    return NetworkWithHead(of.model, of.tokenizer, torch.ones(size) / size, torch.tensor(0.5))


def test_a_score_is_read_at_the_last_token_alone_or_among_others() -> None:
    model = head(backbone())
    replies = [written("abc"), written("abcdefgh" * 5), written("", stop_text="")]
    prompts = ["Human: a\n\n", "", "Human: long and longer\n\n"]
    together = model.scores(prompts, replies)
    for prompt, reply, score in zip(prompts, replies, together, strict=True):
        row = torch.tensor([model.row(prompt, reply)])
        by_hand = model.network.features(row)[0, -1] @ model.weight + 0.5
        assert score == pytest.approx(float(by_hand.detach()), abs=1e-5)
        assert model.scores([prompt], [reply])[0] == pytest.approx(score, abs=1e-5)


def test_its_loss_is_the_cross_entropy_of_torch() -> None:
    model = head(backbone())
    ratings = [rating("abc", "de", "a"), rating("f", "ghij", "b"), rating("k", "l", "tie")]
    scores = [
        torch.tensor(model.scores([r.pair.prompt for r in ratings], [getattr(r.pair, s) for r in ratings]))
        for s in "ab"
    ]
    said = torch.tensor([r.p for r in ratings], dtype=torch.float64)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(scores[0] - scores[1], said)
    assert float(_loss(model, ratings)) == pytest.approx(float(expected), abs=1e-5)


def test_it_learns_whom_raters_prefer_and_leaves_the_fit_as_it_was() -> None:
    of = backbone()
    before = {name: value.clone() for name, value in of.model.tensors().items()}
    settings = Head(learning_rate_share=1.0)
    model = settings.fit(world(800)[0], of)
    fresh, _ = world(300, seed=9)
    told = quality(
        predicted_by(
            *(model.scores([r.pair.prompt for r in fresh], [getattr(r.pair, s) for r in fresh]) for s in "ab")
        ),
        fresh,
    )
    assert told.accuracy.value is not None
    assert told.accuracy.value > 0.65
    assert all(torch.equal(value, before[name]) for name, value in of.model.tensors().items())
    again = settings.loaded(model.tensors(), model.described(), of)
    replies = [r.pair.a for r in fresh[:5]]
    assert again.scores([""] * 5, replies).tolist() == model.scores([""] * 5, replies).tolist()


def test_each_rating_is_learnt_once_beside_others_of_its_length() -> None:
    ratings, model = world(70)[0], head(backbone())
    steps = _steps(model, ratings, 16, seed=0)
    assert sorted(number for step in steps for number in step) == list(range(70))
    assert sorted(map(len, steps)) == [6, 16, 16, 16, 16]
    longest = [[max(len(ratings[n].pair.a.text), len(ratings[n].pair.b.text)) for n in step] for step in steps]
    spans = sorted((min(step), max(step)) for step in longest)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))
    assert steps != _steps(model, ratings, 16, seed=1)


def test_it_is_the_same_each_time() -> None:
    ratings: list[Rating] = world(40)[0]
    one, other = (Head().fit(ratings, backbone()).scores([""], [written("abc")]) for _ in range(2))
    assert one == other


def test_a_text_longer_than_the_window_loses_its_beginning() -> None:
    model = head(backbone(TransformerConfig(d_model=16, num_layers=1, num_heads=2, context_length=16)))
    row = model.row("a" * 30, written("b" * 4, stop_text=""))
    assert len(row) == 16
    assert TOKENIZER.decode(row) == "a" * 12 + "b" * 4
    assert np.isfinite(model.scores(["a" * 30], [written("b" * 4)])).all()


@pytest.mark.parametrize("model", [counted(NGramConfig(order=2)), family("tilted")], ids=["ngram", "tilted"])
def test_families_without_hidden_values_are_refused(model: LanguageModel) -> None:
    with pytest.raises(UserError, match=r"preference=ngram_logistic or preference=log_ratio"):
        Head().fit(world(40)[0], Backbone(model, TOKENIZER, 0))
    assert "has none here" in str(Head().why_not(model))
    assert Head().why_not(backbone().model) is None
