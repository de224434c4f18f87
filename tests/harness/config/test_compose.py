"""Every option composes and builds; what was saved comes back; strangers are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from harness.common.errors import UserError
from harness.config.compose import compose, from_saved
from harness.config.hydra_compose import REFUSALS, composed
from harness.config.options import GROUPS, LISTS, options
from harness.runs.settings import typed
from tests.harness.config.plugin_files import forget_files

# What is nothing without a path, or a run, of the user's own.
OWN_FILES = ("data=text", "model=hf", "tokenizer=hf", "decoding=speculative", "ratings=bank", "ratings=asked_model")


EVERY_OPTION = [option for group in GROUPS for name in options(group) if (option := f"{group}={name}") not in OWN_FILES]


@pytest.mark.parametrize("override", EVERY_OPTION)
def test_every_option_of_every_group_composes_and_builds(override: str) -> None:
    group, name = override.split("=")
    with_gradients = ["model=gru"] if group == "post" else []  # every stage takes it
    composed = compose([f"{group}=[{name}]" if group in LISTS else override, *with_gradients])
    made = typed(composed)
    if group in LISTS:
        assert list(getattr(made, group)) == [name]
    elif group == "experiment":
        assert made.experiment_name == name
    else:
        assert made.names[group] == name


def test_a_key_that_no_picked_option_has_is_refused_with_the_closest() -> None:
    with pytest.raises(UserError, match="order"):
        compose(["model=ngram", "+model.ordre=3"])


def test_a_saved_file_that_is_no_configuration_of_a_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    with pytest.raises(UserError, match=r"cannot be read \(No such file"):
        from_saved(path)
    path.write_text("a: [")
    with pytest.raises(UserError, match="not valid YAML"):
        from_saved(path)
    path.write_text("model: 1")
    with pytest.raises(UserError, match=r"not the config\.yaml of a run"):
        from_saved(path)


def test_a_saved_configuration_comes_back_and_may_not_ask_for_a_stranger(tmp_path: Path) -> None:
    path, config = tmp_path / "config.yaml", compose(["model=bigram"])
    path.write_text(yaml.safe_dump(config))
    assert from_saved(path)["model"] == config["model"]
    config["model"]["_target_"] = "os.system"
    path.write_text(yaml.safe_dump(config))
    with pytest.raises(UserError, match=r"asks for os\.system, which no installed option names"):
        from_saved(path, ["model"])


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
        (["model.order=${a.b}"], "key 'a.b' not found", "model.order takes its value from another setting, ${a.b},"),
        (["format=a.yaml"], "variable 'UNSET' not found", "In format=a.yaml: format.name can't be filled in:"),
        (["format=b.yaml"], "", "In format=b.yaml: a reference to another setting can't be read. It is written ${"),
        (["experiment=c.yaml"], "Could not override 'modle'", "In experiment=c.yaml: Could not override 'modle'. No"),
        (["~seeed"], "Could not delete from config", "In ~seeed: Could not delete from config."),
        (
            ["~seed=3"],
            "Could not delete from config",
            "~seed=3 leaves seed out only where it is 3, but it is 0. To set",
        ),
        (["hydra/launcher=basik"], "Could not find", "hydra/launcher=basik is not known. Did you mean 'basic'? Instal"),
        (["model=3"], "Config group override must be a string", "model=3 names no option. Allowed: model=bigram, "),
        (
            ["data.weights=[]"],
            "Error merging override",
            "data.weights=[] can't be set: data.weights has parts of its o",
        ),
        (
            ["data.weights={play:1}"],
            "Could not override 'data.weights'",
            "data.weights={play:1} can't be set: data.weights has parts of its own. Set one of those: shakespeare, ",
        ),
        (
            ["model.cutoffs={a:1}"],
            "Error merging override",
            "model.cutoffs={a:1} can't be set: model.cutoffs is a list",
        ),
        (["model=[a"], "no viable alternative at input '[a'", "model=[a has no ] at its end."),
    ],
)
def test_each_message_of_hydra_is_the_one_that_is_looked_for_and_becomes_ours(
    overrides: list[str], of_hydra: str, of_ours: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_files(monkeypatch)
    monkeypatch.chdir(tmp_path)
    Path("sized.py").write_text(SIZED)
    Path("a.yaml").write_text("name: ${oc.env:UNSET}")
    Path("b.yaml").write_text("name: '${a'")
    Path("c.yaml").write_text("# @package _global_\ndefaults: [override /modle: lstm]")
    with pytest.raises((*REFUSALS, ValueError)) as refused:
        composed(overrides)
    assert of_hydra in str(refused.value)
    with pytest.raises(UserError) as told:
        compose(overrides)
    assert str(told.value).startswith(of_ours)


def test_empty_braces_in_the_place_of_values_are_refused_because_they_would_leave_them() -> None:
    with pytest.raises(
        UserError, match=r"data\.weights=\{\} changes nothing.*leave out one or all: ~data\.weights\.\w+"
    ):
        compose(["data.weights={}"])
    assert compose(["decoding.transforms={}"])["decoding"]["transforms"] == {}


def test_only_a_name_that_is_not_given_is_the_experiment_s_or_default() -> None:
    assert compose([])["experiment_name"] == "default"
    assert compose(["experiment=ngram"])["experiment_name"] == "ngram"
    assert compose(["experiment=ngram", "experiment_name="])["experiment_name"] == ""
