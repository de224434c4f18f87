"""Finished runs as data frames: settings, measures and slices are columns."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.common.errors import UserError
from harness.runs import RunRecord, curves_frame, metrics_frame, runs_frame, samples_frame


def test_settings_and_measures_are_columns(results: Path, record: RunRecord) -> None:
    frame = runs_frame(results).set_index("run_id")
    assert sorted(frame["evals.arithmetic.num_samples"]) == [10, 20]
    assert set(frame["training.batch_tokens"]) == {1024}
    [bits] = [metric for metric in record.metrics if (metric.metric, metric.slice) == ("bits_per_byte", "all")]
    row = frame.loc[record.run_id]
    assert row["perplexity.bits_per_byte"] == bits.value
    assert row["perplexity.bits_per_byte.ci_low"] == bits.ci_low
    assert row["spent.tokens"] == record.spent["tokens"]


def test_samples_have_their_measures_and_slices_as_columns(results: Path, record: RunRecord) -> None:
    frame = samples_frame(results)
    of_run = frame[(frame["run_id"] == record.run_id) & (frame["eval"] == "arithmetic")]
    assert len(of_run) == 10
    [metric] = [metric for metric in record.metrics if (metric.metric, metric.slice) == ("exact_match", "all")]
    assert of_run["arithmetic.exact_match"].astype(float).mean() == metric.value
    assert of_run["slice.operation"].notna().all()
    assert {"values", "slices"}.isdisjoint(frame.columns)


def test_metrics_and_curves_say_which_run_they_are_of(results: Path, record: RunRecord) -> None:
    metrics = metrics_frame(results)
    assert len(metrics[metrics["run_id"] == record.run_id]) == len(record.metrics)
    curves = curves_frame(results)
    assert set(curves["run_id"]) == set(runs_frame(results)["run_id"])
    assert curves["validation_bits_per_byte"].notna().any()


def test_an_experiment_s_folder_and_a_run_s_are_read_as_a_results_folder(results: Path, record: RunRecord) -> None:
    experiment = results / record.experiment
    for frame in (runs_frame, metrics_frame, samples_frame, curves_frame):
        assert frame(experiment).equals(frame(results))
        assert set(frame(experiment / record.run_id)["run_id"]) == {record.run_id}


def test_a_folder_without_finished_runs_is_refused(tmp_path: Path) -> None:
    (tmp_path / "first" / "begun").mkdir(parents=True)
    (tmp_path / "first" / "begun" / "config.yaml").touch()
    for frame in (runs_frame, metrics_frame, samples_frame, curves_frame):
        for folder in (tmp_path, tmp_path / "first", tmp_path / "first" / "begun"):
            with pytest.raises(UserError, match="holds no finished run"):
                frame(folder)
        with pytest.raises(UserError, match="there is no folder"):
            frame(tmp_path / "nowhere")
