"""Typed settings: what is allowed, and what is refused before a run begins."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.common.errors import UserError
from harness.config.compose import compose
from harness.config.options import GROUPS, option, options
from harness.config.settings import build
from harness.runs.settings import refuse_solved_width, typed
from tests.commands import environment
from tests.conftest import ROOT


def test_members_are_other_options_of_model() -> None:
    config = compose(["model=mixture", "model@model.members.second=bigram", "+model@model.members.third=unigram"])
    families = {name: member.family for name, member in typed(config).model.members.items()}
    assert families == {"first": "ngram", "second": "bigram", "third": "unigram"}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.members.second.d_modle=3", "d_modle.*Did you mean"),
        ("model@model.members.second=lstn", "lstn is not known.*lstm"),
        ("model.members.second.d_model=-1", "d_model"),
        ("model@model.members.sacond=gru", "Did you mean 'model@model.members.second'.*With a \\+ in front"),
    ],
)
def test_what_is_wrong_in_a_member_is_named(override: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        typed(compose(["model=mixture", override]))


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("seed=-1", "seed=-1 is not allowed"),
        ("seed=many", "seed='many'"),
        ("seed=null", "seed=null is not allowed: it must be a whole number."),
        (
            "data.weights=null",
            "data.weights=null is not allowed: it must be a mapping of names, each with a number, as {na",
        ),
        ("data.weights.chat=a", "each with a number, as {name: value}. Wrong in it: chat: 'a'."),
        ("model.cutoffs=[0,a]", "it must be a list of whole numbers. Wrong in it: 1: 'a'."),
        ("results_dir=", "results_dir= is empty. Name a folder for results"),
        ("results_dir='  '", "results_dir= is empty. Name a folder for results"),
        ("device=gpu", "device='gpu' is not known. Allowed: auto, cpu, cuda, cuda:N, mps"),
        ("device=cuda:x", "device='cuda:x' is not known"),
        ("experiment_name=../mine", "cannot name a folder"),
        ("experiment_name=fits", "are taken"),
        ("ratings.num_pairs=1", "ratings.num_pairs=1 is not allowed"),
        ("ratings.rater.agreement=0.4", "agreement=0.4 is not allowed: it must be between 0.5"),
        ("preference.longest=0", "preference.longest=0 is not allowed"),
        ("experiment_name=.hidden", "beginning with a letter or a digit"),
    ],
)
def test_impossible_settings_are_refused_before_a_run_begins(override: str, said: str) -> None:
    with pytest.raises(UserError, match=re.escape(said)):
        typed(compose([override]))


BEST = ["decoding=best_by_reward", "rewards=[preference_model]"]


def test_a_search_can_t_score_with_what_no_stage_makes() -> None:
    with pytest.raises(UserError, match=r"a stage of post-training makes.*no stage of post=\[sft\] does"):
        typed(compose(["model=gru", "post=[sft]", *BEST]))
    typed(compose(["model=gru", "post=[sft,rloo]", *BEST]))


@pytest.mark.parametrize("device", ["auto", "cpu", "mps", "cuda", "cuda:3"])
def test_a_device_need_not_be_there_for_settings_to_name_it(device: str) -> None:
    assert typed(compose([f"device={device}"])).device == device


def test_the_results_folder_may_be_below_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert typed(compose(["results_dir='~/mine'"])).results_dir == tmp_path / "mine"


EVAL = """
from dataclasses import dataclass
from harness.evaluation import Eval

@dataclass(frozen=True)
class Mine(Eval):
    {attributes}

    def samples(self, material):
        return []

    def requests(self, sample, material):
        return []

    def score(self, sample, answers, material):
        raise NotImplementedError
