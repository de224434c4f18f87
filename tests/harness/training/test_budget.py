"""The limits of a budget, and the width that meets one."""

from __future__ import annotations

import dataclasses

import pytest

from harness.common.errors import UserError
from harness.text.tokenizers.char import CharTokenizerSettings
from harness.training.budget import Budget, check_num_params, count_params, missed_by, solve_width
from models.language_model import LanguageModel
from models.settings.lstm import LSTMConfig
from models.settings.ngram import NGramConfig
from models.settings.transformer import TransformerConfig
from models.settings.unigram import UnigramConfig


@pytest.mark.parametrize("config", [LSTMConfig(), TransformerConfig()], ids=["lstm", "transformer"])
@pytest.mark.parametrize("num_params", [20_000, 300_000, 1_000_000])
def test_the_width_is_the_one_nearest_to_the_parameter_budget(config: LSTMConfig, num_params: int) -> None:
    sized = solve_width(config, num_params, 100)
    assert isinstance(sized, type(config))
    step = config.width_multiple
    assert sized.d_model % step == 0
    size = count_params(sized, 100)
    budget = Budget(tokens=1000, flops=5e6, num_params=num_params)
    assert missed_by(sized, budget, {"tokens": 1010, "seconds": 3.0, "flops": 4e6}, size) == {
        "tokens_missed_by": pytest.approx(0.01),
        "seconds_missed_by": None,
        "flops_missed_by": pytest.approx(-0.2),
        "num_params_missed_by": size / num_params - 1,
    }
    for other in (sized.d_model - step, sized.d_model + step):
        if other > 0:
            neighbour = count_params(dataclasses.replace(sized, d_model=other), 100)
            assert abs(size - num_params) <= abs(neighbour - num_params)


def test_a_parameter_budget_below_any_width_is_refused() -> None:
    with pytest.raises(UserError, match="too small for model=lstm"):
        solve_width(LSTMConfig(), 50, 100)


@dataclasses.dataclass(frozen=True)
class OneSize(LSTMConfig):
    """A family that forgets to use its width."""

    def build(self, vocab_size: int, start_token: int) -> LanguageModel:
        return LSTMConfig(d_model=8).build(vocab_size, start_token)


def test_a_width_without_effect_is_refused() -> None:
    size = count_params(LSTMConfig(d_model=8), 100)
    with pytest.raises(UserError, match=f"with d_model=.* it has {size:,} parameters.*hardly changes its size"):
        solve_width(OneSize(), 50_000, 100)


def test_a_family_without_a_width_stays_as_it_is() -> None:
    config = NGramConfig(order=3)
    assert solve_width(config, 1_000, 100) is config


@pytest.mark.parametrize(
    "wrong", [{"tokens": 0}, {"seconds": -1.0}, {"flops": 0.0}, {"num_params": -3, "tokens": 5}, {}]
)
def test_an_impossible_budget_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="budget"):
        Budget(**wrong)


def test_a_size_below_that_of_any_vocabulary_is_refused_where_size_counts() -> None:
    least = CharTokenizerSettings().least_vocab_size
    check_num_params(NGramConfig(), Budget(tokens=1, num_params=least), CharTokenizerSettings())
    check_num_params(UnigramConfig(), Budget(tokens=1, num_params=1), CharTokenizerSettings())  # it has only one size
    for config in (NGramConfig(), LSTMConfig()):
        with pytest.raises(
            UserError, match=rf"num_params={least - 1} is too small for model={config.family}: .* {least} tokens"
        ):
            check_num_params(config, Budget(tokens=1, num_params=least - 1), CharTokenizerSettings())
