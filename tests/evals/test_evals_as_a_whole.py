"""What holds for every eval that comes with bakeoff."""

from __future__ import annotations

import importlib
import re

import pytest

from harness.evaluation import Eval
from tests.conftest import ROOT

NAMES = sorted(path.stem for path in (ROOT / "evals").glob("[a-z]*.py"))
DOCS = (ROOT / "docs/evals.md").read_text()


def eval_class(name: str) -> type[Eval]:
    module = importlib.import_module(f"evals.{name}")
    [found] = [
        one
        for one in vars(module).values()
        if isinstance(one, type) and one.__module__ == module.__name__ and issubclass(one, Eval)
    ]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_every_measure_of_a_model_is_described_and_documented(name: str) -> None:
    described = eval_class(name).descriptions
    assert {measure.name for measure in eval_class(name).measures if measure.baseline is None} <= described.keys()
    section = DOCS.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    documented = set(re.findall(r"`(\w+)`", section))
    between = {"distinct_2"}  # "distinct_1 to distinct_3"
    assert described.keys() - documented <= between
    assert all(text.endswith(".") for text in described.values())
