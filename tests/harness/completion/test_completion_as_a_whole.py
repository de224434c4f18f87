"""A completion doesn't depend on others: it is the same alone, in any batch, in any order, with or without shared
prefixes, for every family."""

from __future__ import annotations

import pytest

from harness.completion.decoding.choosers import Draw, Greedy
from harness.completion.decoding.penalties import NoRepeatNGram, RepetitionPenalty
from harness.completion.decoding.transforms import Mirostat, Temperature, TopP
from harness.completion.engine import DecodingStrategy, Engine
from harness.completion.searches.beam import Beam
from harness.completion.searches.best_of import MinimumBayesRisk
from harness.completion.searches.contrastive import Contrastive
from harness.completion.sequence import Completion, Prompt
from models.checking.trial import MARKOV, fit
from models.language_model import LanguageModel
from tests.models.families import FAMILIES, tiny_config
from tests.toys import LetterTokenizer

LETTERS = LetterTokenizer(MARKOV.size - 1)
LONG = "abcdeabcdecbabcdeabcd"  # beyond a tiny model's context, and long enough to be shared
STRATEGIES = {
    "greedy": DecodingStrategy(Greedy()),
    "sample": DecodingStrategy(Draw(), {"temperature": Temperature(0.9), "top_p": TopP(0.9)}),
    "looking back": DecodingStrategy(Draw(), {"penalty": RepetitionPenalty(1.2), "no_repeat": NoRepeatNGram(3)}),
    "remembering": DecodingStrategy(Draw(), {"mirostat": Mirostat(2.0)}),
    "beam": DecodingStrategy(Greedy(), {}, Beam(3)),
    "contrastive": DecodingStrategy(Greedy(), {}, Contrastive(3)),
    "minimum Bayes risk": DecodingStrategy(Draw(), {}, MinimumBayesRisk(3)),
}


@pytest.fixture(scope="module", params=[*FAMILIES, "ngram:order=inf"])
def model(request: pytest.FixtureRequest) -> LanguageModel:
    return fit(tiny_config(request.param), MARKOV)


def prompts(count: int) -> list[Prompt]:
    texts = ["", "a", "abc", LONG, LONG + "ab", LONG + "ba", LONG[:17], "ed" * 9, LONG]
    return [
        Prompt(texts[n % len(texts)], 1 + (7 * n) % 23, stop=("ab", "cc") if n % 4 == 0 else (), seed=n // 2)
        for n in range(count)
    ]


def assert_same(left: list[Completion], right: list[Completion]) -> None:
    for a, b in zip(left, right, strict=True):
        assert (a.text, a.tokens, a.finish_reason, a.stop_text) == (b.text, b.tokens, b.finish_reason, b.stop_text)
        assert a.logprobs == pytest.approx(b.logprobs, abs=1e-5)
        assert a.sampler_logprobs == pytest.approx(b.sampler_logprobs, abs=1e-4)


# What these keep of each row doesn't depend on the family.
OF_ROWS = {"looking back", "remembering", "minimum Bayes risk"}
IN_COMPANY = ["sample", "beam", *(pytest.param(name, marks=pytest.mark.campaign) for name in ("greedy", "contrastive"))]
"""Draws take the same steps as greedy decoding; a campaign takes that too."""


@pytest.mark.parametrize("name", IN_COMPANY)
def test_a_completion_is_the_same_in_any_company(model: LanguageModel, name: str) -> None:
    check_company(model, name, prompts(12))


@pytest.mark.parametrize("name", sorted(OF_ROWS))
@pytest.mark.parametrize("family", ["lstm", "transformer", "ngram"])
def test_what_a_strategy_remembers_of_a_row_stays_with_the_row(family: str, name: str) -> None:
    check_company(fit(tiny_config(family), MARKOV), name, prompts(20))


@pytest.mark.campaign
@pytest.mark.parametrize("name", STRATEGIES)
def test_a_completion_is_the_same_in_a_large_company(model: LanguageModel, name: str) -> None:
    check_company(model, name, prompts(70))


def check_company(model: LanguageModel, name: str, all_prompts: list[Prompt]) -> None:
    strategy = STRATEGIES[name]
    alone = [Engine(model, LETTERS, strategy, share_prefixes=False).complete([prompt])[0] for prompt in all_prompts]
    as_they_are = list(range(len(all_prompts)))
    shuffled = [(11 * n) % len(all_prompts) for n in as_they_are]
    for batch_size, share, order in (
        (1, True, as_they_are),
        (7, True, as_they_are[::-1]),
        (7, False, shuffled),
        (64, True, shuffled),
    ):
        engine = Engine(model, LETTERS, strategy, batch_size, share)
        assert_same(engine.complete([all_prompts[n] for n in order]), [alone[n] for n in order])


@pytest.mark.parametrize("name", ["greedy", "beam", pytest.param("contrastive", marks=pytest.mark.campaign)])
def test_at_the_context_limit_it_stops_where_it_is_told_to(model: LanguageModel, name: str) -> None:
    base = STRATEGIES[name]
    window = model.window_length
    stopping = DecodingStrategy(base.chooser, base.transforms, base.search, at_context_limit="stop")
    all_prompts = [Prompt("abc", 30), Prompt("", 30), Prompt("abcabcab", 30), Prompt(LONG, 4)]
    free = Engine(model, LETTERS, base).complete(all_prompts)
    completions = Engine(model, LETTERS, stopping).complete(all_prompts)
    if window is None:
        assert_same(completions, free)
        return
    for prompt, stopped, unstopped in zip(all_prompts, completions, free, strict=True):
        room = max(0, window - 1 - len(prompt.text))
        if name != "beam":
            assert stopped.tokens == unstopped.tokens[:room]
        assert len(stopped.tokens) <= room
        assert stopped.finish_reason == (
            "stop" if stopped.tokens and stopped.tokens[-1] == MARKOV.start_token else "context"
        )