"""


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ("name = 'mine'", "Mine must say its name (text) and its version (a whole number)"),
        ("version = 1", "Mine must say its name (text) and its version (a whole number)"),
        ("name, version = 'a/../b', 1", "Mine has the name 'a/../b'. It must be letters, digits, '_' and '-'"),
        (f"name, version = '{'a' * 200}', 1", "files are named after it"),
        ("name, version = 'perplexity', 1", "two of the evals have the name 'perplexity'"),
    ],
)
def test_an_eval_without_a_name_and_a_version_of_its_own_is_refused(tmp_path: Path, attributes: str, said: str) -> None:
    (tmp_path / "mine.py").write_text(EVAL.format(attributes=attributes))
    with pytest.raises(UserError, match=re.escape(said)):
        typed(compose([f"evals=[perplexity,'{tmp_path / 'mine.py'}']"]))


# Wrong values, and what the message says.
WRONG = {
    "seed=x": "it must be a whole number",
    "seed=-1": "from 0 to 9,223,372,036,854,775,807",
    "seed=99999999999999999999999": "at most 9,223,372,036,854,775,807",
    "evals.arithmetic.seed=1e20": "at most 9,223,372,036,854,775,807",
    "experiment_name=": "cannot name a folder",
    f"experiment_name={'a' * 300}": "too long",
    f"results_dir={'a' * 300}": "too long",
    f"results_dir=absent experiment_name={'a' * 300}": "too long",
    f"decoding=[{','.join(['repetition_penalty', 'count_penalty', 'no_repeat_ngram', 'temperature'] * 4)}]": "too long",
    "model=lstm model.num_layers=1000000": "num_layers=1000000 is not allowed for model=lstm: it must be 1 to 1,000",
    "model=transformer model.num_layers=1000000": "model.num_layers=1000000 is not allowed for model=transformer: it",
    "model=transformer model.num_heads=1000000 model.d_model=2000000": "num_heads=1000000 is not allowed for",
    "model=cache model.size=1e12": "size=1000000000000 is not allowed for model=cache: it must be 1 to 1,000,000",
    "model=cache model.longest_match=1e9": "longest_match=1000000000 is not allowed for model=cache: it must be 0 to ",
    "tokenizer=bpe tokenizer.vocab_size=1e9": "vocab_size=1000000000 is not allowed: it must be 1,048,576 or less",
    "decoding=beam decoding.search.num_beams=1e9": "num_beams=1000000000 is not allowed: it must be 10,000 or less",
    "decoding=best_of_n decoding.search.num_samples=1e9": "it must be 10,000 or less",
    "evals=[generation] evals.generation.num_completions=1e9": "num_completions=1000000000 is not allowed",
    "evals=[arithmetic] evals.arithmetic.num_votes=1e9": "num_votes=1000000000 is not allowed",
    "evals=[arithmetic] evals.arithmetic.num_samples=1e9": "num_samples=1000000000 is not allowed",
    **{
        f"evals=[{name}] evals.{name}.max_new_tokens=1e9": "it must be 100,000 or less"
        for name in ("showcase", "arithmetic", "turn_taking", "format_questions")
    },
    "data=arithmetic data.train_documents=1e9": "train_documents=1,000,000,000 with problems_per_document=10 are",
    "evals.perplexity=null": "but is None. Leave it out with ~evals.perplexity.",
    "model=mixture model.members.second=gru": "Pick one with model@model.members.second=NAME",
    "training.weight_decay=-1": "weight_decay=-1.0 is not allowed: it must be 0 or more",
    "device=tpu": "Allowed: auto, cpu",
    "experiment_name=a/b": "cannot name a folder",
    "results_dir=5": "it must be text",
    "results_dir=README.md": "README.md is a file",
    "results_dir=README.md/below": "README.md is a file",
    "results_dir=~nosuchuser/x": "~nosuchuser/x can't be found: there is no home folder ~nosuchuser. Write the whole",
    "format=~nosuchuser/x.yaml": "there is no home folder ~nosuchuser",
    "model=~nosuchuser/x.py": "there is no home folder ~nosuchuser",
    "tokenizer=hf tokenizer.path=~nosuchuser/x": "no such folder",
    "budget.tokens=-5": "it must be above 0",
    "budget.tokens=2M": "Write it as 2e6",
    "budget.tokens=1.5k": "Write it as 1.5e3",
    "budget.seconds=0": "it must be above 0",
    "training.batch_tokens=0": "it must be 1 or more",
    "tracking.mode=on": "it must be one of offline",
    "tracking.max_samples=-1": "must be 0 or more",
    "format.before_name=5": "it must be text",
    "tokenizer.speaker_tokens=7": "it must be true or false",
    "model.order=0": "^model.order=0 is not allowed for model=ngram: it must be 1 to 20, or inf for contexts",
    "model.order=2.5": "model.order=2.5 is not allowed: it must be a whole number or inf.",
    "budget.tokens=-1": "^budget.tokens=-1 is not allowed: it must be above 0, or null for no limit.",
    "decoding=top_p decoding.transforms.top_p.p=2": "^decoding.transforms.top_p.p=2.0 is not allowed: it must",
}


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="has no /proc")
def test_a_results_folder_where_none_can_be_is_refused() -> None:
    with pytest.raises(UserError, match=r"results_dir=/proc/a/b can't be made: /proc takes no new folders"):
        typed(compose(["results_dir=/proc/a/b"]))


@pytest.mark.parametrize(("override", "said"), WRONG.items())
def test_a_wrong_value_is_named(override: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        typed(compose(override.split()))


MAY_BE_NEGATIVE = {"presence", "frequency", "length_penalty", "weight", "cut_reward"}
MAY_BE_NEGATIVE |= {"length_bias", "position_bias"}


def wrong_nodes(node: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The settings with one value wrong: of a wrong type for every option, and -1 for every number that can't be
    negative."""
    for name, value in node.items():
        if name == "_target_":
            continue
        wrong: list[Any] = [5 if isinstance(value, str | list) else [["x"]]]
        if isinstance(value, dict):
            wrong = list(wrong_nodes(value))
        elif isinstance(value, int | float) and not isinstance(value, bool) and name not in MAY_BE_NEGATIVE:
            wrong.append(-1)
        yield from ({**node, name: replacement} for replacement in wrong)


