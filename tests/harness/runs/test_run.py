"""Runs that name other runs in any folder; and runs with damaged files."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.cli.main import status_of
from harness.common.errors import UserError
from harness.config.compose import compose
from harness.report.comparison import Comparison
from harness.report.results import load
from harness.runs.frames import runs_frame
from harness.runs.listing import listed
from harness.runs.lookup import find_fit
from harness.runs.plan import plan
from harness.runs.record import RunRecord
from harness.runs.run import run
from harness.runs.settings import typed
from harness.runs.tracking import Mirror
from harness.training.workshop import Prepared
from tests.commands import bakeoff
from tests.harness.runs.plugin_runs import EVAL, EVALS, MODEL, RUN, record_of, runs_in

SMALL = ("data=chatterbot", "tracking=none", "budget.tokens=3000", "evals=[arithmetic]")
FEW = (*SMALL, "evals.arithmetic.num_samples=2", "evals.arithmetic.max_new_tokens=4")
NGRAM = (*FEW, "model=ngram", "model.order=3", "model.keep_counts=true")
DRAFTED = (*FEW, "model=bigram", "decoding=speculative")


def done(results: Path, *overrides: str) -> tuple[RunRecord, Path]:
    """A finished run: its record and its folder."""
    planned = plan(typed(compose([*overrides, f"results_dir={results}"])), Prepared())
    return run(planned, Mirror()), planned.folder


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run in a separate results folder."""
    return done(tmp_path_factory.mktemp("elsewhere") / "results", *NGRAM)[1]


def test_a_stage_that_has_nothing_to_learn_from_fails_its_run_which_says_why(tmp_path: Path) -> None:
    cut = ("model=gru", "model.d_model=8", "post=[rloo]", "rewards=[length]", "post.rloo.max_new_tokens=4")
    said = bakeoff(tmp_path, "run", "data=chat", *FEW[1:], *cut, status=1)
    [folder] = (tmp_path / "results" / "default").glob("gru+rloo*")
    record = RunRecord.read(folder)
    [failure] = record.errors
    assert (record.status, failure.where, failure.traceback) == ("failed", "fit", "")
    assert re.match(r"\d+ % of the replies are cut after 4 tokens .* post=\[sft,rloo\]", failure.error)
    assert failure.error in said.stderr
    assert "Traceback" not in said.stderr
    assert "arithmetic" not in said.stdout  # nothing was asked


def test_a_fit_that_failed_has_no_width_where_the_budget_decides_it(tmp_path: Path) -> None:
    cut = ("model=gru", "budget.num_params=20000", "post=[rloo]", "rewards=[length]", "post.rloo.max_new_tokens=1")
    bakeoff(tmp_path, "run", "data=chat", *FEW[1:], *cut, status=1)
    [folder] = (tmp_path / "results" / "default").glob("gru+rloo*")
    model = RunRecord.read(folder).model
    assert "d_model" not in model
    assert "num_layers" in model


def test_a_stage_with_nothing_to_learn_in_the_text_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("To be, or not to be.\n\n" * 200)
    texts = ("data=text", "data.paths=a.txt")
    said = bakeoff(tmp_path, "run", *FEW[1:], *texts, "model=gru", "post=[sft]", status=2).stderr
    assert "sft has nothing to learn: the train text of data=text has no conversations" in said
    assert "leave sft out of post=" in said
    assert not (tmp_path / "results" / "fits").exists()


def test_one_run_of_an_experiment_says_which_sweep_it_leaves_out(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "# @package _global_\nmodel:\n  order: 2\nhydra:\n  sweeper:\n    params:\n      model.order: 2,3\n"
    )
    one = ("run", "experiment=mine.yaml", "model=ngram", "data=chatterbot", *FEW[1:])
    told = bakeoff(tmp_path, *one).stderr
    assert "experiment=mine.yaml sweeps model.order, of which one run takes no value. `bakeoff run -m" in told
    assert "sweeps" not in bakeoff(tmp_path, *one, "model.order=3").stderr


