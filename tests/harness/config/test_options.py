"""What can be picked, and what a saved configuration may ask for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from harness.common.errors import UserError
from harness.config.compose import compose
from harness.config.options import (
    GROUPS,
    comments,
    conf_dir,
    known_targets,
    name_of_class,
    option,
    options,
    relocated,
    top_level,
)
from harness.plugin_kit.new import start
from harness.runs.sweep import expand
from tests.harness.config.plugin_files import forget_files


def test_no_two_classes_that_options_of_a_group_name_share_a_name() -> None:
    names = [(group, target.rpartition(".")[2]) for target, group in known_targets().items()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("group", GROUPS)
def test_no_description_is_cut_in_mid_sentence(group: str) -> None:
    for name in options(group):
        assert option(group, name).about.endswith((".", "?")), name


def test_a_description_is_the_whole_first_sentence(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("# @package _global_\na: 1\n# It does\n# one thing.\n# And another.\nb: 2\n")
    assert option("format", str(path)).about == "It does one thing."
    path.write_text("# No full stop\na: 1\n# Of a.\n")
    assert option("format", str(path)).about == "No full stop"


def test_a_saved_configuration_finds_a_class_that_has_moved_since() -> None:
    saved = {
        "model": {"_target_": "harness.attic.LSTMConfig", "d_model": 4},
        "list": [{"_target_": "evals.x.Perplexity"}],
    }
    assert relocated(saved) == {
        "model": {"_target_": "models.settings.lstm.LSTMConfig", "d_model": 4},
        "list": [{"_target_": "evals.perplexity.Perplexity"}],
    }
    for stranger in (
        "os.system",
        "elsewhere.LSTMConfig",
        "harness.attic.Nothing",
        "bakeoff_file.mine_0123456789ab.LSTMConfig",
    ):
        assert relocated({"_target_": stranger}) == {"_target_": stranger}


def test_a_saved_configuration_may_only_ask_for_what_conf_names() -> None:
    targets = known_targets()
    assert targets["models.settings.lstm.LSTMConfig"] == "model"
    assert "os.system" not in targets


def test_a_class_has_the_name_of_the_option_that_names_it() -> None:
    assert name_of_class("ratings", "harness.ratings.source.RatedBank") == "bank"
    assert name_of_class("ratings", "harness.ratings.simulated.RaterOptions") == "RaterOptions"  # part of an option
    assert name_of_class("ratings", "bakeoff_file.mine_0123456789ab.Dice") == "Dice"


def test_every_group_takes_a_yaml_file_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    groups = ("model", "tokenizer", "data", "format", "training", "budget", "ratings", "preference", "decoding")
    groups += ("tracking", "evals")
    picks = [f"{group}={f'[./{group} (1).yaml]' if group == 'evals' else f'./{group} (1).yaml'}" for group in groups]
    defaults = yaml.safe_load((conf_dir() / "config.yaml").read_text())["defaults"]
    for group in groups:
        picked = next(item[group] for item in defaults if isinstance(item, dict) and group in item)
        picked = picked[0] if isinstance(picked, list) else picked
        Path(f"{group} (1).yaml").write_text((conf_dir() / group / f"{picked}.yaml").read_text())
    usual, config = compose(["evals=[perplexity]"]), compose(picks)
    assert config["names"] == {group: f"{group} (1)" for group in groups if group != "evals"}
    assert config["evals"] == {"evals (1)": usual["evals"]["perplexity"]}
    for group in set(groups) - {"evals"}:
        assert config[group] == usual[group], group


def test_an_experiment_of_one_s_own_sweeps_and_is_named_by_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("qa.yaml").write_text((conf_dir() / "format" / "play.yaml").read_text().replace('":"', '">"'))
    Path("mine.yaml").write_text(
        "defaults: [{override /format: ./qa.yaml}]\nbudget: {tokens: 7}\n"
        "hydra: {sweeper: {params: {model: 'uniform,unigram'}}}\n"
    )
    jobs = expand(["experiment=mine.yaml"])
    assert jobs == [[f"model={model}", "experiment=mine.yaml"] for model in ("uniform", "unigram")]
    config = compose(jobs[1])
    assert (config["format"]["after_name"], config["budget"]["tokens"]) == (">", 7)
    assert (config["names"]["format"], config["names"]["model"], config["experiment_name"]) == ("qa", "unigram", "mine")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "No such file"),
        ("a: [", "not valid YAML"),
        ("- a", "holds no keys"),
        ("", "holds no keys"),
        ("# name: mine", "holds no keys"),
        ("name: a\nname: b", "'name' stands twice"),
        ("a: &a [*a]", "not valid YAML: an alias"),
        ("defaults: [{override /data: chat}]", "In format=./own.yaml"),
    ],
)
def test_a_file_that_is_no_option_is_refused_by_its_name(
    text: str | None, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if text is not None:
        Path("own.yaml").write_text(text)
    with pytest.raises(UserError, match=message) as refused:
        compose(["format=./own.yaml"])
    assert "own.yaml" in str(refused.value)


@pytest.mark.parametrize("group", ["format", "decoding", "data", "model", "tokenizer", "training", "budget", "evals"])
def test_a_file_without_a_target_is_told_which_line_to_add(
    group: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in options(group):
        content = dict(option(group, name).content)
        line = f"_target_: {content.pop('_target_')}"
        if not content:
            continue  # an empty file is refused by another name
        Path("own.yaml").write_text(yaml.safe_dump(content))
        with pytest.raises(UserError, match=r"own\.yaml has no line _target_, .* at its top level:") as refused:
            compose([f"{group}=[./own.yaml]" if group == "evals" else f"{group}=./own.yaml"])
        assert line in str(refused.value).splitlines()[1:]


def test_the_line_to_add_names_the_class_in_the_python_file_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    forget_files(monkeypatch)
    code, beside, *_ = start("model", "mine", Path())
    lines = beside.read_text().splitlines()
    beside.write_text("\n".join(line for line in lines if line != "_target_: mine.MineConfig"))
    with pytest.raises(UserError, match=r"mine\.yaml has no line _target_") as refused:
        compose([f"model=./{code}"])
    assert str(refused.value).splitlines()[1:] == ["_target_: mine.MineConfig"]
    beside.write_text("\n".join(lines))
    assert compose([f"model=./{code}"])["names"]["model"] == "mine"


def test_a_pipe_is_no_option_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "own.yaml")
    with pytest.raises(UserError, match=r"own\.yaml can't be read: it is a named pipe"):
        compose([f"format={tmp_path}/own.yaml"])


def test_settings_of_no_group_have_defaults() -> None:
    assert top_level() == {"seed": 0, "device": "auto", "results_dir": "results", "experiment_name": None}


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("evals: [perplexity, turn_taking]", ["- override /evals: [perplexity, turn_taking]"]),
        ("model: gru\ndata: chat\nseed: 3", ["- override /model: gru", "- override /data: chat"]),
        ("defaults: [{model: gru}]", ["- override /model: gru"]),
        ("defaults: [{/evals: [perplexity]}]", ["- override /evals: [perplexity]"]),
    ],
)
def test_an_experiment_that_picks_in_a_way_that_is_not_read_is_told_the_right_lines(
    text: str, lines: list[str], tmp_path: Path
) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(UserError, match=r"mine\.yaml picks .* Write under defaults:") as refused:
        compose([f"experiment={tmp_path}/mine.yaml"])
    assert [line.strip() for line in str(refused.value).splitlines()[1:]] == lines
    right = "".join(f"  {line}\n" for line in lines)
    (tmp_path / "mine.yaml").write_text(f"defaults:\n{right}")
    names = compose([f"experiment={tmp_path}/mine.yaml"])["names"]
    assert all(f"- override /{group}: {names[group]}" in right for group in ("model", "data") if group in right)


def test_an_empty_experiment_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("")
    with pytest.raises(UserError, match=r"mine\.yaml holds no keys"):
        compose([f"experiment={tmp_path}/mine.yaml"])


def test_what_is_said_of_each_key_is_found_by_its_dotted_name() -> None:
    said = comments("decoding", "top_p")
    assert said["transforms.top_p.p"] == "Above 0, up to 1; 1 keeps all."
    assert said["at_context_limit"].startswith("When a model's window is full")
    assert comments("decoding", "beam")["search.early_stopping"].endswith("once none can become better.")
    with pytest.raises(UserError, match="top_p"):
        comments("decoding", "topp")
