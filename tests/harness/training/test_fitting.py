"""Making a fit: alone, continuing another, or as a combination whose members are fitted as they would be alone."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from harness.common.errors import UserError
from harness.common.results_folder import ResultsFolder
from harness.config.compose import compose
from harness.runs.settings import typed
from harness.text.data.corpus import Corpus
from harness.training.budget import Budget
from harness.training.fits import Fit, FitSettings, load_fit
from harness.training.fitting import obtain
from harness.training.workshop import Workshop, load_corpus
from models.combined import CombinedModel

CPU = torch.device("cpu")
COMMON = ["data=chatterbot", "tracking=none", "budget.tokens=5000"]


def fit_settings(*overrides: str) -> FitSettings:
    settings = typed(compose([*COMMON, *overrides]))
    return FitSettings(settings.model, settings.tokenizer, settings.training, settings.budget, settings.seed)


def fitted(settings: FitSettings, corpus: Corpus, results: Path) -> Fit:
    return obtain(settings, corpus, Workshop(ResultsFolder(results), CPU))


@pytest.fixture(scope="module")
def corpus():
    return load_corpus(typed(compose(COMMON)).data)


def test_a_mixture_uses_the_fits_of_its_members(tmp_path: Path, corpus) -> None:
    ngram = fitted(fit_settings("model=ngram", "model.order=3"), corpus, tmp_path)
    small = ["model=mixture", "model.members.first.order=3", "model.members.second.d_model=16"]
    mixed = fitted(fit_settings(*small), corpus, tmp_path)
    assert isinstance(mixed.model, CombinedModel)
    kept = ngram.model.tensors()
    assert all(torch.equal(kept[name], value) for name, value in mixed.model.members["first"].tensors().items())
    # three fits: both members' and the mixture's
    assert len(list((tmp_path / "fits").iterdir())) == 3
    assert mixed.facts["spent"]["tokens"] == pytest.approx(10_000, abs=16)
    again = load_fit(mixed.folder, CPU)
    tokens = torch.arange(30)[None]
    assert torch.equal(again.model.logprobs(tokens), mixed.model.logprobs(tokens))
    assert again.model.config == mixed.model.config


def test_a_fit_that_diverged_says_so_and_one_that_did_not_has_no_note(tmp_path: Path, corpus) -> None:
    small = ["model=gru", "model.d_model=8", "tokenizer=byte", "training.validation_bytes=500"]
    small += ["training.num_validations=1", "training.num_curve_rows=1"]
    wild = fitted(fit_settings(*small, "model.learning_rate=1000"), corpus, tmp_path)
    [note] = wild.facts["notes"]
    assert "more than the" in note
    assert "lower model.learning_rate (now 1000)" in note
    tame = fitted(fit_settings(*small, "model.learning_rate=0.05"), corpus, tmp_path)
    assert tame.facts["notes"] == []


def test_a_parameter_budget_holds_for_each_member_and_the_sum_is_noted(tmp_path: Path, corpus) -> None:
    settings = fit_settings("model=mixture", "model@model.members.second=bigram", "model.members.first.order=4")
    settings = dataclasses.replace(settings, budget=Budget(tokens=5000, num_params=1000))
    fit = fitted(settings, corpus, tmp_path)
    assert isinstance(fit.model, CombinedModel)
    assert 900 <= fit.model.members["first"].cost().num_params <= 1000
    assert fit.facts["num_params_missed_by"] == fit.model.cost().num_params / 1000 - 1


def test_an_ngram_is_pruned_to_the_budget_and_too_small_a_one_is_refused(tmp_path: Path, corpus) -> None:
    settings = fit_settings("model=ngram", "model.order=4")
    fit = fitted(
        dataclasses.replace(settings, budget=Budget(tokens=5000, num_params=500)),
        corpus,
        tmp_path,
    )
    assert fit.model.cost().num_params <= 500
    assert -0.02 < fit.facts["num_params_missed_by"] <= 0
    with pytest.raises(UserError, match="too small for model=ngram"):
        fitted(
            dataclasses.replace(settings, budget=Budget(tokens=5000, num_params=10)),
            corpus,
            tmp_path,
        )


@pytest.mark.parametrize(
    "model", [["model=ngram", "model.order=4", "model.keep_counts=true"], ["model=lstm", "model.d_model=16"]]
)
def test_a_fit_continues_another(tmp_path: Path, corpus, model: list[str]) -> None:
    first = fitted(fit_settings(*model), corpus, tmp_path)
    more = fitted(fit_settings(*model, f"training.continue_from={first.id}"), corpus, tmp_path)
    assert more.id != first.id
    assert more.tokenizer.fingerprint == first.tokenizer.fingerprint
    text = torch.from_numpy(first.tokenizer.encode(corpus.train[0].text))[None]
    # it has read the same text twice
    assert -float(more.model.token_logprobs(text).sum()) < -float(first.model.token_logprobs(text).sum())


def test_a_fit_is_trained_on_at_the_rate_of_the_one_that_continues_it(tmp_path: Path, corpus) -> None:
    model = ["model=lstm", "model.d_model=16"]
    first = fitted(fit_settings(*model), corpus, tmp_path)
    more = fitted(
        fit_settings(*model, "model.learning_rate=1e-5", f"training.continue_from={first.id}"), corpus, tmp_path
    )
    rate = {"learning_rate": 1e-5}
    assert more.model.config == dataclasses.replace(first.model.config, **rate)
    assert 0 < more.curve()["learning_rate"].max() <= 1e-5  # the schedule's highest


def test_a_fit_continues_with_its_own_optimizer_which_remembers_nothing(tmp_path: Path, corpus) -> None:
    model = ["model=lstm", "model.d_model=16", "training.warmup_fraction=0", "training.weight_decay=0"]
    one_step = ["model.optimizer=adamw", "model.learning_rate=0.01", "budget.tokens=1024"]
    for earlier in ("muon", "adamw"):
        first = fitted(fit_settings(*model, f"model.optimizer={earlier}"), corpus, tmp_path)
        more = fitted(fit_settings(*model, *one_step, f"training.continue_from={first.id}"), corpus, tmp_path)
        before, after = first.model.tensors(), more.model.tensors()
        moved = torch.cat([(after[name] - value).flatten().abs() for name, value in before.items()])
        # Adam's first step is the learning rate for every value with a gradient (Kingma & Ba 2015, section 2.1)
        assert moved.quantile(0.25).item() == pytest.approx(0.01, rel=1e-3)
        assert moved.max().item() == pytest.approx(0.01, rel=1e-3)


def test_a_continued_fit_keeps_its_tokenizer(tmp_path: Path, corpus) -> None:
    model = ["model=ngram", "model.order=2", "model.keep_counts=true"]
    first = fitted(fit_settings(*model, "tokenizer=char"), corpus, tmp_path)
    goes_on = fit_settings(*model, "tokenizer=byte", f"training.continue_from={first.id}")
    more = fitted(goes_on, corpus, tmp_path)
    assert more.tokenizer.fingerprint == first.tokenizer.fingerprint
    assert type(more.tokenizer) is type(first.tokenizer)


def test_a_closed_alphabet_is_refused_before_anything_is_fitted(tmp_path: Path, corpus: Corpus) -> None:
    """One of Chatterbot's held-out documents has a dash that no training document has."""
    settings = fit_settings("model=bigram", "tokenizer.fallback=false")
    with pytest.raises(UserError, match=r"document trivia/70 of the validation split: the character '–' \(U\+2013\)"):
        fitted(settings, corpus, tmp_path)
    assert not list((tmp_path / "fits").iterdir())
    known = dataclasses.replace(corpus, validation=corpus.train[:2], test=())
    made = [fitted(each, known, tmp_path) for each in (settings, fit_settings("model=bigram"))]
    assert made[0].model.vocab_size == made[1].model.vocab_size - 16
