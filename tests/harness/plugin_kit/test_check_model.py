"""`bakeoff check` of families: right ones pass, and each mistake is found by the check meant for it."""

from __future__ import annotations

import pytest

from harness.plugin_kit.check_model import check_model
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


@pytest.mark.parametrize("model", BROKEN, ids=lambda model: model.__name__)
def test_each_mistake_in_a_family_is_found_by_the_check_meant_for_it(model: type[MinGRU]) -> None:
    with pytest.raises(AssertionError):
        BROKEN[model](Subject(config_of(model), MARKOV))
