"""Contrastive search against its formula, written out."""

from __future__ import annotations

import pytest
import torch

from harness.completion.decoding.choosers import Greedy
from harness.completion.engine import DecodingStrategy, Engine
from harness.completion.searches.contrastive import Contrastive
from harness.completion.sequence import Prompt
from harness.plugin_kit.chain import TableModel
from models.checking.trial import MARKOV, fit
from tests.models.families import tiny_config
from tests.toys import LetterTokenizer

LETTERS = LetterTokenizer(MARKOV.size - 1)


def engine(search: Contrastive, seed: int = 0) -> Engine:
    logits = torch.randn(MARKOV.size, MARKOV.size, generator=torch.Generator().manual_seed(seed)) * 1.5
    return Engine(TableModel(logits, MARKOV.start_token), LETTERS, DecodingStrategy(Greedy(), {}, search))


@pytest.mark.parametrize("seed", range(5))
def test_each_token_is_the_one_that_the_formula_scores_highest(seed: int) -> None:
    k, alpha, length = 4, 0.6, 10
    tested_engine = engine(Contrastive(k, alpha), seed)
    table = tested_engine.model.start(1).table  # type: ignore[attr-defined]
    read = [MARKOV.start_token, *LETTERS.encode("cab").tolist()]
    [made] = tested_engine.complete([Prompt("cab", length)])
    for token in made.tokens:
        before = [table[old].exp().sqrt() for old in read]
        scores = {}
        for candidate in table[read[-1]].argsort(descending=True)[:k].tolist():
            after = table[candidate].exp().sqrt()
            likeness = max(float(after @ other) for other in before)
            scores[candidate] = (1 - alpha) * float(table[read[-1], candidate].exp()) - alpha * likeness
        assert token == max(scores, key=lambda candidate: scores[candidate])
        read.append(token)


class Scores(TableModel):
    """A chain whose scores aren't probabilities: each row has another sum."""

    def __init__(self, logits: torch.Tensor, start_token: int) -> None:
        super().__init__(logits, start_token)
        self.table = self.table + torch.linspace(-2, 2, len(logits))[:, None]

    @property
    def why_no_distribution(self) -> str | None:
        return "its rows don't sum to one"


@pytest.mark.parametrize("seed", range(5))
def test_scores_that_are_no_probabilities_count_by_their_shares(seed: int) -> None:
    plain = engine(Contrastive(), seed)
    logits = plain.model.start(1).table  # type: ignore[attr-defined]
    scores = Engine(Scores(logits, MARKOV.start_token), LETTERS, plain.strategy)
    for prompt in (Prompt(text, 12) for text in ("cab", "abcde", "eeda")):
        [wanted], [made] = plain.complete([prompt]), scores.complete([prompt])
        assert made.tokens == wanted.tokens
        assert made.logprobs == pytest.approx(wanted.logprobs, abs=1e-5)


def test_without_contrast_it_is_greedy() -> None:
    prompts = [Prompt("abcd"[:n], 12) for n in range(5)]
    greedy = engine(Contrastive(), 1)
    plain = Engine(greedy.model, LETTERS, DecodingStrategy(Greedy()))
    assert engine(Contrastive(4, 0.0), 1).complete(prompts) == plain.complete(prompts)
    assert engine(Contrastive(1, 0.6), 1).complete(prompts) == plain.complete(prompts)


@pytest.mark.parametrize("family", ["ngram", "lstm", "transformer"])
def test_it_works_for_any_family_beyond_its_context(family: str) -> None:
    model = fit(tiny_config(family), MARKOV)
    tested_engine = Engine(model, LETTERS, DecodingStrategy(Greedy(), {}, Contrastive()))
    [made] = tested_engine.complete([Prompt("abcabcabcabc", 20)])
    whole = torch.tensor([[*LETTERS.encode("abcabcabcabc"), *made.tokens]])
    expected = model.token_logprobs(whole)[0, 12:].cpu()
    torch.testing.assert_close(torch.tensor(made.logprobs), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("wrong", [{"k": 0}, {"alpha": 1.5}, {"alpha": -0.1}])
def test_impossible_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Contrastive(**wrong)  # type: ignore[arg-type]
