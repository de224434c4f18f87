"""`bakeoff check` of families: right ones pass, and each mistake is found by the check meant for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.common.errors import UserError
from harness.plugin_kit.check_model import check_model
from harness.plugin_kit.new import start
from models.checking import contract
from models.checking.contract import FAMILY_CHECKS, FIT_CHECKS, LONG_CHECKS
from models.checking.trial import MARKOV, Subject
from tests.harness.plugin_kit.broken_models import AS_PUBLISHED, BROKEN, MinGRU, config_of
from tests.harness.plugin_kit.hashed_cache import HashedCacheConfig


@pytest.fixture(autouse=True)
def not_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """100,000 tokens take seconds: a campaign reads them with every family (tests/models/test_language_model.py)."""
    monkeypatch.setattr(contract, "LONG_TEXT", 2_000)


@pytest.mark.parametrize("name", ["unigram", "gru"])
def test_families_of_ours_pass(name: str) -> None:
    overrides = ["model.d_model=16"] if name == "gru" else []
    assert {outcome.verdict for outcome in check_model(name, overrides)} == {"pass"}


@pytest.mark.parametrize("name", AS_PUBLISHED)
def test_a_family_as_published_passes(name: str) -> None:
    subject = Subject(AS_PUBLISHED[name], MARKOV)
    for check in (*FIT_CHECKS, *FAMILY_CHECKS):
        check(subject)


def test_a_neural_file_without_yaml_has_the_optimizer_of_its_base_and_must_give_a_learning_rate(tmp_path: Path) -> None:
    start("model", "mine", tmp_path, "neural")
    file, beside = tmp_path / "mine.py", tmp_path / "mine.yaml"
    beside.unlink()
    overrides = ["model.d_model=8", "model.optimizer=muon"]
    assert {outcome.verdict for outcome in check_model(str(file), overrides)} == {"pass"}
    with pytest.raises(UserError, match="must be one of adamw, muon, sgd"):
        check_model(str(file), ["model.optimizer=adam"])
    (tmp_path / "other.py").write_text(file.read_text().replace("learning_rate: float = 1e-2", ""))
    with pytest.raises(UserError, match=r"Set it: model\.learning_rate="):
        check_model(str(tmp_path / "other.py"))


def refused_by(config: HashedCacheConfig) -> set[str]:
    """The checks that a planted cache fails."""
    failed = set()
    for check in (*FIT_CHECKS, *FAMILY_CHECKS, *LONG_CHECKS):
        try:
            check(Subject(config, MARKOV))
        except AssertionError:
            failed.add(check.__name__)
    return failed


@pytest.mark.parametrize("share", [0.5, -0.3])
def test_a_hashed_cache_whose_probabilities_do_not_sum_to_one_is_refused(share: float) -> None:
    """Whether the sum is above 1 or below it."""
    assert "probabilities_sum_to_one" in refused_by(HashedCacheConfig(share=share))


def test_a_cache_that_begins_after_a_long_text_is_refused_by_the_check_of_long_texts_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(contract, "LONG_TEXT", 1_100)  # 100,000 in earnest
    assert refused_by(HashedCacheConfig(begins_after=1_000)) == {"probabilities_sum_to_one_after_a_long_text"}
    assert refused_by(HashedCacheConfig(begins_after=10_000)) == set()


def test_the_four_conditions_of_a_fair_score_are_held_by_checks_that_are_made() -> None:
    held = {check for checks in contract.FAIR_SCORE.values() for check in checks}
    assert len(contract.FAIR_SCORE) == 4
    assert held <= {*FIT_CHECKS, *FAMILY_CHECKS, *LONG_CHECKS}


@pytest.mark.parametrize("model", BROKEN, ids=lambda model: model.__name__)
def test_each_mistake_in_a_family_is_found_by_the_check_meant_for_it(model: type[MinGRU]) -> None:
    with pytest.raises(AssertionError):
        BROKEN[model](Subject(config_of(model), MARKOV))
