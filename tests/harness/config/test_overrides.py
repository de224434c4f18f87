"""What a user types arrives as it was typed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from harness.common.errors import UserError
from harness.config.compose import compose
from harness.config.overrides import readable, refuse_repeated
from harness.runs.sweep import expand


@pytest.mark.parametrize(
    "path",
    [
        "d/日本語.txt",
        "d/my novel (1).txt",
        "d/a=b;c.txt",
        "d/[draft] {2}.txt",
        "d/QUIET!.txt",
        "d/it's.txt",
        'd/"quoted".txt',
        "d/*.txt",
        "d/a\\b.txt",
        "d/50% & more #1?.txt",
        "d/back\\",
        "d/a, b (1).txt",
    ],
)
def test_any_path_that_a_shell_can_pass_is_a_value(path: str) -> None:
    assert compose(["data=text", f"data.paths={path}"])["data"]["paths"] == path


@pytest.mark.parametrize("text", ["[", "[[", "(", "{", "<[", "a[b", "'tis", "[it's]"])
def test_a_text_may_begin_with_a_bracket(text: str) -> None:
    assert len(readable([f"format.before_name={text}"])) == 1


def test_a_text_that_looks_like_a_list_without_its_end_is_told_its_quotes() -> None:
    with pytest.raises(UserError, match="has no ] at its end") as refused:
        readable(["format.before_name=[Human"])
    [_, line] = str(refused.value).removesuffix(".").split(" For a text that begins so: ")
    assert compose(shlex.split(line))["format"]["before_name"] == "[Human"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("[~/novels/*.txt]", ["{home}/novels/*.txt"]),
        ("~/my novel!.txt", "{home}/my novel!.txt"),
        ("[a (1).txt,b.txt]", ["a (1).txt", "b.txt"]),
        ("[a,'b (1), c.txt']", ["a", "b (1), c.txt"]),
        ("a~/b", "a~/b"),
    ],
)
def test_lists_and_the_user_s_home(
    written: str, meant: str | list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    filled = meant.format(home=tmp_path) if isinstance(meant, str) else [item.format(home=tmp_path) for item in meant]
    assert compose(["data=text", f"data.paths={written}"])["data"]["paths"] == filled


@pytest.mark.parametrize(
    "override", ["seed=1", "budget.seconds=null", "evals=[arithmetic]", "seed=1,2", "a={b: 1}", "a='x,y'", "~tracking"]
)
def test_what_can_be_read_stays_as_it_is(override: str) -> None:
    assert readable([override]) == [override]


def test_a_sweep_s_commas_separate_paths() -> None:
    swept = readable(["data.paths=a (1).txt,b!.txt", "seed=0,1"], sweeps=True)
    assert expand(["data=text", *swept]) == [
        ["data=text", f"data.paths={path}", f"seed={seed}"] for path in ("'a (1).txt'", "'b!.txt'") for seed in (0, 1)
    ]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["lstm"], r"'lstm' is not group=option or key=value. Did you mean model=lstm\?"),
        (["seed"], r"'seed' is not group=option or key=value. Did you mean seed=...\?"),
        (["model", "lstm"], r"'model' is not group=option or key=value. Did you mean model=lstm\?"),
        (["seed=1", "modle", "lstm"], r"'modle' is not group=option or key=value. Did you mean model=lstm\?"),
        (["families"], r"'families' is not group=option or key=value. Did you mean experiment=families\?$"),
        (["seed", "3"], r"Did you mean seed=3\?"),
        (["decoding"], r"Did you mean experiment=decoding or decoding=...\?"),
        (["=lstm"], r"'=lstm' has no name before the '='. Did you mean model=lstm\? Write it as model=lstm or seed=1"),
        (["+=3"], r"'\+=3' has no name before the '='"),
        (["mod el=lstm"], r"'mod el=lstm': 'mod el' can't be the name of a group or setting. Write it as"),
        (["model='bigram"], r"model='bigram has no ' at its end"),
        (
            ["evals=[perplexity"],
            r"evals=\[perplexity has no \] at its end. Write 'evals=\[perplexity\]', with",
        ),
        (["seed=1", "data.paths=[a.txt,'b c"], r"data.paths=\[a.txt,'b c has no '\] at its end"),
        (["seed=range(1,3"], r"seed=range\(1,3 has no \) at its end. Write 'seed=range\(1,3\)'"),
        (["evals=[perplexity,", "compression"], r"split .* As one word: 'evals=\[perplexity,compression\]'\."),
        (["evals=[/a/good.txt]"], r"evals=/a/good.txt is not known. Allowed: .* or a file of yours"),
        (
            ["seed=1", "evals=[perplexity,", "compression,", "showcase]"],
            r"the shell has split evals=\[perplexity, compression, showcase\] at its blanks. As one word: "
            r"'evals=\[perplexity,compression,showcase\]'\.",
        ),
        (["model=ngram,", "lstm"], r"the shell has split model=ngram, lstm at .* As one word: model=ngram,lstm\."),
        (["data.paths=my", "novel.txt"], r"'novel.txt' is no word of its own. .*: 'data.paths=my novel.txt'\."),
        (["seed=1,2"], r"seed=1,2 gives seed several values. For one run with each of them: bakeoff run -m seed=1,2"),
        (["model=LSTM"], r"Did you mean 'lstm'\?"),
        (["decoding=[greedy,top_p]"], r"these don't go together. The chooser of greedy is Greedy, that of top_p is"),
    ],
)
def test_a_slip_is_named_with_what_was_meant(overrides: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        compose(overrides)


def test_an_experiment_s_file_alone_is_one_suggestion(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("seed: 1")
    with pytest.raises(UserError, match=rf"Did you mean experiment={tmp_path}/mine\.yaml\?$"):
        compose(["experiment=families", f"{tmp_path}/mine.yaml"])


@pytest.mark.parametrize("override", ["seed=0,", "seed=,0", "seed=0,,", "data.paths=a (1).txt,"])
def test_a_comma_of_a_sweep_with_no_value_beside_it_is_named(override: str) -> None:
    with pytest.raises(UserError, match=rf"{re.escape(override)} has a comma with nothing before or after it"):
        readable([override], sweeps=True)


@pytest.mark.parametrize(
    "group", ["model", "tokenizer", "data", "format", "training", "budget", "decoding", "evals", "tracking"]
)
@pytest.mark.parametrize(
    "override", ["{}=null", "{}=false", "{}=5", "{}=''", "{}={{}}", "~{}", "+{}={{}}", "{}={{a:1}}"]
)
def test_a_group_that_is_set_to_no_option_is_refused_with_what_is_allowed(group: str, override: str) -> None:
    with pytest.raises(UserError, match=rf"{group}="):
        compose([override.format(group)])


@pytest.mark.parametrize("words", [["seed=1", "seed=2"], ["seed=1", "model=lstm", "+seed=1"]])
def test_a_key_that_is_set_twice_is_refused(words: list[str]) -> None:
    with pytest.raises(
        UserError, match=rf"seed is set twice: seed=1 and {re.escape(words[-1])}\. Leave one of them out"
    ):
        refuse_repeated(words)


def test_keys_that_are_set_once_pass() -> None:
    refuse_repeated(["model=lstm", "model.order=2", "seed=1", "~tracking"])
