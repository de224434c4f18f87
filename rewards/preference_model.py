"""The score of a preference model: the fit before a stage writes replies, they are rated, and a model learns from that.

A stage's own prompts are those of the other half of the training text. What scores is made once for all stages after
one fit that want the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from harness.common.errors import UserError
from harness.completion.reward import FinishedFit, Material, Prepared, Reply, Reward
from harness.preferences import fitting
from harness.preferences.preference import Backbone, Preference
from harness.preferences.preference import PreferenceModel as Fitted
from harness.ratings.rating import Written
from harness.ratings.source import RatingsSource


@dataclass(frozen=True, kw_only=True)
class PreferenceModel(Reward):
    """Options of the reward."""

    name: ClassVar[str] = "preference_model"
    version: ClassVar[int] = 1
    is_made_of_ratings: ClassVar[bool] = True

    ratings: RatingsSource
    """Where the ratings come from."""
    preference: Preference
    """What learns from them."""

    def prepared(self, material: Material) -> Prepared:
        backbone = Backbone(material.model, material.tokenizer, material.seed)
        if (why := self.preference.why_not(material.model)) is not None:
            raise UserError(why)
        bank = self.ratings.bank(material)
        model, facts = fitting.obtained(
            self.preference, bank, backbone, material.fit_id, material.results, material.say
        )
        spent = dict(bank.about().get("spent", {}))
        spent["ratings"] = facts["learnt"] + facts["held_out"]
        spent["seconds"] = spent.get("seconds", 0.0) + facts["seconds"]
        gold = self.ratings.gold(material)

        def of_reply(reply: Reply) -> float:
            assert gold is not None
            return gold(reply.prompt.text, Written.of(reply.completion))

        scored = Scored(weight=self.weight, model=model)
        return Prepared(scored, facts, spent, None if gold is None else of_reply)

    def of_fit(self, fit: FinishedFit) -> Reward:
        made = [stage[self.name]["id"] for stage in fit.stages if self.name in stage]
        if not made:
            raise UserError(self._not_made)
        backbone = Backbone(fit.model, fit.tokenizer, seed=0)
        scorer, _ = fitting.load(self.preference, fit.results.preference(made[-1]), backbone)
        return Scored(weight=self.weight, model=scorer)

    def score(self, reply: Reply) -> float | None:
        raise UserError(self._not_made)

    @property
    def _not_made(self) -> str:
        return (
            f"rewards=[{self.name}] scores with the preference model that a stage of post-training made, and there is "
            f"none here. Make one, as 'post=[sft,rloo]' 'rewards=[{self.name}]', or pick another reward."
        )


@dataclass(frozen=True, kw_only=True)
class Scored(Reward):
    """The reward, once its preference model is there."""

    name: ClassVar[str] = PreferenceModel.name
    version: ClassVar[int] = PreferenceModel.version

    model: Fitted

    def score(self, reply: Reply) -> float:
        [score] = self.score_all([reply])
        assert score is not None
        return score

    def score_all(self, replies: Sequence[Reply]) -> list[float | None]:
        prompts = [reply.prompt.text for reply in replies]
        scores: list[float | None] = self.model.scores(prompts, [Written.of(r.completion) for r in replies]).tolist()
        return scores
