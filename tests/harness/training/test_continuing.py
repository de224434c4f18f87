"""Whether a run can continue a fit, and what is said where it can't."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest

from harness.common.errors import UserError
from harness.common.results_folder import MODEL_FILE
from harness.config.identity import plain
from harness.training.budget import Budget
from harness.training.continuing import check_continues
from models.language_model import ModelConfig
from models.settings.bigram import BigramConfig
from models.settings.lstm import LSTMConfig
from models.settings.mixture import MixtureConfig
from models.settings.ngram import NGramConfig

BUDGET = Budget(tokens=100)


def fit_of(model: ModelConfig, folder: Path) -> Path:
    """What a fit's folder says of its model."""
    described = {"config": plain(model), "vocab_size": 30, "start_token": 29, "plugins": {}}
    (folder / MODEL_FILE).write_text(json.dumps(described))
    return folder


COUNTED = NGramConfig(order=3, keep_counts=True)


@pytest.mark.parametrize(
    ("saved", "wanted", "said"),
    [
        (
            COUNTED,
            BigramConfig(),
            "=my-run is a fit of model=ngram, which model=bigram can't continue. Pick model=ngram",
        ),
        (
            COUNTED,
            NGramConfig(order=5, smoothing="katz", keep_counts=True),
            "=my-run can't be continued with other options of the model: it has order=3, "
            "smoothing=modified_kneser_ney, and this run order=5, smoothing=katz. Give this run the same "
            "(model.order=3 model.smoothing=modified_kneser_ney), or continue from another run.",
        ),
        (NGramConfig(), COUNTED, "it has order=7, keep_counts=false, and this run order=3, keep_counts=true"),
        (NGramConfig(), NGramConfig(), "made without what counting on needs. Make it with model.keep_counts=true"),
        (COUNTED, MixtureConfig({"a": COUNTED, "b": COUNTED}), "=my-run: model=mixture combines fits of its members"),
    ],
)
def test_another_model_is_refused_with_the_run_s_name_and_what_differs(
    saved: ModelConfig, wanted: ModelConfig, said: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=rf"training\.continue_from.*{re.escape(said)}"):
        check_continues("my-run", fit_of(saved, tmp_path), wanted, BUDGET)


@pytest.mark.parametrize("model", [COUNTED, LSTMConfig(d_model=16)])
def test_the_same_model_is_continued(model: ModelConfig, tmp_path: Path) -> None:
    check_continues("my-run", fit_of(model, tmp_path), model, BUDGET)


def test_a_model_may_be_trained_on_in_another_way(tmp_path: Path) -> None:
    otherwise = LSTMConfig(d_model=16, learning_rate=1e-4, optimizer="muon")
    check_continues("my-run", fit_of(LSTMConfig(d_model=16), tmp_path), otherwise, BUDGET)
    with pytest.raises(
        UserError, match=r"it has d_model=16, and this run d_model=8\. Give this run the same \(model\.d"
    ):
        check_continues("my-run", tmp_path, dataclasses.replace(otherwise, d_model=8), BUDGET)


def test_a_width_that_the_budget_asks_for_counts_as_the_model_s(tmp_path: Path) -> None:
    # An LSTM of width 16 over 30 tokens: its embedding, two matrices and two biases of 4 gates, the output's bias.
    num_params = 30 * 16 + 2 * 4 * 16 * 16 + 2 * 4 * 16 + 30
    budget = Budget(tokens=100, num_params=num_params)
    check_continues("my-run", fit_of(LSTMConfig(d_model=16, num_layers=1), tmp_path), LSTMConfig(num_layers=1), budget)


def test_a_budget_that_asks_for_another_width_is_named(tmp_path: Path) -> None:
    budget = Budget(tokens=100, num_params=10**9)
    said = (
        r"it has d_model=16, and this run d_model=\d+ \(d_model for budget\.num_params=1,000,000,000\)\. Give this run "
        r"the same \(budget\.num_params=null model\.d_model=16\)"
    )
    with pytest.raises(UserError, match=said):
        check_continues(
            "my-run", fit_of(LSTMConfig(d_model=16, num_layers=1), tmp_path), LSTMConfig(num_layers=1), budget
        )


class TrainedElsewhere(BigramConfig):
    is_fitted = True


def test_a_model_that_comes_with_its_weights_continues_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"continue_from=my-run: model=bigram has its weights already"):
        check_continues("my-run", tmp_path, TrainedElsewhere(), BUDGET)
