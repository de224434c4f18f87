"""preference=log_ratio: how much likelier a reply is under an n-gram model of preferred replies than under one of
rejected replies.

score = scale x (log p(reply | preferred) - log p(reply | rejected)): the classifier of naive Bayes, with n-grams in
place of words. Both models are of one family, and read characters and how the reply ended. Three quarters of the
conversations are counted; the scale, without which such scores are far too sure, is chosen on the others. Ties aren't
counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from harness.common.errors import NothingToLearn, UserError
from harness.common.seeds import seed_of
from harness.preferences.preference import Backbone, Preference, PreferenceModel
from harness.ratings.rating import Rating, Written
from harness.statistics.arrays import Floats
from models.language_model import ModelConfig, NeuralModelConfig

if TYPE_CHECKING:
    from models.language_model import LanguageModel

_SCALED_ON_EVERY = 4
_START, _CUT, _UNKNOWN, _FIRST_CHARACTER = 0, 1, 2, 3
_LARGEST_SCALE = 10.0
_SIDES = ("preferred", "rejected")


@dataclass(frozen=True, kw_only=True)
class LogRatio(Preference):
    """Options of preference=log_ratio."""

    maker: ClassVar[str] = "harness.preferences.log_ratio"

    model: ModelConfig
    """The family of both models: one that counts, and gives probabilities."""

    def __post_init__(self) -> None:
        if isinstance(self.model, NeuralModelConfig) or self.model.is_fitted:
            raise ValueError(
                f"model={self.model.family} doesn't count, as preferred and rejected replies are here. Pick a family "
                "that does, as model@preference.model=ngram"
            )


class Alphabet:
    """Replies as token ids: one for each character, of which 2 stands for all that weren't seen; then 1 where the reply
    was cut; and 0, as at its beginning."""

    def __init__(self, characters: Sequence[str]) -> None:
        self.characters = list(characters)
        self._ids = {character: _FIRST_CHARACTER + place for place, character in enumerate(characters)}

    @property
    def size(self) -> int:
        return _FIRST_CHARACTER + len(self.characters)

    def ids(self, reply: Written) -> list[int]:
        ids = [self._ids.get(character, _UNKNOWN) for character in reply.whole]
        return [*ids, _START] if reply.finish_reason == "stop" else [*ids, _CUT, _START]


class LogRatioModel(PreferenceModel):
    """The fitted model."""

    def __init__(self, alphabet: Alphabet, models: Sequence[LanguageModel], scale: float) -> None:
        """models: of preferred and of rejected replies."""
        self.alphabet, self.models, self.scale = alphabet, models, scale

    def scores(self, prompts: Sequence[str], replies: Sequence[Written]) -> Floats:
        from harness.scoring.likelihood import document_logprobs, nats

        texts = [np.array(self.alphabet.ids(reply)) for reply in replies]
        preferred, rejected = (
            np.array([-nats(logprobs) for logprobs in document_logprobs(model, texts)]) for model in self.models
        )
        ratio: Floats = self.scale * (preferred - rejected)
        return ratio

    def tensors(self) -> Mapping[str, Any]:
        return {
            f"{side}.{name}": tensor.numpy()
            for side, model in zip(_SIDES, self.models, strict=True)
            for name, tensor in model.tensors().items()
        }

    def described(self) -> Mapping[str, Any]:
        return {"characters": "".join(self.alphabet.characters), "scale": self.scale}


def loaded(
    settings: LogRatio, tensors: Mapping[str, Any], described: Mapping[str, Any], backbone: Backbone
) -> LogRatioModel:
    """The model of which these were saved."""
    import torch

    alphabet = Alphabet(described["characters"])
    models = [settings.model.build(alphabet.size, _START) for _ in _SIDES]
    for side, model in zip(_SIDES, models, strict=True):
        prefix = f"{side}."
        model.load_tensors(
            {
                name.removeprefix(prefix): torch.from_numpy(value.copy())
                for name, value in tensors.items()
                if name.startswith(prefix)
            }
        )
    return LogRatioModel(alphabet, models, described["scale"])


def fit(settings: LogRatio, ratings: Sequence[Rating], backbone: Backbone) -> LogRatioModel:
    """Learn from ratings."""
    untied = [rating for rating in ratings if rating.p != 0.5]
    clusters = sorted({rating.pair.cluster for rating in untied}, key=lambda cluster: seed_of("scale", cluster))
    for_scale = set(clusters[: max(1, len(clusters) // _SCALED_ON_EVERY)])
    counted = [rating for rating in untied if rating.pair.cluster not in for_scale]
    if not counted:
        raise NothingToLearn(
            "the ratings to learn from, but ties, are about one conversation: some are needed to count, and others for "
            "the scale. Rate replies to more prompts."
        )
    sides = [[_better(rating) for rating in counted], [_better(rating, is_turned=True) for rating in counted]]
    alphabet = Alphabet(sorted({character for side in sides for reply in side for character in reply.whole}))
    models = [_counted(settings.model, alphabet, side) for side in sides]
    unscaled = LogRatioModel(alphabet, models, 1.0)
    return LogRatioModel(alphabet, models, _scale(unscaled, [r for r in untied if r.pair.cluster in for_scale]))


def _better(rating: Rating, is_turned: bool = False) -> Written:
    """The preferred reply, or turned the rejected one."""
    assert rating.p is not None
    return rating.pair.a if (rating.p > 0.5) != is_turned else rating.pair.b


def _counted(config: ModelConfig, alphabet: Alphabet, replies: Sequence[Written]) -> LanguageModel:
    """A model of these replies."""
    import torch

    from models.language_model import CountingModel

    model = config.build(alphabet.size, _START)
    if not isinstance(model, CountingModel) or model.why_no_distribution is not None:
        raise UserError(
            f"preference.model={config.family} can't be counted, or gives no probabilities. Pick another family or "
            "smoothing, as model@preference.model=ngram."
        )
    model.count(torch.tensor([_START, *(token for reply in replies for token in alphabet.ids(reply))]))
    model.finish()
    return model


def _scale(model: LogRatioModel, ratings: Sequence[Rating]) -> float:
    """That with the least log loss."""
    from scipy.optimize import minimize_scalar

    prompts = [rating.pair.prompt for rating in ratings]
    lead = model.scores(prompts, [rating.pair.a for rating in ratings])
    lead = lead - model.scores(prompts, [rating.pair.b for rating in ratings])
    wins = np.array([rating.p for rating in ratings], dtype=float)

    def log_loss(scale: float) -> float:
        return float((np.logaddexp(0, -scale * lead) + (1 - wins) * scale * lead).sum())

    return float(minimize_scalar(log_loss, bounds=(0, _LARGEST_SCALE), method="bounded").x)
