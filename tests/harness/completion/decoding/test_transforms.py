"""Transforms against transformers' own logits processors; choosers against exact probabilities."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor
from transformers import (
    EtaLogitsWarper,
    MinPLogitsWarper,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    TypicalLogitsWarper,
)

from harness.completion.decoding.choosers import Draw, Greedy
from harness.completion.decoding.penalties import CountPenalty, NoRepeatNGram, RepetitionPenalty
from harness.completion.decoding.transform import Rows, Sampler, Transform
from harness.completion.decoding.transforms import Eta, MinP, Mirostat, Temperature, TopK, TopP, Typical
from harness.completion.engine import DecodingStrategy

VOCAB = 50


def random_logprobs(seed: int, ties: bool = False, scale: float = 3.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(64, VOCAB, generator=generator) * scale
    return torch.log_softmax(logits.round() if ties else logits, dim=-1)


def random_rows(seed: int, length: int = 40, few: int = 6, num_rows: int = 64) -> Rows:
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(0, few, (num_rows, length), generator=generator)
    return Rows(tokens, torch.full((num_rows,), length), torch.full((num_rows,), length // 2))


NO_ROWS = random_rows(0, 0)


def assert_same_distribution(ours: Tensor, logits: Tensor) -> None:
    torch.testing.assert_close(ours.exp(), torch.softmax(logits, dim=-1), atol=1e-6, rtol=0)
    assert torch.equal(ours == -torch.inf, logits == -torch.inf)


SAME: list[tuple[Transform, Any]] = [
    *((TopK(k), TopKLogitsWarper(k)) for k in (1, 5, 49, 50, 500)),
    *((MinP(p), MinPLogitsWarper(p)) for p in (1e-9, 0.02, 0.3, 1.0)),
    *((Typical(mass), TypicalLogitsWarper(mass)) for mass in (1e-6, 0.2, 0.9, 0.9999)),
    *((Eta(epsilon), EtaLogitsWarper(epsilon)) for epsilon in (1e-6, 3e-4, 0.02, 0.9)),
    *((Temperature(t), TemperatureLogitsWarper(t)) for t in (0.1, 1.0, 1.7, 100.0)),
]


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(
    ("ours", "theirs"), SAME, ids=lambda value: repr(value) if isinstance(value, Transform) else ""
)
def test_a_transform_equals_transformers(ours: Transform, theirs: Any, ties: bool) -> None:
    for seed, scale in ((1, 3.0), (2, 0.5), (3, 8.0)):
        logprobs = random_logprobs(seed, ties, scale)
        assert_same_distribution(ours(logprobs, NO_ROWS, None), theirs(NO_ROWS.tokens, logprobs.clone()))


@pytest.mark.parametrize("p", [1e-6, 0.1, 0.5, 0.9, 0.999, 1.0])
def test_top_p_equals_transformers(p: float) -> None:
    logprobs = random_logprobs(7)
    assert_same_distribution(TopP(p)(logprobs), TopPLogitsWarper(p)(NO_ROWS.tokens, logprobs))


def test_a_temperature_near_zero_leaves_the_most_probable() -> None:
    logprobs = random_logprobs(4)
    cold = Temperature(1e-30)(logprobs)
    assert not cold.isnan().any()
    assert torch.equal(cold.argmax(-1), logprobs.argmax(-1))
    assert torch.equal(cold.max(-1).values, torch.zeros(64))


@pytest.mark.parametrize("penalty", [0.5, 1.0, 1.2, 5.0])
def test_the_repetition_penalty_equals_transformers_on_log_probabilities(penalty: float) -> None:
    logprobs, rows = random_logprobs(1), random_rows(2, few=20)
    theirs = RepetitionPenaltyLogitsProcessor(penalty)(rows.tokens, logprobs.clone())
    assert_same_distribution(RepetitionPenalty(penalty)(logprobs, rows), theirs)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 41, 60])
def test_no_repeat_ngram_equals_transformers(n: int) -> None:
    logprobs, rows = random_logprobs(1), random_rows(2, few=4)
    theirs = NoRepeatNGramLogitsProcessor(n)(rows.tokens, logprobs.clone())
    assert_same_distribution(NoRepeatNGram(n)(logprobs, rows), theirs)


def test_where_all_would_go_all_stay() -> None:
    logprobs = torch.full((1, 3), 1 / 3).log()
    rows = Rows(torch.tensor([[0, 1, 2]]), torch.tensor([3]), torch.tensor([0]))
    assert torch.equal(NoRepeatNGram(1)(logprobs, rows), logprobs)


def test_rows_of_other_lengths_are_looked_back_at_as_if_alone() -> None:
    logprobs = random_logprobs(5)[:3]
    tokens = random_rows(6, few=5, num_rows=3).tokens
    ragged = Rows(tokens, torch.tensor([40, 7, 0]), torch.tensor([10, 7, 0]))
    for transform in (RepetitionPenalty(1.5), CountPenalty(0.4, 0.3), NoRepeatNGram(3)):
        together = transform(logprobs, ragged)
        for row, length in enumerate([40, 7, 0]):
            alone = Rows(
                tokens[row : row + 1, :length], ragged.lengths[row : row + 1], ragged.prompt_lengths[row : row + 1]
            )
            torch.testing.assert_close(transform(logprobs[row : row + 1], alone), together[row : row + 1])


def test_the_count_penalty_takes_off_what_its_formula_says() -> None:
    logprobs = random_logprobs(8)[:1]
    # two of the prompt, then what was written: 3 twice, 4 once
    rows = Rows(torch.tensor([[1, 3, 3, 4, 3]]), torch.tensor([5]), torch.tensor([2]))
    expected = logprobs.clone()
    expected[0, 3] -= 0.5 + 2 * 0.2
    expected[0, 4] -= 0.5 + 0.2
    torch.testing.assert_close(CountPenalty(0.5, 0.2)(logprobs, rows), torch.log_softmax(expected, dim=-1))


def test_mirostat_keeps_what_is_no_more_surprising_than_mu_and_moves_mu() -> None:
    mirostat = Mirostat(target_bits=1.5, learning_rate=0.1)
    memory = mirostat.start(1)
    assert memory.tolist() == [3.0]
    logprobs = torch.tensor([[0.5, 0.25, 0.125, 0.1, 0.025]]).log()
    kept = mirostat(logprobs, NO_ROWS, memory)
    assert kept.isfinite().tolist() == [[True, True, True, False, False]]
    after = mirostat.remember(memory, torch.tensor([2]), kept, NO_ROWS)
    surprise = -torch.tensor(0.125 / 0.875).log2()
    assert float(after) == pytest.approx(3.0 - 0.1 * (float(surprise) - 1.5), rel=1e-6)
    # never nothing
    assert mirostat(logprobs, NO_ROWS, torch.tensor([0.01])).isfinite().tolist() == [[True] + [False] * 4]


def test_mirostat_holds_the_mean_surprise_at_its_target() -> None:
    logprobs = torch.log_softmax(torch.randn(1, 500, generator=torch.Generator().manual_seed(0)), dim=-1)
    sampler = Sampler([Mirostat(4.0, 0.1)], Draw(), 1)
    generator = torch.Generator().manual_seed(1)
    bits = []
    for _ in range(3000):
        distribution = sampler.distribution(logprobs, NO_ROWS)
        chosen = sampler.choose(distribution, torch.rand(1, generator=generator, dtype=torch.float64))
        sampler.remember(chosen, NO_ROWS)
        bits.append(-float(distribution[0, chosen]) / 0.6931471805599453)
    assert sum(bits[500:]) / 2500 == pytest.approx(4.0, abs=0.1)


def test_of_equals_top_p_keeps_the_lowest_ids() -> None:
    uniform = torch.full((1, 8), 1 / 8).log()
    kept = TopP(0.5)(uniform).isfinite()[0].tolist()
    assert kept == [True] * 4 + [False] * 4


def test_of_equals_greedy_takes_the_lowest_id() -> None:
    logprobs = torch.log_softmax(
        torch.tensor([[0.0, 2.0, 2.0, 1.0], [1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 5.0]]), dim=-1
    )
    assert Greedy()(logprobs, torch.zeros(3)).tolist() == [1, 0, 3]


def test_of_equals_greedy_may_draw_with_the_sequence_s_own_number() -> None:
    logprobs = torch.log_softmax(torch.tensor([[0.0, 2.0, 2.0, 2.0]]), dim=-1).repeat(6, 1)
    uniforms = torch.tensor([0.0, 0.33, 0.34, 0.66, 0.67, 0.999], dtype=torch.float64)
    assert Greedy(ties="random")(logprobs, uniforms).tolist() == [1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize(
    "transforms",
    [
        {},
        {"temperature": Temperature(0.7)},
        {"top_k": TopK(4)},
        {"temperature": Temperature(1.3), "top_p": TopP(0.8)},
        {"min_p": MinP(0.2)},
        {"typical": Typical(0.7)},
        {"eta": Eta(0.1)},
    ],
    ids=str,
)
def test_samples_have_the_strategy_s_own_frequencies(transforms: dict[str, Transform]) -> None:
    strategy = DecodingStrategy(Draw(), transforms)
    logprobs = torch.log_softmax(torch.randn(1, 12, generator=torch.Generator().manual_seed(5)) * 1.5, dim=-1)
    sampler = strategy.sampler(1)
    expected = sampler.distribution(logprobs, NO_ROWS)[0].double().exp()
    draws = 20_000
    uniforms = torch.rand(draws, generator=torch.Generator().manual_seed(6), dtype=torch.float64)
    counts = torch.bincount(strategy.chooser(expected.log().float().repeat(draws, 1), uniforms), minlength=12)
    possible = expected > 0
    assert counts[~possible].sum() == 0
    frequencies = expected[possible] / expected[possible].sum() * draws
    assert possible.sum() == 1 or chisquare(counts[possible], frequencies).pvalue > 1e-3


@pytest.mark.parametrize(
    ("transform", "wrong"),
    [
        (TopK, {"k": 0}),
        (TopP, {"p": 0.0}),
        (TopP, {"p": 1.1}),
        (MinP, {"min_p": -0.1}),
        (Typical, {"mass": 1.0}),
        (Eta, {"epsilon": 0.0}),
        (Temperature, {"temperature": 0.0}),
        (Mirostat, {"target_bits": 0.0}),
        (RepetitionPenalty, {"penalty": 0.0}),
        (NoRepeatNGram, {"n": 0}),
    ],
)
def test_impossible_settings_are_refused(transform: type[Transform], wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        transform(**wrong)