def test_what_a_user_should_know_is_noted_although_nothing_failed(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("to be or no\n")
    overrides = ("data=text", f"data.paths={tmp_path / 'a.txt'}", "tracking=none", "budget.tokens=3000", "model=bigram")
    record, _ = done(tmp_path / "results", *overrides, "evals=[turn_ends]")
    assert record.status == "complete"
    few, small, *unseen, eval_note = record.notes
    assert few.startswith("the data set text: 1 document: too few to split whole")
    assert small.startswith("the data set text: there is very little text (bytes: train 10, validation 1, test 1)")
    assert all("characters without a token" in note for note in unseen)
    assert eval_note.startswith("the eval turn_ends measured nothing because it has no samples: ")
    assert RunRecord.read(tmp_path / "results" / "default" / record.run_id).notes == record.notes


def test_a_run_of_no_evals_says_so(tmp_path: Path) -> None:
    record, _ = done(tmp_path / "results", *SMALL[:3], "model=bigram", "evals=[]")
    assert record.notes[-1] == "evals=[] asks no eval: the run has a fit, but no metrics"


def test_a_plan_names_the_run_s_folder_and_its_parts(first: Path) -> None:
    planned = plan(typed(compose([*NGRAM, f"results_dir={first.parent.parent}"])), Prepared())
    record = RunRecord.read(first)
    assert planned.folder == first
    assert (planned.run_id, planned.fit_id, planned.decoding_id) == (first.name, record.fit_id, record.decoding_id)


def test_a_fit_of_another_results_folder_can_be_continued(first: Path, tmp_path: Path) -> None:
    here, _ = done(tmp_path / "results", *NGRAM, f"training.continue_from={first}")
    beside, _ = done(first.parent.parent, *NGRAM, f"training.continue_from={first.name}")
    assert here.status == "complete"
    assert (here.run_id, here.fit_id) == (beside.run_id, beside.fit_id)
    assert here.fit_id != RunRecord.read(first).fit_id


def test_the_fit_that_a_run_continues_is_recorded_the_same_for_every_seed(tmp_path: Path) -> None:
    results = tmp_path / "results"
    recipes = []
    for order, seed in ((3, 0), (3, 1), (2, 0)):
        small = [*NGRAM, f"model.order={order}", f"seed={seed}", "evals.arithmetic.num_samples=1"]
        parent = done(results, *small)[0]
        child = done(results, *small, f"training.continue_from={parent.run_id}")[0]
        grandchild = done(results, *small, f"training.continue_from={child.run_id}")[0]
        assert parent.recipes == {}
        assert child.training["continue_from"] == parent.fit_id
        recipes.append((child.recipes[parent.fit_id], grandchild.recipes[child.fit_id]))
    one, same, other = recipes
    assert one == same
    assert not set(one) & set(other)
    assert len(Comparison(load(results / "default")[0]).systems) == 6  # parent, child and grandchild of each order


def test_a_damaged_fit_cannot_be_continued(first: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    shutil.copytree(first.parent.parent, results)
    fit = results / "fits" / RunRecord.read(first).fit_id / "fit.json"
    fit.write_text("{}")
    with pytest.raises(UserError, match=r"fit\.json is damaged: .*`bakeoff run --config-from "):
        done(results, *NGRAM, f"training.continue_from={first.name}")


def test_a_setting_cannot_name_the_latest_run(first: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    shutil.copytree(first, results / first.parent.name / first.name)
    for name in ("@latest", f"{first.parent.name}/@latest"):
        with pytest.raises(UserError, match=rf"{name} can't be a setting.* It means {first.name} now"):
            done(results, *NGRAM, f"training.continue_from={name}")


def test_a_draft_in_another_results_folder_drafts(first: Path, tmp_path: Path) -> None:
    here, folder = done(tmp_path / "results", *DRAFTED, f"decoding.search.draft={first}")
    beside, beside_folder = done(first.parent.parent, *DRAFTED, f"decoding.search.draft={first.name}")
    assert here.status == "complete"
    assert here.run_id == beside.run_id
    assert here.decoding["search"]["draft"] == RunRecord.read(first).fit_id
    # what the run's own decoding names is found from any folder
    for run_folder in (folder, beside_folder):
        assert status_of(["complete", str(run_folder), "Human: ", "--max-new-tokens", "3"]) == 0


def test_a_corrected_eval_is_asked_and_the_others_are_not_asked_again(capitals: Path) -> None:
    (capitals / "capitals.py").write_text("raise ValueError('not today')\n")
    bakeoff(capitals, *RUN, *EVALS, status=2)
    (capitals / "capitals.py").write_text(EVAL.replace("NAME", "capitals"))
    scores = {path: path.stat().st_mtime_ns for path in (capitals / "results" / "scores").iterdir()}
    bakeoff(capitals, *RUN, *EVALS)
    assert {path: path.stat().st_mtime_ns for path in (capitals / "results" / "scores").iterdir()} == scores


def test_a_changed_eval_does_not_get_old_scores(capitals: Path) -> None:
    (capitals / "capitals.py").write_text(EVAL.replace("NAME", "capitals").replace("str.isupper", "str.islower"))
    bakeoff(capitals, *RUN, *EVALS)
    old, new = sorted(runs_in(capitals), key=lambda run: record_of(run)["finished_at"])
    values = [
        next(metric["value"] for metric in record_of(run)["metrics"] if metric["metric"] == "capitals")
        for run in (old, new)
    ]
    assert values[0] != values[1]


def test_a_model_that_raises_while_it_is_fitted_is_a_failed_run_among_others(tmp_path: Path) -> None:
    (tmp_path / "my_model.py").write_text(MODEL.replace('"""Nothing is learnt."""', "open('absent')"))
    picks = ("model=./my_model.py,unigram", "data=chatterbot", "tracking=none", "evals=[perplexity]")
    bakeoff(tmp_path, "run", "-m", *picks, status=1)
    records = {record_of(run)["model"]["name"]: record_of(run) for run in runs_in(tmp_path)}
    assert {name: record["status"] for name, record in records.items()} == {"my_model": "failed", "unigram": "complete"}
    [failure] = records["my_model"]["errors"]
    assert failure["where"] == "fit"
    assert "FileNotFoundError" in failure["error"]
    assert "my_model.py" in failure["traceback"]


# --- damaged files are named, and made again by the same command

TINY = (
    "data=chatterbot",
    "tracking=none",
    "model=bigram",
    "evals=[perplexity,arithmetic]",
    "evals.arithmetic.num_samples=3",
    "evals.arithmetic.max_new_tokens=4",
    "evals.perplexity.max_documents=3",
)
TOKENS = "budget.tokens=3000"

Damage = Callable[[bytes], bytes | None]
DAMAGES: dict[str, Damage] = {
    "empty": lambda content: b"",
    "half": lambda content: content[: len(content) // 2],
    "cut at the end": lambda content: content[:-2],
    "zeros": lambda content: bytes(len(content)),
    "a bit": lambda content: content[:-20] + bytes([content[-20] ^ 1]) + content[-19:],
    "missing": lambda content: None,
}
FILES = ("weights.safetensors", "tokenizer.json", "model.json", "curve.parquet", "fit.json")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run that no test changes."""
    return done(tmp_path_factory.mktemp("undisturbed") / "results", *TINY, TOKENS)[1]


@pytest.fixture
def copied(undisturbed: Path, tmp_path: Path) -> Path:
    """A copy of a run's folder in a new results folder."""
    shutil.copytree(undisturbed.parent.parent, tmp_path / "results")
    return tmp_path / "results" / undisturbed.parent.name / undisturbed.name


def fit_of(run: Path) -> Path:
    return run.parent.parent / "fits" / json.loads((run / "run.json").read_text())["fit_id"]


def spoil(path: Path, damage: Damage) -> None:
    content = damage(path.read_bytes())
    path.unlink()
    if content is not None:
        path.write_bytes(content)


def values(run: Path) -> dict[str, object]:
    """A run's metrics, and the settings behind them."""
    record = RunRecord.read(run)
    return {
        "metrics": record.metrics,
        "status": record.status,
        "fit": record.fit_digest,
        "samples": (run / "samples.parquet").read_bytes(),
        "weights": (fit_of(run) / "weights.safetensors").read_bytes(),
        "tokenizer": (fit_of(run) / "tokenizer.json").read_bytes(),
    }


def test_a_complete_run_is_sealed_and_not_done_again(copied: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = (copied / "run.json").read_bytes()
    assert {"config.yaml", "samples.parquet", "curve.parquet"} < set(json.loads(before)["files"])
    with caplog.at_level("INFO", logger="bakeoff"):
        done(copied.parent.parent, *TINY, TOKENS)
    assert (copied / "run.json").read_bytes() == before
    assert "nothing to do" in caplog.text


@pytest.mark.parametrize(
    ("name", "damage"),
    [*(("weights.safetensors", damage) for damage in DAMAGES), *((name, "a bit") for name in FILES[1:])],
)
def test_a_damaged_fit_is_refused_by_name_and_made_again_by_the_same_command(
    copied: Path, undisturbed: Path, name: str, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fit = fit_of(copied)
    spoil(fit / name, DAMAGES[damage])
    (copied / "some.txt").write_text("Hello")
    results = f"--results={copied.parent.parent}"
    for words in (["complete", copied.name, "Human: "], ["score", copied.name, str(copied / "some.txt")]):
        assert status_of([*words, results]) == 2
        said = capsys.readouterr().err
        assert f"{fit / name} is damaged" in said
        assert f"bakeoff run --config-from {copied} results_dir={copied.parent.parent}" in said
        assert "Traceback" not in said
    assert status_of(["run", "--config-from", str(copied), f"results_dir={copied.parent.parent}"]) == 0
    assert values(copied) == values(undisturbed)
    assert status_of(["complete", copied.name, "Human: ", "--max-new-tokens", "2", results]) == 0


def test_a_run_that_is_refused_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="num_params=100 is too small"):
        done(tmp_path / "results", *SMALL, "model=lstm", "budget.num_params=100")
    assert [path for path in (tmp_path / "results").rglob("*") if path.is_file() or path.parent.name == "fits"] == []


def test_a_damaged_file_is_named_once_by_the_fit_that_is_made_again(
    copied: Path, undisturbed: Path, caplog: pytest.LogCaptureFixture
) -> None:
    weights = fit_of(copied) / "weights.safetensors"
    spoil(weights, DAMAGES["a bit"])
    with caplog.at_level("WARNING", "bakeoff"):
        done(copied.parent.parent, *TINY, TOKENS)
    assert [record.message.endswith("is made again") for record in caplog.records] == [False, True]
    assert all(f"{weights} is damaged" in record.message for record in caplog.records)


def test_fits_that_were_deleted_are_made_again(copied: Path, undisturbed: Path) -> None:
    shutil.rmtree(copied.parent.parent / "fits")
    assert status_of(["complete", str(copied), "Human: "]) == 2
    done(copied.parent.parent, *TINY, TOKENS)
    assert values(copied) == values(undisturbed)
    assert status_of(["complete", str(copied), "Human: ", "--max-new-tokens", "2"]) == 0


def test_swapped_files_of_two_fits_are_noticed(copied: Path, undisturbed: Path) -> None:
    results = copied.parent.parent
    _, other = done(results, *TINY, "budget.tokens=2000")
    fits = fit_of(copied), fit_of(other)

    def swap(*names: str) -> None:
        for name in names:
            mine, theirs = ((fit / name).read_bytes() for fit in fits)
            assert mine != theirs or name in ("model.json", "tokenizer.json")
            (fits[0] / name).write_bytes(theirs)
            (fits[1] / name).write_bytes(mine)

    swap("weights.safetensors")
    with pytest.raises(UserError, match=r"weights\.safetensors is damaged"):
        find_fit(copied.name, results)
    swap(*FILES[1:])
    with pytest.raises(UserError, match=rf"fit\.json is damaged: it is of fit {fits[1].name}"):
        find_fit(copied.name, results)
    done(results, *TINY, TOKENS)
    assert values(copied) == values(undisturbed)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("run.json", b"[1,2]"),
        ("run.json", b""),
        ("samples.parquet", b""),
        ("curve.parquet", b"PAR1"),
        ("config.yaml", b"a: 1"),
    ],
)
def test_a_damaged_run_is_done_again(copied: Path, undisturbed: Path, name: str, content: bytes) -> None:
    (copied / name).write_bytes(content)
    assert len(listed(copied.parent.parent)) == 1  # it doesn't break the list of runs
    done(copied.parent.parent, *TINY, TOKENS)
    assert values(copied) == values(undisturbed)


def test_a_changed_number_in_a_record_is_reported_and_the_run_is_done_again(
    copied: Path, undisturbed: Path, caplog: pytest.LogCaptureFixture
) -> None:
    content = json.loads((copied / "run.json").read_text())
    content["metrics"][0]["value"] = 0.5
    (copied / "run.json").write_text(json.dumps(content))
    with caplog.at_level("WARNING", logger="bakeoff"):
        runs_frame(copied.parent.parent)
    assert f"{copied / 'run.json'} is damaged: its content changed after it was written" in caplog.text
    assert f"bakeoff run --config-from {copied}" in caplog.text
    done(copied.parent.parent, *TINY, TOKENS)
    assert values(copied) == values(undisturbed)


@pytest.mark.parametrize(
    ("part", "damage"),
    [*(("answers/*/*.txt", damage) for damage in DAMAGES), ("scores/*.parquet", "a bit"), ("scores/*.json", "a bit")],
)
def test_damaged_answers_are_asked_again_and_damaged_scores_made_again(
    copied: Path, undisturbed: Path, part: str, damage: str
) -> None:
    results = copied.parent.parent
    if part.startswith("answers"):
        shutil.rmtree(results / "scores")
    for path in results.glob(part):
        spoil(path, DAMAGES[damage])
    (copied / "run.json").unlink()
    done(results, *TINY, TOKENS)
    assert values(copied) == values(undisturbed)


def test_a_letter_changed_in_the_answers_changes_no_metric(
    copied: Path, undisturbed: Path, caplog: pytest.LogCaptureFixture
) -> None:
    results = copied.parent.parent
    [kept] = results.glob("answers/*/likelihoods.txt")
    content = bytearray(kept.read_bytes())
    content[100] = ord("B") if content[100] == ord("A") else ord("A")
    kept.write_bytes(content)
    shutil.rmtree(results / "scores")
    (copied / "run.json").unlink()
    with caplog.at_level("WARNING", logger="bakeoff"):
        done(results, *TINY, TOKENS)
    assert "they are asked again" in caplog.text
    assert values(copied) == values(undisturbed)
    caplog.clear()
    with caplog.at_level("WARNING", logger="bakeoff"):
        assert status_of(["rescore", str(copied)]) == 0
    assert not caplog.text  # the damaged lines are gone


def test_the_answers_and_scores_of_another_fit_are_refused(copied: Path, undisturbed: Path) -> None:
    results = copied.parent.parent
    _, other = done(results, *TINY, "budget.tokens=2000")
    shutil.rmtree(results / "answers" / fit_of(copied).name)
    shutil.copytree(results / "answers" / fit_of(other).name, results / "answers" / fit_of(copied).name)
    shutil.rmtree(results / "scores")
    (copied / "run.json").unlink()
    done(results, *TINY, TOKENS)
    assert values(copied) == values(undisturbed)


def test_rescoring_without_the_answers_says_so_and_leaves_the_run_as_it_was(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file() and path.name != "log.txt"}
    shutil.rmtree(copied.parent.parent / "answers")
    assert status_of(["rescore", str(copied)]) == 2
    said = capsys.readouterr().err
    assert "run the same command again" in said
    assert "Traceback" not in said
    assert before == {path: path.read_bytes() for path in before}
    shutil.rmtree(copied.parent.parent / "fits")
    assert status_of(["rescore", str(copied)]) == 2
    said = capsys.readouterr().err
    assert "fit.json is damaged" in said
    assert "Traceback" not in said


def test_the_record_is_written_last(undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named: list[Path] = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda source, target: (named.append(Path(target)), replace(source, target)))
    _, run = done(tmp_path / "results", *TINY, TOKENS)
    of_fit = [path.name for path in named if path.parent == fit_of(run)]
    assert set(of_fit) == set(FILES)
    assert of_fit[-1] == "fit.json"
    of_run = [path.name for path in named if path.is_relative_to(run)]
    assert {"config.yaml", "samples.parquet", "curve.parquet", "arithmetic.txt"} <= set(of_run)
    assert of_run.index("run.json") == len(of_run) - 1
    of_scores = [path.suffix for path in named if path.parent.name == "scores"]
    assert of_scores == [".parquet", ".json"] * 2


def test_a_run_cut_off_at_any_write_is_finished_by_the_same_command(
    undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = tmp_path / "results"
    replace = os.replace

    def cut_off_after(allowed: int) -> bool:
        """Whether a run that may rename only so many files was finished."""
        left = iter(range(allowed))

        def replace_or_die(source: Path, target: Path) -> None:
            if next(left, None) is None:
                raise KeyboardInterrupt
            replace(source, target)

        monkeypatch.setattr(os, "replace", replace_or_die)
        try:
            done(results, *TINY, TOKENS)
        except KeyboardInterrupt:
            assert not list(results.glob("default/*/run.json"))
            return False
        return True

    attempts = next(allowed for allowed in range(20) if cut_off_after(allowed))
    assert attempts >= 4
    [record] = results.glob("default/*/run.json")
    assert values(record.parent) == values(undisturbed)


def test_a_changed_configuration_is_refused_by_complete(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = copied / "config.yaml"
    path.write_text(path.read_text().replace("seed: 0", "seed: 1"))
    for words in (["complete", str(copied), "Human: "], ["run", "--config-from", str(copied)]):
        assert status_of(words) == 2
        assert f"{path} is damaged" in capsys.readouterr().err
