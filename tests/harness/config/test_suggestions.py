"""An option that is looked for in the wrong place is found where it is, with a line that works."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from harness.common.errors import UserError
from harness.config.compose import compose
from harness.runs.settings import typed
from harness.runs.sweep import expand


def told(*overrides: str) -> str:
    with pytest.raises(UserError) as refused:
        compose(overrides)
    return str(refused.value)


@pytest.mark.parametrize(
    ("picked", "wrong", "line"),
    [
        ([], "decoding.p=0.5", "decoding=top_p decoding.transforms.top_p.p=0.5"),
        ([], "+decoding.p=0.5", "decoding=top_p decoding.transforms.top_p.p=0.5"),
        ([], "p=0.5", "decoding=top_p decoding.transforms.top_p.p=0.5"),
        (
            [],
            "decoding.transforms.temperature.temperature=0.5",
            "decoding=temperature decoding.transforms.temperature.temperature=0.5",
        ),
        (
            ["decoding=top_k"],
            "decoding.transforms.top_p.p=0.5",
            "'decoding=[top_k,top_p]' decoding.transforms.top_p.p=0.5",
        ),
        ([], "model.d_model=64", "model=gru model.d_model=64"),
        ([], "d_model=64", "model=gru model.d_model=64"),
        ([], "model.lstm.d_model=64", "model=lstm model.d_model=64"),
        (["model=unigram"], "model.order=5", "model=ngram model.order=5"),
        ([], "tokenizer.vocab_size=500", "tokenizer=bpe tokenizer.vocab_size=500"),
        (["data=chat"], "data.max_digits=3", "data=arithmetic data.max_digits=3"),
        (
            ["evals=[perplexity]"],
            "evals.generation.num_prompts=3",
            "'evals=[perplexity,generation]' evals.generation.num_prompts=3",
        ),
    ],
)
def test_an_option_that_another_choice_has_is_told_with_a_line_that_works(
    picked: list[str], wrong: str, line: str
) -> None:
    assert f" Write {line}" in told(*picked, wrong)
    typed(compose(shlex.split(line)))


def test_an_option_of_another_member_is_told_with_a_line_that_works() -> None:
    line = "model@model.members.second=ngram model.members.second.order=3"
    assert f" Write {line}." in told("model=mixture", "model.members.second.order=3")
    typed(compose(["model=mixture", *line.split()]))


@pytest.mark.parametrize(
    ("overrides", "meant"),
    [
        (["decoding=top_k", "decoding.k=5"], "decoding.transforms.top_k.k"),
        (["decoding=temperature", "decoding.temperature=0.5"], "decoding.transforms.temperature.temperature"),
        (["decoding=[temperature,top_k]", "decoding.k=5"], "decoding.transforms.top_k.k"),
        (["model=lstm", "model.lstm.d_model=64"], "model.d_model"),
        (["model=mixture", "model.order=5"], "model.members.first.order"),
        (["data.max_digits=3"], "data.sources.arithmetic.max_digits"),
        (["order=5"], "model.order"),
        (["evals.max_digits=3"], "evals.arithmetic.max_digits"),
        (["training.num_params=5"], "budget.num_params"),
        (["model=lstm", "training.optimizer=muon"], "model.optimizer"),
    ],
)
def test_an_option_of_what_was_picked_is_named_with_its_whole_key(overrides: list[str], meant: str) -> None:
    assert f" Did you mean {meant}?" in told(*overrides)


def test_those_that_have_it_are_all_named_with_what_is_picked_and_how_a_sweep_says_it() -> None:
    message = told("model.d_model=64")
    families = "gru, linear_attention, lstm, mingru, minlstm, mlp, rnn, ssm, transformer"
    assert f"It is an option of model={families}, but model=ngram is picked." in message
    assert "in a sweep, model.gru.d_model=64 is for its runs alone" in message
    assert ["model=gru", "model.d_model=64"] in expand(["model=ngram,gru", "model.gru.d_model=64"])


def test_a_place_without_options_says_so() -> None:
    assert told("decoding.transforms.p=1").endswith("Allowed: none.")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("decoding: {transforms: {temprature: 0.5}}", "no 'temprature' of decoding.transforms. Allowed: none."),
        ("temperature: 0.5", "Write decoding=temperature decoding.transforms.temperature.temperature=0.5"),
        ("model: {ordr: 3}", "Did you mean 'order'?"),
        ("modle: {order: 3}", "Did you mean 'model'?"),
        ("hydra: {sweeper: {params: {model: 'ngram', model.ngram.ordr: '2,3'}}}", "Did you mean 'order'?"),
        ("hydra: {sweeper: {params: {model.ordr: '2,3'}}}", "Did you mean 'order'?"),
    ],
)
def test_the_experiment_with_the_wrong_key_is_named_and_its_own_key_not_suggested(
    text: str, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as refused:
        compose(expand([f"experiment={path}"])[0])
    assert said in str(refused.value)
    assert "Did you mean ." not in str(refused.value)
    assert str(refused.value).endswith(f" It is set in {path}.")
    assert "mine.yaml" not in told(f"experiment={path}", "bugdet.tokens=1")


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("model=[ngram,lstm,gru]", "picks 3 for one run, which takes one. To combine models: model=mixture."),
        ("data=[chat,text]", "picks 2 for one run, which takes one. To mix data sets: data=mixture."),
        ("tokenizer=[char,bpe]", "bakeoff run -m tokenizer=char,bpe, or bakeoff compare tokenizer=char,bpe."),
    ],
)
def test_a_list_in_the_place_of_one_option_is_refused_with_the_sweep_that_it_may_have_meant(
    override: str, said: str
) -> None:
    with pytest.raises(UserError, match=re.escape(f"{override} picks ") + ".*" + re.escape(said.partition(" ")[2])):
        compose([override])
