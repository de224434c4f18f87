"""A record is the same after writing and reading, and files that are no record are refused."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from harness.common.errors import PluginError, UserError
from harness.runs.record import SCHEMA_VERSION, Failure, RunRecord
from harness.training.gradients import OutOfMemory
from tests.harness.report.fake_results import write_fake_results


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of which one eval failed."""
    return write_fake_results(tmp_path_factory.mktemp("results"), num_documents=4, num_problems=6) / "gru-top_k-s0"


def test_an_outcome_counts_the_notes(folder: Path) -> None:
    record = dataclasses.replace(RunRecord.read(folder), status="complete")
    assert record.outcome == "complete"
    assert dataclasses.replace(record, notes=["a", "b"]).outcome == "complete, with 2 notes"
    assert dataclasses.replace(record, notes=["a"]).outcome == "complete, with 1 note"


def test_a_record_comes_back_as_it_was_written(folder: Path, tmp_path: Path) -> None:
    record = RunRecord.read(folder)
    assert record.status == "partial"
    assert (record.schema_version, record.run_id) == (SCHEMA_VERSION, folder.name)
    failure = Failure("eval sums", "KeyError: 'ünï'", "Traceback ...")
    RunRecord(**{**vars(record), "errors": [failure]}).write(tmp_path)
    again = RunRecord.read(tmp_path)
    assert again.errors == [failure]
    assert {**vars(again), "errors": []} == vars(record)
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


BANK = {"_target_": "harness.ratings.source.RatedBank", "name": "mine"}
OWN = {"_target_": "bakeoff_file.mine_0123456789ab.Dice"}


@pytest.mark.parametrize(
    ("post", "rewards", "ratings"),
    [
        ({"name": "none"}, "", ""),
        ({"name": "sft", "sft": {"replay": 0.1}}, "", ""),
        (
            {
                "name": "sft+rloo",
                "sft": {"replay": 0.1},
                "rloo": {"rewards": {"preference_model": {"ratings": BANK}, "length": {"weight": -0.01}}},
            },
            "length+preference_model",
            "bank",
        ),
        (
            {
                "name": "dpo+rloo",
                "dpo": {"rewards": {}, "ratings": OWN},
                "rloo": {"rewards": {"length": {}}, "ratings": None},
            },
            "length",
            "Dice",
        ),
        ({"name": "rloo", "rloo": {"rewards": ["length"], "ratings": "?"}, "sft": 1}, "", ""),
    ],
)
def test_rewards_and_ratings_are_those_that_stages_use(
    folder: Path, post: dict[str, object], rewards: str, ratings: str
) -> None:
    record = dataclasses.replace(RunRecord.read(folder), post=post)
    assert (record.rewards, record.ratings) == (rewards, ratings)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, r"holds no finished run \(no run\.json\)\. Run the same command again"),
        ("{", r"run\.json is damaged: it is not valid JSON"),
        ('{"schema_version": 99}', f"has schema version 99; this bakeoff reads {SCHEMA_VERSION}"),
        ("{}", "has schema version None"),
    ],
)
def test_a_file_that_is_no_record_is_refused(tmp_path: Path, content: str | None, said: str) -> None:
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    with pytest.raises(UserError, match=said):
        RunRecord.read(tmp_path)


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return caught


def test_a_failure_says_the_exception_its_notes_and_where_it_was_raised() -> None:
    error = KeyError("absent")
    error.add_note("at sample 'p3'")
    failure = Failure.of("eval sums", raised(error))
    assert (failure.where, failure.error) == ("eval sums", "KeyError: 'absent'; at sample 'p3'")
    assert "Traceback" in failure.traceback
    assert "raise error" in failure.traceback
    assert Failure.of("fit", raised(UserError("Give more text."))).error == "Give more text."


def test_training_that_can_t_go_on_needs_no_traceback() -> None:
    failure = Failure.of("fit", raised(OutOfMemory("cuda has not enough memory. Lower training.batch_tokens.")))
    assert failure.error.startswith("OutOfMemory: cuda has not enough memory")
    assert failure.traceback == ""


def test_a_plugin_s_failure_has_the_plugin_s_own_traceback() -> None:
    error = PluginError("capitals.py can't be imported", raised(ValueError("not today")))
    failure = Failure.of("eval capitals", raised(error))
    assert "not today" in failure.error
    assert "ValueError: not today" in failure.traceback


def test_characters_that_no_file_can_hold_are_escaped() -> None:
    failure = Failure.of("fit", raised(ValueError("\ud800 lone")))
    assert failure.error == "ValueError: \\ud800 lone"
    assert json.loads(json.dumps(vars(failure), ensure_ascii=False).encode())["error"] == failure.error
