"""What Hydra says where overrides can't be composed, and what the user is told instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.common.errors import UserError
from harness.config.compose import compose
from harness.config.hydra_compose import REFUSALS, composed
from tests.harness.config.plugin_files import forget_files

# An option without a default, in a plugin file.
SIZED = '''"""Has a size."""

from dataclasses import dataclass

from harness.text import TokenizerSettings
from harness.text.tokenizers.byte import ByteTokenizer


@dataclass(frozen=True)
class Sized(TokenizerSettings):
    size: int

    def train(self, documents):
        return ByteTokenizer()

    @classmethod
    def read(cls, content):
        return ByteTokenizer()
'''


@pytest.mark.parametrize(
    ("overrides", "of_hydra", "of_ours"),
    [
        (["model=lstn"], "Could not find 'model/lstn'", "model=lstn is not known. Did you mean 'lstm'? Allowed: "),
        (["evals=[perplxity]"], "Could not load 'evals/perplxity'", "evals=perplxity is not known. Did you mean 'per"),
        (["tokenizer=./sized.py"], "full_key: tokenizer.size", "tokenizer.size has no default. Set it: tokenizer.size"),
        (["seeed=1"], "Could not override 'seeed'", "seeed is not an option: there is no 'seeed'. Did you mean 'seed'"),
        (["model.ordr=3"], "Could not override 'model.ordr'", "model.ordr is not an option: there is no 'ordr' of mod"),
        (["model.order.deep=3"], "Could not override", "model.order.deep is not an option: model.order has no options"),
        (["format@form=plain"], "Could not override 'format@form'", "format@form is not there to be replaced."),
        (["~seeed"], "Could not delete from config", "In ~seeed: Could not delete from config."),
        (["model=3"], "Config group override must be a string", "In model=3: Config group override must be a string"),
        (["model=[a"], "no viable alternative at input '[a'", "In model=[a: no viable alternative at input '[a'"),
    ],
)
def test_each_message_of_hydra_is_the_one_that_is_looked_for_and_becomes_ours(
    overrides: list[str], of_hydra: str, of_ours: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_files(monkeypatch)
    monkeypatch.chdir(tmp_path)
    Path("sized.py").write_text(SIZED)
    with pytest.raises((*REFUSALS, ValueError)) as refused:
        composed(overrides)
    assert of_hydra in str(refused.value)
    with pytest.raises(UserError) as told:
        compose(overrides)
    assert str(told.value).startswith(of_ours)