def spelled_out(group: str, name: str) -> dict[str, Any]:
    """An option's values, with those of the options that it picks itself."""
    content = dict(option(group, name).content)
    for pick in content.pop("defaults", ()):
        if pick != "_self_":
            [(place, picked)] = pick.items()
            inner_group, _, path = place.lstrip("/").partition("@")
            *outer, key = path.split(".")
            within = functools.reduce(lambda node, part: node.setdefault(part, {}), outer, content)
            within[key] = spelled_out(inner_group, picked)
    if content.get("paths") == []:
        content["paths"] = ["some.txt"]
    if content.get("format") == "${format}":
        content["format"] = spelled_out("format", "human_assistant")
    for part in (content, content.get("search", {})):
        if part.get("rewards") == "${rewards}":
            part["rewards"] = {"length": spelled_out("rewards", "length")}
    for inner, usual in (("ratings", "simulated"), ("preference", "ngram_logistic")):
        if content.get(inner) == f"${{{inner}}}":
            content[inner] = spelled_out(inner, usual)
    return content


REFUSES = """
import json
import sys
from harness.common.errors import UserError
from harness.config.compose import compose
from harness.config.settings import build
from harness.runs.settings import typed

overrides, nodes = json.load(sys.stdin)
for wrong in [*overrides, *nodes]:
    try:
        typed(compose(wrong.split())) if wrong in overrides else build(wrong, object, "here")
    except UserError:
        continue
    sys.exit(f"not refused: {wrong}")
heavy = {"torch", "numba", "pandas", "scipy", "sklearn", "wandb"} & sys.modules.keys()
if heavy:
    sys.exit(f"imported: {sorted(heavy)}")
"""


def test_a_wrong_value_is_refused_before_heavy_libraries_are_imported() -> None:
    groups = [group for group in GROUPS if group != "experiment"]
    nodes = [node for group in groups for name in options(group) for node in wrong_nodes(spelled_out(group, name))]
    assert len(nodes) > 500
    cases = json.dumps([list(WRONG), nodes])
    subprocess.run([sys.executable, "-c", REFUSES], check=True, env=environment(), cwd=ROOT, input=cases, text=True)


@pytest.mark.parametrize(("written", "number"), [("2e6", 2_000_000), ("2_000_000", 2_000_000), ("3", 3)])
def test_a_number_of_tokens_may_be_written_short(written: str, number: int) -> None:
    assert typed(compose([f"budget.tokens={written}"])).budget.tokens == number


def test_a_seed_is_a_whole_number_however_it_is_written() -> None:
    assert [str(typed(compose([f"seed={seed}"])).seed) for seed in ("1e3", 2**63 - 1)] == ["1000", str(2**63 - 1)]


def test_every_number_that_is_refused_is_named_with_its_value() -> None:
    unnamed = []
    for group in (group for group in GROUPS if group != "experiment"):
        for name in options(group):
            if (group, name) == ("ratings", "asked_model"):  # it is nothing without a folder
                continue
            settings = spelled_out(group, name)
            for key, value in settings.items():
                if isinstance(value, int | float) and not isinstance(value, bool):
                    try:
                        build({**settings, key: -1}, object, group)
                    except UserError as error:
                        if not re.search(rf"\b{key}( is |=|\D*not )-1", str(error)):
                            unnamed.append(str(error))
    assert unnamed == []


def test_a_width_that_the_budget_decides_is_refused_where_no_run_uses_it() -> None:
    def refuse(override: str, *configured: str) -> None:
        refuse_solved_width([override], [typed(compose([*configured, override.replace(".gru", "")]))])

    for override in ("model.d_model=64", "model.gru.d_model=64"):
        with pytest.raises(UserError, match=rf"{override} changes nothing: budget.num_params=20,000 decides the width"):
            refuse(override, "model=gru", "budget.num_params=20000")
    refuse("model.d_model=64", "model=gru")
    refuse("model.order=3", "model=ngram", "budget.num_params=20000")
    refuse("model.num_layers=1", "model=gru", "budget.num_params=20000")
