"""Speculative decoding changes the speed, not the text: compared with plain sampling and exact probabilities."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from scipy.stats import chisquare

from harness.common.errors import UserError
from harness.common.results_folder import FIT_FILE, ResultsFolder
from harness.common.sealed import write_sealed
from harness.completion.decoding.choosers import Draw, Greedy
from harness.completion.decoding.penalties import CountPenalty, NoRepeatNGram
from harness.completion.decoding.transform import Chooser, Transform
from harness.completion.decoding.transforms import Mirostat, Temperature, TopK
from harness.completion.engine import DecodingStrategy, Engine, History
from harness.completion.searches.speculative import Speculative
from harness.completion.sequence import Prompt
from harness.evaluation.asking import Respondent, ask
from harness.evaluation.requests import Complete
from harness.plugin_kit.chain import TableModel
from harness.runs import other_models
from harness.text.tokenizers.tokenizer import Tokenizer
from harness.training.fits import Fit
from harness.training.workshop import Workshop
from models.checking.trial import MARKOV, Vocabulary, fit
from models.language_model import LanguageModel
from tests.models.families import tiny_config
from tests.toys import LetterTokenizer

LETTERS = LetterTokenizer(3)


def table(seed: int) -> TableModel:
    generator = torch.Generator().manual_seed(seed)
    return TableModel(torch.randn(4, 4, generator=generator) * 1.5, LETTERS.start_token)


def speculating(
    model: LanguageModel,
    draft: LanguageModel,
    tokenizer: Tokenizer = LETTERS,
    chooser: Chooser | None = None,
    transforms: dict[str, Transform] | None = None,
    num_draft_tokens: int = 3,
    batch_size: int = 64,
) -> Engine:
    search = Speculative("draft", num_draft_tokens)
    strategy = DecodingStrategy(chooser or Draw(), transforms or {}, search)
    return Engine(model, tokenizer, strategy, batch_size, find_model=lambda name: (draft, tokenizer))


def plain(engine: Engine) -> Engine:
    strategy = DecodingStrategy(engine.strategy.chooser, engine.strategy.transforms)
    return Engine(engine.model, engine.tokenizer, strategy, engine.batch_size)


@pytest.mark.parametrize(
    ("num_draft_tokens", "transforms"),
    [
        pytest.param(1, {}, marks=pytest.mark.campaign),
        pytest.param(2, {}, marks=pytest.mark.campaign),
        (5, {}),
        pytest.param(2, {"temperature": Temperature(0.6), "top_k": TopK(2)}, marks=pytest.mark.campaign),
        (5, {"count_penalty": CountPenalty(0.7, 0.4)}),
    ],
)
def test_sequences_have_exactly_the_probabilities_of_plain_sampling(
    num_draft_tokens: int, transforms: dict[str, Transform]
) -> None:
    engine = speculating(table(0), table(1), transforms=transforms, num_draft_tokens=num_draft_tokens)
    assert_written_as_often_as_probable(engine, lambda tokens: probability(engine, "ab", tokens))


STREAM = torch.randint(0, 4, (30,), generator=torch.Generator().manual_seed(0))
BACKOFF = fit(
    tiny_config("ngram", smoothing="stupid_backoff"),
    Vocabulary(4, LETTERS.start_token, torch.cat([torch.tensor([LETTERS.start_token]), STREAM])),
)
"""Its scores sum to 1.06 to 1.35."""


@pytest.mark.parametrize(
    ("model", "draft"),
    [
        pytest.param(BACKOFF, table(2), id="model", marks=pytest.mark.campaign),
        pytest.param(table(2), BACKOFF, id="draft", marks=pytest.mark.campaign),
        pytest.param(BACKOFF, BACKOFF, id="both"),
    ],
)
def test_scores_that_are_no_probabilities_count_by_their_shares(model: LanguageModel, draft: LanguageModel) -> None:
    prompt = LETTERS.encode("ab").tolist()

    def share(tokens: tuple[int, ...]) -> float:
        scores = model.logprobs(torch.tensor([[*prompt, *tokens]]))[0, len(prompt) : -1].double().exp()
        shares = scores / scores.sum(dim=-1, keepdim=True)
        return float(shares.gather(1, torch.tensor(tokens)[:, None]).prod())

    assert_written_as_often_as_probable(speculating(model, draft), share)


def assert_written_as_often_as_probable(
    engine: Engine, probability_of: Callable[[tuple[int, ...]], float], length: int = 3, draws: int = 8_000
) -> None:
    """After 'ab': all sequences of at most `length` tokens, each with its probability, by a chi-square test."""
    prompts = [Prompt("ab", length, seed=seed) for seed in range(draws)]
    counts = Counter(completion.tokens for completion in engine.complete(prompts))
    possible = {}
    for size in range(1, length + 1):
        for tokens in itertools.product(range(4), repeat=size):
            ends = tokens[-1] == LETTERS.start_token
            if LETTERS.start_token in tokens[:-1] or (size < length and not ends):
                continue
            possible[tokens] = probability_of(tokens)
    assert sum(possible.values()) == pytest.approx(1, abs=1e-5)
    likely = [tokens for tokens, share in possible.items() if share * draws >= 5]
    rest = 1 - sum(possible[tokens] for tokens in likely)
    observed = [counts[tokens] for tokens in likely]
    expected = [possible[tokens] * draws for tokens in likely]
    if rest * draws >= 5:
        observed.append(draws - sum(observed))
        expected.append(rest * draws)
    else:
        expected = [value * sum(observed) / sum(expected) for value in expected]
    assert all(possible[tokens] > 0 for tokens in counts)
    assert chisquare(observed, expected, sum_check=False).pvalue > 1e-3


def probability(engine: Engine, prompt: str, tokens: tuple[int, ...]) -> float:
    """Of writing these tokens, by the chain rule, one plain step after another."""
    read = engine.encode([Prompt(prompt, 1)])
    state, history, share = engine.reader(read).read([0]), History(engine, read), 1.0
    for token in tokens:
        sampler = engine.strategy.sampler(1)
        share *= float(sampler.distribution(state.logprobs, history.rows)[0, token].exp())
        chosen = torch.tensor([token])
        history.add(chosen)
        state = engine.model.read(state, chosen[:, None])[1]
    return share


@pytest.mark.parametrize("drafts", ["bigram", "lstm", "transformer", "ngram"])
@pytest.mark.parametrize("writes", ["transformer", "gru", "ngram", "rnn"])
def test_greedy_decoding_is_the_same_with_any_draft(writes: str, drafts: str) -> None:
    tokenizer = LetterTokenizer(MARKOV.size - 1)
    assert tokenizer.start_token == MARKOV.start_token
    model, draft = (fit(tiny_config(family), MARKOV) for family in (writes, drafts))
    engine = speculating(model, draft, tokenizer, Greedy(), num_draft_tokens=4)
    prompts = [Prompt("abcabdeecba"[: n % 12], 5 + n, stop=("ba",) if n % 3 == 0 else ()) for n in range(15)]
    for drafted, other in zip(engine.complete(prompts), plain(engine).complete(prompts), strict=True):
        assert (drafted.text, drafted.tokens, drafted.finish_reason) == (other.text, other.tokens, other.finish_reason)
        assert drafted.logprobs == pytest.approx(other.logprobs, abs=1e-4)
        assert drafted.sampler_logprobs == pytest.approx(other.sampler_logprobs, abs=1e-4)


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_what_is_written_does_not_depend_on_the_batch(batch_size: int) -> None:
    engine = speculating(table(2), table(3))
    prompts = [Prompt("abcab"[: n % 6], 1 + n % 9, stop=("ca",) if n % 2 else (), seed=n) for n in range(30)]
    alone = [engine.complete([prompt])[0] for prompt in prompts]
    together = speculating(table(2), table(3), batch_size=batch_size)
    assert together.complete(prompts) == alone
    assert together.complete(prompts[::-1]) == alone[::-1]


def test_a_draft_that_is_the_model_itself_is_always_right() -> None:
    engine = speculating(table(4), table(4), num_draft_tokens=4)
    search = engine.strategy.search
    assert isinstance(search, Speculative)
    tally = search.tally(engine, [Prompt("a", 40, seed=seed) for seed in range(20)])
    assert tally.accepted == tally.drafted > 0


def test_a_transform_that_remembers_is_refused() -> None:
    with pytest.raises(UserError, match="mirostat"):
        speculating(table(0), table(1), transforms={"mirostat": Mirostat()}).complete([Prompt("a", 3)])


def test_a_draft_of_other_tokens_is_refused() -> None:
    strategy = DecodingStrategy(Draw(), {}, Speculative("other"))
    engine = Engine(table(0), LETTERS, strategy, find_model=lambda name: (table(1), LetterTokenizer(9)))
    with pytest.raises(UserError, match="another tokenizer than the model it drafts for"):
        engine.complete([Prompt("a", 3)])


def test_a_draft_is_read_from_disk_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    results = ResultsFolder(tmp_path)

    def load_fit(folder: Path, device: torch.device) -> Fit:
        loaded.append(folder.name)
        return Fit(folder.name, folder, table(1), LETTERS, {})

    monkeypatch.setattr(other_models, "load_fit", load_fit)
    for name in ("draft", "other"):
        write_sealed(results.fit(name) / FIT_FILE, {"fit_id": name})
    find_model = other_models.OtherModels(Workshop(results, torch.device("cpu")))
    requests = [[Complete("ab", 3)] for _ in range(300)]
    seeds = [[seed] for seed in range(300)]
    for name in ("draft", "other"):
        respondent = Respondent(table(0), LETTERS, DecodingStrategy(Draw(), {}, Speculative(name)), find_model)
        for _ in range(2):
            ask(respondent, requests, seeds, "test")
    assert loaded == ["draft", "other"]


def test_looking_back_sees_drafted_tokens_too() -> None:
    engine = speculating(table(5), table(6), transforms={"no_repeat": NoRepeatNGram(2)}, chooser=Greedy())
    prompts = [Prompt("abc"[:n], 7) for n in range(4)]
    for drafted, other in zip(engine.complete(prompts), plain(engine).complete(prompts), strict=True):
        assert drafted.tokens == other.tokens
