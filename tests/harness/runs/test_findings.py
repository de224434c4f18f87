"""A failing eval is named, and doesn't affect the others."""

from __future__ import annotations

import errno
from pathlib import Path

import pandas as pd
import pytest

from harness.common.errors import UserError
from harness.evaluation import Sample, Score
from harness.evaluation.rows import table
from harness.evaluation.scored import Scored
from harness.runs.findings import Findings
from tests.commands import bakeoff
from tests.harness.evaluation.counting import Counting
from tests.harness.runs.plugin_runs import EVAL, RUN, record_of, runs_in

BROKEN = {
    "third": EVAL.replace(
        "        text = ", '        if sample.id == "prompt-2":\n            {}["absent"]\n        text = '
    ),
    "not_a_number": EVAL.replace("if text else None", 'if sample.id != "prompt-3" else float("nan")'),
    "says_odd_things": EVAL.replace("        text = ", '        raise ValueError("\\ud800")\n        text = '),
    "gives_up": EVAL.replace("        text = ", "        raise SystemExit(0)\n        text = "),
}


def test_broken_evals_are_named_with_their_tracebacks_and_the_others_stand(
    finished_capitals: Path, tmp_path: Path
) -> None:
    for name, text in BROKEN.items():
        (tmp_path / f"{name}.py").write_text(text.replace("NAME", name))
    (tmp_path / "capitals.py").write_text(EVAL.replace("NAME", "capitals"))
    names = [
        "perplexity",
        "third.py",
        "not_a_number.py",
        "says_odd_things.py",
        "gives_up.py",
        "capitals.py",
    ]
    done = bakeoff(tmp_path, *RUN, f"evals=[{','.join(names)}]", status=1)
    [run] = runs_in(tmp_path)
    stored = record_of(run)
    assert stored["status"] == "partial"
    clean = record_of(*runs_in(finished_capitals))
    for name in ("perplexity", "capitals"):
        assert [one for one in stored["metrics"] if one["eval"] == name] == [
            one for one in clean["metrics"] if one["eval"] == name
        ]
    errors = {one["where"]: one for one in stored["errors"]}
    assert set(errors) == {f"eval {name}" for name in BROKEN}
    said = {
        "third": ("KeyError", "'absent'", "sample 'prompt-2'"),
        "not_a_number": ("'capitals' is nan", "give None", "sample 'prompt-3'"),
        "says_odd_things": ("ValueError: \\ud800",),
        "gives_up": ("SystemExit",),
    }
    logged = (run / "log.txt").read_text()
    for name, words in said.items():
        one = errors[f"eval {name}"]
        for word in words:
            assert word in one["error"]
        assert f"{name}.py" in one["traceback"] or name == "not_a_number"
        assert f"eval {name}" in stored["error"]
        assert f"eval {name} failed" in logged
        assert "Traceback" in one["traceback"]
        assert one["traceback"].strip() in logged
        assert name in done.stdout
    bakeoff(tmp_path, "report")


def test_a_failure_is_noted_and_the_rest_is_done() -> None:
    findings = Findings()
    assert (findings.status, findings.error) == ("complete", None)
    for where, error in (("eval a", ValueError("odd")), ("eval b", SystemExit(3))):
        with findings.surviving(where):
            raise error
    assert findings.status == "partial"
    assert findings.error == "eval a: ValueError: odd; eval b: SystemExit: 3"


def test_an_eval_that_gave_no_value_is_noted() -> None:
    def rows(*scores: Score) -> Scored:
        samples = [Sample(f"s{place}", "Say:") for place in range(len(scores))]
        return Scored(table("counting", samples, scores), None)

    findings = Findings()
    findings.add(Counting(), rows(*[Score({"right": None, "length": None})] * 3))
    assert findings.notes == ["the eval counting measured nothing because none of its 3 samples gave a value"]
    findings = Findings()
    findings.add(Counting(), rows(Score({"right": None, "length": None})))
    assert findings.notes == ["the eval counting measured nothing because its one sample gave no value"]
    findings = Findings()
    findings.add(Counting(), rows(*[Score({"right": None, "length": 4})] * 6))
    assert findings.notes == []


def test_samples_in_few_independent_groups_are_noted() -> None:
    samples = [Sample(f"s{place}", "Say:", cluster="ab"[place % 2]) for place in range(8)]
    findings = Findings()
    findings.add(Counting(), Scored(table("counting", samples, [Score({"right": None, "length": 4})] * 8), None))
    [note] = findings.notes
    assert note.startswith("the samples of counting are in only 2 independent groups")


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, ""), OSError(errno.EFBIG, ""), KeyboardInterrupt(), UserError("wrong")]
)
def test_a_full_disk_an_interruption_and_what_the_caller_keeps_are_raised(error: BaseException) -> None:
    findings = Findings()
    with pytest.raises(type(error)), findings.surviving("fit", reraise=UserError):
        raise error
    assert findings.failures == []
    with findings.surviving("fit"):
        raise OSError(errno.ENOENT, "no such file")  # an error of one part only
    assert len(findings.failures) == 1


def test_answers_are_written_to_read_with_what_could_move_a_terminal_spelled_out(tmp_path: Path) -> None:
    spoken = [Sample(f"s{place}", "Say:") for place in range(25)]
    texts = ["\x1b[31mred", "", *["plain"] * 23]
    findings = Findings(scored=[Scored(table("talk", spoken, [Score({}, text, "stop") for text in texts]), None)])
    findings.write(tmp_path, "run-1")
    samples = pd.read_parquet(tmp_path / "samples.parquet")
    assert list(samples["answer"]) == texts
    assert set(samples["run_id"]) == {"run-1"}
    read = (tmp_path / "text" / "talk.txt").read_text(encoding="utf-8")
    assert read.count("Say:") == 20
    assert "\x1b" not in read
    assert "red" in read
    assert "--- s1 " not in read  # an empty answer


def test_a_run_of_no_evals_has_a_table_of_no_samples(tmp_path: Path) -> None:
    Findings().write(tmp_path, "run-1")
    samples = pd.read_parquet(tmp_path / "samples.parquet")
    assert len(samples) == 0
    assert {"run_id", "eval", "sample_id", "values"} <= set(samples.columns)
