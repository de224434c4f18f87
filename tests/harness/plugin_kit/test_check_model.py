"""`bakeoff check` of families: right ones pass, and each mistake is found by the check meant for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.common.errors import UserError
from harness.plugin_kit.check_model import check_model
from harness.plugin_kit.new import start
from models.checking.contract import FAMILY_CHECKS, FIT_CHECKS
from models.checking.trial import MARKOV, Subject
from tests.harness.plugin_kit.broken_models import AS_PUBLISHED, BROKEN, MinGRU, config_of


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


@pytest.mark.parametrize("model", BROKEN, ids=lambda model: model.__name__)
def test_each_mistake_in_a_family_is_found_by_the_check_meant_for_it(model: type[MinGRU]) -> None:
    with pytest.raises(AssertionError):
        BROKEN[model](Subject(config_of(model), MARKOV))
