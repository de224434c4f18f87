"""ratings=constitution: a program checks which principles are kept by replies that the fit before the stage writes.

The principle that is drawn decides; where both replies keep it, or neither does, the next one is drawn, and where none
tells them apart it is a tie. With by=all the weighted shares are compared that each reply keeps. Needs no torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from harness.completion.reward import Reply
from harness.completion.sequence import Completion, Prompt
from harness.ratings.principles import ByPrinciples, OfPrinciples
from harness.ratings.rating import Pair, Written


@dataclass(frozen=True, kw_only=True)
class Constitutional(ByPrinciples):
    """Options of ratings=constitution."""

    rater: ClassVar[str] = "constitution"

    def probabilities(self, pairs: Sequence[Pair], orders: Sequence[Sequence[str]]) -> list[float]:
        return [self._p_better(pair, order) for pair, order in zip(pairs, orders, strict=True)]

    def _p_better(self, pair: Pair, order: Sequence[str]) -> float:
        kept_a, kept_b = (self._kept(pair.prompt, written) for written in (pair.a, pair.b))
        if self.by == "all":
            share_a, share_b = self._share(kept_a), self._share(kept_b)
            return 0.5 if share_a == share_b else float(share_a > share_b)
        known = kept_a.keys() & kept_b.keys()
        name = next((name for name in order if name in known and kept_a[name] != kept_b[name]), None)
        return 0.5 if name is None else float(kept_a[name])

    def _kept(self, prompt: str, written: Written) -> Mapping[str, bool]:
        assert isinstance(self.judge, OfPrinciples)
        completion = Completion(written.text, (), (), (), written.finish_reason, written.stop_text)
        return self.judge.kept(Reply(Prompt(prompt, 0), completion))

    def _share(self, kept: Mapping[str, bool]) -> float:
        weights = {name: self.weights[name] for name in kept}
        return sum(weight * kept[name] for name, weight in weights.items()) / sum(weights.values()) if kept else 0.0
