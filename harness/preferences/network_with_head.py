"""How a head on the fit's network learns and scores (harness/preferences/head.py says what it is).

Shape legend: B replies, T tokens of a row (prompt and reply), F features of a place.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harness.common.errors import UserError
from harness.common.progress import Progress
from harness.common.seeds import seed_of
from harness.preferences.head import Head
from harness.preferences.preference import Backbone, PreferenceModel
from harness.ratings.rating import Rating, Written
from harness.statistics.arrays import Floats
from harness.text.tokenizers.tokenizer import Tokenizer
from harness.training.post import losses
from models.language_model import LanguageModel
from models.neural_model import NeuralModel

_ROWS_AT_ONCE = 64
_LARGEST_NORM = 1.0


class NetworkWithHead(PreferenceModel):
    """The fitted model."""

    def __init__(self, network: NeuralModel, tokenizer: Tokenizer, weight: Tensor, bias: Tensor) -> None:
        """network: which is changed as it learns. weight: (F,). bias: ()."""
        self.network, self.tokenizer, self.weight, self.bias = network, tokenizer, weight, bias

    @torch.no_grad()
    def scores(self, prompts: Sequence[str], replies: Sequence[Written]) -> Floats:
        rows = [self.row(prompt, reply) for prompt, reply in zip(prompts, replies, strict=True)]
        scores = np.zeros(len(rows))
        order = np.argsort([len(row) for row in rows], kind="stable")
        for begin in range(0, len(rows), _ROWS_AT_ONCE):
            places = order[begin : begin + _ROWS_AT_ONCE]
            scores[places] = self.of_rows([rows[place] for place in places]).double().cpu().numpy()
        return scores

    def row(self, prompt: str, reply: Written) -> list[int]:
        """The start token, the prompt and the reply; where that is longer than the network's window, its end."""
        tokens = [self.tokenizer.start_token]
        tokens += [*self.tokenizer.encode(prompt).tolist(), *self.tokenizer.encode(reply.whole).tolist()]
        window = self.network.window_length
        return tokens if window is None else tokens[-window:]

    def of_rows(self, rows: Sequence[list[int]]) -> Tensor:
        """(B,): the score of each, read at its last token."""
        padded = torch.full((len(rows), max(map(len, rows))), self.tokenizer.start_token)
        for place, row in enumerate(rows):
            padded[place, : len(row)] = torch.tensor(row)
        features = self.network.features(padded.to(self.network.device))
        last = torch.tensor([len(row) - 1 for row in rows], device=features.device)
        return features[torch.arange(len(rows), device=features.device), last] @ self.weight + self.bias

    def tensors(self) -> Mapping[str, Any]:
        head = {"head.weight": self.weight.detach().cpu().numpy(), "head.bias": self.bias.detach().cpu().numpy()}
        return head | {f"network.{name}": tensor.numpy() for name, tensor in self.network.tensors().items()}


def loaded(
    settings: Head, tensors: Mapping[str, Any], described: Mapping[str, Any], backbone: Backbone
) -> NetworkWithHead:
    """The model of which these were saved."""
    network = _network(backbone.model)
    learnt = {name: torch.from_numpy(value.copy()) for name, value in tensors.items()}
    of_network = {name: value for name, value in learnt.items() if name.startswith("network.")}
    network.load_tensors({name.removeprefix("network."): value for name, value in of_network.items()})
    device = network.device
    return NetworkWithHead(
        network, backbone.tokenizer, learnt["head.weight"].to(device), learnt["head.bias"].to(device)
    )


def why_not(model: LanguageModel) -> str | None:
    """Why no head can be put on a model; None where one can."""
    if isinstance(model, NeuralModel) and type(model).features is not NeuralModel.features:
        return None
    return (
        f"preference=head reads hidden values, and model={model.config.family} has none here. Pick another preference "
        "model: preference=ngram_logistic or preference=log_ratio."
    )


def _network(model: LanguageModel) -> NeuralModel:
    """A copy of a fit's network."""
    if (why := why_not(model)) is not None:
        raise UserError(why)
    assert isinstance(model, NeuralModel)
    return copy.deepcopy(model).eval()


def fit(settings: Head, ratings: Sequence[Rating], backbone: Backbone) -> NetworkWithHead:
    """Learn each rating once."""
    network = _network(backbone.model).requires_grad_(True)
    start = torch.tensor([[network.start_token]], device=network.device)
    num_features = network.features(start).shape[2]
    random = torch.Generator().manual_seed(seed_of("preference head", backbone.seed) % 2**63)
    weight = (torch.randn(num_features, generator=random) / math.sqrt(num_features + 1)).to(network.device)
    bias = torch.zeros((), device=network.device)
    model = NetworkWithHead(network, backbone.tokenizer, weight.requires_grad_(), bias.requires_grad_())
    steps = _steps(model, ratings, settings.pairs_per_step, seed_of("ratings", backbone.seed))
    rate = network.config.learning_rate * settings.learning_rate_share
    learnt = [*network.parameters(), weight, bias]
    optimizer = torch.optim.Adam(learnt, rate, eps=1e-5)
    with Progress("learning ratings", len(ratings), "ratings") as progress, torch.enable_grad():
        for number, places in enumerate(steps):
            for group in optimizer.param_groups:
                group["lr"] = rate * (1 - number / len(steps))
            optimizer.zero_grad()
            _loss(model, [ratings[place] for place in places]).backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(learnt, _LARGEST_NORM)
            optimizer.step()
            progress.advance_to(progress.done + len(places))
    network.requires_grad_(False)
    return NetworkWithHead(network, backbone.tokenizer, weight.detach(), bias.detach())


def _steps(model: NetworkWithHead, ratings: Sequence[Rating], size: int, seed: int) -> list[list[int]]:
    """Which ratings each step learns: those of about the same length, so that rows need little padding, in random
    order."""
    lengths = [max(len(model.row(r.pair.prompt, reply)) for reply in (r.pair.a, r.pair.b)) for r in ratings]
    by_length = np.argsort(lengths, kind="stable").tolist()
    steps = [by_length[begin : begin + size] for begin in range(0, len(by_length), size)]
    order = np.random.Generator(np.random.Philox(seed)).permutation(len(steps))
    return [steps[number] for number in order]


def _loss(model: NetworkWithHead, ratings: Sequence[Rating]) -> Tensor:
    """Of Bradley and Terry; a rating of p counts as p of a win of a and 1 - p of a win of b."""
    rows = [model.row(rating.pair.prompt, getattr(rating.pair, side)) for rating in ratings for side in ("a", "b")]
    first, second = model.of_rows(rows).view(-1, 2).unbind(1)
    wins = torch.tensor([rating.p for rating in ratings], device=first.device)
    chosen, rejected = torch.cat([first, second]), torch.cat([second, first])
    return losses.preference(chosen, rejected, weights=torch.cat([wins, 1 - wins]) / len(ratings))
