"""Every option composes and builds; what was saved comes back; strangers are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from harness.common.errors import UserError
from harness.config.compose import compose, from_saved
from harness.config.options import GROUPS, options
from harness.runs.settings import typed

# What is nothing without a path, or a run, of the user's own.
OWN_FILES = ("data=text", "model=hf", "tokenizer=hf", "decoding=speculative")


EVERY_OPTION = [option for group in GROUPS for name in options(group) if (option := f"{group}={name}") not in OWN_FILES]


@pytest.mark.parametrize("override", EVERY_OPTION)
def test_every_option_of_every_group_composes_and_builds(override: str) -> None:
    group, name = override.split("=")
    composed = compose([f"{group}=[{name}]" if group == "evals" else override])
    made = typed(composed)
    if group == "evals":
        assert list(made.evals) == [name]
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
